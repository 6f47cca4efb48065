"""Confidence sequences: 95 % intervals that hold at every look at once, so that an experiment may stop when it likes.

A gambler bets against a value theta. If theta is the true ratio E[num] / E[den], then (num - theta den) / D has mean 0,
with D the most steps an episode can have, and his capital

    K_t(theta) = product over items i <= t of  1 + lambda (num_i - theta den_i) / D

is a martingale for every bet lambda that cannot ruin him. By Ville's inequality it ever reaches 2 / alpha with
probability alpha / 2 at most; the values against which it never did, betting upwards or downwards, are the interval.

Source: the hedged capital process of Waudby-Smith and Ramdas 2024, JRSSB 86(1) (arXiv 2010.09686), with x - m replaced
by (num - theta den) / D, so that the mean of bounded values becomes a ratio of sums. The bets are a uniform mixture of
20, a discrete universal portfolio (Cover 1991, Mathematical Finance 1(1); Orabona and Jun 2024, IEEE Transactions on
Information Theory 70(1)). A mixture of martingales is one, and with constant bets the capital against theta falls (or
rises) in theta, so the set is an interval and its ends are roots, not points of a grid.

Conditions: episodes are taken in an order fixed before anything was seen (their numbers), each is complete, and given
those before it each has the same ratio of expectations. Which of them finished first is no such order.
"""

from __future__ import annotations

import math

import numpy as np

from ...errors import BadOption
from .distributions import root
from .ratios import Array
from .values import LEVEL, Estimate

BETS = (np.arange(20) + 0.5) / 20  # as shares of the largest bet that cannot ruin
LEAST = 1e-9
APART = "no value fits all looks: the episodes are not alike, or this is the one run in twenty"


class Sequence:
    """Anytime-valid interval of a share: a ratio of sums with 0 <= num <= den <= bound in every episode.

    `interval` is the intersection over all episodes so far, and the same whenever one looks. Where it is empty no value
    fits (`contradicted`); the interval is then all of [0, 1], so that nothing stops on it.

    Args:
        bound: the most steps that an episode can have, known in advance.
        level: probability that all intervals ever given hold the truth.

    Raises:
        BadOption: a bound that is not positive or a level outside (0, 1); from `add`, counts outside their range.
    """

    def __init__(self, bound: float, level: float = LEVEL) -> None:
        if not (math.isfinite(bound) and bound > 0):
            raise BadOption(f"bound = {bound}", "it must be positive", "Give the most steps an episode can have.")
        if not 0 < level < 1:
            raise BadOption(f"level = {level}", "it must lie between 0 and 1")
        self.bound, self.level = bound, level
        self.episodes = 0
        self._sums = np.zeros(2)
        self._below, self._above = _Side(bound, level), _Side(bound, level)

    def add(self, num: float, den: float) -> None:
        """Take the next episode into account; one without a step (den = 0) tells nothing."""
        _check(num, den, self.bound)
        self.episodes += 1
        if den:
            self._sums += (num, den)
            self._below.add(num, den)
            self._above.add(den - num, den)

    @property
    def interval(self) -> tuple[float, float]:
        """The lowest and the highest value that no look has excluded."""
        return (0.0, 1.0) if self.contradicted else (self._below.low, 1 - self._above.low)

    @property
    def contradicted(self) -> bool:
        """Whether every value has been excluded."""
        return self._below.low > 1 - self._above.low

    @property
    def estimate(self) -> Estimate:
        """The ratio so far with the interval of this look."""
        num, den = self._sums
        if not den:
            return Estimate(None, why="no step to measure it on")
        why = APART if self.contradicted else ""
        return Estimate(float(num / den), *self.interval, n=float(den), clusters=self.episodes, why=why)


class PairedSequence:
    """Anytime-valid interval of a paired difference of two shares, in [-1, 1].

    Matched arms have the same steps in every episode, da = db. Then (na - nb + d) / 2 of d steps is a share with ratio
    (1 + difference) / 2, and its sequence is as narrow as the pairing allows. Arms that are not matched (a conditional
    share, or episodes of their own length) get a sequence each, at half the error, and the difference of the two:
    valid, and wide.

    Args:
        bound: the most steps that an episode can have, known in advance.
        level: probability that all intervals ever given hold the truth.
        matched: whether both arms have the same number of steps in every episode; fixed before the first.

    Raises:
        BadOption: as for `Sequence`; from `add`, also matched arms with unequal steps.
    """

    def __init__(self, bound: float, level: float = LEVEL, matched: bool = True) -> None:
        each = level if matched else (1 + level) / 2
        self.bound, self.level, self.matched = bound, level, matched
        self._parts = tuple(Sequence(bound, each) for _ in range(1 if matched else 2))
        self._sums = np.zeros(4)
        self.episodes = 0

    def add(self, num_a: float, den_a: float, num_b: float, den_b: float) -> None:
        """Take the next episode of both arms into account."""
        _check(num_a, den_a, self.bound)
        _check(num_b, den_b, self.bound)
        if not self.matched:
            self._parts[0].add(num_a, den_a)
            self._parts[1].add(num_b, den_b)
        elif den_a == den_b:
            self._parts[0].add((num_a - num_b + den_a) / 2, den_a)
        else:
            raise BadOption(
                f"an episode with {den_a:g} steps in one arm and {den_b:g} in the other",
                "matched arms have the same steps in every episode",
                "Give matched=False.",
            )
        self.episodes += 1
        self._sums += (num_a, den_a, num_b, den_b)

    @property
    def interval(self) -> tuple[float, float]:
        """The lowest and the highest difference that no look has excluded."""
        if self.matched:
            low, high = self._parts[0].interval
            return 2 * low - 1, 2 * high - 1
        (low_a, high_a), (low_b, high_b) = (part.interval for part in self._parts)
        return low_a - high_b, high_a - low_b

    @property
    def contradicted(self) -> bool:
        """Whether every value of the difference, or of an arm, has been excluded."""
        return any(part.contradicted for part in self._parts)

    @property
    def estimate(self) -> Estimate:
        """The difference so far with the interval of this look."""
        na, da, nb, db = map(float, self._sums)
        if not da or not db:
            return Estimate(None, why="no step to compare on")
        why = APART if self.contradicted else ""
        return Estimate(na / da - nb / db, *self.interval, n=da, clusters=self.episodes, why=why)


def interim_intervals(sequence: Sequence | PairedSequence, *columns: Array) -> Array:
    """The interval after each episode: shape (episodes, 2). Adds the episodes to `sequence`.

    Args:
        sequence: a fresh one, or one to go on with.
        columns: num and den for a `Sequence`; num and den of both arms for a `PairedSequence`; one value per item,
            in the order of the episodes.
    """
    intervals = np.empty((len(columns[0]), 2))
    for i, episode in enumerate(zip(*columns, strict=True)):
        sequence.add(*map(float, episode))
        intervals[i] = sequence.interval
    return intervals


def capital(num: Array, den: Array, theta: float, bound: float) -> Array:
    """Hedged capital against `theta` after each episode, shape (episodes,): the evidence that a `Sequence` is made of.

    A sequence has excluded theta, in (0, 1), by the first episode at which this reaches 1 / (1 - level). At the true
    ratio its expectation is at most 1, whenever one stops: it is an e-value.
    """
    up = _log_mixture(np.cumsum(_gains(num, den, theta, bound), axis=1))
    down = _log_mixture(np.cumsum(_gains(den - num, den, 1 - theta, bound), axis=1))
    result: Array = np.exp(np.maximum(up, down)) / 2
    return result


def _check(num: float, den: float, bound: float) -> None:
    if not 0 <= num <= den <= bound:
        raise BadOption(
            f"an episode with {num:g} of {den:g} steps",
            f"0 <= num <= den <= {bound:g} must hold",
            "Give bound = the most steps an episode can have.",
        )


def _gains(num: Array, den: Array, theta: float, bound: float) -> Array:
    """Log of what each bet upwards earns in each episode, shape (bets, episodes)."""
    result: Array = np.log1p(BETS[:, None] / theta * (num - theta * den) / bound)
    return result


def _log_mixture(logs: Array) -> Array:
    result: Array = np.logaddexp.reduce(logs, axis=0) - math.log(len(BETS))
    return result


class _Side:
    """The lower end of a sequence: below `low` every theta has been bet against upwards with success.

    With constant bets the capital depends on how often each (num, den) was seen, not on their order.
    """

    def __init__(self, bound: float, level: float) -> None:
        self.bound, self.threshold = bound, math.log(2 / (1 - level))
        self.low = 0.0
        self.counts: dict[tuple[float, float], int] = {}

    def add(self, num: float, den: float) -> None:
        self.counts[num, den] = self.counts.get((num, den), 0) + 1
        pairs = np.array(list(self.counts), float)
        times = np.array(list(self.counts.values()), float)

        def over(theta: float) -> float:
            gained = _gains(pairs[:, 0], pairs[:, 1], theta, self.bound) @ times
            return float(_log_mixture(gained)) - self.threshold

        start = max(self.low, LEAST)
        if start < 1 and over(start) > 0:  # falls in theta, and at 1 nothing can have been won
            self.low = root(over, start, 1.0)
