"""Stopping a run when an interval is narrow enough: `until = "gap +- 0.05"`, or `"gap difference +- 0.05"`.

The run is looked at after 10 episodes, then after each quarter more, up to its `episodes`. It stops at the first look
at which the anytime-valid 95 % interval of the metric reaches no further than asked to either side: of every variant
that is no control, on every task and model, or, of a difference, of every such variant against the baseline. A variant
that does not measure the metric (one that states nothing has no gap) is left out.

Invariants: no episode beyond a look starts before it, and a look sees the episodes in the order of their numbers, so
concurrency, interruption and resuming change nothing about where a run stops; each interval holds at all looks at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from ..errors import BadOption
from ..evals import anytime
from ..evals.frame import frame
from ..evals.inference import Estimate, PairedSequence
from ..evals.inference import Sequence as Level
from ..evals.metrics import Metric
from ..evals.pairs import Side, pair
from ..graphs.external import ExternalGraph

if TYPE_CHECKING:
    from .executors import RunStore
    from .runner import Experiment

__all__ = ["FIRST", "Until", "Watch", "looks", "until"]

FIRST = 10  # episodes before the first look
GROWTH = 1.25
_FORM = re.compile(r"\s*(\w+)(\s+difference)?\s*(?:\+-|\+/-|±)\s*([0-9.eE+-]+)\s*")


@dataclass(frozen=True, slots=True)
class Until:
    """What is waited for: an interval of `metric`, or of its paired difference, that reaches so far to either side."""

    metric: Metric
    paired: bool
    reach: float

    def __str__(self) -> str:
        return f"{self.metric.name}{' difference' if self.paired else ''} +- {self.reach:g}"


def until(text: str) -> Until:
    """Read `"gap +- 0.05"` or `"gap difference +- 0.05"`.

    Raises:
        BadOption: another form, a reach that is not in (0, 1), or a metric that is no share.
        UnknownName: no such metric.
    """
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    try:
        reach = float(found[3]) if found else 0.0
    except ValueError:
        reach = 0.0
    if found is None or not 0 < reach < 1:
        raise BadOption(
            f"until is {text!r}", "it must name a metric and a reach between 0 and 1",
            'Write "gap +- 0.05", or "gap difference +- 0.05".',
        )  # fmt: skip
    metric = anytime.followable_metric(found[1])
    if metric is None:
        raise BadOption(
            f"a run cannot stop on {found[1]!r}", "it is no share of steps", "Use gap, doing, knowing or another share."
        )
    return Until(metric, bool(found[2]), reach)


def looks(ceiling: int) -> Iterator[int]:
    """After how many episodes a run is looked at: 10, 13, 17, 22, ..., and at its end."""
    at = FIRST
    while at < ceiling:
        yield at
        at = -int(-at * GROWTH // 1)
    yield ceiling


class Watch:
    """Follows a run and says when it may stop.

    Args:
        experiment: what is played; its `until` must be set.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.until = until(experiment.until)
        self._design = experiment.design
        self._bounds = experiment.bounds()
        self._places = experiment.places()
        self._arms = [v.name for v in experiment.variants if "control" not in v.tags]
        self._base = experiment.variants[0].name
        self._unmatched = [v.name for v in experiment.variants if isinstance(v.plan, ExternalGraph)]
        if self.until.paired and not set(self._arms) - {self._base}:
            raise BadOption(
                f"until is {experiment.until!r}", "the experiment holds no variant to compare with its baseline",
                f'Add one, or write "{self.until.metric.name} +- {self.until.reach:g}".',
            )  # fmt: skip
        self._followed: dict[tuple[str, str, str], Level | PairedSequence] = {}
        self._seen: list[dict[str, Any]] = []
        self.stopped = False

    def look(self, store: RunStore, episodes: range) -> bool:
        """Look at some more episodes, those that follow the last look; True if the run may stop.

        Args:
            store: where their records are; what an earlier session played is looked at as it was then.
        """
        watched = dict.fromkeys((self._base, *self._arms))
        table = frame(
            record
            for task, model in self._places
            for variant in watched
            for episode in episodes
            for record in store.records_of(task, model, variant, episode)
        )
        for (task, model), here in table.group_by("task", "model", maintain_order=True):
            self._extend(str(task), str(model), here)
        found = {key: e for key, s in self._followed.items() if (e := s.estimate).value is not None}
        self.stopped = bool(found) and max(map(_reach, found.values())) <= self.until.reach
        self._seen.append({
            "episodes": episodes.stop,
            "intervals": [
                {"task": t, "model": m, "variant": v, "value": e.value, "low": e.low, "high": e.high}
                for (t, m, v), e in sorted(found.items())
            ],
        })  # fmt: skip
        return self.stopped

    def _extend(self, task: str, model: str, here: pl.DataFrame) -> None:
        metric, bound = self.until.metric, self._bounds[task]
        parts = {v: here.filter(variant=v) for v in (self._base, *self._arms)}
        for variant in self._arms:
            key = (task, model, variant)
            if not self.until.paired:
                level = self._followed.setdefault(key, Level(bound))
                assert isinstance(level, Level)
                anytime.follow(level, metric, parts[variant])
            elif variant != self._base:
                always_stated = not {variant, self._base} & set(self._unmatched)
                fresh = anytime.paired_sequence(metric, bound, self._design == "fork", always_stated=always_stated)
                sequence = self._followed.setdefault(key, fresh)
                assert isinstance(sequence, PairedSequence)
                pairing = pair(Side(variant, parts[variant]), Side(self._base, parts[self._base]))
                anytime.follow_pair(sequence, metric, pairing)

    def record(self) -> str:
        """What is stored with the run: what was waited for, every look, and whether it stopped there, as JSON."""
        return json.dumps(
            {
                "until": str(self.until), "bounds": self._bounds, "looks": self._seen, "stopped": self.stopped,
                "loose": self._unmatched,
            }
        )  # fmt: skip


def _reach(estimate: Estimate) -> float:
    low, high = estimate.low, estimate.high
    return 1.0 if low is None or high is None else (high - low) / 2
