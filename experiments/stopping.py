"""Stopping a run when an interval is narrow enough: `until = "gap +- 0.05"`, or `"gap difference +- 0.05"`.

A run with `until` is played in rounds. After 10 episodes, and then each time their number has grown by a quarter, the
run takes a look: it stops if the anytime-valid 95 % interval of the metric reaches no further than asked, for every
variant that is no control, on every task and model. A difference is that of every such variant from the baseline. A
variant that does not measure the metric (one that states nothing has no gap) is left out.

Invariants: no episode beyond a look starts before the look, and a look takes the episodes in the order of their
numbers, so concurrency, interruption and resuming do not move the stop; each interval holds at all looks at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from ..evals import anytime
from ..evals.frame import frame
from ..evals.inference import Estimate, PairedSequence
from ..evals.inference import Sequence as Level
from ..evals.pairs import Side, pair
from ..ledger.store import RunStore
from .experiment import Experiment
from .until import Until

__all__ = ["FIRST", "Watch", "look_schedule"]

FIRST = 10  # episodes before the first look
GROWTH = 1.25


def look_schedule(episodes: int) -> Iterator[int]:
    """After how many episodes a run takes a look: 10, 13, 17, 22, ..., and at its end."""
    at = FIRST
    while at < episodes:
        yield at
        at = -int(-at * GROWTH // 1)
    yield episodes


class Watch:
    """Follows a run and says when it may stop.

    Args:
        experiment: what is played.
        until: what is waited for.
    """

    def __init__(self, experiment: Experiment, until: Until) -> None:
        self.until = until
        self._design = experiment.design
        self._bounds = experiment.bounds()
        self._cells = experiment.cell_names()
        self._arms = experiment.measured
        self._baseline = experiment.variants[0].name
        self._unmatched = [v.name for v in experiment.variants if v.plan.recommends == "sometimes"]
        self._sequences: dict[tuple[str, str, str], Level | PairedSequence] = {}
        self._looks: list[dict[str, Any]] = []
        self.stopped = False

    def look(self, store: RunStore, episodes: range) -> bool:
        """Take in the episodes that follow the last look; True if the run may stop.

        Args:
            store: holds their records; what an earlier session played is looked at as it was then.
        """
        variants = dict.fromkeys((self._baseline, *self._arms))
        table = frame(
            record
            for task, model in self._cells
            for variant in variants
            for episode in episodes
            for record in store.records_of(task, model, variant, episode)
        )
        for (task, model), rows in table.group_by("task", "model", maintain_order=True):
            self._extend(str(task), str(model), rows)
        estimates = {key: e for key, s in self._sequences.items() if (e := s.estimate).value is not None}
        self.stopped = bool(estimates) and max(map(_reach, estimates.values())) <= self.until.reach
        intervals = [
            {"task": task, "model": model, "variant": variant, "value": e.value, "low": e.low, "high": e.high}
            for (task, model, variant), e in sorted(estimates.items())
        ]
        self._looks.append({"episodes": episodes.stop, "intervals": intervals})
        return self.stopped

    def _extend(self, task: str, model: str, rows: pl.DataFrame) -> None:
        metric, bound = self.until.metric, self._bounds[task]
        parts = {v: rows.filter(variant=v) for v in (self._baseline, *self._arms)}
        for variant in self._arms:
            key = (task, model, variant)
            if not self.until.paired:
                level = self._sequences.setdefault(key, Level(bound))
                assert isinstance(level, Level)
                anytime.follow(level, metric, parts[variant])
            elif variant != self._baseline:
                always_stated = not {variant, self._baseline} & set(self._unmatched)
                fresh = anytime.paired_sequence(metric, bound, self._design == "fork", always_stated=always_stated)
                sequence = self._sequences.setdefault(key, fresh)
                assert isinstance(sequence, PairedSequence)
                pairing = pair(Side(variant, parts[variant]), Side(self._baseline, parts[self._baseline]))
                anytime.follow_pair(sequence, metric, pairing)

    def record(self) -> str:
        """What is stored with the run as JSON: what was waited for, every look, and whether it stopped there."""
        stored = {
            "until": str(self.until),
            "bounds": self._bounds,
            "looks": self._looks,
            "stopped": self.stopped,
            "loose": self._unmatched,
        }
        return json.dumps(stored)


def _reach(estimate: Estimate) -> float:
    low, high = estimate.low, estimate.high
    return 1.0 if low is None or high is None else (high - low) / 2
