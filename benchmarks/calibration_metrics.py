"""Rows of `benchmarks/calibration.py` on measures of groups, abstention, belief, cues and robustness.

Agents with a planted truth and items that differ (`calibration_agents.py`) go through the whole program once, prompts,
parsing and ledger included, for some thousands of items; each simulated run is some of these items, drawn without
replacement, and is measured as a scorecard measures it. That runs share items adds to the simulation error of a row: by
a share s of all items, about 16 s points (0.1 to 0.2 at 40 items, 0.3 to 0.5 at 100).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

import akrasia as ak
from akrasia.benchmarks.calibration_agents import Believer, Chain, Group, Hedger, Rate, Swayed
from akrasia.evals import METRICS
from akrasia.evals.metrics import Metric, table_read
from akrasia.evals.situations import side_by_side
from akrasia.models import Scripted
from akrasia.rng import named_rng
from akrasia.tasks import Task, bandit

TWO = bandit(arms=2, horizon=1, head_start=1)
FOUR = bandit(arms=4, horizon=3, head_start=1)  # three decisions of an item, with an arm untried at each
BASE = "reason_act"
EACH = 4  # items at least that are played for each run, up to what a world has


@dataclass(frozen=True)
class MetricWorld:
    """An agent and what is measured of it.

    Attributes:
        name: in the table; agent: a script with planted rates.
        variant: the arm that is measured; where it is not the baseline, that is played too.
        truths: metric -> its planted value.
        items: how many a run has; played: how many there are to draw from. rare: one in five items tells something.
    """

    name: str
    agent: Callable[..., str]
    variant: str
    truths: Callable[[], Mapping[str, float]]
    items: tuple[int, ...] = (40, 100)
    task: Task = TWO
    played: int = 3000
    rare: bool = False


ALONE = Group(Rate(0.5, 0.8), Rate(-np.inf))
LISTENING = Group(Rate(0.5, 0.8), Rate(0.4, -0.6, 0.8))
CHAIN = Chain(Rate(0.6, 0.8), Rate(1.0, 0.5, 0.6))
SWAYED = Swayed(Rate(1.0, 0.8), Rate(0.2, -0.7, 0.6), Rate(-0.3, 0.0, 1.0))
BELIEVER = Believer(Rate(1.0, 0.8), Rate(1.2, 0.5, 0.8))
HEDGER = Hedger(Rate(0.7, 1.0), Rate(0.1, 0.8, 0.6), Rate(-0.8, -0.9, 0.5))

METRIC_WORLDS = (
    MetricWorld("nobody listens", ALONE, f"{BASE} | debate(rounds=1)", ALONE.truths, played=5000),
    MetricWorld("they follow the majority", LISTENING, f"{BASE} | debate(rounds=1)", LISTENING.truths, played=5000),
    MetricWorld(
        "a reasoner and an actor", CHAIN, "reason_then_act", CHAIN.truths_of_two, (100,), played=6000, rare=True
    ),
    MetricWorld(
        "three in a row",
        CHAIN,
        "mallm_relay(agents=3, rounds=1)",
        CHAIN.truths_of_three,
        (100,),
        played=6000,
        rare=True,
    ),
    MetricWorld("swayed by a remark", SWAYED, f"{BASE} | cue", SWAYED.truths, played=6000),
    MetricWorld("acts on its values or not", BELIEVER, BASE, BELIEVER.truths, task=FOUR),
    MetricWorld("may abstain", HEDGER, f"{BASE} | allow_abstention", HEDGER.truths_of_abstention, task=FOUR),
    MetricWorld("reworded", HEDGER, f"{BASE} | paraphrase_prompt", HEDGER.truths_of_rewording, task=FOUR),
    MetricWorld(
        "says how sure it is",
        HEDGER,
        f"{BASE} | confidence",
        HEDGER.truths_of_confidence,
        task=FOUR,
    ),
)


Measured = tuple[str, str, float, float | None, float | None]


def recovered(world: MetricWorld, replicates: int, seed: int) -> list[Measured]:
    """(section, what, share of the intervals that hold the truth, least and most that is claimed), a row per metric."""
    tables = _played(
        world, min(world.played, max(EACH * replicates, (5 if world.rare else 2) * max(world.items))), seed
    )
    rows: list[Measured] = []
    for name, truth in world.truths().items():
        metric = METRICS.make(name)
        table = tables[table_read(metric)]
        if isinstance(metric, Metric):  # a sum over items, and made of each of them once
            table = metric.sums(table)
            metric = replace(metric, num=pl.col("num"), den=pl.col("den"), view=None, per="step")
        drawn = _Items.of(table)
        for items in world.items:
            rng = named_rng(seed, "calibration", "metrics", world.name, name, items)
            estimates = [metric(drawn.some(rng, items)) for _ in range(replicates)]
            held = sum(e.low is not None and e.low <= truth <= e.high for e in estimates)
            what = f"{name} = {truth:.3f}, {world.name}, {items} items"
            rows.append(("interval of a measure through the whole program", what, held / replicates, 0.93, 0.975))
    return rows


def _played(world: MetricWorld, episodes: int, seed: int) -> dict[str, pl.DataFrame]:
    """The tables of the arm over so many episodes, each about an item of its own, by what reads them."""
    with TemporaryDirectory() as folder:
        variants = {"base": BASE, "arm": world.variant} if world.variant != BASE else {"arm": BASE}
        model = Scripted(world.agent, f"planted, {world.name}")
        run = ak.run(
            task=world.task, model=model, variants=variants, episodes=episodes, seed=seed, out=Path(folder) / "run"
        )
        steps = run.records
        arm, base = steps.filter(variant="arm"), steps.filter(variant="base")
        pairs = side_by_side(arm, base) if world.variant != BASE else arm
        return {"steps": arm, "turns": run.turns.filter(variant="arm"), "pairs": pairs}


@dataclass(frozen=True)
class _Items:
    """A table whose rows of an item lie together, and where those of each begin and end."""

    table: pl.DataFrame
    ends: np.ndarray

    @classmethod
    def of(cls, table: pl.DataFrame) -> _Items:
        table = table.sort("item", maintain_order=True)
        return cls(table, table.group_by("item", maintain_order=True).len()["len"].to_numpy().astype(np.intp).cumsum())

    def some(self, rng: np.random.Generator, items: int) -> pl.DataFrame:
        """The rows of so many items, drawn without replacement."""
        picked = np.sort(rng.choice(len(self.ends), items, replace=False))
        starts = np.where(picked > 0, self.ends[picked - 1], 0)
        return self.table[np.concatenate([np.arange(a, b) for a, b in zip(starts, self.ends[picked], strict=True)])]
