"""Directed and random exploration, at the first free choice of the task `horizon` (Wilson et al. 2014).

    directed_exploration   P(takes the less known lever), long less short horizon, where forced pulls were 1 and 3
    random_exploration     P(takes the lever with the lower mean), long less short horizon, where they were 2 and 2

An agent that only follows what paid best has 0 in both; one that flails has 0 in both too, and 0.5 in each share. So
look at `doing` beside them, whose oracle knows what exploration is worth.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl

from ...errors import NotMeasured
from ..inference import Array
from .base import register_metric
from .totals import OfTotals, by_item, quotient, summed

_WILSON = "Wilson et al. 2014 (J. Exp. Psychol. Gen. 143): long less short horizon, first free choice"
_NONE = "there is no first free choice of both horizons: it belongs to the task horizon"


def _parts(frame: pl.DataFrame, condition: str, taken: pl.Expr) -> tuple[Array, float]:
    """Per item: short and long, taken and all."""
    asked = pl.col("question").str.extract(r"^(equal|unequal), horizon \d+$", 1)
    length = pl.col("question").str.extract(r"^(?:equal|unequal), horizon (\d+)$", 1).cast(pl.Int64)
    rows = frame.filter((pl.col("task") == "horizon") & (asked == condition) & pl.col("valid") & (pl.col("step") == 4))
    if rows.is_empty():
        raise NotMeasured(_NONE)
    long = rows.select(length > 1).to_series().to_numpy().astype(np.intp)
    hit = rows.select(taken.fill_null(False)).to_series().to_numpy().astype(np.intp)
    codes, items = by_item(rows)
    return summed(codes, items, 2 * long + hit, 4), float(rows.height)


def _longer_less_shorter(totals: Array) -> Array:
    short, long = totals[..., :2], totals[..., 2:]
    return np.asarray(quotient(long[..., 1], long.sum(-1)) - quotient(short[..., 1], short.sum(-1)))


for _name, _title, _condition, _taken, _what in (
    ("directed_exploration", "directed exploration", "unequal", ~pl.col("familiar"), "takes the less known lever"),
    ("random_exploration", "random exploration", "equal", pl.col("habit") != "greedy", "takes the lower mean"),
):
    register_metric(
        OfTotals(
            _name,
            _title,
            "difference",
            f"{_WILSON}: P({_what})",
            partial(_parts, condition=_condition, taken=_taken),
            _longer_less_shorter,
            _NONE,
        )
    )
