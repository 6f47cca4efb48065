"""Frequency bias: an action is repeated because it stands in the history often, not because it paid.

Every step with a history is classed by what it took: the *greedy* action (the best tried one), else a *frequent* one
(taken most often so far), else *other*; so a frequent action is always worse than one that was seen. F_f, F_g and F_o
are the shares of the classes (Schmied et al. 2025, 2504.16078, App. C.1.2); a step without a legal action is in none
and in the denominator. The task `frequency` is their probe, which also sets how often the last action was repeated.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ...errors import NotMeasured
from ..inference import Array, Estimate, Interval
from .base import Metric, metric, register_metric
from .totals import OfTotals, by_item, quotient

_APP = "Schmied et al. 2025 (2504.16078), App. C.1.2"
_CLASSED = pl.col("habit").is_not_null()
_NO_HISTORY = "no step has a history of actions that can be taken again"
REPEATS = pl.col("question").str.extract(r"^repeats (\d+)$").cast(pl.Int64)
BUCKETS = ((0, 10), (45, 55), (90, 100))


def _share(name: str, title: str, habit: str, source: str, den: pl.Expr = _CLASSED, why: str = _NO_HISTORY) -> Metric:
    took = (pl.col("habit") == habit).fill_null(False)
    unread = den & (pl.col("habit") == "none")
    return metric(name, title, took & den, den, source=f"{_APP}: {source}", why=why, missing=unread)


bias_frequent = _share("bias_frequent", "F_f", "frequent", "F_f, takes the most frequent action, a worse one")
bias_greedy = _share("bias_greedy", "F_g", "greedy", "F_g, takes the best tried action")
bias_other = _share("bias_other", "F_o", "other", "F_o, takes an action that is neither")
frequency_bias = _share(
    "frequency_bias",
    "F_f where it can be",
    "frequent",
    "F_f over the steps where a frequent action is not greedy",
    _CLASSED & pl.col("habit_separable"),
    "no step has a frequent action that is not greedy",
)
_SEEN = _CLASSED & pl.col("p_frequent").is_not_null()
_NO_TOKENS = "the model shows no token probabilities: add the variant act, on a model that has them"
bias_frequent_mass = metric(
    "bias_frequent_mass",
    "F_f (token)",
    pl.when(_SEEN).then("p_frequent"),
    _SEEN,
    source=f"{_APP}: probability of the most frequent actions that are not greedy",
    why=_NO_TOKENS,
)


def _probed(frame: pl.DataFrame) -> pl.DataFrame:
    """The steps of the probe, each with how often its history repeats the last action."""
    if frame["question"].null_count() < frame.height:
        probed = frame.with_columns(repeats=REPEATS).filter(pl.col("repeats").is_not_null())
        if not probed.is_empty():
            return probed
    raise NotMeasured("nothing was probed", remedy="Run the task frequency.")


def frequency_buckets(frame: pl.DataFrame, interval: Interval = "robust") -> dict[str, dict[str, Estimate]]:
    """F_f, F_g and F_o of the probe per bucket of repeats, as published: {"0-10": {"bias_frequent": ...}, ...}.

    Raises:
        NotMeasured: the records are not those of the task `frequency`.
    """
    probed = _probed(frame)
    return {
        f"{low}-{high}": {
            m.name: m(probed.filter(pl.col("repeats").is_between(low, high)), interval)
            for m in (bias_frequent, bias_greedy, bias_other)
        }
        for low, high in BUCKETS
    }


def _moments(frame: pl.DataFrame) -> tuple[Array, float]:
    """Per item: n and the sums of x, y, x^2, y^2, x y of repeats and entropy, each around its mean."""
    shown = _probed(frame).filter(pl.col("entropy").is_not_null())
    if shown.is_empty():
        raise NotMeasured(_NO_TOKENS)
    x, y = (shown[c].to_numpy().astype(np.float64) for c in ("repeats", "entropy"))
    x, y = x - x.mean(), y - y.mean()
    codes, items = by_item(shown)
    columns = [np.bincount(codes, weights=w, minlength=items) for w in (np.ones_like(x), x, y, x * x, y * y, x * y)]
    return np.stack(columns, axis=1).astype(np.float64), float(len(x))


def _pearson(totals: Array) -> Array:
    n, x, y, xx, yy, xy = np.moveaxis(totals, -1, 0)
    spread = (n * xx - x * x) * (n * yy - y * y)
    return quotient(n * xy - x * y, np.sqrt(spread.clip(0)), 1e-9)


entropy_correlation = register_metric(
    OfTotals(
        "entropy_correlation",
        "entropy ~ repeats",
        "correlation",
        f"{_APP}: Pearson's r of the entropy of the token probabilities with the number of repeats, -1 to 1",
        _moments,
        _pearson,
        "repeats or entropy are the same everywhere",
    )
)
