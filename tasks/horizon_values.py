"""The value of a choice between two normal arms with choices left, by backward induction.

With a normal prior N(m0, s0^2) of each average and normal rewards of known standard deviation, n rewards leave a normal
posterior. A further pull moves its mean by a normal step of standard deviation sqrt(v(n) - v(n + 1)), v the posterior
variance. The best sum of t further rewards is t m2 + W_t(m1 - m2), where

    W_t(d) = max(d + E W_{t-1}(d + step of arm 1), E W_{t-1}(d - step of arm 2)),   W_0 = 0

Expectations are by Gauss-Hermite quadrature, W between grid points is linear; the error is below 0.01 points
(`tests/tasks/test_horizon.py` compares with a finer grid and with simulation). At the last choice the value is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import sqrt

import numpy as np

REACH, POINTS, NODES = 12.0, 2401, 41  # grid in prior standard deviations; nodes of the quadrature

Grid = np.ndarray[tuple[int], np.dtype[np.float64]]


def posterior_mean(rewards: Sequence[float], middle: float, spread: float, sigma: float) -> float:
    """The posterior mean of an arm's average."""
    weight = len(rewards) / sigma**2
    return (middle / spread**2 + sum(rewards) / sigma**2) / (1 / spread**2 + weight)


def choice_values(
    means: Sequence[float], pulls: Sequence[int], left: int, spread: float, sigma: float
) -> tuple[float, float]:
    """The expected sum of `left` rewards when the first is taken from one arm, then from the other, and the rest well.

    Args:
        means: posterior mean of each arm; pulls: how often each was seen; left: choices left, this one included.
        spread: standard deviation of the prior; sigma: of a reward around its average.
    """
    apart = means[0] - means[1]
    one = apart + _expected(apart, pulls[0], pulls[1], left - 1, 0, spread, sigma)
    other = _expected(apart, pulls[0], pulls[1], left - 1, 1, spread, sigma)
    return left * means[1] + one, left * means[1] + other


def _step(n: int, spread: float, sigma: float) -> float:
    """Standard deviation of what the next reward does to the posterior mean."""
    before, after = (1 / (1 / spread**2 + k / sigma**2) for k in (n, n + 1))
    return sqrt(before - after)


def _expected(apart: float, a: int, b: int, left: int, arm: int, spread: float, sigma: float) -> float:
    """E W_left after a pull of `arm`, from a difference of posterior means."""
    if left == 0:
        return 0.0
    nodes, weights = _nodes()
    step = _step((a, b)[arm], spread, sigma)
    moved = apart + (step if arm == 0 else -step) * nodes
    grid = _grid(spread)
    values = _gain(a + (arm == 0), b + (arm == 1), left, spread, sigma)
    return float(weights @ _read(moved, grid, values, left))


@lru_cache(maxsize=4096)
def _gain(a: int, b: int, left: int, spread: float, sigma: float) -> Grid:
    """W_left on the grid of differences."""
    grid = _grid(spread)
    if left == 0:
        return np.zeros_like(grid)
    nodes, weights = _nodes()
    ends = []
    for arm in (0, 1):
        if left == 1:
            ends.append(np.zeros_like(grid))
            continue
        step = _step((a, b)[arm], spread, sigma) * (1 if arm == 0 else -1)
        after = _gain(a + (arm == 0), b + (arm == 1), left - 1, spread, sigma)
        ends.append(_read(grid[:, None] + step * nodes[None, :], grid, after, left - 1) @ weights)
    return np.maximum(grid + ends[0], ends[1])


def _read(at: np.ndarray, grid: Grid, values: Grid, left: int) -> np.ndarray:
    """W at these differences: between grid points linear; beyond the grid one arm is taken for good."""
    inside = np.interp(at, grid, values)
    return np.asarray(np.where(at > grid[-1], left * at, np.where(at < grid[0], 0.0, inside)))


@lru_cache(maxsize=8)
def _grid(spread: float) -> Grid:
    return np.linspace(-REACH * spread, REACH * spread, POINTS)


@lru_cache(maxsize=1)
def _nodes() -> tuple[Grid, Grid]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return nodes, weights / weights.sum()
