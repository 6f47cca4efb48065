"""Index rules for bandits: the value of an arm, given its rewards so far.

Invariant: a rule maps (mean reward, pulls of this arm, pulls of all arms) to a value. The value of an arm that was
never pulled is None, which stands for infinity and ranks first. A rule holds its own wording, so an agent is told to
follow exactly the rule that it is judged by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log, sqrt

from ..errors import UnknownName
from ..records import Oracle, Transition

ARM_VIEWS = {
    "history": ("history",),
    "summary": ("pulls", "mean"),
    "both": ("history", "pulls", "mean"),
    "index": ("history", "pulls", "mean", "index"),
}
"""By the option `view` of a bandit, which quantities an agent is shown."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A named index rule.

    Attributes:
        name: short name used in options and records.
        words: the rule as an agent reads it.
        value: (mean, pulls of the arm >= 1, total pulls) -> value in reward units.
        source: where the formula is from.
    """

    name: str
    words: str
    value: Callable[[float, int, int], float]
    source: str

    def __call__(self, mean: float | None, pulls: int, total: int) -> float | None:
        return None if mean is None or pulls == 0 else self.value(mean, pulls, total)


RULES = {
    rule.name: rule
    for rule in (
        Rule(
            "ucb",
            "the upper confidence bound mean + sqrt(2 * ln(t) / n), where t is the number of pulls made so far and n "
            "the number of pulls of that {noun}; a {noun} that was never tried has an infinite bound",
            lambda mean, n, t: mean + sqrt(2 * log(t) / n),
            "UCB1 (Auer et al. 2002), as in Schmied et al. 2025, Fig. 22",
        ),
        Rule(
            "ucb_sqrt",
            "the upper confidence bound mean + sqrt(1 / n), where n is the number of pulls of that {noun}; a {noun} "
            "that was never tried has an infinite bound",
            lambda mean, n, t: mean + sqrt(1 / n),
            "expert of Schmied et al. 2025, Fig. 12",
        ),
        Rule(
            "ucb_bench",
            "the upper confidence bound mean + sqrt(0.5 * ln(N) / n), where N is the number of pulls made so far and n "
            "the number of pulls of that {noun}; a {noun} that was never tried comes first",
            lambda mean, n, t: mean + sqrt(0.5 * log(t) / n),
            "UCB of BanditBench (Nie et al. 2024), with forced first pulls",
        ),
        Rule(
            "greedy",
            "the mean reward seen so far; a {noun} that was never tried comes first",
            lambda mean, n, t: mean,
            "greedy with forced first pulls",
        ),
    )
}

TRUTH = "truth"
"""No index rule: optimal is the best *true* mean, which no history shows, so no agent is told to follow it."""

ORACLES = (*RULES, TRUTH)


def rule_named(name: str) -> Rule:
    """The rule of that name.

    Raises:
        UnknownName: with the nearest known rules.
    """
    if name not in RULES:
        raise UnknownName.among("rule", name, RULES)
    return RULES[name]


def best_labels(labels: Sequence[str], values: Sequence[float | None]) -> tuple[str, ...]:
    """All labels whose value is highest, in the given order; None is infinite and ties only with None."""
    if not labels:
        return ()
    if any(v is None for v in values):
        return tuple(a for a, v in zip(labels, values, strict=True) if v is None)
    top = max(v for v in values if v is not None)
    return tuple(a for a, v in zip(labels, values, strict=True) if v == top)


def arm_summary(
    labels: Sequence[str], history: Sequence[Transition]
) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    """Pulls and mean reward of each arm, in the order of the labels; the mean of an untried arm is None."""
    rewards: dict[str, list[float]] = {a: [] for a in labels}
    for line in history:
        rewards[line.action].append(line.reward)
    pulls = tuple(float(len(r)) for r in rewards.values())
    return pulls, tuple(sum(r) / len(r) if r else None for r in rewards.values())


def arm_oracle(
    labels: tuple[str, ...],
    history: Sequence[Transition],
    index: Sequence[float | None] | None,
    true: Sequence[float],
    rule: str,
) -> Oracle:
    """What is right in a bandit.

    Args:
        index: the rule's value of each arm; None under "truth", where `true`, the expected rewards, decide.
    """
    pulls, means = arm_summary(labels, history)
    values, learned = (true, means) if index is None else (index, index)
    tried = [i for i, mean in enumerate(means) if mean is not None]
    top = max(true)
    return Oracle(
        optimal=best_labels(labels, values),
        greedy=best_labels([labels[i] for i in tried], [learned[i] for i in tried]),
        values=dict(zip(labels, values, strict=True)),
        regret={a: top - r for a, r in zip(labels, true, strict=True)},
        forfeit=top,
        untried=tuple(a for a, mean in zip(labels, means, strict=True) if mean is None),
        rule=rule,
        frequent=best_labels(labels, pulls) if tried else (),
    )


RATING_MIDDLE = 3.0
"""LinUCB counts ratings from the middle of the scale of 1 to 5, so its estimates start there and not at 0."""


def linucb_values(
    now: Sequence[float], past: Sequence[tuple[int, float, float]], alpha: float, ridge: float
) -> tuple[float, ...]:
    """LinUCB with one linear model per arm (Li et al. 2010, Algorithm 1), on x = (1, preference for the arm).

    Args:
        now: today's preference per arm.
        past: (arm, preference for that arm, rating) of every earlier step.
        alpha: weight of the uncertainty.
        ridge: what the diagonal of A starts with, above 0.

    Returns:
        Per arm theta . x + alpha * sqrt(x' A^-1 x), without the middle of the scale.
    """
    # A = [[a, b], [b, c]] and the right-hand side (d, e), per arm: two by two needs no library.
    models = [[ridge, 0.0, ridge, 0.0, 0.0] for _ in now]
    for arm, p, rating in past:
        model = models[arm]
        for i, term in enumerate((1.0, p, p * p, rating - RATING_MIDDLE, (rating - RATING_MIDDLE) * p)):
            model[i] += term
    values = []
    for x, (a, b, c, d, e) in zip(now, models, strict=True):
        det = a * c - b * b
        mean = ((c * d - b * e) + (a * e - b * d) * x) / det
        values.append(mean + alpha * sqrt((c - 2 * b * x + a * x * x) / det))
    return tuple(values)
