"""Who changes its mind, and to what: flips within one decision, from a speaker's turn to its next.

A flip is a position that becomes right or stops being right. The metrics are shares of all turns that follow an
earlier one of the same speaker, and the two conditionals; turns that only pass on what all agreed on are left out.
`flips_by` gives them by round or by speaker (Huang et al. 2023, 2310.01798: report both
directions, since their difference hides them).
"""

from __future__ import annotations

from typing import Literal

import polars as pl

from ...errors import NotMeasured
from ..inference import Estimate, Interval
from .base import Metric, metric

_AGAIN = pl.col("spoken_before") & ~pl.col("skipped") & pl.col("right").is_not_null()
_WAS, _IS = pl.col("right_before").fill_null(False), pl.col("right").fill_null(False)
_NONE = "nobody speaks twice in a decision, or the answers are texts"
_SOURCE = "Huang et al. 2023 (2310.01798)"


def _flip(name: str, title: str, source: str, num: pl.Expr, den: pl.Expr = _AGAIN, why: str = _NONE) -> Metric:
    return metric(name, title, num & den, den, source=f"{_SOURCE}: {source}", why=why, of="turns")


wrong_to_right = _flip("wrong_to_right", "wrong -> right", "turns that were wrong before and are right", ~_WAS & _IS)
right_to_wrong = _flip("right_to_wrong", "right -> wrong", "turns that were right before and are wrong", _WAS & ~_IS)
corrected = _flip(
    "corrected",
    "P(right | was wrong)",
    "of the turns that were wrong before",
    _IS,
    _AGAIN & ~_WAS,
    "no speaker was wrong and spoke again",
)
spoiled = _flip(
    "spoiled",
    "P(wrong | was right)",
    "of the turns that were right before",
    ~_IS,
    _AGAIN & _WAS,
    "no speaker was right and spoke again",
)
moved = metric(
    "turn_moved",
    "turns that move",
    pl.col("position").ne_missing(pl.col("before")) & pl.col("spoken_before") & ~pl.col("skipped"),
    pl.col("spoken_before") & ~pl.col("skipped"),
    source="the position is another than the speaker's before, right or wrong",
    why="nobody speaks twice in a decision",
    of="turns",
)


def flips_by(
    turns: pl.DataFrame, by: Literal["round", "speaker"], interval: Interval = "robust"
) -> dict[str, dict[str, Estimate]]:
    """Flips of one variant per round or speaker: {"1": {"wrong_to_right": ..., "right_to_wrong": ...}, ...}.

    Raises:
        NotMeasured: nobody speaks twice in a decision, or the answers are texts.
    """
    again = turns.filter(_AGAIN)
    if again.is_empty():
        raise NotMeasured(_NONE)
    return {
        str(key): {m.name: m(part, interval) for m in (wrong_to_right, right_to_wrong)}
        for (key,), part in sorted(again.group_by(by), key=lambda group: group[0])
    }
