"""Confidence sequences: what was bet against, what is excluded, whenever one looks."""

import itertools
from typing import Any

import numpy as np
import pytest

from akrasia.errors import BadOption
from akrasia.evals.inference import (
    PairedSequence,
    Sequence,
    interim_intervals,
)
from akrasia.evals.inference.sequences import BETS, capital
from akrasia.rng import named_rng

Pair = tuple[Any, Any]


def episodes(name: str, clusters: int, rate: float = 0.4, steps: int = 0) -> Pair:
    """(num, den) per episode with rates of their own; `steps` fixes the denominators."""
    rng = named_rng("inference", name, clusters)
    den = np.full(clusters, float(steps)) if steps else rng.integers(3, 12, clusters).astype(float)
    return rng.binomial(den.astype(int), rng.beta(4 * rate, 4 * (1 - rate), clusters)).astype(float), den


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
