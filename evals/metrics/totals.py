"""Metrics that are no ratio of sums, yet a function of sums over items: calibration errors, AUROC, correlations.

An item contributes a row of `parts`, shape (items, k); the metric is `statistic(parts.sum(axis=0))`. The interval is a
BCa bootstrap of the items, seeded by the metric's name: a resample is how often each item was drawn, so all of
them are one matrix product. Beyond `MANY` items, where the two agree and a bootstrap costs seconds, it is the
jackknife's over items (Efron and Tibshirani 1993, ch. 11) with Student's t.

Invariants: one item, or items that do not differ, leave the interval unknown; a metric without its data raises
`NotMeasured`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from ...errors import NotMeasured
from ..inference import ALIKE, LEVEL, ONE, Array, Estimate, Interval
from ..inference.intervals import t_quantile
from ..inference.resampling import RESAMPLES, Picked, bca_interval, resampled
from .base import ANYWHERE, CLUSTER, RANGES, Table

MANY = 200  # items
CELLS = 4_000_000  # numbers held at once
DEFINED = 0.9  # share of resamples that must define the statistic
RARE = "too few items define it"

Statistic = Callable[[Array], Array]
Codes = np.ndarray[Any, np.dtype[np.intp]]


@dataclass(frozen=True)
class OfTotals:
    """A function of sums over items.

    Args:
        name, title, unit, source: as for `akrasia.evals.metrics.Metric`.
        parts: table of one variant -> (sums per item, shape (items, k); how many steps they hold).
        statistic: totals, shape (..., k) -> (...); not-a-number where they do not define it.
        undefined: what is said where the totals do not define it.
        no_interval: why it has no interval, empty where it has one.
        of: which table it reads.
    """

    name: str
    title: str
    unit: str
    source: str
    parts: Callable[[pl.DataFrame], tuple[Array, float]]
    statistic: Statistic
    undefined: str
    no_interval: str = ""
    of: Table = "steps"

    def __call__(self, frame: pl.DataFrame, interval: Interval = "robust") -> Estimate:
        """The estimate; how its interval is made does not depend on `interval`."""
        parts, n = self.parts(frame)
        within = RANGES.get(self.unit, ANYWHERE)
        estimate = of_totals(parts, self.statistic, self.name, n, self.undefined, within, bool(self.no_interval))
        return replace(estimate, why=self.no_interval) if self.no_interval else estimate


def of_totals(
    parts: Array,
    statistic: Statistic,
    name: str,
    n: float,
    undefined: str,
    within: tuple[float, float] = ANYWHERE,
    bare: bool = False,
) -> Estimate:
    """Estimate `statistic` of the totals of `parts`, with its interval over items.

    Args:
        within: the range of the statistic; the interval does not leave it.
        bare: without an interval.

    Raises:
        NotMeasured: the totals do not define it, for the reason `undefined`.
    """
    value = float(statistic(parts.sum(axis=0)))
    if not np.isfinite(value):
        raise NotMeasured(undefined)
    low, high, why = (None, None, "") if bare else spread_over(parts, statistic, name, within)
    return Estimate(value, low, high, n, len(parts), why)


def spread_over(
    parts: Array, statistic: Statistic, name: str, within: tuple[float, float] = ANYWHERE
) -> tuple[float | None, float | None, str]:
    """(low, high, why they are unknown) of `statistic` over items."""
    size = len(parts)
    if size == 1:
        return None, None, ONE
    low, high, why = _jackknife(parts, statistic) if size > MANY else _bootstrap(parts, statistic, name)
    if low is None or high is None:
        return None, None, why
    return max(low, within[0]), min(high, within[1]), why


def _jackknife(parts: Array, statistic: Statistic) -> tuple[float | None, float | None, str]:
    """The statistic plus or minus t times the spread that leaving out one item at a time shows."""
    size, totals = len(parts), parts.sum(axis=0)
    rows = max(1, CELLS // parts.shape[1])
    without = np.concatenate([statistic(totals - parts[i : i + rows]) for i in range(0, size, rows)])
    if not np.isfinite(without).all():
        return None, None, RARE
    error = float(np.sqrt((size - 1) / size * np.sum((without - without.mean()) ** 2)))
    if error < 1e-12:
        return None, None, ALIKE
    reach = t_quantile(size) * error
    return float(statistic(totals)) - reach, float(statistic(totals)) + reach, ""


def _bootstrap(parts: Array, statistic: Statistic, name: str) -> tuple[float | None, float | None, str]:
    size = len(parts)

    def drawn(picked: Picked) -> Array:
        base = np.arange(len(picked))[:, None] * size
        counts = np.bincount((picked + base).ravel(), minlength=len(picked) * size).reshape(len(picked), size)
        return statistic(counts.astype(np.float64) @ parts)  # of floats, which BLAS multiplies

    values = resampled(size, drawn, name, max(1, CELLS // size))
    totals = parts.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        without = statistic(totals - parts)
    low, high = bca_interval(values, float(statistic(totals)), without, LEVEL)
    values = values[np.isfinite(values)]
    if len(values) < DEFINED * RESAMPLES:
        return None, None, RARE
    if np.ptp(values) == 0:
        return None, None, ALIKE
    if not (np.isfinite(low) and np.isfinite(high)):
        low, high = (float(q) for q in np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))
    return low, high, ""


def blocks(totals: Array, count: int = 2) -> Array:
    """Totals that stand one after the other, shape (..., count * k) -> (count, ..., k)."""
    return np.moveaxis(totals.reshape(*totals.shape[:-1], count, -1), -2, 0)


def quotient(top: Array, bottom: Array, least: float = 0.0) -> Array:
    """top / bottom, not-a-number where `bottom` is not above `least`."""
    clear = bottom > least
    result: Array = np.where(clear, top / np.where(clear, bottom, 1.0), np.nan)
    return result


def by_item(frame: pl.DataFrame) -> tuple[Codes, int]:
    """(number of its item for every row, how many items there are); items count in the order of their episodes."""
    return by_cluster(frame, CLUSTER)


def by_cluster(frame: pl.DataFrame, cluster: list[str]) -> tuple[Codes, int]:
    """The same for the clusters that these columns name; runs of equal rows are numbered together."""
    rows = frame.select({*cluster, "episode"})
    starts = rows.select(pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift()) for c in rows.columns)).to_series()
    runs = rows.filter(starts)
    first = pl.col("episode").min().alias("first episode")
    order = runs.group_by(cluster).agg(first).sort("task", "model", "first episode").drop("first episode")
    numbered = order.with_row_index("number")
    codes = runs.join(numbered, on=cluster, how="left", maintain_order="left")["number"].to_numpy()
    run_of_row = np.cumsum(starts.to_numpy()) - 1
    return np.asarray(codes, dtype=np.intp)[run_of_row], numbered.height


def summed(codes: Codes, rows: int, cells: Codes, width: int, weights: Array | None = None) -> Array:
    """Sums of `weights` (counts without) per item and cell, shape (rows, width)."""
    flat = np.bincount(codes * width + cells, weights=weights, minlength=rows * width)
    result: Array = flat.astype(np.float64).reshape(rows, width)
    return result
