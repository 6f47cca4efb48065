"""Intervals of a ratio over episodes: against statsmodels, scipy and resampling by hand."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from akrasia.evals.inference import (
    INTERVALS,
    Interval,
    estimate,
)
from akrasia.evals.inference.intervals import wilson
from akrasia.evals.inference.ratios import linearised, standard_error
from akrasia.evals.inference.resampling import bca_interval
from akrasia.rng import named_rng

Pair = tuple[Any, Any]


def episodes(name: str, clusters: int, rate: float = 0.4, steps: int = 0) -> Pair:
    """(num, den) per episode with rates of their own; `steps` fixes the denominators."""
    rng = named_rng("inference", name, clusters)
    den = np.full(clusters, float(steps)) if steps else rng.integers(3, 12, clusters).astype(float)
    return rng.binomial(den.astype(int), rng.beta(4 * rate, 4 * (1 - rate), clusters)).astype(float), den


@pytest.mark.parametrize("seed", range(5))
def test_the_standard_error_is_statsmodels_cluster_robust_one(seed: int) -> None:
    import statsmodels.api as sm

    num, den = episodes(f"se {seed}", 15)
    steps = np.concatenate([np.r_[np.ones(int(n)), np.zeros(int(d - n))] for n, d in zip(num, den, strict=True)])
    groups = np.repeat(np.arange(15), den.astype(int))
    fit = sm.OLS(steps, np.ones(len(steps))).fit(cov_type="cluster", cov_kwds={"groups": groups})
    assert standard_error(linearised(num, den)) == pytest.approx(fit.bse[0], abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(4, 40))
def test_the_interval_of_a_share_is_scipys_wilson_interval(right: int, wrong: int, clusters: int) -> None:
    n = right + wrong + 1
    value = right / n
    error = math.sqrt(value * (1 - value) / n)
    z = stats.t.ppf(0.975, clusters - 1)
    theirs = stats.binomtest(right, n).proportion_ci(2 * stats.norm.cdf(z) - 1, method="wilson")
    if error:
        assert wilson(value, error, clusters, n) == pytest.approx((theirs.low, theirs.high), abs=1e-9)
    else:  # none or all: as many independent steps as episodes
        theirs = stats.binomtest(0, clusters).proportion_ci(2 * stats.norm.cdf(z) - 1, method="wilson")
        assert wilson(0.0, 0.0, clusters, n) == pytest.approx((0.0, theirs.high), abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 60), st.integers(0, 60))
def test_a_share_of_items_that_are_one_step_each_has_wilsons_own_interval(right: int, wrong: int) -> None:
    n = right + wrong + 2
    found = estimate(np.r_[np.ones(right), np.zeros(n - right)], np.ones(n), "x")
    theirs = stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=30))
def test_a_share_is_never_surer_than_its_steps_or_its_items_make_it(right: list[int]) -> None:
    num, den = np.array(right, float), np.full(len(right), 4.0)
    found = estimate(num, den, "x")
    over_steps = stats.binomtest(int(num.sum()), int(den.sum())).proportion_ci(0.95, method="wilson")
    over_items = wilson(num.mean() / 4, standard_error(linearised(num, den)), len(right), math.inf)
    assert found.low is not None and found.high is not None
    assert found.low <= min(over_steps.low, over_items[0]) + 1e-9
    assert found.high >= max(over_steps.high, over_items[1]) - 1e-9


def test_all_or_none_gets_a_wilson_interval_over_episodes() -> None:
    every = estimate(np.full(20, 5.0), np.full(20, 5.0), "x")
    none = estimate(np.zeros(20), np.full(20, 5.0), "x")
    assert every.high == 1.0 and every.low == pytest.approx(1 - 0.180, abs=0.002)
    assert none.low == 0.0 and none.high == pytest.approx(0.180, abs=0.002)


def test_episodes_that_do_not_contribute_are_no_clusters() -> None:
    found = estimate(np.array([1.0, 0.0, 0.0, 2.0]), np.array([2.0, 0.0, 0.0, 4.0]), "x")
    assert (found.value, found.n, found.clusters) == (0.5, 6.0, 2)


def clustered(rng: np.random.Generator, clusters: int, rate: float = 0.3, spread: float = 8.0) -> tuple[Any, Any]:
    """(num, den) per cluster: beta-binomial with unequal sizes; the pooled rate is `rate`."""
    den = rng.integers(3, 12, clusters).astype(float)
    own = rng.beta(rate * spread, (1 - rate) * spread, clusters)
    return rng.binomial(den.astype(int), own).astype(float), den


def test_resamples_that_differ_from_the_whole_by_rounding_alone_are_equal_to_it() -> None:
    values = named_rng("ties").binomial(12, 0.3, 2000) / 12
    without = named_rng("without").normal(0.3, 0.01, 12)
    rounded = values + 1e-15 * (values > 0)
    assert np.any(values == 0.25) and not np.any(rounded == 0.25)
    assert bca_interval(rounded, 0.25, without, 0.95) == pytest.approx(bca_interval(values, 0.25, without, 0.95))


@pytest.mark.parametrize("interval", INTERVALS)
def test_the_interval_is_over_episodes_not_steps(interval: Interval) -> None:
    num, den = clustered(named_rng("bootstrap"), 40)
    found = estimate(num, den, "x", interval=interval)
    assert found.low is not None and found.high is not None
    theirs = stats.bootstrap(
        (num, den),
        lambda n, d, axis: n.sum(axis) / d.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=9999,
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)
    picks = named_rng("by hand").integers(40, size=(5000, 40))
    by_hand = np.quantile(num[picks].sum(1) / den[picks].sum(1), [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx(tuple(by_hand), abs=0.02)
    doubled = estimate(np.repeat(num, 2), np.repeat(den, 2), "x", interval=interval)
    assert doubled.low is not None and doubled.low > found.low
    lockstep = estimate(np.where(np.arange(40) < 20, 10.0, 0.0), np.full(40, 10.0), "x", interval=interval)
    assert lockstep.low is not None and lockstep.high is not None and lockstep.high - lockstep.low > 0.25
    assert estimate(num, den, "x", interval=interval) == found
