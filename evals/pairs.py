"""A pairing: arms over the same episodes, cut to what can be compared; and what is told of one.

Whatever compares arms (a scorecard, a comparison of two arms or of two runs, a two-way table, anytime-valid intervals)
makes one `Pairing` and takes everything from it: the sums of a metric, its contrast, its bounds, the flips.

Invariants: only what is paired is compared, and it is paired per item: what several episodes of one item show is summed
first. Arms paired by situations hold the very same situations, row for row; arms paired by seeds play the same
episodes, each in its own way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import reduce
from typing import Literal

import numpy as np
import polars as pl

from ..errors import NotMeasured
from .inference import Array, Bounds, Contrast, Estimate, Interval, contrast, difference_bounds
from .items import common_items, items_of_episodes
from .metrics import Metric
from .situations import shared_situations, side_by_side

SAME_SITUATIONS = "the same situations"
OWN_WAY = "the same seeds; each arm met the situations that it led to"
_EPISODE = ["task", "episode"]


@dataclass(frozen=True, slots=True)
class Side:
    """One arm of a pairing: what it is called, and its steps on one task and model."""

    name: str
    steps: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Flips:
    """How many situations changed from one arm to another, by what was done."""

    wrong_to_right: int
    right_to_wrong: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Pairing:
    """Arms whose episodes are paired.

    Attributes:
        sides: the arms, `a` first; a difference is `a` minus `b`.
        by: what is paired: the situations themselves, or the seeds of the episodes.
        words: the same for a reader.
        planned: they decide the same situations by design, in a fork, and not by chance.
    """

    sides: tuple[Side, ...]
    by: Literal["situations", "seeds"]
    words: str
    planned: bool = False

    @property
    def a(self) -> Side:
        """The first arm."""
        return self.sides[0]

    @property
    def b(self) -> Side:
        """The second arm, which the first is compared with."""
        return self.sides[1]

    @property
    def items(self) -> int:
        """How many items the episodes are about that all arms have."""
        tables = [items_of_episodes(s.steps).rename({"item": f"item{i}"}) for i, s in enumerate(self.sides)]
        whole = reduce(lambda one, other: one.join(other, on=_EPISODE), tables)
        labels = common_items([whole[f"item{i}"] for i in range(len(tables))])
        return int(pl.select(pl.struct(whole["task"], labels).n_unique()).item())

    @property
    def flips(self) -> Flips | None:
        """What changed from `b` to `a`; None where their situations differ."""
        if self.by == "seeds":
            return None
        both = side_by_side(self.a.steps, self.b.steps, ("does", "does_base"))
        gained = both.filter(pl.col("does") & ~pl.col("does_base")).height
        lost = both.filter(~pl.col("does") & pl.col("does_base")).height
        return Flips(gained, lost, both.height - gained - lost)

    def before(self, episode: int) -> Pairing:
        """The same arms over the episodes below a number."""
        return replace(
            self, sides=tuple(replace(s, steps=s.steps.filter(pl.col("episode") < episode)) for s in self.sides)
        )

    def sums(self, metric: Metric) -> list[tuple[Array, Array]]:
        """(num, den) per item of every arm, over the episodes that all of them have."""
        return [(num, den) for num, den in self._aligned([metric.episode_sums(s.steps) for s in self.sides])]

    def first_sums(self, metric: Metric) -> list[tuple[Array, Array]]:
        """(num, den) of the first episode of every item, in the order of the episodes, of every arm."""
        tables = [metric.episode_sums(s.steps) for s in self.sides]
        return [(num, den) for num, den in self._aligned(tables, first=True)]

    def counts(self, metric: Metric) -> list[tuple[Array, Array, Array]]:
        """(known to be 1, steps, missing) per item of every arm, over the episodes that all of them have."""
        tables = [metric.episode_counts(s.steps) for s in self.sides]
        return [(num, den, missing) for num, den, missing in self._aligned(tables)]

    @staticmethod
    def _aligned(tables: list[pl.DataFrame], first: bool = False) -> list[list[Array]]:
        """The columns of every table per item, over the episodes that all tables hold, in order.

        Args:
            first: take the first episode of every item instead of the sum of all.
        """
        columns = [c for c in ("num", "den", "missing") if c in tables[0].columns]
        keys = tables[0].select(*_EPISODE, "item")
        if keys["item"].n_unique() == keys.height and all(t.select(keys.columns).equals(keys) for t in tables[1:]):
            return [
                [np.asarray(t[c].to_numpy(), float) for c in columns] for t in tables
            ]  # nothing to look up or add up
        numbered = [t.select(*_EPISODE, pl.col("item", *columns).name.suffix(str(i))) for i, t in enumerate(tables)]
        whole = reduce(lambda one, other: one.join(other, on=_EPISODE), numbered).sort(_EPISODE)
        items = common_items([whole[f"item{i}"] for i in range(len(tables))])
        if items.n_unique() < whole.height or whole["task"].n_unique() > 1:
            groups = whole.with_columns(items.alias("item")).group_by("task", "item", maintain_order=True)
            values = pl.col("^(num|den|missing)[0-9]+$")
            whole = groups.agg(values.first() if first else values.sum())
        return [[np.asarray(whole[f"{c}{i}"].to_numpy(), float) for c in columns] for i in range(len(tables))]


def pair(a: Side, b: Side) -> Pairing:
    """Two variants on one task and model: by their situations in a fork, by their seeds in a rollout."""
    if a.steps.height and a.steps["design"][0] != "fork":
        return Pairing((a, b), "seeds", OWN_WAY)
    ours, theirs = shared_situations(a.steps, b.steps)
    return Pairing((replace(a, steps=ours), replace(b, steps=theirs)), "situations", SAME_SITUATIONS, planned=True)


def metric_contrast(metric: Metric, pairing: Pairing, interval: Interval) -> Contrast:
    """The paired contrast of a metric, uncorrected, with what missing outcomes could have made of it; one whose code
    fails is not measured, and says why.
    """
    a, b = pairing.a.name, pairing.b.name
    try:
        ours, theirs = pairing.sums(metric)
        ends = worst_case_bounds(metric, pairing, interval)
    except Exception as error:  # as where it is measured: a user's code may raise anything
        why = str(error) if isinstance(error, NotMeasured) else f"{type(error).__name__}: {error}"
        return Contrast(metric.name, a, b, Estimate(None, why=why))
    result = contrast(ours, theirs, metric.name, a, b, interval, metric.unit == "share")
    if result.difference.value is None:
        return replace(result, difference=replace(result.difference, why=metric.why))
    return replace(result, bounds=ends)


def has_missing(metric: Metric, pairing: Pairing) -> bool:
    """Whether outcomes of a metric are missing in an arm; False where the metric does not say."""
    if not metric.bounded or metric.missing is None:
        return False
    return any(bool(side.steps.select(metric.missing).to_series().any()) for side in pairing.sides)


def worst_case_bounds(metric: Metric, pairing: Pairing, interval: Interval) -> Bounds | None:
    """What missing outcomes could have made of the contrast; None where none is missing, or there are no bounds."""
    if not has_missing(metric, pairing):
        return None
    ours, theirs = pairing.counts(metric)
    if not any(missing.any() for _, _, missing in (ours, theirs)):
        return None
    return difference_bounds(ours, theirs, metric.name, pairing.a.name, pairing.b.name, interval)
