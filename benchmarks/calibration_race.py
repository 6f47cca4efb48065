"""Rows of `benchmarks/calibration.py` on races: 20 planted arms, of which the best is to be kept.

A step is right with a log-odds of its item, and better or worse by what is planted of the arm. What an arm shares with
the others of an item is the item itself. A full run plays all arms to the end of the race that took longest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from akrasia.evals.race import RaceEvidence
from akrasia.experiments.stopping import look_schedule
from akrasia.rng import named_rng

ARMS, STEPS, MOST = 20, 4, 1500


@dataclass(frozen=True)
class RaceWorld:
    """Arms whose chances of a right step differ; `name` is shown in the table.

    Attributes:
        shifts: log-odds of each arm beside the item's, the best first; keep: how many are wanted.
    """

    name: str
    shifts: tuple[float, ...]
    keep: int = 1


_SPREAD = tuple(float(x) for x in np.linspace(0.4, -1.2, ARMS - 1))
RACES = (
    RaceWorld("one is best", (1.0, *_SPREAD)),
    RaceWorld("three are best", (1.0, 0.95, 0.9, *_SPREAD[2:]), keep=3),
    RaceWorld("two are alike and best", (0.6, 0.6, *_SPREAD[1:])),
    RaceWorld("all are alike", (0.0,) * ARMS),
)

Measured = tuple[str, str, float, float | None, float | None]


def raced(world: RaceWorld, replicates: int, seed: int) -> list[Measured]:
    """(section, what, measured share, least and most that is claimed): are the best kept, and at which calls."""
    kept, calls, full = 0, 0, 0
    for i in range(replicates):
        rng = named_rng(seed, "calibration", "race", world.name, i)
        left, arm_episodes, end = _race(world, rng)
        kept += set(range(world.keep)) <= left if len(set(world.shifts)) > 1 else len(left) == ARMS
        calls += arm_episodes
        full += ARMS * end
    what = f"{world.name}, {ARMS} arms, {STEPS} steps an episode"
    rows: list[Measured] = [("race: the best are kept", what, kept / replicates, 0.95, None)]
    if "alike" not in world.name:
        most = 0.5 if world.keep == 1 else None
        rows.append(("race: calls over those of a full run of the same certainty", what, calls / full, None, most))
    return rows


def _race(world: RaceWorld, rng: np.random.Generator) -> tuple[set[int], int, int]:
    """(who is left, episodes played over all arms, episodes of the longest)."""
    evidence = RaceEvidence([str(a) for a in range(ARMS)], world.keep, STEPS, lower=False)
    items = rng.standard_normal(MOST)
    u = rng.random((MOST, STEPS))
    shared = rng.random((ARMS, MOST, STEPS)) < 0.4  # steps that repeat the first draw, as in a fork
    own = np.where(shared, u, rng.random((ARMS, MOST, STEPS)))
    right = (own < expit(items[None, :, None] + np.array(world.shifts)[:, None, None])).sum(axis=2).astype(float)
    contenders, played, at = list(evidence.arms), 0, 0
    for at in look_schedule(MOST):
        sums = {a: (right[int(a), :at], np.full(at, float(STEPS))) for a in contenders}
        gone = evidence.look(sums, contenders)
        played += sum(at for a in gone)
        contenders = [a for a in contenders if a not in gone]
        if len(contenders) <= world.keep:
            break
    return {int(a) for a in contenders}, played + at * len(contenders), at
