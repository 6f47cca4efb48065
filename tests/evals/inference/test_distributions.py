"""Probabilities, quantiles and roots: against scipy over wide ranges, and against what is known exactly."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import special, stats

from akrasia.evals.inference.distributions import (
    binomial_cdf,
    f_tail,
    noncentral_t_tail,
    normal_cdf,
    normal_quantile,
    root,
    student_quantile,
    student_tail,
)

DEGREES = (1, 1.5, 2, 3, 4.7, 10, 33, 100, 999, 12345.6, 1e5, 1e6)
LEAST = 1e-290  # below it numbers lose digits


def test_normal_is_scipys_to_the_ends() -> None:
    x = np.linspace(-37, 37, 2001).reshape(3, 667)
    assert normal_cdf(x).shape == x.shape
    assert normal_cdf(x) == pytest.approx(special.ndtr(x), rel=1e-12)
    assert normal_cdf([math.inf, -math.inf, math.nan]) == pytest.approx([1, 0, math.nan], nan_ok=True)
    for p in (*10.0 ** np.arange(-300, -1), *np.linspace(0.01, 0.999999, 99)):
        assert normal_quantile(p) == pytest.approx(special.ndtri(p), rel=1e-14)
    assert normal_quantile(0) == -math.inf and normal_quantile(1) == math.inf
    assert math.isnan(normal_quantile(1.5)) and math.isnan(normal_quantile(math.nan))


@pytest.mark.parametrize("df", DEGREES)
def test_students_t_is_scipys(df: float) -> None:
    for t in (1e-3, 0.1, 0.5, 1, 2, 3, 5, 8, 12, 20, 37, 100, 1e4, 1e10, 1e50):
        theirs = stats.t.sf(t, df)
        if theirs > LEAST:
            assert student_tail(t, df) == pytest.approx(theirs, rel=1e-11)
        assert student_tail(-t, df) == pytest.approx(stats.t.sf(-t, df), rel=1e-12)
    for tail in (0.499, 0.4, 0.25, 0.1, 0.025, 1e-3, 1e-6, 1e-12, 1e-50, 1e-100, 1e-250):
        theirs = stats.t.isf(tail, df)
        if 0 < theirs < 1e100:  # beyond it scipy's overflows
            assert student_quantile(tail, df) == pytest.approx(theirs, rel=1e-11)
        assert student_tail(student_quantile(tail, df), df) == pytest.approx(tail, rel=1e-11)
    assert student_quantile(0.8, df) == pytest.approx(stats.t.isf(0.8, df), rel=1e-11)


def test_students_t_in_closed_form_and_at_its_ends() -> None:
    for t in (1e-12, 1e-8, 0.3, 7.0, 1e9, 1e200):
        assert student_tail(t, 1) == pytest.approx(math.atan2(1, t) / math.pi, rel=1e-13)
    assert student_tail(0, 5) == student_tail(-0.0, 5) == 0.5 and student_quantile(0.5, 5) == 0
    assert student_quantile(0, 5) == math.inf and student_quantile(1, 5) == -math.inf
    assert math.isnan(student_quantile(0.1, 0)) and math.isnan(student_quantile(1.1, 5))


@pytest.mark.parametrize("above", DEGREES)
def test_f_is_scipys(above: float) -> None:
    for below in DEGREES:
        for x in (1e-5, 0.01, 0.3, 0.9, 1, 1.1, 1.5, 3, 10, 100, 1e5):
            theirs = special.fdtrc(above, below, x)
            if theirs > LEAST:
                assert f_tail(x, above, below) == pytest.approx(theirs, rel=1e-9)
    assert f_tail(0, above, 3) == 1 and f_tail(math.inf, above, 3) == 0 and math.isnan(f_tail(math.nan, above, 3))


@pytest.mark.parametrize("n", [1, 2, 5, 20, 100, 1001, 10_000, 100_000])
def test_binomial_is_scipys_and_exact(n: int) -> None:
    for k in {0, 1, n // 4, n // 3, n // 2 - 1, n // 2, n - 1, n}:
        for p in (0.5, 0.1, 0.93):
            theirs = special.bdtr(k, n, p) if k >= 0 else 0.0
            if theirs > LEAST:
                assert binomial_cdf(k, n, p) == pytest.approx(theirs, rel=1e-9)
    half = n // 2 - 1 + n % 2  # as many below as above it, but for the middle one of an even number
    middle = Fraction(math.comb(n, n // 2), 2**n) if n % 2 == 0 else Fraction(0)
    assert binomial_cdf(half, n) == pytest.approx(float((1 - middle) / 2), rel=1e-11)


def test_no_trial_has_no_success() -> None:
    assert binomial_cdf(0, 0) == 1 and binomial_cdf(-1, 4) == 0 and binomial_cdf(4, 4) == 1


@pytest.mark.parametrize("df", [1, 2, 5, 19, 100, 10_000, 1_000_000])
def test_noncentral_t_is_scipys(df: int) -> None:
    for shift in (-2.0, 0, 0.3, 1, 2.8, 4.9, 7, 20, 40):
        for t in (-3, -0.01, 0, 1, 2, 3.5, 12.7, 100, 636, 4e4):
            assert noncentral_t_tail(t, df, shift) == pytest.approx(stats.nct.sf(t, df, shift), abs=1e-11)
    for t in (0.1, 2.0, 30.0):
        assert noncentral_t_tail(t, df, 0) == pytest.approx(student_tail(t, df), abs=1e-14)
    assert noncentral_t_tail(2.0, df, 1e6) == 1.0


@pytest.mark.parametrize("power", [1, 3, 9, 1 / 3])
@pytest.mark.parametrize("zero", [0.0, 1e-6, 0.2, 0.999, 1.0])
def test_a_root_is_found_wherever_it_lies(power: float, zero: float) -> None:
    def f(x: float) -> float:
        return math.copysign(abs(x - zero) ** power, zero - x)

    within = 1e-12 if power <= 3 else 1e-9  # where f is too small to be told from 0
    assert root(f, 0.0, 1.0) == pytest.approx(zero, abs=3 * within)
    assert root(f, 1.0, 0.0) == pytest.approx(zero, abs=3 * within)
    with pytest.raises(ValueError, match="same sign"):
        root(f, 2.0, 3.0)


def test_a_root_takes_few_steps() -> None:
    seen = []

    def f(x: float) -> float:
        seen.append(x)
        return math.exp(-5 * x) - 0.3

    assert root(f, 0.0, 1.0) == pytest.approx(-math.log(0.3) / 5, abs=1e-12)
    assert len(seen) < 15
