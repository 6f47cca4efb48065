"""What a metric is: a function of a table to an estimate, most often a ratio of sums over episodes.

Three kinds, by what they look at, each with a registry of its own:
    METRICS        the records of one variant (`akrasia.evals.frame`)
    TURN_METRICS   the turns of one variant (`akrasia.evals.turns`): who changed, and whom it had heard
    PAIRWISE       the records of a variant and of what it is compared with, on the same situations

Write your own as `Metric(name, title, "share", "source", num=pl.col("knows"), den=pl.lit(True))`, or as any function
`(polars.DataFrame) -> Estimate`; register either with `METRICS.register(name, lambda: metric)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from ...errors import BadOption
from ...registry import Registry
from ..frame import PAIR
from ..inference import Array, Bounds, Estimate, Interval, bounds, estimate

__all__ = [
    "ANYWHERE", "CLUSTER", "METRICS", "PAIRWISE", "TURN_METRICS", "Metric", "Pairwise", "metric", "ratio",
    "side_by_side",
]  # fmt: skip

CLUSTER = ["task", "model", "episode"]
ANYWHERE = (-np.inf, np.inf)
RANGES = {
    "share": (0.0, 1.0), "correlation": (-1.0, 1.0),
    **dict.fromkeys(("actions", "calls", "ratio", "seconds", "tokens", "US dollars"), (0.0, np.inf)),
}  # fmt: skip
"""What a metric of a unit can be; its interval does not leave that."""


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
        missing: of which steps it is not known whether they belong to the denominator, or to the numerator, such as
            those with an answer that cannot be read; `pl.lit(False)` if of none. `bounds` says what they could have
            changed. By default the metric does not tell, and has no bounds.
        per: "step" sums the expressions over steps; "episode" takes them at the last step of each episode; "play" are
            expressions over all steps of an episode, in order, such as `pl.col("regret").sum()`.
        view: what is made of the table first, such as one row per edge along which somebody was heard.
    """

    name: str
    title: str
    unit: str
    source: str
    num: pl.Expr
    den: pl.Expr
    why: str = "no step to measure it on"
    per: str = "step"
    view: Callable[[pl.DataFrame], pl.DataFrame] | None = None
    missing: pl.Expr | None = None

    def sums(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Per episode: columns `num` and `den`, in the order of task, model and episode."""
        if self.view is not None:
            frame = self.view(frame)
        if self.per == "play":
            names = {*CLUSTER, "step", *self.num.meta.root_names(), *self.den.meta.root_names()}
            steps = frame.select(name for name in frame.columns if name in names).sort("step")
            whole = steps.group_by(CLUSTER, maintain_order=True).agg(num=self.num, den=self.den)
            return whole.with_columns(pl.col("num", "den").cast(pl.Float64).fill_null(0.0)).sort(CLUSTER)
        last = ["step"] if self.per == "episode" else []
        parts = frame.select(
            *CLUSTER, *last,
            num=self.num.cast(pl.Float64).fill_null(0.0), den=self.den.cast(pl.Float64).fill_null(0.0),
        )  # fmt: skip
        if last:
            parts = parts.sort("step").group_by(CLUSTER, maintain_order=True).last().drop("step")
        return _sums(parts)

    def __call__(self, frame: pl.DataFrame, interval: Interval = "robust") -> Estimate:
        sums = self.sums(frame)
        num, den = _array(sums, "num"), _array(sums, "den")
        result = estimate(num, den, self.name, proportion=self.unit == "share", interval=interval)
        return Estimate(None, why=self.why) if result.value is None else _within(result, self.unit)

    @property
    def tells_missing(self) -> bool:
        """Whether it has bounds: it is a share of steps, and says which of them are missing."""
        return self.missing is not None and self.unit == "share" and self.per == "step" and self.view is None

    def bounds(self, frame: pl.DataFrame, interval: Interval = "robust") -> Bounds | None:
        """What missing outcomes could have made of the estimate; None where none is missing, or it does not tell."""
        if not self.tells_missing or not frame.select(self.missing).to_series().any():
            return None
        counts = self._counts(frame)
        return bounds((_array(counts, "num"), _array(counts, "den"), _array(counts, "gone")), self.name, interval)

    def paired(self, a: pl.DataFrame, b: pl.DataFrame) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """(num, den) per episode of two variants, over the episodes that both have."""
        both = self.sums(a).join(self.sums(b), on=CLUSTER, suffix="_b").sort(CLUSTER)
        return (_array(both, "num"), _array(both, "den")), (_array(both, "num_b"), _array(both, "den_b"))

    def paired_counts(
        self, a: pl.DataFrame, b: pl.DataFrame
    ) -> tuple[tuple[Array, Array, Array], tuple[Array, Array, Array]]:
        """(known to be 1, steps, unknown) per episode of two variants, over the episodes that both have."""
        both = self._counts(a).join(self._counts(b), on=CLUSTER, suffix="_b").sort(CLUSTER)
        first, second = (tuple(_array(both, f"{c}{end}") for c in ("num", "den", "gone")) for end in ("", "_b"))
        return (first[0], first[1], first[2]), (second[0], second[1], second[2])

    def _counts(self, frame: pl.DataFrame) -> pl.DataFrame:
        gone = pl.lit(False) if self.missing is None else self.missing.fill_null(False)
        den = self.den.cast(pl.Boolean).fill_null(False) | gone
        known = self.num.cast(pl.Boolean).fill_null(False) & den & ~gone
        return _sums(
            frame.select(*CLUSTER, num=known.cast(pl.Float64), den=den.cast(pl.Float64), gone=gone.cast(pl.Float64))
        )


@dataclass(frozen=True)
class Pairwise:
    """A ratio of sums over the situations that two variants both decided.

    Args:
        name, title, unit, source, num, den, why: as for `Metric`; the columns of the variant that is compared with end
            in `_base`.
    """

    name: str
    title: str
    unit: str
    source: str
    num: pl.Expr
    den: pl.Expr
    why: str = "the two variants share no situation"

    def __call__(self, variant: pl.DataFrame, base: pl.DataFrame, interval: Interval = "robust") -> Estimate:
        both = side_by_side(variant, base, self.num, self.den)
        return Metric(self.name, self.title, self.unit, self.source, self.num, self.den, self.why)(both, interval)


def side_by_side(variant: pl.DataFrame, base: pl.DataFrame, *wanted: pl.Expr) -> pl.DataFrame:
    """One row per situation that both decided, with the columns that `wanted` reads; those of `base` end in `_base`."""
    keys, names = [*PAIR, "situation"], {name for e in wanted for name in e.meta.root_names()}
    mine = variant.select(*keys, *(c for c in variant.columns if c in names and c not in keys))
    theirs = base.select(*keys, *(pl.col(c).alias(f"{c}_base") for c in base.columns if f"{c}_base" in names))
    if mine.select(keys).equals(theirs.select(keys)):  # a complete run of a fork: nothing needs to be looked up
        return mine.hstack(theirs.drop(keys))
    return mine.join(theirs, on=keys, maintain_order="left")


METRICS: Registry[Any] = Registry("metric", "akrasia.metrics")
TURN_METRICS: Registry[Any] = Registry("turn metric", "akrasia.turn_metrics")
PAIRWISE: Registry[Any] = Registry("pairwise metric", "akrasia.pairwise_metrics")


def ratio(name: str, what: str, known: Sequence[str]) -> Metric:
    """The metric of this name, where it is a ratio over episodes.

    Args:
        what: what cannot be made of any other, as in "has no two-way table"; known: metrics that are fit for it.

    Raises:
        UnknownName: there is no such metric.
        BadOption: it is no ratio over episodes.
    """
    found = METRICS.make(name)
    if not isinstance(found, Metric):
        raise BadOption(
            f"the metric {name!r} {what}", "it is no ratio over episodes", f"Use others, such as {', '.join(known)}."
        )
    return found


def metric(
    name: str, title: str, num: pl.Expr, den: pl.Expr, unit: str = "share", source: str = "", **more: Any
) -> Metric:
    """Define a metric and register it."""
    made = Metric(name, title, unit, source, num, den, **more)
    METRICS.register(name, lambda: made)
    return made


def _within(found: Estimate, unit: str) -> Estimate:
    low, high = RANGES.get(unit, ANYWHERE)
    if found.value is None or found.low is None or found.high is None or not low <= found.value <= high:
        return found
    return replace(found, low=max(found.low, low), high=min(found.high, high))


def _sums(parts: pl.DataFrame) -> pl.DataFrame:
    """Every column beside the cluster summed per cluster, in order.

    In a stored run the rows of a cluster lie together: runs of equal clusters are summed first, which is all there is
    to do where no cluster comes twice; otherwise what is left is small.
    """
    if parts.is_empty():
        return parts
    another = pl.any_horizontal(pl.col(c).ne_missing(pl.col(c).shift()) for c in CLUSTER)
    starts = parts.select(another.arg_true()).to_series().to_numpy()
    sums = parts[starts].with_columns(
        **{
            name: pl.Series(np.add.reduceat(_array(parts, name), starts))
            for name in parts.columns
            if name not in CLUSTER
        }
    )
    if sums["task"].n_unique() == sums["model"].n_unique() == 1 and sums["episode"].is_sorted():
        return sums
    return sums.group_by(CLUSTER).sum().sort(CLUSTER)


def _array(frame: pl.DataFrame, column: str) -> Array:
    return np.asarray(frame[column].to_numpy(), dtype=np.float64)
