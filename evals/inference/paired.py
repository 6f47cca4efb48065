"""Paired differences: two arms over the same items.

Under the null hypothesis the two arms of an item could have been swapped. The sign-flip test swaps them in every
way, so it holds its level exactly, for any number of items and any dependence within them (Fisher 1935; Pitman
1937).

Invariants: every quantity is symmetric in the arms (swapping them turns its sign, or leaves it); equal arms have p = 1.
"""

from __future__ import annotations

import math

import numpy as np

from ...rng import named_rng
from .distributions import binomial_cdf
from .intervals import bca, t_quantile, wilson
from .ratios import TINY, Array, aligned, effective_clusters, linearised, ratio, standard_error, uneven_error
from .values import ALIKE, ONE, Contrast, Estimate, Interval, kind_and_level

PERMUTATIONS = 9999
MOST = 10**6  # largest sum of whole steps whose distribution is worked out
LEAST = 1e-12  # below it the rounding of that distribution shows
CELLS = 10**7  # swaps of single items that are held at once: 80 MB


def contrast(
    a: tuple[Array, Array],
    b: tuple[Array, Array],
    metric: str,
    variant: str,
    against: str,
    interval: Interval = "robust",
    proportion: bool = True,
) -> Contrast:
    """Paired difference ratio(a) - ratio(b) over the same items, with interval, tests and effect sizes.

    Args:
        a, b: (num, den) per item, aligned, each of shape (clusters,).
        metric, variant, against: what is compared; together they name the random stream.
        interval: which kind of interval.
        proportion: whether the ratios are shares in [0, 1].

    Source: paired t interval of the linearised values (Cochran 1977, 6.12); Cohen 1988 for h; Cohen's d_z as in Lakens
    2013, Frontiers in Psychology 4:863, eq. 6, over the linearised values, which with equal denominators are the
    per-item differences.
    """
    name = f"{metric}/{variant}/{against}"
    (na, da), (nb, db) = aligned(a, b)
    clusters = len(na)
    share_a, share_b = float(ratio(na, da)), float(ratio(nb, db))
    value = share_a - share_b
    if clusters == 0 or np.isnan(value):
        return Contrast(metric, variant, against, Estimate(None, why="no step to compare on"))
    n = float(da.sum())
    if clusters == 1:
        return Contrast(metric, variant, against, Estimate(value, n=n, clusters=1, why=ONE))
    spread = standard_error(linearised(na, da) - linearised(nb, db))
    effective = effective_clusters([da, db])
    error = spread if effective is None else uneven_error([(1.0, na, da), (-1.0, nb, db)])
    count = effective or clusters
    kind, level = kind_and_level(interval)
    low: float | None
    high: float | None
    if error == 0 and proportion:
        # No item differs from the others: what can be said is how many such items an unseen one would follow.
        reach = wilson(0.0, 0.0, count, n, level)[1]
        low, high = value - reach, value + reach
    elif error == 0:
        low = high = None
    elif kind == "bootstrap":
        low, high = bca((na, da, nb, db), _difference, name, level, effective)
    else:
        reach = t_quantile(count, level) * error
        low, high = value - reach, value + reach
    if proportion and low is not None and high is not None:
        low, high = max(low, -1.0), min(high, 1.0)
    return Contrast(
        metric,
        variant,
        against,
        Estimate(value, low, high, n, clusters, "" if error > 0 or proportion else ALIKE, effective),
        p=sign_flip((na, da), (nb, db), name),
        p_mcnemar=mcnemar((na, da), (nb, db)),
        d_z=value / (spread * clusters**0.5) if spread > 0 else None,
        h=_cohens_h(share_a, share_b) if proportion else None,
    )


def _difference(na: Array, da: Array, nb: Array, db: Array, axis: int = -1) -> Array:
    result: Array = ratio(na, da, axis) - ratio(nb, db, axis)
    return result


def _cohens_h(a: float, b: float) -> float:
    """Difference of two shares on the scale where the spread of a share does not depend on it."""
    first, second = (math.asin(math.sqrt(min(max(share, 0.0), 1.0))) for share in (a, b))
    return 2 * (first - second)


def mcnemar(a: tuple[Array, Array], b: tuple[Array, Array]) -> float | None:
    """Exact two-sided p of McNemar's test; None unless every item is one step, right or wrong, in both arms.

    Source: McNemar 1947, Psychometrika 12(2); the exact form is the binomial test of the discordant pairs.
    """
    (na, da), (nb, db) = a, b
    single = bool(np.all((da == 1) & (db == 1)) and np.isin(na, (0, 1)).all() and np.isin(nb, (0, 1)).all())
    if not single:
        return None
    gained, lost = int(np.sum(na > nb)), int(np.sum(na < nb))
    return min(1.0, 2 * binomial_cdf(min(gained, lost), gained + lost))


def sign_flip(a: tuple[Array, Array], b: tuple[Array, Array], name: str = "") -> float:
    """Two-sided p of swapping the two arms within items.

    Exact wherever both arms count whole steps on equal denominators (down to 1e-12, which stands for anything smaller),
    and up to 13 differing items; else of 9,999 random swaps, with the observed one among them (Phipson and Smyth
    2010), which is valid too.

    Args:
        a, b: (num, den) per item, aligned, each of shape (clusters,).
        name: names the random stream.
    """
    (na, da), (nb, db) = a, b
    moves, shifts = nb - na, db - da
    moved = np.flatnonzero((moves != 0) | (shifts != 0))
    if not len(moved):
        return 1.0
    equal, whole = not shifts.any(), bool(np.all(moves == np.rint(moves)))
    if equal and whole and np.abs(moves).sum() <= MOST:
        return _exact(moves[moved].astype(int))
    exact = 2 ** len(moved) <= PERMUTATIONS
    # Both arms keep their common total, so that what one arm gains in a swap the other one loses.
    tops, bottoms = _swapped(np.stack((moves, shifts))[:, moved], exact, name)
    with np.errstate(invalid="ignore", divide="ignore"):
        flipped = (na.sum() + tops) / (da.sum() + bottoms) - (nb.sum() - tops) / (db.sum() - bottoms)
    flipped = flipped[np.isfinite(flipped)]  # swaps that leave an arm without a step say nothing
    observed = abs(float(_difference(na, da, nb, db)))
    extreme = int(np.sum(np.abs(flipped) >= observed * (1 - TINY) - TINY))
    return extreme / len(flipped) if exact else (extreme + 1) / (len(flipped) + 1)


def smallest_p(items: int) -> float:
    """The least p that the sign-flip test can give with so many items: all of them differ, and in one direction.

    Two of its 2^items equally likely outcomes are that extreme.
    """
    return float(min(1.0, 2.0 ** (1 - items)))


def _swapped(change: Array, exact: bool, name: str) -> Array:
    """What each permutation adds to the first arm: the sum of `change`, shape (2, items), over the swapped items.

    Where a table of all swaps would be large, items with the same change are drawn together: how many of c such
    items are swapped is Binomial(c, 1/2), so the sums have the same distribution as if each were drawn by itself.
    """
    m = change.shape[1]
    result: Array = np.zeros((2, PERMUTATIONS))
    if exact:
        swap = ((np.arange(2**m)[:, None] >> np.arange(m)) & 1).astype(float)
        result = change @ swap.T
        return result
    rng = named_rng(0, "sign-flip", name)
    if m * PERMUTATIONS <= CELLS:
        bits = rng.integers(256, size=(PERMUTATIONS, -(-m // 8)), dtype=np.uint8)
        result = change @ np.unpackbits(bits, axis=1, count=m).astype(float).T
        return result
    kinds, counts = np.unique(change, axis=1, return_counts=True)
    together = CELLS // PERMUTATIONS
    for i in range(0, len(counts), together):
        swaps = rng.binomial(counts[i : i + together], 0.5, (PERMUTATIONS, len(counts[i : i + together])))
        result += kinds[:, i : i + together] @ swaps.T
    return result


def _exact(moves: np.ndarray[tuple[int], np.dtype[np.int64]]) -> float:
    """P(|sum of +-moves| >= |sum of moves|): the Fourier transform of that sum is a product of cosines."""
    total, observed = int(np.abs(moves).sum()), abs(int(moves.sum()))
    points = 2 * total + 1
    angle = 2 * np.pi * np.arange(points) / points
    product = np.ones(points)
    for size, count in zip(*np.unique(np.abs(moves), return_counts=True), strict=True):
        product *= np.cos(angle * size) ** count
    mass = np.fft.fft(product).real / points  # of the sums 0, 1, ..., total, -total, ..., -1
    return float(np.clip(mass[observed : points - observed + 1].sum(), LEAST, 1.0))
