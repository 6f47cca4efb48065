"""What repeated draws of one item tell, where each is an episode of its own: in runs that were made elsewhere.

    pass_at    of n draws of an item one at least is right: 1 - C(k - c, n) / C(k, n)    (Chen et al. 2021, 2107.03374)
    pass_hat   all n are right: C(c, n) / C(k, n)                          (pass^n, Yao et al. 2024, 2406.12045)
    vote       the answer that most of the first n draws give is right; ties go to the earliest, and a draw without an
               answer abstains: what self-consistency over n draws decides          (Wang et al. 2022, 2203.11171)

    tied       several answers share the most votes of the first n

k draws of an item are there and c of them are right. `pass_at` for the largest n is the ceiling that choosing the best
of n could reach. Items are the clusters, whatever k is.

Invariant: n goes as far as every item has draws, so that every figure is over the same items.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import comb

import numpy as np
import polars as pl

from ...errors import NotMeasured
from ..inference import Estimate, Interval, estimate

__all__ = ["draws_of_items", "is_tied", "plurality_is_right"]

SHOWN = (1, 2, 3, 4, 5, 6, 8, 10, 16, 20, 32, 50, 64, 100, 128, 200, 256, 500, 1000)
MOST_VOTES = 1_000_000  # draws beyond which votes are not counted
_ONCE = "every item was drawn once"


def draws_of_items(steps: pl.DataFrame, interval: Interval = "robust") -> dict[str, dict[str, Estimate]]:
    """The three figures of one arm for n = 1, 2, ... draws of an item: {"2": {"pass_at": ..., "pass_hat": ...}, ...}.

    Args:
        steps: its rows of the table made by `akrasia.evals.frame`.

    Raises:
        NotMeasured: some item was drawn once, or no row says which draw it is.
    """
    drawn = steps.filter(pl.col("trial").is_not_null() & (pl.col("step") == steps["step"].min()))
    if drawn.is_empty() or steps["step"].n_unique() > 1:
        raise NotMeasured(_ONCE)
    items = (
        drawn.sort("trial")
        .group_by("item", maintain_order=True)
        .agg(right=pl.col("does"), done=pl.when("valid").then("done"), k=pl.len())
    )
    fewest = int(items["k"].min() or 0)  # type: ignore[arg-type]
    if fewest < 2:
        raise NotMeasured(_ONCE)
    some = [n for n in SHOWN if n < fewest] + [fewest]
    right = items["right"].list.sum().to_numpy()
    k = items["k"].to_numpy()
    votes = _votes(items, some) if drawn.height <= MOST_VOTES else {}
    rows: dict[str, dict[str, Estimate]] = {}
    for n in some:
        figures = {
            "pass_at": [1 - comb(int(d - c), n) / comb(int(d), n) for c, d in zip(right, k, strict=True)],
            "pass_hat": [comb(int(c), n) / comb(int(d), n) for c, d in zip(right, k, strict=True)],
            **votes.get(n, {}),
        }
        rows[str(n)] = {name: _share(values, f"{name} {n}", interval) for name, values in figures.items()}
    return rows


def plurality_is_right(done: Sequence[str | None], right: Sequence[bool]) -> bool:
    """Whether the answer that most draws give is right; ties go to the earliest, and None abstains."""
    counts = Counter(answer for answer in done if answer is not None)
    if not counts:
        return False
    first = max(counts, key=counts.__getitem__)
    return any(r for answer, r in zip(done, right, strict=True) if answer == first)


def is_tied(done: Sequence[str | None]) -> bool:
    """Whether several answers are given most often."""
    counts = sorted(Counter(answer for answer in done if answer is not None).values())
    return len(counts) > 1 and counts[-1] == counts[-2]


def _votes(items: pl.DataFrame, some: Sequence[int]) -> dict[int, dict[str, list[float]]]:
    rows = list(zip(items["done"].to_list(), items["right"].to_list(), strict=True))
    return {
        n: {
            "vote": [float(plurality_is_right(done[:n], right[:n])) for done, right in rows],
            "tied": [float(is_tied(done[:n])) for done, _ in rows],
        }
        for n in some
    }


def _share(values: Sequence[float], name: str, interval: Interval) -> Estimate:
    num = np.asarray(values, dtype=np.float64)
    return estimate(num, np.ones_like(num), name, proportion=True, interval=interval)
