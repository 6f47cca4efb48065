"""The probabilities, quantiles and roots that inference needs, to some twelve digits, on numpy alone.

Student's t, Fisher's F and the binomial are tails of one function, the regularised incomplete beta function I_x(a, b):
a continued fraction (Didonato and Morris 1992, ACM TOMS 18(3), algorithm 708, BFRAC) times x^a (1 - x)^b / B(a, b),
which is written around its saddle point (Loader 2000, "Fast and accurate computation of binomial probabilities"), so
that a million degrees of freedom lose no digits. Written out because scipy, with which tests compare all of this, would
be a fifth of an install.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, lru_cache
from statistics import NormalDist
from typing import Any

import numpy as np

from .ratios import Array

STANDARD = NormalDist()
SHARP = 2e-15  # relative change at which a fraction is taken for its limit
MOST_TERMS = 10**6
WIDE = 9.0  # standard deviations; beyond them a normal distribution has less than 1e-18
NODES = 96  # of the quadrature, for each part of its range
_legendre = cache(np.polynomial.legendre.leggauss)


def normal_cdf(x: Any) -> Array:
    """P(Z <= x) of a standard normal Z, elementwise; the shape of `x`."""
    scaled = np.asarray(x, float) * -math.sqrt(0.5)
    return np.fromiter(map(math.erfc, scaled.ravel().tolist()), float, scaled.size).reshape(scaled.shape) / 2


def normal_quantile(p: float) -> float:
    """The x with P(Z <= x) = p; infinite for 0 and 1, not-a-number outside of [0, 1].

    Source: Wichura 1988, algorithm AS 241, as the standard library has it.
    """
    if 0 < p < 1:
        return STANDARD.inv_cdf(p)
    return {0.0: -math.inf, 1.0: math.inf}.get(p, math.nan)


def student_tail(t: float, df: float) -> float:
    """P(T > t) of Student's t with `df` degrees of freedom, whole or not."""
    outer = _beyond(abs(t), df)[1]
    return outer if t > 0 else 1 - outer


@lru_cache(maxsize=4096)
def student_quantile(tail: float, df: float) -> float:
    """The t with P(T > t) = tail, of Student's t with `df` degrees of freedom, whole or not.

    Newton's steps on the logarithms of both: log P is concave in log t, so from the right side of the root they never
    leave it.
    """
    if not (0 < tail < 1 and df > 0):
        return {0.0: math.inf, 1.0: -math.inf}.get(tail, math.nan) if df > 0 else math.nan
    if tail >= 0.5:
        return -student_quantile(1 - tail, df) if tail > 0.5 else 0.0
    z = -normal_quantile(tail)
    near = z + (z**3 + z) / (4 * df)  # Fisher and Cornish 1960, its first term
    for _ in range(200):
        slope, reached = _beyond(near, df)
        # Far out at first, the tail may be below the smallest number.
        step = (math.log(reached) - math.log(tail)) * reached / slope if reached else -1.0
        near *= math.exp(min(max(step, -5.0), 5.0))
        if abs(step) < 1e-14:
            break
    return near


def f_tail(x: float, above: float, below: float) -> float:
    """P(F > x) of Fisher's F with `above` degrees of freedom of the numerator and `below` of the denominator."""
    if not x > 0:
        return math.nan if math.isnan(x) else 1.0
    if math.isinf(x):
        return 0.0
    odds = above * x / below
    return _beta(-math.log1p(odds), -math.log1p(1 / odds), below / 2, above / 2)[1]


def binomial_cdf(k: int, n: int, p: float = 0.5) -> float:
    """P(X <= k) of the number X of successes in `n` trials, each with probability `p`, 0 < p < 1."""
    if k < 0 or k >= n:
        return float(k >= 0)
    return _beta(math.log1p(-p), math.log(p), n - k, k + 1)[1]


def noncentral_t_tail(t: float, df: float, shift: float) -> float:
    """P(T > t) of the noncentral t, T = (Z + shift) / (X / sqrt(df)) with X of the chi distribution, df >= 1.

    The integral of P(Z > t x / sqrt(df) - shift) over the density of X, by Gauss and Legendre's quadrature on both
    sides of where that probability falls, and there.
    """
    mode, slope = math.sqrt(df - 1), t / math.sqrt(df)
    low, high = max(mode - WIDE, 0.0), mode + WIDE  # of X, whose variance is below 1
    falls = sorted((shift + side * WIDE) / slope for side in (-1, 1)) if slope else []
    edges = sorted({low, high, *(edge for edge in falls if low < edge < high)})
    nodes, weights = _legendre(NODES)
    half, middle = np.diff(edges)[:, None] / 2, (np.array(edges[1:]) + edges[:-1])[:, None] / 2
    x, mass = (middle + half * nodes).ravel(), (half * weights).ravel()
    away = x - mode
    # Relative to the mode: by itself each term may be too large for the difference to have digits.
    mass = mass * np.exp(-away * (mode + x) / 2 + (mode**2 * np.log1p(away / mode) if mode else 0.0))
    return float((mass * normal_cdf(shift - slope * x)).sum() / mass.sum())


def root(f: Callable[[float], float], low: float, high: float, xtol: float = 2e-12) -> float:
    """A zero of `f` between `low` and `high`, where it has opposite signs, to within `xtol`.

    Source: Chandrupatla 1997, Advances in Engineering Software 28(3): inverse quadratic steps where they are safe, else
    halves.

    Raises:
        ValueError: the signs are the same.
    """
    a, b, fa, fb = high, low, f(high), f(low)
    if not fa or not fb:
        return b if fa else a
    if (fa > 0) == (fb > 0):
        raise ValueError(f"f has the same sign at {low} and at {high}")
    share = 0.5
    while True:
        x = a + share * (b - a)
        fx = f(x)
        if (fx > 0) == (fa > 0):
            c, fc, a, fa = a, fa, x, fx
        else:
            c, fc, b, fb, a, fa = b, fb, a, fa, x, fx
        best, least = (a, fa) if abs(fa) < abs(fb) else (b, fb)
        width = abs(b - a)
        close = (1e-15 * abs(best) + xtol) / 2
        if least == 0 or width <= 2 * close:
            return best
        xi, phi = (a - b) / (c - b), (fa - fb) / (fc - fb)
        share = 0.5
        if phi**2 < xi and (1 - phi) ** 2 < 1 - xi:
            share = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        share = min(max(share, close / width), 1 - close / width)


def _beyond(t: float, df: float) -> tuple[float, float]:
    """(t times the density at t, P(T > t)) of Student's t, for t >= 0."""
    if t == 0:
        return 0.0, 0.5
    odds = 2 * (math.log(t) - math.log(df) / 2)  # log of t^2 / df, which may be beyond the largest number
    inside = -math.log1p(math.exp(odds)) if odds < 700 else -odds
    front, lower = _beta(inside, inside + odds if odds < -30 else -math.log1p(math.exp(-odds)), df / 2, 0.5)
    return front, lower / 2


def _beta(log_x: float, log_y: float, a: float, b: float) -> tuple[float, float]:
    """(x^a y^b / B(a, b), I_x(a, b)) with y = 1 - x, both given by their logarithms."""
    n = a + b
    mean = (math.log1p(-b / n), math.log(b / n)) if b < a else (math.log(a / n), math.log1p(-a / n))
    saddle = a * (log_x - mean[0]) + b * (log_y - mean[1])
    rest = _stirling_rest(n) - _stirling_rest(a) - _stirling_rest(b)
    front = math.sqrt(a / n * b / (2 * math.pi)) * math.exp(saddle + rest)
    x, y = math.exp(log_x), math.exp(log_y)
    if x <= a / n:
        return front, front * _fraction(x, y, a, b)
    return front, 1 - front * _fraction(y, x, b, a)


def _stirling_rest(z: float) -> float:
    """log gamma(z) less Stirling's (z - 1/2) log z - z + log(2 pi) / 2."""
    if z < 16:
        return math.lgamma(z) - ((z - 0.5) * math.log(z) - z + math.log(2 * math.pi) / 2)
    square = z * z
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / z


def _fraction(x: float, y: float, a: float, b: float) -> float:
    """I_x(a, b) over x^a y^b / B(a, b), for x up to its mean a / (a + b)."""
    over = 1 + a * y - b * x
    step = 1 + 1 / a
    before, last = (0.0, 1.0), (1.0, over / step)  # numerators and denominators of the convergents
    power, value = 1.0, step / over
    for n in range(1, MOST_TERMS):
        share, width = n / a, a + 2 * n - 1
        rest = n * (b - n) * x
        scale = a / width
        alpha = power * (power + b / a) * scale * scale * rest * x
        beta = n + rest / width + (share + 1) / (step + 2 * share) * (over + n * (1 + y))
        power = share + 1
        top, bottom = alpha * before[0] + beta * last[0], alpha * before[1] + beta * last[1]
        value, old = top / bottom, value
        if abs(value - old) <= SHARP * value:
            return value
        before, last = (last[0] / bottom, last[1] / bottom), (value, 1.0)
    raise ArithmeticError(f"I_x({a}, {b}) did not converge at x = {x}")
