"""Answers to a question set, question by question: lifting the mean but not the worst variation closes little.

    spread       accuracy of the best item - accuracy of the worst (Nezhurina et al. 2024, 2406.02061: the variations of
                 one problem differ in nothing but numbers, so a reasoner has a spread of 0)
    worst_item   accuracy of the worst item

Both are extremes over items, so with few answers per item chance alone spreads them: `accuracies` shows what is behind.
An item is here one question of the set (column `question`), and the set is what is asked about: it is not a sample of
other questions. So what varies is the model's answer, and the episodes in which a question is asked are its draws.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ...errors import NotMeasured
from ..inference import Array, Estimate, Interval
from .base import estimate_of, register_metric
from .totals import OfTotals, blocks, by_cluster, quotient, summed

_DRAW = ["task", "model", "episode"]
MOST = 1000  # items beyond which a question set is no set of variations
_NO_ITEMS = "the task has no items: it belongs to question sets"


def accuracies(frame: pl.DataFrame, interval: Interval = "robust") -> dict[str, Estimate]:
    """Share of right answers per item of one variant, sorted by item.

    Raises:
        NotMeasured: the task has no items.
    """
    answers = frame.filter(pl.col("question").is_not_null())
    if answers.is_empty():
        raise NotMeasured(_NO_ITEMS)
    key = ["question", *_DRAW]
    sums = answers.group_by(key).agg(num=pl.col("does").sum(), den=pl.len()).sort(key)
    return {
        str(item): estimate_of(part, f"accuracy of {item}", interval=interval)
        for (item,), part in sums.group_by("question", maintain_order=True)
    }


def _per_item(frame: pl.DataFrame) -> tuple[Array, float]:
    """Per episode: right answers of every item, then answers of every item; shape (episodes, 2 * items)."""
    answers = frame.filter(pl.col("question").is_not_null())
    if answers.is_empty():
        raise NotMeasured(_NO_ITEMS)
    items = answers["question"].unique().sort()
    often = answers.group_by("question").agg(pl.struct(_DRAW).n_unique().alias("episodes"))["episodes"].min()
    if len(items) < 2:
        raise NotMeasured("there is one item only, so nothing varies")
    if len(items) > MOST or int(str(often)) < 2:
        raise NotMeasured("each item must be answered in several episodes, or its accuracy is one draw")
    codes, episodes = by_cluster(answers, _DRAW)
    place = items.search_sorted(answers["question"]).to_numpy().astype(np.intp)
    right = summed(codes, episodes, place, len(items), answers["does"].to_numpy().astype(np.float64))
    return np.concatenate([right, summed(codes, episodes, place, len(items))], axis=1), float(answers.height)


def _spread(totals: Array) -> Array:
    rates = quotient(*blocks(totals))  # a resample may lack an item: it then says nothing about it
    return np.asarray(np.fmax.reduce(rates, axis=-1) - np.fmin.reduce(rates, axis=-1))


def _worst(totals: Array) -> Array:
    return np.asarray(np.fmin.reduce(quotient(*blocks(totals)), axis=-1))


_AIW = "Nezhurina et al. 2024 (2406.02061)"
for _name, _statistic, _what in (
    ("spread", _spread, "best item less that of the worst"),
    ("worst_item", _worst, "worst item"),
):
    _source = f"{_AIW}: accuracy of the {_what}"
    register_metric(OfTotals(_name, _name.replace("_", " "), "share", _source, _per_item, _statistic, _NO_ITEMS))
