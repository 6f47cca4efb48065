"""What a metric is: a function of the records table to an estimate, defined as a ratio of sums over episodes.

Write your own as `Metric(name, title, "share", "source", num=pl.col("knows"), den=pl.lit(True))`, or as any function
`(polars.DataFrame) -> Estimate`; register either with `METRICS.register(name, lambda: metric)`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ...registry import Registry
from ..inference import Array, Estimate, Interval, estimate

__all__ = ["CLUSTER", "METRICS", "Metric", "metric"]

CLUSTER = ["task", "model", "episode"]


@dataclass(frozen=True)
class Metric:
    """A ratio of sums: sum(num) / sum(den) over the steps of a variant.

    Args:
        name: registered name.
        title: heading in tables.
        unit: "share", "difference", "score", "ratio", "actions", "reward", "tokens", "calls" or "US dollars".
        source: definition or paper.
        num, den: polars expressions over the columns of `akrasia.evals.frame`.
        why: what is said where the denominator is 0 everywhere.
        per: "step" sums the expressions over steps; "episode" takes them at the last step of each episode; "play" are
            expressions over all steps of an episode, in order, such as `pl.col("regret").sum()`.
    """

    name: str
    title: str
    unit: str
    source: str
    num: pl.Expr
    den: pl.Expr
    why: str = "no step to measure it on"
    per: str = "step"

    def sums(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Per episode: columns `num` and `den`, in the order of task, model and episode."""
        if self.per == "play":
            whole = frame.sort("step").group_by(CLUSTER, maintain_order=True).agg(num=self.num, den=self.den)
            return whole.with_columns(pl.col("num", "den").cast(pl.Float64).fill_null(0.0)).sort(CLUSTER)
        if self.per == "episode":
            frame = frame.sort("step").group_by(CLUSTER, maintain_order=True).last()
        parts = frame.select(
            *CLUSTER, num=self.num.cast(pl.Float64).fill_null(0.0), den=self.den.cast(pl.Float64).fill_null(0.0)
        )
        return parts.group_by(CLUSTER).sum().sort(CLUSTER)

    def __call__(self, frame: pl.DataFrame, interval: Interval = "robust") -> Estimate:
        sums = self.sums(frame)
        num, den = _array(sums, "num"), _array(sums, "den")
        result = estimate(num, den, self.name, proportion=self.unit == "share", interval=interval)
        return Estimate(None, why=self.why) if result.value is None else result

    def paired(self, a: pl.DataFrame, b: pl.DataFrame) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """(num, den) per episode of two variants, over the episodes that both have."""
        both = self.sums(a).join(self.sums(b), on=CLUSTER, suffix="_b").sort(CLUSTER)
        return (_array(both, "num"), _array(both, "den")), (_array(both, "num_b"), _array(both, "den_b"))


METRICS: Registry[Any] = Registry("metric", "akrasia.metrics")


def metric(
    name: str, title: str, num: pl.Expr, den: pl.Expr, unit: str = "share", source: str = "", **more: str
) -> Metric:
    """Define a metric and register it."""
    made = Metric(name, title, unit, source, num, den, **more)
    METRICS.register(name, lambda: made)
    return made


def _array(frame: pl.DataFrame, column: str) -> Array:
    return np.asarray(frame[column].to_numpy(), dtype=np.float64)
