"""Stopping a run when an interval is narrow enough: `until = "gap +- 0.05"`, or `"gap difference +- 0.05"`.

A run with `until` is played in rounds. After 10 episodes, and then each time their number has grown by a quarter, the
run takes a look: it stops if the anytime-valid 95 % interval of the metric reaches no further than asked, for every
variant that is no control, on every task and model. A difference is that of every such variant from the baseline. A
variant that does not measure the metric (one that states nothing has no gap) is left out.

An item counts once, by its first episode: repeats of it tell nothing of other items. A run whose further episodes would
be about items that it has asked already is *exhausted*: no look could narrow an interval any more, so it ends.

Invariants: no episode beyond a look starts before the look, and a look takes the items in the order in which the
episodes take them up, so concurrency, interruption and resuming do not move the stop; each interval holds at all looks
at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from ..evals import anytime
from ..evals.inference import Estimate, PairedSequence
from ..evals.inference import Sequence as Level
from ..evals.items import items_of_episodes, with_items
from ..evals.pairs import Side, pair
from ..evals.step_table import frame
from ..ledger.store import RunStore
from ..tasks.base import Itemised
from .experiment import Experiment
from .until import Until

_SHOWN = ("task", "model", "variant", "baseline", "design", "episode", "step", "situation", "question", "done")
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
        self._items = experiment.items
        labelled = zip(experiment.labels(), experiment.tasks, strict=True)
        self._known = _KnownItems([label for label, task in labelled if not isinstance(task, Itemised)])
        self._sequences: dict[tuple[str, str, str], Level | PairedSequence] = {}
        self._looks: list[dict[str, Any]] = []
        self.stopped = self.exhausted = False

    def look(self, store: RunStore, episodes: range) -> bool:
        """Take in the episodes that follow the last look; True if the run may stop, or can learn nothing more.

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
        table = self._known.first_taken_up(table)
        for (task, model), rows in table.group_by("task", "model", maintain_order=True):
            self._extend(str(task), str(model), rows)
        estimates = {key: e for key, s in self._sequences.items() if (e := s.estimate).value is not None}
        self.stopped = bool(estimates) and max(map(_reach, estimates.values())) <= self.until.reach
        intervals = [
            {"task": task, "model": model, "variant": variant, "value": e.value, "low": e.low, "high": e.high}
            for (task, model, variant), e in sorted(estimates.items())
        ]
        self._looks.append({"episodes": episodes.stop, "intervals": intervals})
        self.exhausted = not self.stopped and self._asked_all(episodes.stop)
        return self.stopped or self.exhausted

    def _asked_all(self, episodes: int) -> bool:
        """Whether so many episodes are about every item of the run, and some of them about one for a second time."""
        whole = self._items()
        repeated = all(items is not None and items < episodes for items in whole.values())
        return repeated and self._items(episodes) == whole

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
            "exhausted": self.exhausted,
            "loose": self._unmatched,
        }
        return json.dumps(stored)


class _KnownItems:
    """The items that a run has taken up so far.

    Args:
        unsaid: tasks that do not say what their episodes are about; of these the situations are kept, to tell.
    """

    def __init__(self, unsaid: list[str]) -> None:
        self._unsaid = unsaid
        self._kept = pl.DataFrame()
        self._items: dict[str, set[str]] = {}

    def first_taken_up(self, steps: pl.DataFrame) -> pl.DataFrame:
        """The steps of episodes whose items no earlier look has seen."""
        steps = self._told_apart(steps)
        named = items_of_episodes(steps)
        fresh = [item not in self._items.get(task, ()) for task, item in named.select("task", "item").rows()]
        for task, _, item in named.rows():
            self._items.setdefault(task, set()).add(item)
        return steps.join(named.filter(fresh), on=["task", "episode"], how="semi", maintain_order="left")

    def _told_apart(self, steps: pl.DataFrame) -> pl.DataFrame:
        """The steps with items that tell the episodes of all looks apart."""
        unsaid = steps.filter(pl.col("task").is_in(self._unsaid) & (pl.col("baseline") | (pl.col("design") != "fork")))
        if unsaid.is_empty():
            return steps
        shown = unsaid.select(*_SHOWN).with_columns(item=pl.lit(None, pl.String))
        self._kept = pl.concat([self._kept, shown], how="diagonal")
        named = items_of_episodes(with_items(self._kept)).rename({"item": "known"})
        joined = steps.join(named, on=["task", "episode"], how="left", maintain_order="left")
        return joined.with_columns(item=pl.coalesce("known", "item")).drop("known")


def _reach(estimate: Estimate) -> float:
    low, high = estimate.low, estimate.high
    return 1.0 if low is None or high is None else (high - low) / 2
