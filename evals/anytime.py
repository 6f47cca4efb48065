"""Anytime-valid intervals of metrics: what stays true in a run that is looked at while it goes on.

Invariants: items enter in the order in which the episodes take them up, each once, by its first episode and that whole,
so it changes nothing how often anybody looks and which episode ends first. Further episodes of an item tell no more of
other items: they do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from .inference import LEVEL, Contrast, Estimate, PairedSequence, Sequence
from .metrics import METRICS, Metric
from .pairs import Pairing

_UNBOUNDED = "the run was looked at while it went on, and only shares have anytime-valid intervals"


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

    def level(self, metric: Metric, steps: pl.DataFrame) -> Estimate:
        """The anytime-valid interval of a metric of one arm, over the episodes that were looked at."""
        sequence = Sequence(self.bounds[steps["task"][0]])
        follow(sequence, metric, steps.filter(pl.col("episode") < self.at[-1]))
        return Estimate(None, why=metric.why) if sequence.estimate.value is None else sequence.estimate

    def contrast(self, metric: Metric, pairing: Pairing, family: int = 1) -> Contrast:
        """The anytime-valid interval of a paired difference; no p-value survives being looked at.

        Args:
            family: how many contrasts hold together at 95 %: each is taken at 1 - 0.05 / family (Bonferroni).
        """
        a, b = pairing.a, pairing.b
        if metric.unit != "share":
            return Contrast(metric.name, a.name, b.name, Estimate(None, why=_UNBOUNDED))
        level = 1 - (1 - LEVEL) / family
        always_stated = not any(side.steps["variant"][0] in self.unmatched for side in (a, b))
        sequence = paired_sequence(
            metric, self.bounds[a.steps["task"][0]], pairing.planned, level, always_stated=always_stated
        )
        follow_pair(sequence, metric, pairing.before(self.at[-1]))
        difference = sequence.estimate if sequence.episodes else Estimate(None, why=metric.why)
        return Contrast(metric.name, a.name, b.name, difference)


def followable_metric(name: str) -> Metric | None:
    """The metric of that name if it can be followed: a share of steps that is a ratio over episodes; else None.

    Raises:
        UnknownName: there is no such metric.
    """
    metric = METRICS.make(name)
    return metric if isinstance(metric, Metric) and metric.unit == "share" and metric.of == "steps" else None


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
