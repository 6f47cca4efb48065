"""What a stored run lacks of what it was to hold, arm by arm: a run that stopped early proves nothing.

Invariant: an episode counts as held only where its variant is marked as finished there and its records are stored. An
episode in which one variant failed is finished for none: played again, it may take another course for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..ledger import LedgerReader
from .anytime import InterimLooks

__all__ = ["ArmName", "Lacking", "lacking_of_arms"]

ArmName = tuple[str, str, str]
"""Task, model and variant."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """What an arm lacks.

    Attributes:
        episodes: how many of the `planned` ones are not finished or not stored.
        steps: of a fork: situations that another variant decided and this one did not, in the episodes that it holds.
    """

    episodes: int
    planned: int
    steps: int = 0

    def __bool__(self) -> bool:
        return bool(self.episodes or self.steps)

    def __str__(self) -> str:
        if self.episodes:
            return f"{self.episodes} of {self.planned} episodes are missing or not complete"
        return f"{self.steps} of its situations are missing" if self.steps else "nothing is missing"


def lacking_of_arms(
    ledger: LedgerReader, steps: pl.DataFrame, experiment: Mapping[str, Any], looks: InterimLooks | None
) -> dict[ArmName, Lacking]:
    """What every arm that the experiment names lacks, in the experiment's order.

    Args:
        ledger: of the run; steps: its table, as made by `akrasia.evals.frame`.
        experiment: as it is stored with the run.
        looks: a run that a look ended was to hold the episodes up to there.
    """
    asked = {v: int(about.get("episodes", experiment["episodes"])) for v, about in experiment["variants"].items()}
    if looks is not None and looks.stopped:
        asked = {v: min(episodes, looks.at[-1]) for v, episodes in asked.items()}
    held = {
        (task, model, variant): set(episodes)
        for task, model, variant, episodes in steps.group_by("task", "model", "variant").agg("episode").rows()
    }
    undecided = _undecided(steps)
    tasks, models = (experiment.get(k) or steps[c].unique() for k, c in (("task_labels", "task"), ("labels", "model")))
    names = [(str(t), str(m), str(v)) for t in tasks for m in models for v in experiment["variants"]]
    finished: dict[ArmName, int] = dict.fromkeys(names, 0)
    for task, model in dict.fromkeys(name[:2] for name in names):
        for episode in range(max(asked.values())):
            for variant in ledger.finished(task, model, episode):
                arm = (task, model, variant)
                if arm in finished and episode < asked[variant] and episode in held.get(arm, ()):
                    finished[arm] += 1
    return {name: Lacking(asked[name[2]] - finished[name], asked[name[2]], undecided.get(name, 0)) for name in names}


def _undecided(steps: pl.DataFrame) -> dict[ArmName, int]:
    """In a fork every variant decides the same situations: how many each lacks in the episodes that it holds."""
    if steps.is_empty() or steps["design"][0] != "fork":
        return {}
    where = ["task", "model", "episode", "step"]
    every = steps.select(where).unique()
    arms = steps.select("task", "model", "variant", "episode").unique()
    wanted = every.join(arms, on=["task", "model", "episode"])
    lost = wanted.join(steps.select(*where, "variant"), on=[*where, "variant"], how="anti")
    counted = lost.group_by("task", "model", "variant").len().rows()
    return {(str(task), str(model), str(variant)): int(n) for task, model, variant, n in counted}
