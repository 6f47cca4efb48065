"""The multi-armed bandit with Gaussian rewards, told as a row of coloured buttons.

Arms' means are Uniform(0, 1), rewards are Normal(mean, sigma) (Schmied et al. 2025, A1; the scenario is BanditBench's
"button"). The labels of an episode are drawn, so that a preference for a word is not a preference for an arm.
The oracle follows an index rule (`rules.py`): optimal = highest index, untried arms infinite; greedy = highest index
among the tried ones. The two sets differ only while an untried arm is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..errors import BadOption, UnknownName
from ..records import Example, Oracle, Quantity, Situation, Transition
from ..streams import stream
from .base import TASKS, legal
from .rules import RULES, Rule, best, rule_named

__all__ = ["Bandit", "BanditState", "bandit"]

COLOURS = (
    "Red", "Blue", "Green", "Yellow", "Purple", "Orange", "Pink", "Brown", "Black", "White",
    "Grey", "Teal", "Gold", "Silver", "Lime", "Navy", "Coral", "Olive", "Violet", "Indigo",
)  # fmt: skip
LETTERS = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
LABELS = {"colours": COLOURS, "letters": LETTERS}
VIEWS = {
    "history": ("history",),
    "summary": ("pulls", "mean"),
    "both": ("history", "pulls", "mean"),
    "index": ("history", "pulls", "mean", "index"),
}
EXAMPLE_SEED, EXAMPLES = -1, 6


@dataclass(frozen=True, slots=True)
class BanditState:
    """A point of an episode: `means` and `labels` per arm, pulls so far, and how many turns have passed."""

    seed: int
    labels: tuple[str, ...]
    means: tuple[float, ...]
    history: tuple[Transition, ...] = ()
    turn: int = 0


@dataclass(frozen=True)
class Bandit:
    """A Gaussian bandit; see the module's docstring. Build it with `bandit(...)`, which checks its options."""

    arms: int = 5
    sigma: float = 1.0
    horizon: int = 10
    labels: str = "colours"
    rule: str = "ucb"
    view: str = "history"
    head_start: int = 0
    name = "bandit"

    @property
    def options(self) -> dict[str, Any]:
        return {
            "arms": self.arms, "sigma": self.sigma, "horizon": self.horizon,
            "labels": self.labels, "rule": self.rule, "view": self.view,
            "head_start": self.head_start,
        }  # fmt: skip

    def start(self, seed: int) -> BanditState:
        means = stream(seed, "bandit", "means").random(self.arms)
        known = LABELS[self.labels]
        drawn = stream(seed, "bandit", "labels").permutation(len(known))[: self.arms]
        state = BanditState(seed, tuple(known[i] for i in drawn), tuple(float(m) for m in means))
        for arm in stream(seed, "bandit", "head start").integers(self.arms, size=self.head_start):
            state = self._pull(state, int(arm))[0]
        return state

    def situation(self, state: BanditState) -> Situation:
        return self._situation(state, self._examples)

    def oracle(self, state: BanditState) -> Oracle:
        values = self._index(state).values
        tried = [i for i, v in enumerate(values) if v is not None]
        top = max(state.means)
        return Oracle(
            optimal=best(state.labels, values),
            greedy=best([state.labels[i] for i in tried], [values[i] for i in tried]),
            values=dict(zip(state.labels, values, strict=True)),
            regret={a: top - m for a, m in zip(state.labels, state.means, strict=True)},
            forfeit=top,
            untried=tuple(a for a, v in zip(state.labels, values, strict=True) if v is None),
            rule=self.rule,
        )

    def step(self, state: BanditState, action: str) -> tuple[BanditState, float, bool]:
        arm = legal(action, state.labels)
        if state.turn >= self.horizon + self.head_start:
            raise BadOption("the episode is over", f"all {self.horizon} steps were taken")
        after, reward = self._pull(state, arm)
        return after, reward, self._over(after)

    def forfeit(self, state: BanditState) -> tuple[BanditState, bool]:
        after = BanditState(state.seed, state.labels, state.means, state.history, state.turn + 1)
        return after, self._over(after)

    def _over(self, state: BanditState) -> bool:
        return state.turn >= self.horizon + self.head_start

    def _pull(self, state: BanditState, arm: int) -> tuple[BanditState, float]:
        action = state.labels[arm]
        k = sum(t.action == action for t in state.history)
        noise = float(stream(state.seed, "bandit", "reward", arm, k).standard_normal())
        reward = round(state.means[arm] + self.sigma * noise, 2)
        line = Transition(state.turn, action, reward)
        return BanditState(state.seed, state.labels, state.means, (*state.history, line), state.turn + 1), reward

    def _index(self, state: BanditState) -> Quantity:
        rule: Rule = rule_named(self.rule)
        pulls, means = _summary(state)
        total = len(state.history)
        return Quantity("index", tuple(rule(m, int(n or 0), total) for n, m in zip(pulls, means, strict=True)))

    def _situation(self, state: BanditState, examples: tuple[Example, ...]) -> Situation:
        pulls, means = _summary(state)
        return Situation(
            task=self.name,
            step=state.turn,
            horizon=self.horizon + self.head_start,
            instruction=(
                f"You face {self.arms} buttons: {', '.join(state.labels)}. Pressing a button pays a noisy reward; each "
                f"button has its own fixed average. There are {self.horizon + self.head_start} presses in all and you "
                "want the highest total reward."
            ),
            rule="At every step press the button with the highest value of "
            + rule_named(self.rule).words.format(noun="button")
            + ".",
            history=state.history,
            actions=state.labels,
            noun="button",
            quantities=(Quantity("pulls", pulls), Quantity("mean", means), self._index(state)),
            shows=VIEWS[self.view],
            question="Which button do you press next?",
            examples=examples,
        )

    @cached_property
    def _examples(self) -> tuple[Example, ...]:
        """Solved situations of other episodes, whose optimal actions are all different."""
        return tuple(self._example(i) for i in range(min(EXAMPLES, self.arms)))

    def _example(self, i: int) -> Example:
        """Every arm is tried, or in every other example all but a few; labels are rotated so that winners differ."""
        rng = stream(EXAMPLE_SEED - i, "bandit", "example")
        labels = LABELS[self.labels][: self.arms]
        means = tuple(float(m) for m in rng.random(self.arms))
        tried = self.arms if i % 2 == 0 else max(1, self.arms // 2)
        pulls = [*rng.permutation(self.arms)[:tried]]
        pulls += [int(a) for a in rng.choice(pulls, size=self.arms)]
        rewards = rng.normal(means, self.sigma, (len(pulls), self.arms))
        history = tuple(Transition(t, labels[a], round(float(rewards[t, a]), 2)) for t, a in enumerate(pulls))
        state = BanditState(EXAMPLE_SEED, labels, means, history, len(history))
        winner = labels[(i + 1) % self.arms]  # where several tie, this one of them is the solution
        shift = labels.index(self.oracle(state).optimal[0]) - labels.index(winner)
        renamed = {a: labels[(n - shift) % self.arms] for n, a in enumerate(labels)}
        moved = tuple(Transition(t.step, renamed[t.action], t.reward) for t in history)
        state = BanditState(EXAMPLE_SEED, labels, means, moved, len(moved))
        return Example(self._situation(state, ()), winner)


def _summary(state: BanditState) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    """Pulls and mean reward per arm, in display order; the mean of an untried arm is None."""
    rewards: dict[str, list[float]] = {a: [] for a in state.labels}
    for line in state.history:
        rewards[line.action].append(line.reward)
    pulls = tuple(float(len(r)) for r in rewards.values())
    return pulls, tuple(sum(r) / len(r) if r else None for r in rewards.values())


def bandit(
    arms: int = 5,
    sigma: float = 1.0,
    horizon: int = 10,
    labels: str = "colours",
    rule: str = "ucb",
    view: str = "history",
    head_start: int = 0,
) -> Bandit:
    """Gaussian button bandit with an index-rule oracle.

    Args:
        arms: number of buttons, from 2 to as many as there are labels (20 colours, 26 letters).
        sigma: standard deviation of a reward, in reward units (published: 0.1, 1, 3).
        horizon: decisions per episode.
        labels: "colours" or "letters".
        rule: the oracle's index rule, also told to the agent: see `akrasia.tasks.rules`.
        head_start: pulls of random arms made before the agent's first decision, so that it never starts from nothing.
        view: what the agent is shown: "history", "summary", "both", or "index" (the rule's values are given).

    Raises:
        BadOption, UnknownName: an option is out of range or unknown.
    """
    for option, value, known in (("labels", labels, LABELS), ("view", view, VIEWS), ("rule", rule, RULES)):
        if not isinstance(value, str) or value not in known:
            raise UnknownName.among(f"bandit {option} option", str(value), known)
    if isinstance(arms, bool) or not isinstance(arms, int) or not 2 <= arms <= len(LABELS[labels]):
        raise BadOption(f"arms is {arms!r}", remedy=f"Use an integer from 2 to {len(LABELS[labels])}.")
    if isinstance(horizon, bool) or not isinstance(horizon, int) or horizon < 1:
        raise BadOption(f"horizon is {horizon!r}", remedy="Use an integer of at least 1.")
    if isinstance(sigma, bool) or not isinstance(sigma, int | float) or not 0 <= sigma < float("inf"):
        raise BadOption(f"sigma is {sigma!r}", remedy="Use a standard deviation of at least 0.")
    if isinstance(head_start, bool) or not isinstance(head_start, int) or head_start < 0:
        raise BadOption(f"head_start is {head_start!r}", remedy="Use an integer of at least 0.")
    return Bandit(arms, float(sigma), horizon, labels, rule, view, head_start)


TASKS.register("bandit", bandit)
