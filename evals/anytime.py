"""Anytime-valid intervals of metrics, from the records table: what stays true in a run that is looked at as it goes on.

Invariant: episodes enter in the order of their numbers, each once and whole, so that who looks how often, and which
episode ended first, changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from .inference import LEVEL, Contrast, Estimate, PairedSequence, Sequence
from .metrics import METRICS, Metric

__all__ = ["Looks", "begin", "extend", "extend_pair", "watched"]

_UNBOUNDED = "the run was looked at while it went on, and only shares have anytime-valid intervals"


@dataclass(frozen=True, slots=True)
class Looks:
    """How a run was looked at while it went on.

    Attributes:
        until: what was waited for: "gap +- 0.05".
        at: after how many episodes it was looked at.
        stopped: whether the last look ended it.
        bounds: the most steps that an episode of each task can have.
        loose: variants that may state something at some steps only, such as graphs that were not built here.
    """

    until: str
    at: tuple[int, ...]
    stopped: bool
    bounds: dict[str, int]
    loose: frozenset[str] = frozenset()

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Looks:
        """From what the run's ledger keeps of it."""
        at = tuple(x["episodes"] for x in stored["looks"])
        return cls(stored["until"], at, stored["stopped"], stored["bounds"], frozenset(stored.get("loose", ())))

    def level(self, metric: Metric, part: pl.DataFrame) -> Estimate:
        """The anytime-valid interval of a metric of one arm, over the episodes that were looked at."""
        sequence = Sequence(self.bounds[part["task"][0]])
        extend(sequence, metric, self._looked_at(part))
        found = sequence.estimate
        return Estimate(None, why=metric.why) if found.value is None else found

    def contrast(
        self, metric: Metric, a: tuple[str, pl.DataFrame], b: tuple[str, pl.DataFrame], family: int = 1
    ) -> Contrast:
        """The anytime-valid interval of a paired difference; no p-value survives being looked at.

        Args:
            a, b: name and records of the arms.
            family: how many contrasts hold together at 95 %: each is taken at 1 - 0.05 / family (Bonferroni).
        """
        if metric.unit != "share":
            return Contrast(metric.name, a[0], b[0], Estimate(None, why=_UNBOUNDED))
        level = 1 - (1 - LEVEL) / family
        loose = not self.loose.isdisjoint({part["variant"][0] for _, part in (a, b)})
        sequence = begin(metric, self.bounds[a[1]["task"][0]], a[1]["design"][0], level, loose)
        extend_pair(sequence, metric, self._looked_at(a[1]), self._looked_at(b[1]))
        found = sequence.estimate if sequence.episodes else Estimate(None, why=metric.why)
        return Contrast(metric.name, a[0], b[0], found)

    def _looked_at(self, part: pl.DataFrame) -> pl.DataFrame:
        return part.filter(pl.col("episode") < self.at[-1])


def watched(name: str) -> Metric | None:
    """The metric of that name if it can be followed: a share that is a ratio over episodes; else None.

    Raises:
        UnknownName: there is no such metric.
    """
    metric = METRICS.make(name)
    return metric if isinstance(metric, Metric) and metric.unit == "share" else None


def begin(metric: Metric, bound: float, design: str, level: float = LEVEL, loose: bool = False) -> PairedSequence:
    """A fresh sequence of a paired difference.

    Args:
        bound: the most steps an episode can have.
        design: in a fork both arms decide the same steps, so a share of all steps, or of those asked for a rationale,
            is matched; elsewhere each arm has steps of its own, and the interval is wider.
        loose: an arm may state something at some steps only, so that even those asked for a rationale differ.
    """
    always = set() if loose else {"asked"}
    return PairedSequence(bound, level, matched=design == "fork" and set(metric.den.meta.root_names()) <= always)


def extend(sequence: Sequence, metric: Metric, part: pl.DataFrame) -> None:
    """Take the episodes of an arm into account."""
    for num, den in metric.sums(part).sort("episode").select("num", "den").rows():
        sequence.add(num, den)


def extend_pair(sequence: PairedSequence, metric: Metric, a: pl.DataFrame, b: pl.DataFrame) -> None:
    """Take the episodes of two arms into account, where both measure the metric at all."""
    (na, da), (nb, db) = metric.paired(a, b)
    if da.any() and db.any():
        for episode in zip(na, da, nb, db, strict=True):
            sequence.add(*map(float, episode))
