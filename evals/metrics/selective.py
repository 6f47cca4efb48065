"""What would be gained by answering only where it is sure: risk against coverage, and abstention.

By confidence (what the model says) or token probability, the surest decisions are answered first. The risk at a
coverage is the share of those answered that are wrong; decisions that are equally sure are in random order.

    aurc             area under the risk-coverage curve: the mean risk over all coverages (Geifman and El-Yaniv 2017,
                     1705.08500); 0 is best, the error rate is confidence that tells nothing
    excess_aurc      the same, less that of the same decisions with all errors last (Geifman et al. 2019, 1805.08206)
    risk_coverage    1 - excess / excess of confidence that tells nothing: 1 is best, 0 tells nothing, below 0 misleads
                     (HAL reliability battery, which cuts it off at 0)

Where a variant may abstain (`| allow_abstention`), its baseline has answered the same situations:

    abstention            share of the decisions in which it abstains
    abstention_precision  P(the baseline is wrong there | it abstains); against it, the baseline's error rate
    abstention_recall     P(it abstains | the baseline is wrong there)
    answered_right        P(right | it answers)
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl

from ..inference import Array
from .base import metric, register_metric
from .confidence import KINDS, OfLevels, rows_with_confidence
from .totals import OfTotals, blocks, by_item, quotient

ONE_CLASS = "all decisions are right, or all are wrong: no order of them is better than another"


def _harmonics(counts: Array) -> Array:
    """The harmonic number of each whole number: 1 + 1/2 + ... + 1/n."""
    places = counts.astype(np.intp)
    known = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, places.max(initial=0) + 1))])
    return np.asarray(known[places])


def _split(totals: Array) -> tuple[Array, Array]:
    """Wrong and right per level of confidence, the surest first."""
    wrong, right = blocks(totals)
    return wrong[..., ::-1], right[..., ::-1]


def aurc_of(totals: Array) -> Array:
    """Area under the risk-coverage curve from counts of wrong and right per level, shape (..., 2 * levels), least sure
    first. Within a level the order is random: the expected area.
    """
    wrong, right = _split(totals)
    size = wrong + right
    ends, errors = size.cumsum(-1), wrong.cumsum(-1) - wrong
    steps = np.diff(_harmonics(ends), prepend=0.0)
    share = np.divide(wrong, size, out=np.zeros_like(wrong), where=size > 0)
    return quotient((errors * steps + share * (size - (ends - size) * steps)).sum(-1), size.sum(-1))


def excess_of(totals: Array) -> Array:
    """The same, less the area of the same decisions with all errors last."""
    wrong, right = (part.sum(-1) for part in _split(totals))
    whole = wrong + right
    best = quotient(wrong - right * (_harmonics(whole) - _harmonics(right)), whole)
    return aurc_of(totals) - best


def risk_coverage_of(totals: Array) -> Array:
    """1 - excess / excess of a random order."""
    wrong, right = (part.sum(-1) for part in _split(totals))
    excess = excess_of(totals)
    best = aurc_of(totals) - excess
    return 1 - quotient(excess, quotient(wrong, wrong + right) - best, 1e-12)


_HAL = "HAL reliability battery: 1 - excess AURC / that of a random order; not cut off at 0"
for _prefix, (_column, _reading, _why) in KINDS.items():
    for _name, _title, _unit, _of, _source in (
        ("aurc", "AURC", "share", aurc_of, "Geifman and El-Yaniv 2017 (1705.08500): mean risk over all coverages"),
        (
            "excess_aurc",
            "excess AURC",
            "score",
            excess_of,
            "Geifman et al. 2019 (1805.08206): AURC less the best order's",
        ),
        ("risk_coverage", "risk-coverage score", "score", risk_coverage_of, _HAL),
    ):
        _whose = f"{_prefix}{_name}", f"{_title} ({_reading})"
        register_metric(OfLevels(*_whose, _unit, _source, _column, _why, _of, ONE_CLASS))


def risk_coverage(
    frame: pl.DataFrame, column: str = "confidence", coverages: tuple[float, ...] = (0.2, 0.4, 0.6, 0.8, 1.0)
) -> dict[float, float]:
    """The risk at some coverages: what share of the surest decisions is wrong; ties are in random order.

    Raises:
        NotMeasured: no decision has a confidence.
    """
    sure, right, _, _ = rows_with_confidence(frame, column, KINDS[""][2])
    known, place = np.unique(-sure, return_inverse=True)
    size = np.bincount(place, minlength=len(known)).astype(np.float64)
    wrong = np.bincount(place, weights=1 - right, minlength=len(known))
    seen, errors = np.concatenate([[0.0], size.cumsum()]), np.concatenate([[0.0], wrong.cumsum()])
    return {c: float(np.interp(c * len(sure), seen, errors) / (c * len(sure))) for c in coverages}


_MAY = pl.col("plan").str.contains("allow_abstention")
_ABSTAINS = pl.col("status") == "abstained"
_WHY = "it may not abstain: add the variant `| allow_abstention`"
_SELECTIVE = "selective prediction (El-Yaniv and Wiener 2010)"
_of_steps = partial(metric, why=_WHY)
_of_steps("abstention", "abstention", _ABSTAINS & _MAY, _MAY, source=f"{_SELECTIVE}: 1 - coverage")
_of_steps(
    "answered_right",
    "right where it answers",
    pl.col("does") & _MAY,
    _MAY & ~_ABSTAINS,
    source=f"{_SELECTIVE}: 1 - selective risk",
)
_of_steps(
    "abstention_precision",
    "abstention precision",
    _MAY & _ABSTAINS & ~pl.col("does_base"),
    _MAY & _ABSTAINS,
    source="HAL reliability battery: P(the baseline is wrong there | it abstains)",
    of="pairs",
    why=f"{_WHY}; or it never abstained",
)
_of_steps(
    "abstention_recall",
    "abstention recall",
    _MAY & _ABSTAINS & ~pl.col("does_base"),
    _MAY & ~pl.col("does_base"),
    source="HAL reliability battery: P(it abstains | the baseline is wrong there)",
    of="pairs",
)


def _right_of_both(pairs: pl.DataFrame) -> tuple[Array, float]:
    """Per item, in how many situations the variant is right, and in how many its baseline."""
    codes, items = by_item(pairs)
    sums = [np.bincount(codes, pairs[c].to_numpy().astype(np.float64), items) for c in ("does", "does_base")]
    return np.stack(sums, axis=1), float(pairs.height)


register_metric(
    OfTotals(
        "robustness_ratio",
        "robustness ratio",
        "ratio",
        "HAL reliability battery: right under a change of what is shown / right without it, on the same situations",
        _right_of_both,
        lambda totals: quotient(totals[..., 0], totals[..., 1]),
        "the baseline is never right there",
        of="pairs",
    )
)
