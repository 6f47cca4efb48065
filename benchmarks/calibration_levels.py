"""Rows of `benchmarks/calibration.py` on where it is lost: planted losses, through the whole program.

A simulated agent loses what its reasoning implies in its conclusion, in its action, in both, in the reader alone, or
nowhere. A run of 40 decisions tells them apart where exactly the planted losses have an interval above `SEEN`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import akrasia as ak
from akrasia.evals import METRICS
from akrasia.evals.metrics.levels import LOSSES
from akrasia.models import Planted, Simulated
from akrasia.rng import named_rng
from akrasia.tasks import bandit

DECISIONS = 40
PLAYED = 2000
SEEN = 0.02


@dataclass(frozen=True)
class LevelWorld:
    """What is planted of the agent, and which losses that makes; `name` is shown in the table."""

    name: str
    rates: dict[str, float] = field(hash=False, default_factory=dict)
    losses: frozenset[str] = frozenset()

    def agent(self) -> Simulated:
        """An agent whose reasoning states values, nine in ten of them of an optimal action."""
        return Simulated(Planted(**{"knowing": 0.9, "greedy": 0.0, "optimal": 1.0, "values": 1.0, **self.rates}))


LEVEL_WORLDS = (
    LevelWorld("nowhere"),
    LevelWorld("in the conclusion", {"slips": 0.4}, frozenset({"lost_in_conclusion"})),
    LevelWorld("in the action", {"optimal": 0.6, "greedy": 0.3}, frozenset({"lost_in_action"})),
    LevelWorld(
        "in both",
        {"slips": 0.35, "optimal": 0.55, "greedy": 0.3},
        frozenset({"lost_in_conclusion", "lost_in_action"}),
    ),
    LevelWorld("in the reader alone", {"unmarked": 0.35}, frozenset({"lost_in_reading"})),
)

Measured = tuple[str, str, float, float | None, float | None]


def told_apart(world: LevelWorld, replicates: int, seed: int) -> list[Measured]:
    """(section, what, share of the runs that find exactly the planted losses, least and most that is claimed).

    `PLAYED` decisions go through the whole program once; each run is 40 of them, drawn without replacement.
    """
    with TemporaryDirectory() as folder:
        steps = ak.run(
            task=bandit(arms=20, horizon=1, head_start=3),
            model=world.agent(),
            variants=["reason_act"],
            episodes=PLAYED,
            seed=seed,
            out=Path(folder) / "run",
        ).records
    metrics = {name: METRICS.make(name) for name in LOSSES}
    rng = named_rng(seed, "calibration", "levels", world.name)
    right = 0
    for _ in range(replicates):
        part = steps[np.sort(rng.choice(PLAYED, DECISIONS, replace=False))]
        right += {name for name, made in metrics.items() if (made(part).low or 0.0) > SEEN} == world.losses
    what = f"lost {world.name}, {DECISIONS} decisions"
    return [("levels: exactly the planted losses are found", what, right / replicates, 0.95, None)]
