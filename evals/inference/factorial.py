"""Contrasts of several cells over the same items: main effects and interaction of a two-way table.

A contrast is a weighted sum of ratios, one ratio a cell, all over the same items; the weights add up to 0. The
interaction of a 2 x 2 table has the weights +1, -1, -1, +1: how much more a change does in the second row than in the
first. Its null hypothesis is that what the change does is alike in both rows *as a difference of shares*: an
interaction on that scale may be none on the scale of odds, and the other way round.

Invariants: turning all weights around turns the sign of the contrast and of its interval and leaves its p; with two
cells it is `paired.contrast`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...errors import BadOption
from .intervals import bca, t_quantile, wilson
from .paired import sign_flip
from .ratios import TINY, Array, effective_clusters, linearised, ratio, standard_error, uneven_error
from .values import ONE, Contrast, Estimate, Interval


def cell_contrast(
    cells: Sequence[tuple[Array, Array]],
    weights: Sequence[float],
    metric: str,
    variant: str,
    against: str,
    interval: Interval = "robust",
    proportion: bool = True,
) -> Contrast:
    """The weighted sum of the cells' ratios, with its interval and the sign-flip test of its being 0.

    Args:
        cells: (num, den) per item of each cell, all aligned, each of shape (clusters,).
        weights: one per cell, adding up to 0.
        metric, variant, against: what the contrast is called; together they name the random stream.
        proportion: whether the ratios are shares in [0, 1].

    Source: t interval of the linearised values over items (Cochran 1977, 6.12), for a linear combination of ratios.
    The test turns the signs of whole items. Where all cells of an item have the same denominator it swaps the
    cells of positive with those of negative weight, and is exact if these could have been swapped; elsewhere it turns
    the linearised values, and holds its level for many items.

    Raises:
        BadOption: the weights do not add up to 0 or are not one per cell.
    """
    if len(weights) != len(cells) or abs(sum(weights)) > TINY or not any(weights):
        raise BadOption(f"a contrast of {len(cells)} cells has the weights {list(weights)}", "they do not add up to 0")
    name = f"{metric}/{variant}/{against}"
    arrays = [(np.asarray(n, float), np.asarray(d, float)) for n, d in cells]
    used = np.any([d != 0 for _, d in arrays], axis=0)
    arrays = [(n[used], d[used]) for n, d in arrays]
    clusters = int(used.sum())
    parts = [(w, n, d) for w, (n, d) in zip(weights, arrays, strict=True)]
    value = float(sum(w * float(ratio(n, d)) for w, n, d in parts))
    if clusters == 0 or np.isnan(value):
        return Contrast(metric, variant, against, Estimate(None, why="a cell has no step to measure it on"))
    steps = min(float(d.sum()) for _, d in arrays)
    if clusters == 1:
        return Contrast(metric, variant, against, Estimate(value, n=steps, clusters=1, why=ONE))
    pulls: Array = np.sum([w * linearised(n, d) for w, n, d in parts], axis=0)
    spread, size = standard_error(pulls), sum(abs(w) for w in weights) / 2
    effective = effective_clusters([d for _, d in arrays], weights)
    error, count = (spread, clusters) if effective is None else (uneven_error(parts), effective)
    low: float | None
    high: float | None
    if error == 0 and proportion:
        reach = size * wilson(0.0, 0.0, count, steps)[1]
        low, high = value - reach, value + reach
    elif error > 0 and interval == "bootstrap":
        low, high = bca(tuple(x for cell in arrays for x in cell), _combined(weights), name, effective=effective)
    else:
        low, high = value - t_quantile(count) * error, value + t_quantile(count) * error
    if proportion and low is not None and high is not None:
        low, high = max(low, -size), min(high, size)
    return Contrast(
        metric,
        variant,
        against,
        Estimate(value, low, high, steps, clusters, effective=effective),
        p=sign_flip(*_two_sides(arrays, weights, pulls * clusters + value), name),
        d_z=value / (spread * clusters**0.5) if spread > 0 else None,
    )


def _combined(weights: Sequence[float]) -> Callable[..., Array]:
    """The contrast as a function of nums and denominators in turn, for the bootstrap."""

    def statistic(*flat: Array, axis: int = -1) -> Array:
        ratios = [ratio(n, d, axis) for n, d in zip(flat[::2], flat[1::2], strict=True)]
        result: Array = np.sum([w * r for w, r in zip(weights, ratios, strict=True)], axis=0)
        return result

    return statistic


def _two_sides(
    cells: Sequence[tuple[Array, Array]], weights: Sequence[float], values: Array
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """What the test swaps within items: the cells that count up and those that count down.

    With equal denominators these are sums of steps, whose swaps can be counted out exactly; otherwise each item's
    value against 0.
    """
    first = cells[0][1]
    sizes = {abs(w) for w in weights if w}
    if len(sizes) == 1 and all(np.array_equal(d, first) for _, d in cells):
        size = sizes.pop()
        up, down = (np.sum([n for w, (n, _) in zip(weights, cells, strict=True) if w * s > 0], axis=0) for s in (1, -1))
        return (up, first / size), (down, first / size)
    return (values, np.ones_like(values)), (np.zeros_like(values), np.ones_like(values))
