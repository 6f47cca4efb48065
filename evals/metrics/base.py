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

__all__ = ["METRICS", "Metric", "metric"]

CLUSTER = ["task", "model", "episode"]


@dataclass(frozen=True)
class Metric:
    """A ratio of sums: sum(num) / sum(den) over the steps of a variant.

    Args:
        name: registered name.
        title: heading in tables.
        unit: "share", "actions", "reward", "tokens", "calls" or "US dollars".
        source: definition or paper.
        num, den: polars expressions over the columns of `akrasia.evals.frame`.
        why: what is said where the denominator is 0 everywhere.
        per: "step" sums the expressions over steps; "episode" takes them at the last step of each episode.
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
        parts = frame.select(
            *CLUSTER, "step",
            num=self.num.cast(pl.Float64).fill_null(0.0), den=self.den.cast(pl.Float64).fill_null(0.0),
        )  # fmt: skip
        if self.per == "episode":
            parts = parts.sort("step").group_by(CLUSTER, maintain_order=True).last()
        return _sums(parts.drop("step"))

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


def _sums(parts: pl.DataFrame) -> pl.DataFrame:
    """`num` and `den` summed per cluster, in order.

    In a stored run the rows of a cluster lie together: runs of equal clusters are summed first, which is all there is
    to do where no cluster comes twice; otherwise what is left is small.
    """
    runs = parts.select(pl.struct(CLUSTER).rle_id()).to_series().to_numpy()
    starts = np.flatnonzero(np.diff(runs.astype(np.int64), prepend=-1))
    if not len(starts):
        return parts
    sums = parts[starts].with_columns(
        **{name: pl.Series(np.add.reduceat(_array(parts, name), starts)) for name in ("num", "den")}
    )
    if sums["task"].n_unique() == sums["model"].n_unique() == 1 and sums["episode"].is_sorted():
        return sums
    return sums.group_by(CLUSTER).sum().sort(CLUSTER)


def _array(frame: pl.DataFrame, column: str) -> Array:
    return np.asarray(frame[column].to_numpy(), dtype=np.float64)
