"""Paired differences: interval, sign-flip test, McNemar and effect sizes, against scipy and statsmodels."""

import itertools
import math
import tracemalloc
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from akrasia.evals.inference import (
    Contrast,
    contrast,
    estimate,
)
from akrasia.evals.inference.paired import sign_flip
from akrasia.rng import named_rng

Pair = tuple[Any, Any]


def episodes(name: str, clusters: int, rate: float = 0.4, steps: int = 0) -> Pair:
    """(num, den) per episode with rates of their own; `steps` fixes the denominators."""
    rng = named_rng("inference", name, clusters)
    den = np.full(clusters, float(steps)) if steps else rng.integers(3, 12, clusters).astype(float)
    return rng.binomial(den.astype(int), rng.beta(4 * rate, 4 * (1 - rate), clusters)).astype(float), den


def compared(a: Pair, b: Pair, **more: Any) -> Contrast:
    return contrast(a, b, "doing", "v", "base", **more)


@pytest.mark.parametrize("clusters", [4, 13, 60])
def test_with_equal_steps_the_difference_is_the_paired_t_interval_and_its_effect_size(clusters: int) -> None:
    from statsmodels.stats.proportion import proportion_effectsize

    a, b = episodes("a", clusters, 0.6, steps=7), episodes("b", clusters, 0.4, steps=7)
    found = compared(a, b)
    x, y = a[0] / 7, b[0] / 7
    theirs = stats.ttest_rel(x, y).confidence_interval()
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(np.clip(theirs, -1, 1)), abs=1e-9)
    assert found.d_z == pytest.approx((x - y).mean() / (x - y).std(ddof=1), abs=1e-9)
    assert found.d_z == pytest.approx(stats.ttest_rel(x, y).statistic / math.sqrt(clusters), abs=1e-9)
    assert found.h == pytest.approx(proportion_effectsize(x.mean(), y.mean()), abs=1e-9)
    assert found.p_mcnemar is None


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=200))
def test_over_single_steps_the_sign_flip_test_is_mcnemars_exact_one(pairs: list[tuple[bool, bool]]) -> None:
    from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar

    a, b = (np.array(x, float) for x in zip(*pairs, strict=True))
    ones = np.ones(len(a))
    found = compared((a, ones), (b, ones))
    table = [[np.sum(a * b), np.sum(a * (1 - b))], [np.sum((1 - a) * b), np.sum((1 - a) * (1 - b))]]
    assert found.p_mcnemar == pytest.approx(their_mcnemar(table, exact=True).pvalue, abs=1e-9)
    assert found.p == pytest.approx(found.p_mcnemar, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_the_sign_flip_test_counts_all_swaps_where_arms_have_steps_of_their_own(seed: int) -> None:
    (na, da), (nb, db) = episodes(f"a {seed}", 8), episodes(f"b {seed}", 8)
    observed, extreme = abs(na.sum() / da.sum() - nb.sum() / db.sum()), 0
    for swaps in itertools.product((False, True), repeat=8):
        s = np.array(swaps)
        one = np.where(s, nb, na).sum() / np.where(s, db, da).sum()
        other = np.where(s, na, nb).sum() / np.where(s, da, db).sum()
        extreme += abs(one - other) >= observed - 1e-12
    assert sign_flip((na, da), (nb, db)) == pytest.approx(extreme / 2**8, abs=1e-12)


def test_random_swaps_come_close_to_the_exact_test() -> None:
    a, b = episodes("near a", 40, 0.5, steps=6), episodes("near b", 40, 0.4, steps=6)
    exact = sign_flip(a, b)
    # In half steps the same differences are no whole numbers, so they are drawn.
    drawn = sign_flip((a[0] / 2, a[1] / 2), (b[0] / 2, b[1] / 2))
    assert drawn != exact and drawn == pytest.approx(exact, abs=0.015)
    assert sign_flip((a[0] / 2, a[1] / 2), (b[0] / 2, b[1] / 2)) == drawn
    many_a, many_b = episodes("many a", 20_000, 0.41, steps=6), episodes("many b", 20_000, 0.4, steps=6)
    shift = (many_a[0] - many_b[0]).sum() / math.sqrt(((many_a[0] - many_b[0]) ** 2).sum())
    assert sign_flip(many_a, many_b) == pytest.approx(2 * stats.norm.sf(abs(shift)), rel=0.05, abs=1e-3)


def test_many_episodes_with_steps_of_their_own_are_swapped_in_blocks() -> None:
    a, b = episodes("blocks a", 400, 0.43), episodes("blocks b", 400, 0.4)
    found = compared(a, b)
    assert found.d_z is not None and found.p is not None
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(found.d_z) * 20), abs=0.02)


def test_equal_arms_differ_by_nothing_and_are_not_certain() -> None:
    a = episodes("equal", 20)
    found = compared(a, a)
    assert (found.difference.value, found.p, found.d_z, found.h) == (0.0, 1.0, None, 0.0)
    assert found.difference.low is not None and found.difference.low < -0.1
    assert compared(a, a, interval="bootstrap").difference == found.difference


def test_every_episode_differing_alike_has_no_effect_size_and_an_interval_of_some_width() -> None:
    den = np.full(12, 4.0)
    found = compared((np.full(12, 3.0), den), (np.full(12, 1.0), den))
    assert found.difference.value == 0.5 and found.d_z is None and found.p == pytest.approx(2 / 2**12)
    assert found.difference.low is not None and found.difference.low < 0.4
    cost = compared((np.full(12, 3.0), den), (np.full(12, 1.0), den), proportion=False)
    assert (cost.difference.low, cost.difference.high, cost.h) == (None, None, None)  # amounts have no range to lean on


def test_one_episode_and_none_say_what_is_not_known() -> None:
    one = compared((np.array([1.0]), np.array([2.0])), (np.array([0.0]), np.array([2.0])))
    assert one.difference.value == 0.5 and (one.difference.low, one.p, one.d_z, one.p_mcnemar) == (None,) * 4
    none = compared((np.ones(3), np.full(3, 2.0)), (np.zeros(3), np.zeros(3)))
    assert none.difference.value is None and none.p is None and "no step" in none.difference.why


def test_a_difference_of_shares_stays_within_its_range() -> None:
    den = np.full(4, 1.0)
    for interval in ("robust", "bootstrap"):
        found = compared((np.array([1.0, 1, 1, 0]), den), (np.zeros(4), den), interval=interval).difference
        assert found.low is not None and found.high is not None and -1 <= found.low <= 0.75 <= found.high <= 1


def test_amounts_that_are_the_same_in_every_episode_have_no_interval_of_width_0() -> None:
    """Three calls in each of twenty episodes: nothing says how another episode would differ."""
    calls = estimate(np.full(20, 3.0), np.ones(20), "calls", proportion=False)
    assert (calls.value, calls.low, calls.high) == (3.0, None, None) and "do not differ" in calls.why
    more = contrast(*[(np.full(20, n), np.ones(20)) for n in (3.0, 1.0)], "calls", "v", "base", proportion=False)  # type: ignore[arg-type]
    assert (more.difference.value, more.difference.low) == (2.0, None) and "do not differ" in more.difference.why
    rates = contrast(*[(np.full(20, n), np.full(20, 4.0)) for n in (3.0, 1.0)], "doing", "v", "base")  # type: ignore[arg-type]
    assert rates.difference.low is not None and rates.difference.low < 0.5 and not rates.difference.why


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=9))
def test_sign_flip_is_scipys_exact_permutation_test(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(x, float) for x in zip(*pairs, strict=True))
    den = np.full(len(a), 5.0)
    found = contrast((a, den), (b, den), "gap", "v", "base")
    if np.array_equal(a, b):
        assert found.p == 1.0
        return
    expected = stats.permutation_test(
        (a, b),
        lambda x, y, axis: (x.sum(axis) - y.sum(axis)) / 5.0 / len(a),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert found.p == pytest.approx(min(1.0, expected.pvalue))
    assert found.difference.value == pytest.approx((a.sum() - b.sum()) / den.sum())
    mirror = contrast((b, den), (a, den), "gap", "v", "base")
    assert mirror.p == pytest.approx(found.p)


def test_the_sign_flip_of_many_episodes_is_the_normal_limit_in_little_memory() -> None:
    """20,000 episodes: a table of 9,999 swaps of each would take 1.6 GB; the test statistic is a sum of signs."""
    rng = named_rng("many episodes")
    den = np.full(20_000, 10.0)
    b = rng.binomial(10, 0.4, len(den)).astype(float)
    for shift in (0.0, 0.003, 0.006):
        a = rng.binomial(10, 0.4 + shift, len(den)).astype(float)
        change = a - b
        expected = 2 * stats.norm.sf(abs(change.sum()) / np.sqrt(np.sum(change**2)))
        tracemalloc.start()
        found = contrast((a, den), (b, den), "gap", f"v{shift}", "base")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.p == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / 9999) + 2e-4)
        assert peak < 200e6


def test_the_sign_flip_of_many_episodes_of_unequal_length_and_of_any_numbers() -> None:
    """No two episodes alike, and ratios whose denominators are swapped too: against scipy, on the same question."""
    rng = named_rng("unequal episodes")
    m = 1_100  # just beyond what is held as one table
    da, db = rng.integers(5, 10, m).astype(float), rng.integers(5, 10, m).astype(float)
    a, b = da * rng.normal(0.52, 0.5, m), db * rng.normal(0.5, 0.5, m)
    found = contrast((a, da), (b, db), "regret", "v", "base")

    def difference(x: Any, y: Any, axis: int = -1) -> Any:  # an episode is named by its number in one arm or the other
        whole, parts = np.concatenate([a, b]), np.concatenate([da, db])
        x, y = x.astype(int), y.astype(int)
        return whole[x].sum(axis) / parts[x].sum(axis) - whole[y].sum(axis) / parts[y].sum(axis)

    expected = stats.permutation_test(
        (np.arange(m), np.arange(m, 2 * m)),
        difference,
        permutation_type="samples",
        vectorized=True,
        n_resamples=9_999,
        batch=500,
        rng=rng,
    )
    assert found.p is not None and 0.01 < found.p < 0.99
    assert found.p == pytest.approx(expected.pvalue, abs=6 * np.sqrt(0.25 / 9999))
