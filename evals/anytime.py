"""Anytime-valid intervals of metrics: what stays true in a run that is looked at while it goes on.

Invariants: items enter in the order in which the episodes take them up, each once, by its first episode and that whole,
so it changes nothing how often anybody looks and which episode ends first. Further episodes of an item tell no more of
other items: they do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

import polars as pl

from .inference import LEVEL, Bounds, Contrast, Estimate, PairedSequence, Sequence
from .metrics import METRICS, Metric
from .pairs import Pairing, Side

_UNBOUNDED = "the run was looked at while it went on, and only shares have anytime-valid intervals"
_UNFOLLOWED = "the run was looked at while it went on, and only shares of steps have intervals that hold then"


@dataclass(frozen=True, slots=True)
class InterimLooks:
    """How a run was looked at while it went on (interim analyses).

    Attributes:
        until: what was waited for: "gap +- 0.05".
        at: after how many episodes it was looked at.
        stopped: whether the last look ended it; exhausted: it ended because further episodes would have been about
            items that it had asked already.
        bounds: the most steps that an episode of each task can have.
        unmatched: variants that may state something at some steps only, such as graphs that were not built here.
    """

    until: str
    at: tuple[int, ...]
    stopped: bool
    bounds: dict[str, int]
    unmatched: tuple[str, ...] = ()
    exhausted: bool = False

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> InterimLooks:
        """From what the run's ledger keeps of it."""
        at = tuple(x["episodes"] for x in stored["looks"])
        unmatched, exhausted = tuple(stored.get("loose", ())), bool(stored.get("exhausted"))
        return cls(stored["until"], at, stored["stopped"], stored["bounds"], unmatched, exhausted)

    def level(self, metric: Metric, steps: pl.DataFrame, level: float = LEVEL) -> Estimate:
        """The anytime-valid interval of a metric of one arm, over the episodes that were looked at."""
        sequence = Sequence(self.bounds[steps["task"][0]], level)
        follow(sequence, metric, steps.filter(pl.col("episode") < self.at[-1]))
        return Estimate(None, why=metric.why) if sequence.estimate.value is None else sequence.estimate

    def difference(self, metric: Metric, pairing: Pairing, level: float = LEVEL) -> Estimate:
        """The same of a paired difference."""
        always_stated = not any(side.steps["variant"][0] in self.unmatched for side in pairing.sides)
        bound = self.bounds[pairing.a.steps["task"][0]]
        sequence = paired_sequence(metric, bound, pairing.planned, level, always_stated=always_stated)
        follow_pair(sequence, metric, pairing.before(self.at[-1]))
        return sequence.estimate if sequence.episodes else Estimate(None, why=metric.why)

    def contrast(self, metric: Metric, pairing: Pairing, family: int = 1) -> Contrast:
        """The same as a contrast; no p-value survives being looked at.

        Args:
            family: how many contrasts hold together at 95 %: each is taken at 1 - 0.05 / family (Bonferroni).
        """
        level = 1 - (1 - LEVEL) / family
        shown = metric.unit == "share"
        difference = self.difference(metric, pairing, level) if shown else Estimate(None, why=_UNBOUNDED)
        return Contrast(metric.name, pairing.a.name, pairing.b.name, difference)


def can_be_followed(metric: Any) -> TypeGuard[Metric]:
    """Whether it is a share of steps that is a ratio over episodes."""
    return isinstance(metric, Metric) and metric.unit == "share" and metric.of == "steps"


def followable_metric(name: str) -> Metric | None:
    """The metric of that name if it can be followed; else None.

    Raises:
        UnknownName: there is no such metric.
    """
    metric = METRICS.make(name)
    return metric if can_be_followed(metric) else None


def paired_sequence(
    metric: Metric, bound: float, same_situations: bool, level: float = LEVEL, always_stated: bool = True
) -> PairedSequence:
    """A fresh sequence of a paired difference.

    Args:
        bound: the most steps an episode can have.
        same_situations: both arms decide the same steps, as in a fork: a share of all steps, or of those that were
            asked for a rationale, is then matched; elsewhere each arm has steps of its own, and the interval is wider.
        always_stated: neither arm may state something at some steps only, in which case even the steps that were
            asked for a rationale would differ.
    """
    common = {"asked"} if always_stated else set()
    matched = same_situations and set(metric.den.meta.root_names()) <= common
    return PairedSequence(bound, level, matched=matched)


def follow(sequence: Sequence, metric: Metric, steps: pl.DataFrame) -> None:
    """Take the first episodes of an arm's items into account."""
    episodes = metric.episode_sums(steps).sort("episode")
    for num, den in episodes.unique("item", keep="first", maintain_order=True).select("num", "den").rows():
        sequence.add(num, den)


def follow_pair(sequence: PairedSequence, metric: Metric, pairing: Pairing) -> None:
    """Take the first episodes of two arms' items into account, where both measure the metric at all."""
    (na, da), (nb, db) = pairing.first_sums(metric)
    if da.any() and db.any():
        for episode in zip(na, da, nb, db, strict=True):
            sequence.add(*map(float, episode))


def arm_at_looks(metric: Any, arm: Side, looks: InterimLooks, level: float) -> tuple[Estimate, Bounds | None]:
    """A metric of one arm, and what missing outcomes could have made of it; None where none is missing."""
    if not can_be_followed(metric):
        return Estimate(None, why=_UNFOLLOWED), None
    steps = arm.steps.filter(pl.col("episode") < looks.at[-1])
    ends = [looks.level(*_filled(metric, steps, missing_is), level) for missing_is in (False, True)]
    return looks.level(metric, steps, level), _bounds_of(ends, metric, [steps])


def pair_at_looks(
    metric: Metric, pairing: Pairing, looks: InterimLooks, level: float
) -> tuple[Estimate, Bounds | None]:
    """The same of the difference of two arms."""
    if metric.unit != "share":
        return Estimate(None, why=_UNFOLLOWED), None
    pairing = pairing.before(looks.at[-1])
    ends = []
    for missing_are in ((False, True), (True, False)):
        filled = [_filled(metric, s.steps, is_) for s, is_ in zip(pairing.sides, missing_are, strict=True)]
        sides = tuple(replace(s, steps=steps) for s, (_, steps) in zip(pairing.sides, filled, strict=True))
        ends.append(looks.difference(filled[0][0], replace(pairing, sides=sides), level))
    return looks.difference(metric, pairing, level), _bounds_of(ends, metric, [s.steps for s in pairing.sides])


def _filled(metric: Metric, steps: pl.DataFrame, missing_is: bool) -> tuple[Metric, pl.DataFrame]:
    """A metric and its rows, with every outcome that is missing taken for 1, or for 0: the episodes enter as they do
    without them.
    """
    if metric.missing is None:
        return metric, steps
    missing = metric.missing.fill_null(False)
    known = metric.num.cast(pl.Boolean).fill_null(False) & ~missing
    den = metric.den.cast(pl.Boolean).fill_null(False) | missing
    filled = replace(metric, num=known | (missing & pl.col("missing_is")), den=den, missing=None)
    return filled, steps.with_columns(missing_is=pl.lit(missing_is))


def _bounds_of(ends: list[Estimate], metric: Metric, tables: list[pl.DataFrame]) -> Bounds | None:
    """Both ends as bounds; None where nothing is missing, or the metric does not say."""
    if metric.missing is None:
        return None
    lost = [table.select(metric.missing.fill_null(False)).to_series() for table in tables]
    count, rows = sum(int(column.sum()) for column in lost), sum(len(column) for column in lost)
    return Bounds(ends[0], ends[1], count / rows) if count else None
