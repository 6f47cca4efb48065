"""What repeated draws of a decision tell: what a model can do, how reliably, and how much of a figure is luck.

They read the table of trials (`akrasia.evals.trials`): one row per decision, of which k draws were taken in the same
situation. c of them are right. The items are the clusters, whatever k is: more draws say more of an item and nothing of
other items.

    avg_at_k      mean of c / k
    pass_at_k     share of the decisions with c > 0 (Chen et al. 2021, 2107.03374)
    pass_hat_k    share of the decisions with c = k: pass^k (Yao et al. 2024, 2406.12045)
    vote_at_k     share of the decisions of which the plurality of the k draws is right: `self_consistency(k)`, from the
                  draws that there are
    outcome_consistency      mean of 1 - 4 c (k - c) / (k (k - 1)): (2p - 1)^2 of HAL's reliability battery, with the
                  unbiased estimate of p (1 - p). HAL's own (2 c/k - 1)^2 is too high by 4 p (1 - p) / k
    action_agreement         share of the pairs of draws that do the same
    sequence_consistency, distribution_consistency      how alike two trials of an episode are: see the table
    knowing_all_k, knowing_half_k   it is known if the recommendation is optimal in all, or in at least half of k draws
                  (Cheng et al. 2026, 2605.14038: what a model needs no tool for, by its own draws)
    gap_all_k, gap_half_k    share of the draws that are not optimal although it is known in that sense
    sampling_variance, item_variance   the variance of a draw around its item's mean, and of the items' means around the
                  whole, by one-way analysis of variance (Searle, Casella and McCulloch 1992, ch. 3). The second is a
                  difference of two estimates and may fall below 0: then no difference of items is to be seen

For n up to k: `by_draws`, whose pass@n = 1 - C(k - c, n) / C(k, n) and pass^n = C(c, n) / C(k, n) use all draws,
whose vote is that of the first n, and whose `tied` is the share of the decisions where that is a draw.
"""

from __future__ import annotations

from functools import partial
from math import comb

import numpy as np
import polars as pl

from ...errors import NotMeasured
from ..inference import Array, Estimate, Interval
from .base import Metric, metric, register_metric
from .totals import OfTotals, by_item, quotient

NOT_REPEATED = "every decision was drawn once: run with trials = 5, or akrasia run FILE --trials 5"
TRIAL_CONTRASTED = ("avg_at_k", "pass_hat_k")
SHOWN = (*range(1, 17), 20, 24, 32, 40, 50, 64, 80, 100, 128, 200, 256, 400, 500)  # numbers of draws that are shown
_K, _C, _KNOWN = pl.col("trials"), pl.col("right"), pl.col("known")
_ALL_KNOWN = pl.col("asked") & (_KNOWN == _K)
_HALF_KNOWN = pl.col("asked") & (2 * _KNOWN >= _K)
_PAIRS = _K * (_K - 1) / 2
_NO_RATIONALE = "no rationale was asked for"
_HAL = "HAL reliability battery (princeton-pli/hal-harness)"
_CHENG = "Cheng et al. 2026 (2605.14038), knowing by own draws"


def _of_trials(
    name: str, title: str, source: str, num: pl.Expr, den: pl.Expr | None = None, unit: str = "share", **more: str
) -> Metric:
    more = {"why": NOT_REPEATED, **more}
    return metric(name, title, num, pl.lit(1.0) if den is None else den, unit, source, of="trials", **more)


_of_trials("avg_at_k", "avg@k", "mean share of k draws that are right", _C, _K)
_of_trials("pass_at_k", "pass@k", "Chen et al. 2021 (2107.03374): some of k draws is right", _C > 0)
_of_trials("pass_hat_k", "pass^k", "Yao et al. 2024 (2406.12045): all of k draws are right", _C == _K)
_of_trials(
    "vote_at_k",
    "vote@k",
    "Wang et al. 2022 (2203.11171): the plurality of k draws is right, without new calls",
    pl.col("voted").list.last(),
    pl.col("voted").is_not_null(),
)
_of_trials(
    "outcome_consistency",
    "outcome consistency",
    f"{_HAL}: (2p - 1)^2 of a decision, by the unbiased estimate of p (1 - p)",
    1 - 4 * _C * (_K - _C) / (_K * (_K - 1)),
    unit="consistency",
)
_of_trials(
    "action_agreement",
    "action agreement",
    "share of the pairs of draws that do the same",
    _PAIRS * pl.col("agree"),
    _PAIRS * pl.col("agree").is_not_null(),
)
_of_trials(
    "sequence_consistency",
    "trajectory consistency (order)",
    f"{_HAL}: 1 - normalised edit distance of two trials' actions over an episode",
    pl.col("sequence"),
    pl.col("sequence").is_not_null(),
    per="episode",
)
_of_trials(
    "distribution_consistency",
    "trajectory consistency (shares)",
    f"{_HAL}: 1 - Jensen-Shannon distance of two trials' actions over an episode",
    pl.col("distribution"),
    pl.col("distribution").is_not_null(),
    per="episode",
)
for _name, _title, _known in (("all", "all", _ALL_KNOWN), ("half", "half", _HALF_KNOWN)):
    _of_trials(f"knowing_{_name}_k", f"knowing ({_title} of k)", _CHENG, _known, pl.col("asked"), why=_NO_RATIONALE)
    _of_trials(
        f"gap_{_name}_k",
        f"gap ({_title} of k)",
        f"{_CHENG}: known so, and this draw does something else",
        _known * (_K - _C),
        pl.col("asked") * _K,
        why=_NO_RATIONALE,
    )


def _item_scores(table: pl.DataFrame) -> tuple[Array, float]:
    """Per item: 1, its mean, that squared, and the variance of its trials, as it is and divided by k."""
    codes, _ = by_item(table)
    k = int(table["trials"].min() or 0)  # type: ignore[arg-type]
    columns = [pl.col("draws").list.get(t).cast(pl.Float64).mean().alias(f"trial {t}") for t in range(k)]
    whole = table.with_columns(code=pl.Series(codes)).group_by("code").agg(*columns).sort("code")
    scores = whole.drop("code").to_numpy()
    mean, spread = scores.mean(axis=1), scores.var(axis=1, ddof=1)
    rows = [mean**0, mean, mean**2, spread, spread / k]
    return np.stack(rows, axis=1), float(table.height * k)


def _item_variance(totals: Array) -> Array:
    n, mean, square, _, of_mean = (totals[..., i] for i in range(5))
    return quotient(square - quotient(mean**2, n), n - 1) - quotient(of_mean, n)


for _name, _title, _statistic, _what in (
    (
        "sampling_variance",
        "variance of one draw",
        lambda t: quotient(t[..., 3], t[..., 0]),
        "of a draw around the mean of its item",
    ),
    ("item_variance", "variance of items", _item_variance, "of the items' means, without what the draws add to it"),
):
    _source = f"one-way analysis of variance (Searle et al. 1992): variance {_what}, in squared shares"
    register_metric(
        OfTotals(_name, _title, "variance", _source, _item_scores, _statistic, "there is one item alone", of="trials")
    )


def by_draws(table: pl.DataFrame, interval: Interval = "robust") -> dict[str, dict[str, Estimate]]:
    """pass@n, pass^n and the vote of the first n draws, for every n from 1 to k.

    Args:
        table: the trials of one variant.

    Raises:
        NotMeasured: the table is empty.
    """
    if table.is_empty():
        raise NotMeasured(NOT_REPEATED)
    k = int(table["trials"].min() or 0)  # type: ignore[arg-type]
    return {str(n): _at(table, n, k, interval) for n in (*(n for n in SHOWN if n < k), k)}


def _is_tied(actions: pl.Series) -> bool:
    """Whether several actions have the most votes."""
    counts = actions.drop_nulls().value_counts(sort=True)["count"]
    return len(counts) > 1 and bool(counts[0] == counts[1])


def _at(table: pl.DataFrame, n: int, k: int, interval: Interval) -> dict[str, Estimate]:
    counts = range(k + 1)
    some = {c: 1 - comb(k - c, n) / comb(k, n) for c in counts}
    every = {c: comb(c, n) / comb(k, n) for c in counts}
    made = partial(Metric, unit="share", source="", of="trials")
    sets = k / n  # as many sets of n draws, none of which shares a draw with another
    columns = {
        "pass_at": (sets * _C.replace_strict(some, return_dtype=pl.Float64), sets),
        "pass_hat": (sets * _C.replace_strict(every, return_dtype=pl.Float64), sets),
    }
    if not table["voted"].null_count():
        columns["vote"] = (pl.col("voted").list.get(n - 1), 1.0)
    if "actions" in table.columns and not table["actions"].null_count():
        tied = pl.col("actions").list.head(n).map_elements(_is_tied, return_dtype=pl.Boolean)
        columns["tied"] = (tied, 1.0)
    return {
        name: made(f"{name} {n}", name, num=num, den=pl.lit(den))(table, interval)
        for name, (num, den) in columns.items()
    }
