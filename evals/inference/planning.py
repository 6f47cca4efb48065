"""Before a run: how many items a paired difference needs, or which one a number of items can show.

The item is the unit; where every episode is about an item of its own that is the episode, and so these functions call
it. The power is that of the paired t test over per-item differences (noncentral t), which the sign-flip test shares for
many items (Hoeffding 1952, Annals of Mathematical Statistics 23(2)), less what an exact test loses on whole steps: its
threshold is the next value that the difference can take. Those lie 2 / (episodes steps) apart where both arms have the
same steps, so the threshold is 1 / (episodes steps) too high on average. A family of m comparisons is planned at alpha
/ m, which Holm's correction never falls below.

Invariant: where so few episodes cannot give a p-value below alpha / m at all, the power is 0.
"""

from __future__ import annotations

import math

from ...errors import BadOption
from .distributions import noncentral_t_tail, root, student_quantile
from .ratios import Array, aligned, linearised, standard_error

ALPHA = 0.05
TARGET = 0.8
MOST = 10**7


def power(
    effect: float, episodes: int, sd: float, alpha: float = ALPHA, family: int = 1, steps: float | None = None
) -> float:
    """Probability that a true paired difference of `effect` is found, two-sided, over so many episodes.

    Args:
        effect: the difference of the two ratios, such as 0.1.
        episodes: number of episodes, each played by both arms.
        sd: standard deviation between episodes of the paired difference: `pilot_spread` or `assumed_spread`.
        alpha: error rate of the family; family: number of comparisons that it is shared by.
        steps: mean steps per episode, where both arms have the same ones and count whole steps (any share of all steps
            in a fork); None for differences without such a grain.

    Source: Cohen 1988, ch. 2, for the paired t test; noncentral t with episodes - 1 degrees of freedom.

    Raises:
        BadOption: sd, alpha, family or steps out of range.
    """
    each = _each(sd, alpha, family, steps)
    if episodes < 2 or 2.0 ** (1 - episodes) > each:
        return 0.0
    grain = 1 / (episodes * steps) if steps else 0.0
    shift = max(abs(effect) - grain, 0.0) / sd * math.sqrt(episodes)
    least = student_quantile(each / 2, episodes - 1)
    return noncentral_t_tail(least, episodes - 1, shift) + noncentral_t_tail(least, episodes - 1, -shift)


def episodes_needed(
    effect: float,
    sd: float,
    target: float = TARGET,
    alpha: float = ALPHA,
    family: int = 1,
    steps: float | None = None,
) -> int:
    """The fewest episodes at which `power(effect, episodes, sd, alpha, family, steps)` reaches `target`.

    Raises:
        BadOption: an effect of 0, or one that more than 10,000,000 episodes would be needed for; a target outside
            (alpha, 1); sd, alpha, family or steps out of range.
    """
    _check_target(target, alpha)
    if effect == 0:
        raise BadOption("an effect of 0", "no number of episodes finds it", "Give the smallest effect that matters.")
    low, high = 1, 2
    while power(effect, high, sd, alpha, family, steps) < target:
        low, high = high, 2 * high
        if low > MOST:
            raise BadOption(f"an effect of {effect:g}", f"more than {MOST:,} episodes would be needed to find it")
    while high - low > 1:
        middle = (low + high) // 2
        enough = power(effect, middle, sd, alpha, family, steps) >= target
        low, high = (low, middle) if enough else (middle, high)
    return high


def minimum_detectable_effect(
    episodes: int,
    sd: float,
    target: float = TARGET,
    alpha: float = ALPHA,
    family: int = 1,
    steps: float | None = None,
) -> float | None:
    """The smallest difference that so many episodes find with probability `target`; None where none is found.

    Raises:
        BadOption: a target outside (alpha, 1); sd, alpha, family or steps out of range.
    """
    _check_target(target, alpha)
    most = 1000.0 * sd + 1.0

    def short(effect: float) -> float:
        return power(effect, episodes, sd, alpha, family, steps) - target

    return root(short, 0.0, most, xtol=1e-12) if short(most) >= 0 else None


def pilot_spread(a: tuple[Array, Array], b: tuple[Array, Array]) -> float:
    """Standard deviation between episodes of the paired difference ratio(a) - ratio(b), from a pilot.

    With equal denominators it is that of the per-episode differences (C - 1 in the divisor), else that of the
    linearised ones, so that sd / sqrt(C) is the standard error of `contrast`.

    Args:
        a, b: (num, den) per episode, aligned, each of shape (clusters,).

    Raises:
        BadOption: fewer than two episodes, an arm without a step, or no spread at all.
    """
    (na, da), (nb, db) = aligned(a, b)
    clusters = len(na)
    if clusters < 2 or not da.sum() or not db.sum():
        raise BadOption("the pilot is too small", "it takes two episodes and a step in each arm")
    spread = standard_error(linearised(na, da) - linearised(nb, db)) * math.sqrt(clusters)
    if spread == 0:
        raise BadOption(
            "the pilot shows no spread",
            "every episode differs by the same amount",
            "Run a longer pilot, or state the spread with assumed_spread.",
        )
    return spread


def assumed_spread(steps: float, discordance: float, correlation: float = 0.0, effect: float = 0.0) -> float:
    """Standard deviation between episodes of the paired difference, from assumptions.

    A step differs by +1, 0 or -1 between the arms: a variance of discordance - effect^2. The mean over the steps of
    an episode has that times (1 + (steps - 1) correlation) / steps (the design effect of Kish 1965, Survey Sampling).

    Args:
        steps: steps per episode (their mean, where they vary).
        discordance: share of the steps at which one arm is right and the other one wrong.
        correlation: intra-class correlation of the step differences within an episode, 0 to 1.
        effect: the true difference.

    Raises:
        BadOption: a value out of range; |effect| cannot exceed the discordance.
    """
    if not steps >= 1:
        raise BadOption(f"steps = {steps}", "an episode has one step at least")
    if not 0 <= correlation <= 1:
        raise BadOption(f"correlation = {correlation}", "it must lie between 0 and 1")
    if not abs(effect) <= discordance <= 1:
        raise BadOption(
            f"discordance = {discordance}, effect = {effect}",
            "|effect| <= discordance <= 1 must hold",
            "An effect of 0.1 needs steps that differ at a share of 0.1 at least.",
        )
    variance = (discordance - effect**2) * (1 + (steps - 1) * correlation) / steps
    if variance <= 0:
        raise BadOption("these assumptions leave no spread", "no step differs, or all do alike")
    return math.sqrt(variance)


def _each(sd: float, alpha: float, family: int, steps: float | None) -> float:
    if not (math.isfinite(sd) and sd > 0):
        raise BadOption(f"sd = {sd}", "it must be positive", "Take it from pilot_spread or assumed_spread.")
    if not 0 < alpha < 1:
        raise BadOption(f"alpha = {alpha}", "it must lie between 0 and 1")
    if family < 1:
        raise BadOption(f"family = {family}", "there is one comparison at least")
    if steps is not None and not steps > 0:
        raise BadOption(f"steps = {steps}", "an episode has steps")
    return alpha / family


def _check_target(target: float, alpha: float) -> None:
    if not alpha < target < 1:
        raise BadOption(f"target = {target}", "the power to plan for lies between alpha and 1", "0.8 is customary.")
