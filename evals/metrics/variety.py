"""Is what is chosen one and the same label? Guards against a model that answers one letter, or one place, always.

    label_entropy   H(labels chosen) = -sum_a f_a ln f_a over the steps that chose something, in nats; 0: one label
    place_entropy   the same of the place that the choice has in the list of actions shown, divided by ln(actions): 1 is
                    even, 0 is always the same place

Both are plug-in estimates, which fall short with few steps: by some (k - 1) / 2n for k labels and n steps (Miller
1955). Resamples of episodes hold fewer labels than were seen, so a bootstrap falls short once more: there is no
interval.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import polars as pl

from ...errors import NotMeasured
from ..inference import Array
from .base import CLUSTER, register_metric
from .totals import OfTotals, by_item, quotient, summed

NO_INTERVAL = "the entropy of few steps falls short, and so do resamples of them"
WHY = "no step chose one of several actions"


def entropy_nats(counts: Array) -> Array:
    """Entropy in nats of counts, shape (..., k) -> (...); not-a-number where there are none."""
    share = quotient(counts, counts.sum(-1, keepdims=True))
    return np.asarray(
        np.where(np.isfinite(share).all(-1), -(share * np.log(np.where(share > 0, share, 1))).sum(-1), np.nan)
    )


def _counts(frame: pl.DataFrame, column: str) -> tuple[Array, float]:
    """Per item, how often each label (or place) was chosen; the last column is the sum of ln(actions)."""
    wanted = dict.fromkeys((*CLUSTER, "episode", "place", "actions", column))  # of a long run's table no more is copied
    rows = frame.select(*wanted).filter(pl.col("place").is_not_null())
    if rows.is_empty():
        raise NotMeasured(WHY)
    codes, items = by_item(rows)
    values = rows[column].rank("dense").to_numpy().astype(np.intp) - 1
    ones = np.ones(rows.height)
    counts = summed(codes, items, values, int(values.max()) + 1, ones)
    logs = np.log(rows["actions"].to_numpy().astype(np.float64))
    return np.column_stack([counts, np.bincount(codes, logs, items)]), float(rows.height)


def _places(totals: Array) -> Array:
    counts = totals[..., :-1]
    return quotient(entropy_nats(counts), quotient(totals[..., -1], counts.sum(-1)))


for _name, _unit, _column, _what, _statistic in (
    (
        "label_entropy",
        "nats",
        "done",
        "entropy of the labels chosen; 0 is one label always",
        lambda t: entropy_nats(t[..., :-1]),
    ),
    ("place_entropy", "share", "place", "entropy of the places chosen in the list shown, over ln(actions)", _places),
):
    _counted = partial(_counts, column=_column)
    register_metric(OfTotals(_name, _name.replace("_", " "), _unit, _what, _counted, _statistic, WHY, NO_INTERVAL))
