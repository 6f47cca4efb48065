"""Worst and best case in a run that was looked at while it went on: anytime-valid, every missing outcome filled in.

Invariant: what is followed is one metric with its missing outcomes taken for 1, or for 0, so the episodes enter as they
do without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from .anytime import InterimLooks, follow, follow_pair, paired_sequence
from .inference import Bounds, Estimate
from .inference import Sequence as AnytimeSequence
from .metrics import Metric
from .pairs import Pairing, Side

_UNBOUNDED = "the run was looked at while it went on, and only shares of steps have intervals that hold then"


def arm_at_looks(metric: Any, arm: Side, looks: InterimLooks, level: float) -> tuple[Estimate, Bounds | None]:
    """A metric of one arm, and what missing outcomes could have made of it; None where none is missing."""
    if not isinstance(metric, Metric) or metric.unit != "share" or metric.of != "steps":
        return Estimate(None, why=_UNBOUNDED), None
    steps = arm.steps.filter(pl.col("episode") < looks.at[-1])

    def followed(metric: Metric, steps: pl.DataFrame) -> Estimate:
        sequence = AnytimeSequence(looks.bounds[steps["task"][0]], level)
        follow(sequence, metric, steps)
        return sequence.estimate if sequence.estimate.value is not None else Estimate(None, why=metric.why)

    ends = [followed(*_filled(metric, steps, missing_is)) for missing_is in (False, True)]
    return followed(metric, steps), _bounds_of(ends, metric, [steps])


def pair_at_looks(
    metric: Metric, pairing: Pairing, looks: InterimLooks, level: float
) -> tuple[Estimate, Bounds | None]:
    """The same of the difference of two arms."""
    if metric.unit != "share":
        return Estimate(None, why=_UNBOUNDED), None
    pairing = pairing.before(looks.at[-1])
    always = not any(side.steps["variant"][0] in looks.unmatched for side in pairing.sides)
    bound = looks.bounds[pairing.a.steps["task"][0]]

    def followed(metric: Metric, sides: Sequence[Side]) -> Estimate:
        sequence = paired_sequence(metric, bound, pairing.planned, level, always_stated=always)
        follow_pair(sequence, metric, replace(pairing, sides=tuple(sides)))
        return sequence.estimate if sequence.episodes else Estimate(None, why=metric.why)

    ends = []
    for missing_are in ((False, True), (True, False)):
        filled = [_filled(metric, s.steps, is_) for s, is_ in zip(pairing.sides, missing_are, strict=True)]
        sides = [replace(s, steps=steps) for s, (_, steps) in zip(pairing.sides, filled, strict=True)]
        ends.append(followed(filled[0][0], sides))
    return followed(metric, pairing.sides), _bounds_of(ends, metric, [s.steps for s in pairing.sides])


def _filled(metric: Metric, steps: pl.DataFrame, missing_is: bool) -> tuple[Metric, pl.DataFrame]:
    """A metric and its rows, with every outcome that is missing taken for 1, or for 0."""
    if metric.missing is None:
        return metric, steps
    missing = metric.missing.fill_null(False)
    known = metric.num.cast(pl.Boolean).fill_null(False) & ~missing
    den = metric.den.cast(pl.Boolean).fill_null(False) | missing
    filled = replace(metric, num=known | (missing & pl.col("missing_is")), den=den, missing=None)
    return filled, steps.with_columns(missing_is=pl.lit(missing_is))


def _bounds_of(ends: Sequence[Estimate], metric: Metric, tables: Sequence[pl.DataFrame]) -> Bounds | None:
    """Both ends as bounds; None where nothing is missing, or the metric does not say."""
    if metric.missing is None:
        return None
    lost = [table.select(metric.missing.fill_null(False)).to_series() for table in tables]
    count, rows = sum(int(column.sum()) for column in lost), sum(len(column) for column in lost)
    return Bounds(ends[0], ends[1], count / rows) if count else None
