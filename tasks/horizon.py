"""The Horizon task: two arms, four forced pulls, then one free choice or several (Wilson et al. 2014).

The forced pulls show the arms equally often (2 and 2) or unequally (1 and 3), and 1 or `choices` free ones follow. What
is learned of the less known arm is worth more the more choices are left, so the difference between the horizons at the
*first* free choice parts two kinds of exploration:

    directed   P(takes the less known arm), long - short horizon, in the unequal condition
    random     P(takes the arm with the lower mean so far), long - short horizon, in the equal condition

The oracle is exact for what the agent is told: true averages are drawn from a normal distribution, rewards scatter
around them with a known standard deviation, so the value of a choice is found by backward induction over the posterior
means. Their difference is all that matters, which leaves one dimension (Gittins, Glazebrook and Weber 2011, ch. 1).

Invariants: the forced pulls and the condition are drawn by the seed and are the same for every variant; an arm's k-th
reward is a function of (seed, arm, k). Half of the episodes have the long horizon, half the unequal condition.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

from ..errors import BadOption
from ..options import MOST_STEPS, real, whole
from ..records import Oracle, Quantity, Situation, Transition
from ..rng import named_rng
from ..solvers import SOLVERS, ReadPrompt
from .base import FieldOptions, action_index, named_task
from .horizon_values import choice_values, posterior_mean
from .scenarios import LABELS

FORCED = 4
MIDDLE, SPREAD = 50.0, 14.0  # of the true averages; close to the published 40 or 60 with a gap of 4 to 30
TIE = 1e-6
_LINE = re.compile(r"^Step=\d+ Action=(.+?) Reward=(-?[\d.]+)$", re.MULTILINE)
_SHOWN = re.compile(
    r"You face 2 levers: ([^,\n]+), ([^.\n]+)\. .*?standard deviation of ([\d.]+)\. .*?"
    r"(only choice|You have (\d+) choices left)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class HorizonState:
    """A point of an episode: the labels and true averages, all pulls so far, the forced ones first, and the turn."""

    seed: int
    labels: tuple[str, str]
    means: tuple[float, float]
    choices: int
    history: tuple[Transition, ...] = ()
    turn: int = 0


@dataclass(frozen=True)
class Horizon(FieldOptions):
    """The task; see the module's docstring. Build it with `horizon(...)`, which checks its options."""

    choices: int = 6
    sigma: float = 8.0
    name = "horizon"

    @property
    def max_decisions(self) -> int:
        return self.choices

    def item(self, seed: int) -> str:
        return str(seed)

    def start(self, seed: int) -> HorizonState:
        rng = named_rng(seed, "horizon", "world")
        pool = LABELS["colours"]
        first, second = (pool[int(i)] for i in rng.permutation(len(pool))[:2])
        a, b = (float(m) for m in rng.normal(MIDDLE, SPREAD, 2))
        choices = self.choices if rng.random() < 0.5 else 1
        state = HorizonState(seed, (first, second), (a, b), choices)
        rare = int(rng.integers(2))
        pulls = [rare, 1 - rare, 1 - rare, 1 - rare if rng.random() < 0.5 else rare]
        for arm in rng.permutation(pulls):
            state = self._pull(state, int(arm))[0]
        return state

    def situation(self, state: HorizonState) -> Situation:
        left = state.choices - (state.turn - FORCED)
        more = "This is your only choice." if left == 1 else f"You have {left} choices left, this one included."
        counts, means = _summary(state)
        return Situation(
            task=self.name,
            step=state.turn,
            horizon=FORCED + state.choices,
            instruction=(
                f"You face 2 levers: {state.labels[0]}, {state.labels[1]}. A lever pays points that scatter around "
                f"its own fixed average with a standard deviation of {self.sigma:g}. Each average was drawn from a "
                f"normal distribution with mean {MIDDLE:g} and standard deviation {SPREAD:g}. The first {FORCED} "
                f"pulls were made for you. You then choose yourself, {_times(state.choices)} in all, and want the "
                "most points from your own choices."
            ),
            observation=more,
            history=state.history,
            actions=state.labels,
            noun="lever",
            quantities=(Quantity("pulls", counts), Quantity("mean", means)),
            question="Which lever do you pull?",
            item=f"{'unequal' if _unequal(state) else 'equal'}, horizon {state.choices}",
        )

    def oracle(self, state: HorizonState) -> Oracle:
        left = state.choices - (state.turn - FORCED)
        rewards = _rewards(state)
        counts = tuple(len(r) for r in rewards)
        posterior = tuple(posterior_mean(r, MIDDLE, SPREAD, self.sigma) for r in rewards)
        values = dict(zip(state.labels, choice_values(posterior, counts, left, SPREAD, self.sigma), strict=True))
        best = max(values.values())
        values = {a: best if best - v < TIE else v for a, v in values.items()}
        means = [float(np.mean(r)) for r in rewards]
        passed = max(choice_values(posterior, counts, left - 1, SPREAD, self.sigma)) if left > 1 else 0.0
        return Oracle(
            optimal=tuple(a for a, v in values.items() if v == best),
            greedy=tuple(a for a, m in zip(state.labels, means, strict=True) if m == max(means)),
            values={**values},
            regret={a: best - v for a, v in values.items()},
            forfeit=best - passed,
            untried=(),
            rule="backward induction",
            frequent=tuple(a for a, n in zip(state.labels, counts, strict=True) if n == max(counts)),
        )

    def step(self, state: HorizonState, action: str) -> tuple[HorizonState, float, bool]:
        arm = action_index(action, state.labels)
        if state.turn >= FORCED + state.choices:
            raise BadOption("the episode is over", "all its choices were made")
        after, reward = self._pull(state, arm)
        return after, reward, after.turn >= FORCED + after.choices

    def forfeit(self, state: HorizonState) -> tuple[HorizonState, bool]:
        after = replace(state, turn=state.turn + 1)
        return after, after.turn >= FORCED + after.choices

    def _pull(self, state: HorizonState, arm: int) -> tuple[HorizonState, float]:
        label = state.labels[arm]
        k = sum(t.action == label for t in state.history)
        noise = float(named_rng(state.seed, "horizon", "reward", arm, k).standard_normal())
        reward = float(round(state.means[arm] + self.sigma * noise))
        line = Transition(state.turn, label, reward)
        return replace(state, history=(*state.history, line), turn=state.turn + 1), reward


def _times(n: int) -> str:
    return "once" if n == 1 else f"{n} times"


def _rewards(state: HorizonState) -> tuple[list[float], list[float]]:
    first, second = ([t.reward for t in state.history if t.action == label] for label in state.labels)
    return first, second


def _summary(state: HorizonState) -> tuple[tuple[float, ...], tuple[float, ...]]:
    rewards = _rewards(state)
    return tuple(float(len(r)) for r in rewards), tuple(float(np.mean(r)) for r in rewards)


def _unequal(state: HorizonState) -> bool:
    forced = [t.action for t in state.history[:FORCED]]
    return forced.count(state.labels[0]) != FORCED // 2


@named_task("horizon", "Wilson et al. 2014")
def horizon(choices: int = 6, sigma: float = 8.0) -> Horizon:
    """Horizon task (Wilson et al. 2014): two levers, four forced pulls, one free choice or several.

    Args:
        choices: free choices of the long horizon (published: 6); the short one has 1. At most 20.
        sigma: standard deviation of a reward around its lever's average, in points (published: 8).

    Raises:
        BadOption: an option is out of range.
    """
    whole("choices", choices, 2, min(20, MOST_STEPS))
    real("sigma", sigma, 0)
    if sigma == 0:
        raise BadOption("sigma is 0", "nothing would be left to explore", "Use a number above 0, such as 8.")
    return Horizon(choices, float(sigma))


def _solve(prompt: str) -> ReadPrompt | None:
    """What a simulated agent works out."""
    found = _SHOWN.search(prompt)
    if found is None:
        return None
    labels, sigma, left = (found[1], found[2]), float(found[3].rstrip(".")), int(found[5] or 1)
    rewards = [[float(r) for a, r in _LINE.findall(prompt) if a == label] for label in labels]
    if not all(rewards):
        return None
    means = tuple(posterior_mean(r, MIDDLE, SPREAD, sigma) for r in rewards)
    values = choice_values(means, tuple(map(len, rewards)), left, SPREAD, sigma)
    right = tuple(a for a, v in zip(labels, values, strict=True) if max(values) - v < TIE)
    return ReadPrompt(right, tuple(a for a in labels if a not in right))


SOLVERS["horizon"] = _solve
