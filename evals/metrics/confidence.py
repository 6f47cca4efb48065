"""Is a model as sure as it is right? Confidence against the share of actions that are optimal.

Two readings of confidence: what the model *says* (column `confidence`), and the *token* probability of the action taken
(column `p_done`; metrics named token_...). Steps without one are left out; a step that has one and no legal action is
wrong.

    ece            sum over bins of n_b / n |mean confidence - accuracy|, 15 equal bins, closed above (Guo et al. 2017)
    ece_debiased   2 ece - E[ece with each bin's accuracy drawn from a normal around the one seen], in closed form: the
                   correction of Kumar et al. 2019 (1909.10155; their code draws it). It may fall below 0.
    brier          mean (confidence - right)^2 = reliability - resolution + uncertainty (Murphy 1973); resolution holds
                   the terms within bins of Stephenson et al. 2008, so that the sum is exact
    auroc          P(a right step is surer than a wrong one), ties one half: Mann-Whitney's U / (n_right n_wrong)
    overconfidence mean confidence - accuracy
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl

from ...errors import NotMeasured
from ..inference import Array, Estimate, Interval
from ..inference.distributions import normal_cdf
from .base import ANYWHERE, CLUSTER, RANGES, metric, once_per_table, register_metric
from .totals import CELLS, Codes, OfTotals, blocks, by_item, quotient, spread_over, summed

BINS = 15
LEVELS = 256  # distinct confidences up to which the interval of the AUROC is over the exact ranks
KINDS = {
    "": ("confidence", "says", "no agent says how sure it is: ask for it, as in society(confidence=True)"),
    "token_": ("p_done", "token", "no action was read off token probabilities: add act, on a model that has them"),
}
ONE_CLASS = "all steps are right, or all are wrong"


@once_per_table
def rows_with_confidence(frame: pl.DataFrame, column: str, why: str) -> tuple[Array, Array, Codes, int]:
    """(confidence, whether right, number of its item) of every row that has one, and how many items there are.

    Raises:
        NotMeasured: none has one, for the reason `why`.
    """
    if frame[column].null_count() == frame.height:
        raise NotMeasured(why)
    rows = frame.select({*CLUSTER, "episode", "does", column}).filter(pl.col(column).is_not_null())
    codes, items = by_item(rows)
    sure = rows[column].to_numpy().astype(np.float64).clip(0.0, 1.0)
    return sure, rows["does"].to_numpy().astype(np.float64), codes, items


def binned(frame: pl.DataFrame, column: str, why: str) -> tuple[Array, float]:
    """Per item and bin: count, sums of confidence p, right y, p^2 and p y; shape (items, 5 * BINS)."""
    sure, right, codes, items = rows_with_confidence(frame, column, why)
    place = np.searchsorted(np.linspace(0, 1, BINS + 1)[1:-1], sure)
    sums = [summed(codes, items, place, BINS, w) for w in (np.ones_like(sure), sure, right, sure**2, sure * right)]
    return np.concatenate(sums, axis=1), float(len(sure))


def _split(totals: Array) -> tuple[Array, ...]:
    """The five sums, each of shape (..., BINS), and the safe count to divide by."""
    five = blocks(totals, 5)
    return (*five, np.maximum(five[0], 1))


def ece_of(totals: Array) -> Array:
    """Expected calibration error of binned sums, shape (..., 5 * BINS) -> (...)."""
    n, p, y, *_ = _split(totals)
    return np.asarray(np.abs(p - y).sum(-1) / n.sum(-1))


def debiased_of(totals: Array) -> Array:
    """The same, less what it is expected to be too high by."""
    n, p, y, _, _, safe = _split(totals)
    rate = y / safe
    off, noise = rate - p / safe, np.sqrt(np.clip(rate * (1 - rate), 0, None) / safe)
    scaled = np.divide(off, noise, out=np.zeros_like(off), where=noise > 0)
    # The mean of |X| for X normal with mean `off` and deviation `noise`.
    folded = noise * np.sqrt(2 / np.pi) * np.exp(-(scaled**2) / 2) + off * (1 - 2 * normal_cdf(-scaled))
    expected = np.where(noise > 0, folded, np.abs(off))
    return np.asarray(2 * ece_of(totals) - (n * expected).sum(-1) / n.sum(-1))


def brier_of(totals: Array) -> tuple[Array, Array, Array, Array]:
    """(Brier score, reliability, resolution, uncertainty) of binned sums, each of shape (...)."""
    n, p, y, pp, py, safe = _split(totals)
    whole = n.sum(-1)
    rate = y.sum(-1) / whole
    brier = (pp - 2 * py + y).sum(-1) / whole
    reliability = ((p - y) ** 2 / safe).sum(-1) / whole
    uncertainty = rate * (1 - rate)
    return brier, reliability, reliability + uncertainty - brier, uncertainty


def auroc_of(totals: Array) -> Array:
    """Area under the ROC curve from counts of wrong and right per level of confidence, shape (..., 2 * levels), least
    sure first; not-a-number where all are right or all are wrong.
    """
    bad, good = blocks(totals)
    below = np.cumsum(bad, axis=-1) - bad / 2
    return quotient((good * below).sum(-1), bad.sum(-1) * good.sum(-1))


@dataclass(frozen=True)
class OfLevels:
    """A function of wrong and right per level of confidence; its interval is over at most `LEVELS` quantiles.

    Args:
        name, title, unit, source: as for `akrasia.evals.metrics.Metric`.
        column: which confidence; why: what is said where no row has one.
        statistic: as `auroc_of`; undefined: what is said where the counts do not define it.
    """

    name: str
    title: str
    unit: str
    source: str
    column: str
    why: str
    statistic: Callable[[Array], Array]
    undefined: str

    def __call__(self, frame: pl.DataFrame, interval: Interval = "robust") -> Estimate:
        sure, right, codes, items = rows_with_confidence(frame, self.column, self.why)

        def counts(edges: Array, codes: Codes, rows: int) -> Array:
            level = np.minimum(np.searchsorted(edges, sure), len(edges) - 1) + len(edges) * right.astype(np.intp)
            return summed(codes, rows, level, 2 * len(edges))

        known = np.unique(sure)
        value = float(self.statistic(counts(known, np.zeros_like(codes), 1)[0]))
        if not np.isfinite(value):
            raise NotMeasured(self.undefined)
        levels = max(16, min(LEVELS, CELLS // items))
        edges = known if len(known) <= levels else np.unique(np.quantile(sure, np.linspace(0, 1, levels + 1)[1:]))
        within = RANGES.get(self.unit, ANYWHERE)
        low, high, unknown = spread_over(counts(edges, codes, items), self.statistic, self.name, within)
        return Estimate(value, low, high, float(len(sure)), items, unknown)


def _register(prefix: str, column: str, reading: str, why: str) -> None:
    def title(name: str) -> str:
        return f"{name} ({reading})"

    def part(which: int) -> Callable[[Array], Array]:
        return lambda totals: brier_of(totals)[which]

    parts = partial(binned, column=column, why=why)
    murphy = "of the Brier score (Murphy 1973)"
    for name, unit, source, statistic in (
        ("ece", "share", f"Guo et al. 2017 (1706.04599): expected calibration error, {BINS} bins", ece_of),
        ("ece_debiased", "difference", "Kumar et al. 2019 (1909.10155): the same, debiased", debiased_of),
        ("reliability", "score", f"mean squared distance of confidence from accuracy, {murphy}; 0 is best", part(1)),
        ("resolution", "score", f"how far apart the accuracies of the bins are, {murphy}; more is better", part(2)),
        ("uncertainty", "score", f"accuracy (1 - accuracy), {murphy}", part(3)),
    ):
        register_metric(OfTotals(prefix + name, title(name.replace("_", " ")), unit, source, parts, statistic, why))
    surer = "P(a right step is surer than a wrong one), ties one half"
    register_metric(OfLevels(f"{prefix}auroc", title("AUROC"), "share", surer, column, why, auroc_of, ONE_CLASS))
    sure, known = pl.col(column).clip(0, 1), pl.col(column).is_not_null()
    right = pl.col("does").cast(pl.Float64)
    metric(
        f"{prefix}brier",
        title("Brier"),
        (sure - right) ** 2,
        known,
        unit="score",
        why=why,
        source="Brier 1950: mean (confidence - right)^2; 0 is best, 0.25 is saying one half always",
    )
    metric(
        f"{prefix}overconfidence",
        title("over-confidence"),
        pl.when(known).then(sure - right),
        known,
        unit="difference",
        source="mean confidence - accuracy",
        why=why,
    )


for _prefix, (_column, _reading, _why) in KINDS.items():
    _register(_prefix, _column, _reading, _why)
