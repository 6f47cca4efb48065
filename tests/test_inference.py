"""Inference against independent implementations, against brute force, and at its degenerate ends."""

import itertools
import math
from typing import Any

import numpy as np
import pingouin
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as their_mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import TTestPower
from statsmodels.stats.proportion import proportion_effectsize

from akrasia.errors import BadOption
from akrasia.evals.inference import (
    Contrast,
    Estimate,
    PairedSequence,
    Sequence,
    assumed_spread,
    benjamini_hochberg,
    bounds,
    contrast,
    difference_bounds,
    episodes_needed,
    estimate,
    holm,
    interim_intervals,
    minimum_detectable_effect,
    pilot_spread,
    power,
)  # fmt: skip
from akrasia.evals.inference.intervals import wilson
from akrasia.evals.inference.paired import sign_flip
from akrasia.evals.inference.ratios import linearised, standard_error
from akrasia.evals.inference.sequences import BETS, capital
from akrasia.rng import named_rng

Pair = tuple[Any, Any]


def episodes(name: str, clusters: int, rate: float = 0.4, steps: int = 0) -> Pair:
    """(num, den) per episode with rates of their own; `steps` fixes the denominators."""
    rng = named_rng("inference", name, clusters)
    den = np.full(clusters, float(steps)) if steps else rng.integers(3, 12, clusters).astype(float)
    return rng.binomial(den.astype(int), rng.beta(4 * rate, 4 * (1 - rate), clusters)).astype(float), den


def compared(a: Pair, b: Pair, **more: Any) -> Contrast:
    return contrast(a, b, "doing", "v", "base", **more)


# Independent implementations


@pytest.mark.parametrize("seed", range(5))
def test_the_standard_error_is_statsmodels_cluster_robust_one(seed: int) -> None:
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


@pytest.mark.parametrize("clusters", [4, 13, 60])
def test_with_equal_steps_the_difference_is_the_paired_t_interval_and_its_effect_size(clusters: int) -> None:
    a, b = episodes("a", clusters, 0.6, steps=7), episodes("b", clusters, 0.4, steps=7)
    found = compared(a, b)
    x, y = a[0] / 7, b[0] / 7
    theirs = stats.ttest_rel(x, y).confidence_interval()
    assert (found.difference.low, found.difference.high) == pytest.approx(tuple(np.clip(theirs, -1, 1)), abs=1e-9)
    assert found.d_z == pytest.approx(pingouin.compute_effsize(x - y, 0, eftype="cohen"), abs=1e-9)
    assert found.d_z == pytest.approx(stats.ttest_rel(x, y).statistic / math.sqrt(clusters), abs=1e-9)
    assert found.h == pytest.approx(proportion_effectsize(x.mean(), y.mean()), abs=1e-9)
    assert found.p_mcnemar is None


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=200))
def test_over_single_steps_the_sign_flip_test_is_mcnemars_exact_one(pairs: list[tuple[bool, bool]]) -> None:
    a, b = (np.array(x, float) for x in zip(*pairs, strict=True))
    ones = np.ones(len(a))
    found = compared((a, ones), (b, ones))
    table = [[np.sum(a * b), np.sum(a * (1 - b))], [np.sum((1 - a) * b), np.sum((1 - a) * (1 - b))]]
    assert found.p_mcnemar == pytest.approx(their_mcnemar(table, exact=True).pvalue, abs=1e-9)
    assert found.p == pytest.approx(found.p_mcnemar, abs=1e-9)


@settings(deadline=None, max_examples=4)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_families_are_those_of_statsmodels_and_pingouin(p_values: list[float]) -> None:
    family = [Contrast("gap", str(i), "base", Estimate(0.1), p, d_z=0.3) for i, p in enumerate(p_values)]
    family.insert(1, Contrast("gap", "untested", "base", Estimate(None, why="no step")))
    both = benjamini_hochberg(holm(family))
    for field, theirs, method in (("p_holm", "holm", "holm"), ("p_bh", "fdr_bh", "fdr_bh")):
        found = [getattr(c, field) for c in both if c.p is not None]
        assert found == pytest.approx(list(multipletests(p_values, method=theirs)[1]), abs=1e-9)
        assert found == pytest.approx(list(pingouin.multicomp(p_values, method=method)[1]), abs=1e-9)
    assert (both[1].p_holm, both[1].p_bh) == (None, None)
    assert all(c.d_z == 0.3 for c in both if c.p is not None), "the rest of a contrast stays"
    assert holm([]) == [] and benjamini_hochberg(family[1:2]) == family[1:2]


@pytest.mark.parametrize(
    ("episodes_", "effect", "alpha", "family"), [(8, 0.2, 0.05, 1), (40, 0.1, 0.05, 6), (300, 0.03, 0.01, 2)]
)
def test_power_is_that_of_statsmodels_paired_t_test(episodes_: int, effect: float, alpha: float, family: int) -> None:
    theirs = TTestPower().power(effect / 0.25, episodes_, alpha / family)
    assert power(effect, episodes_, 0.25, alpha, family) == pytest.approx(theirs, abs=1e-9)


# Brute force


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


counts = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=6)


@settings(deadline=None, max_examples=40)
@given(counts, counts, st.randoms(use_true_random=False))
def test_bounds_hold_whatever_the_missing_answers_were(one: Any, two: Any, dice: Any) -> None:
    size = min(len(one), len(two))
    arms, filled = [], []
    for steps in (one[:size], two[:size]):
        right, wrong, missing = (np.array(x, float) for x in zip(*steps, strict=True))
        arms.append((right, right + wrong + missing, missing))
        filled.append((right + [dice.randint(0, int(m)) for m in missing], right + wrong + missing))
    (a, b), (full_a, full_b) = arms, filled
    if a[1].sum() == 0 or b[1].sum() == 0:
        assert difference_bounds(a, b, "m", "v", "b").low.value is None
        return
    whole, found = full_a[0].sum() / full_a[1].sum(), bounds(a, "m")
    assert found.low.value is not None and found.high.value is not None
    assert found.low.value - 1e-12 <= whole <= found.high.value + 1e-12
    assert found.missing == pytest.approx(found.high.value - found.low.value)
    change, apart = whole - full_b[0].sum() / full_b[1].sum(), difference_bounds(a, b, "m", "v", "b")
    assert apart.low.value is not None and apart.high.value is not None
    assert apart.low.value - 1e-12 <= change <= apart.high.value + 1e-12
    other = bounds(b, "m")
    assert other.low.value is not None and other.high.value is not None
    assert apart.low.value == pytest.approx(found.low.value - other.high.value)
    assert apart.high.value == pytest.approx(found.high.value - other.low.value)


def test_without_missing_answers_the_bounds_are_the_estimate() -> None:
    (num, den), none = episodes("none", 12), np.zeros(12)
    found = bounds((num, den, none), "x")
    assert found.low == found.high == estimate(num, den, "x") and found.missing == 0.0
    other = episodes("none b", 12)
    apart = difference_bounds((num, den, none), (*other, none), "doing", "v", "base")
    assert apart.low == apart.high == compared((num, den), other).difference


def test_bounds_of_a_conditional_share_hold_whatever_belonged_to_the_condition() -> None:
    """Three steps known to belong, one of them right; two of which nothing is known."""
    found = bounds((np.array([1.0]), np.array([5.0]), np.array([2.0])), "x")
    possible = [(1 + sum(n for n, _ in two), 3 + sum(d for _, d in two))
                for two in itertools.product([(0, 0), (0, 1), (1, 1)], repeat=2)]  # fmt: skip
    assert found.low.value == min(n / d for n, d in possible) and found.high.value == max(n / d for n, d in possible)


@pytest.mark.parametrize("bad", [(3.0, 2.0, 0.0), (1.0, 2.0, 2.0), (-1.0, 2.0, 0.0), (1.0, 2.0, -1.0)])
def test_bounds_refuse_what_is_no_count(bad: tuple[float, float, float]) -> None:
    with pytest.raises(BadOption, match="no counts"):
        bounds(tuple(np.array([x]) for x in bad), "x")  # type: ignore[arg-type]


# Sequences


def wealth(num: Any, den: Any, theta: float, bound: float) -> float:
    """Capital against theta, multiplied out bet by bet."""
    grown = []
    for n, d, t in ((num, den, theta), (den - num, den, 1 - theta)):
        grown.append(
            np.mean([np.prod([1 + c / t * (x - t * y) / bound for x, y in zip(n, d, strict=True)]) for c in BETS])
        )
    return max(grown) / 2


def test_a_sequence_excludes_exactly_what_was_bet_against_with_success() -> None:
    num, den = episodes("sequence", 80, 0.3)
    seen = interim_intervals(Sequence(11), num, den)
    assert np.all(np.diff(seen[:, 0]) >= 0) and np.all(np.diff(seen[:, 1]) <= 0), "it only ever narrows"
    for theta in np.linspace(0.01, 0.99, 99):
        against = capital(num, den, theta, 11)
        assert against[-1] == pytest.approx(wealth(num, den, theta, 11), rel=1e-9)
        out = np.maximum.accumulate(against) >= 20
        assert np.array_equal(out, (theta < seen[:, 0]) | (theta > seen[:, 1]))
    low, high = seen[-1]
    assert 0 < low < num.sum() / den.sum() < high < 1


@pytest.mark.parametrize("theta", [0.1, 0.5, 0.8])
def test_the_capital_against_the_truth_is_an_e_value(theta: float) -> None:
    """Its expectation over all outcomes of six episodes of 0, 1 or 3 steps, whose steps are all alike."""
    den = np.array([1.0, 3.0, 0.0, 3.0, 1.0, 3.0])
    expected = np.zeros(6)
    for outcome in itertools.product((0, 1), repeat=6):
        chance = np.prod([theta if x else 1 - theta for x in outcome])
        expected += chance * capital(den * outcome, den, theta, 3)
    assert np.all(expected <= 1 + 1e-9) and expected[-1] > 0.5


def test_a_sequence_is_the_same_however_often_it_is_looked_at() -> None:
    num, den = episodes("looks", 30)
    often, once = Sequence(11), Sequence(11)
    first = interim_intervals(often, num[:10], den[:10])
    rest = interim_intervals(often, num[10:], den[10:])
    for n, d in zip(num, den, strict=True):
        once.add(n, d)
    assert once.interval == often.interval == tuple(rest[-1]) and len(first) == 10
    found = once.estimate
    assert (found.value, found.n, found.clusters) == (num.sum() / den.sum(), den.sum(), 30)
    assert (found.low, found.high) == once.interval
    before = once.interval
    once.add(0, 0)
    assert once.interval == before and once.episodes == 31


def test_a_paired_sequence_of_matched_arms_is_that_of_their_differences() -> None:
    (na, den), (nb, _) = episodes("pa", 60, 0.6, steps=5), episodes("pb", 60, 0.3, steps=5)
    seen = interim_intervals(PairedSequence(5), na, den, nb, den)
    share = interim_intervals(Sequence(5), (na - nb + den) / 2, den)
    assert seen == pytest.approx(2 * share - 1)
    assert 0 < seen[-1, 0] < (na.sum() - nb.sum()) / den.sum() < seen[-1, 1]
    mirror = interim_intervals(PairedSequence(5), nb, den, na, den)
    assert mirror[:, ::-1] == pytest.approx(-seen, abs=1e-9)
    apart = interim_intervals(PairedSequence(5, matched=False), na, den, nb, den)
    assert np.all(apart[:, 0] <= seen[:, 0] + 1e-9) and np.all(apart[:, 1] >= seen[:, 1] - 1e-9)
    one, other = interim_intervals(Sequence(5, 0.975), na, den)[-1], interim_intervals(Sequence(5, 0.975), nb, den)[-1]
    assert tuple(apart[-1]) == pytest.approx((one[0] - other[1], one[1] - other[0]))


def test_a_sequence_says_when_no_value_fits() -> None:
    sequence, paired = Sequence(1), PairedSequence(1)
    assert sequence.interval == (0.0, 1.0) and paired.interval == (-1.0, 1.0)
    assert sequence.estimate.value is None and paired.estimate.value is None
    for i in range(120):
        sequence.add(float(i < 60), 1.0)
        paired.add(float(i < 60), 1.0, float(i >= 60), 1.0)
    assert sequence.contradicted and sequence.interval == (0.0, 1.0) and "no value fits" in sequence.estimate.why
    assert paired.contradicted and paired.interval == (-1.0, 1.0) and "no value fits" in paired.estimate.why


@pytest.mark.parametrize("bad", [(2, 1), (-1, 1), (1, 9), (float("nan"), 1), (1, float("nan"))])
def test_sequences_refuse_impossible_episodes_and_stay_as_they_were(bad: tuple[float, float]) -> None:
    sequence = Sequence(8)
    with pytest.raises(BadOption, match="must hold"):
        sequence.add(*bad)
    for matched in (True, False):
        paired = PairedSequence(8, matched=matched)
        with pytest.raises(BadOption, match="must hold"):
            paired.add(1, 2, *bad)
        assert paired.episodes == sequence.episodes == 0 and paired.interval == (-1.0, 1.0)
    with pytest.raises(BadOption, match="matched=False"):
        PairedSequence(8).add(1, 2, 1, 3)
    for wrong in ({"bound": 0}, {"bound": 3, "level": 1.0}):
        with pytest.raises(BadOption):
            Sequence(**wrong)


# Planning


@pytest.mark.parametrize("steps", [None, 4.0])
@pytest.mark.parametrize(
    ("effect", "sd", "target", "family"), [(0.1, 0.3, 0.8, 1), (0.05, 0.2, 0.9, 6), (0.5, 0.2, 0.8, 3)]
)
def test_plans_agree_with_each_other(effect: float, sd: float, target: float, family: int, steps: float | None) -> None:
    needed = episodes_needed(effect, sd, target, family=family, steps=steps)
    assert power(effect, needed, sd, family=family, steps=steps) >= target
    assert power(effect, needed - 1, sd, family=family, steps=steps) < target
    assert power(-effect, needed, sd, family=family, steps=steps) == power(
        effect, needed, sd, family=family, steps=steps
    )
    least = minimum_detectable_effect(needed, sd, target, family=family, steps=steps)
    assert least is not None and least <= effect
    assert power(least, needed, sd, family=family, steps=steps) == pytest.approx(target, abs=1e-6)
    if steps is not None:
        assert needed >= episodes_needed(effect, sd, target, family=family)


def test_too_few_episodes_have_no_power_at_all() -> None:
    assert power(10.0, 5, 0.1) == 0.0 and power(10.0, 6, 0.1) > 0.99  # 2 of 2^5 swaps are 0.0625
    assert power(10.0, 7, 0.1, family=6) == 0.0 and power(10.0, 1, 0.1) == 0.0
    assert minimum_detectable_effect(5, 0.1) is None
    assert power(0.0, 50, 0.1) == pytest.approx(0.05)
    assert power(1e6, 50, 0.1) == 1.0


def test_the_spread_of_a_pilot_is_that_of_its_differences() -> None:
    a, b = episodes("pilot a", 20, steps=6), episodes("pilot b", 20, steps=6)
    assert pilot_spread(a, b) == pytest.approx(np.std((a[0] - b[0]) / 6, ddof=1), abs=1e-12)
    a, b = episodes("pilot a", 20), episodes("pilot c", 20)
    found = compared(a, b)
    assert found.difference.value is not None and found.d_z == pytest.approx(
        found.difference.value / pilot_spread(a, b)
    )


def test_the_assumed_spread_is_that_of_such_steps() -> None:
    steps, discordance, effect, own = 6, 0.4, 0.1, 0.2
    rng = named_rng("assumed")
    mean = effect + own * rng.choice((-1.0, 1.0), (200_000, 1))
    u = rng.random((200_000, steps))
    difference = (u < (discordance + mean) / 2).astype(float) - (u >= 1 - (discordance - mean) / 2)
    correlation = own**2 / (discordance - effect**2)
    assert assumed_spread(steps, discordance, correlation, effect) == pytest.approx(difference.mean(1).std(), rel=0.01)
    assert assumed_spread(1, 0.25) == 0.5


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: power(0.1, 20, 0.0), lambda: power(0.1, 20, 0.2, alpha=0.0), lambda: power(0.1, 20, 0.2, family=0),
        lambda: power(0.1, 20, 0.2, steps=0), lambda: episodes_needed(0.0, 0.2), lambda: episodes_needed(1e-6, 0.2),
        lambda: episodes_needed(0.1, 0.2, target=1.0), lambda: minimum_detectable_effect(20, 0.2, target=0.01),
        lambda: assumed_spread(0.5, 0.2), lambda: assumed_spread(4, 0.2, 1.5), lambda: assumed_spread(4, 0.2, 0.0, 0.3),
        lambda: assumed_spread(4, 0.0), lambda: assumed_spread(4, 1.0, 0.0, 1.0),
        lambda: pilot_spread(episodes("one", 1), episodes("one", 1)), lambda: pilot_spread(*[episodes("same", 9)] * 2),
        lambda: pilot_spread(episodes("x", 9), (np.zeros(9), np.zeros(9))),
    ],
)  # fmt: skip
def test_plans_that_cannot_be_are_refused(wrong: Any) -> None:
    with pytest.raises(BadOption):
        wrong()


# Degenerate ends


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
