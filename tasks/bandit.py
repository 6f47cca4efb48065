"""The multi-armed bandit, Gaussian or Bernoulli, worded as buttons, numbered arms, clothes, videos or adverts.

Gaussian arms have means Uniform(0, 1) and pay Normal(mean, sigma) (Schmied et al. 2025, A1); of Bernoulli arms one pays
1 with probability 0.5 + gap / 2 and all others with 0.5 - gap / 2 (Krishnamurthy et al. 2024; BanditBench).
The labels of an episode are drawn, so a preference for a word is not a preference for an arm.

The oracle follows an index rule (`rules.py`): optimal = highest index, untried arms infinite; greedy = highest index
among the tried arms. The two sets differ only while an untried arm is left. Under "truth" optimal = highest true mean,
greedy = highest mean so far, and the prompt names no rule.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..errors import BadOption
from ..options import MOST_OPTIONS, MOST_STEPS, one_of, real, whole
from ..records import Example, Oracle, Quantity, Situation, Tool, Transition
from ..rng import named_rng
from .base import FieldOptions, action_index, named_task
from .rules import ARM_VIEWS, ORACLES, TRUTH, Rule, arm_oracle, arm_summary, rule_named
from .scenarios import LABELS, SCENARIOS, Scenario, check_labels, label_pool
from .tools import TaskTool, labels_schema

REWARDS = ("gaussian", "bernoulli")
EXAMPLE_SEED, EXAMPLES = -1, 6


@dataclass(frozen=True, slots=True)
class BanditState:
    """A point of an episode: label and true mean of each arm, pulls so far, and the number of turns so far."""

    seed: int
    labels: tuple[str, ...]
    means: tuple[float, ...]
    history: tuple[Transition, ...] = ()
    turn: int = 0


@dataclass(frozen=True)
class Bandit(FieldOptions):
    """A bandit; see the module's docstring. Build it with `bandit(...)`, which checks its options."""

    arms: int = 5
    sigma: float = 1.0
    horizon: int = 10
    labels: str | tuple[str, ...] = "colours"
    rule: str = "ucb"
    view: str = "history"
    head_start: int = 0
    scenario: str = "buttons"
    rewards: str = "gaussian"
    gap: float = 0.2
    name = "bandit"

    def item(self, seed: int) -> str:
        return str(seed)

    def start(self, seed: int) -> BanditState:
        known = label_pool(self.labels, self.arms)
        drawn = named_rng(seed, "bandit", "labels").permutation(len(known))[: self.arms]
        if self.labels == "numbers":
            drawn.sort()
        state = BanditState(seed, tuple(known[i] for i in drawn), self.means(seed))
        for arm in named_rng(seed, "bandit", "head start").integers(self.arms, size=self.head_start):
            state = self._pull(state, int(arm))[0]
        return state

    def means(self, seed: int) -> tuple[float, ...]:
        """The true mean reward of each arm in the episode `seed`."""
        if self.rewards == "gaussian":
            return tuple(float(m) for m in named_rng(seed, "bandit", "means").random(self.arms))
        winner = int(named_rng(seed, "bandit", "best").integers(self.arms))
        return tuple(0.5 + (self.gap if arm == winner else -self.gap) / 2 for arm in range(self.arms))

    def situation(self, state: BanditState) -> Situation:
        return self._situation(state, self._examples)

    def oracle(self, state: BanditState) -> Oracle:
        index = self._index(state)
        values = None if index is None else index.values
        return arm_oracle(state.labels, state.history, values, state.means, self.rule)

    def step(self, state: BanditState, action: str) -> tuple[BanditState, float, bool]:
        arm = action_index(action, state.labels)
        if state.turn >= self.horizon + self.head_start:
            raise BadOption("the episode is over", f"all {self.horizon} steps were taken")
        after, reward = self._pull(state, arm)
        return after, reward, self._over(after)

    def forfeit(self, state: BanditState) -> tuple[BanditState, bool]:
        after = BanditState(state.seed, state.labels, state.means, state.history, state.turn + 1)
        return after, self._over(after)

    def tools(self, state: BanditState) -> tuple[TaskTool, ...]:
        """Counts and means of arms, and their index values where the oracle follows an index rule."""
        pulls, means = arm_summary(state.labels, state.history)
        index = self._index(state)
        counted = {
            label: {"pulls": int(n or 0), "mean": None if mean is None else round(mean, 4)}
            for label, n, mean in zip(state.labels, pulls, means, strict=True)
        }
        schema = labels_schema("arms", state.labels, "the names of the arms to look up")
        counts = Tool("counts", "How often each of some arms was taken, and its mean reward so far.", schema)
        tools = [TaskTool(counts, lambda arguments: {arm: counted[arm] for arm in arguments["arms"]})]
        if index is not None:
            values = {
                label: "infinite" if value is None else round(value, 4)
                for label, value in zip(state.labels, index.values, strict=True)
            }
            told = Tool(
                "index_values", "The value of each of some arms under the rule; untried arms have infinite.", schema
            )
            tools.append(TaskTool(told, lambda arguments: {arm: values[arm] for arm in arguments["arms"]}))
        return tuple(tools)

    def _over(self, state: BanditState) -> bool:
        return state.turn >= self.horizon + self.head_start

    def _pull(self, state: BanditState, arm: int) -> tuple[BanditState, float]:
        action = state.labels[arm]
        k = sum(t.action == action for t in state.history)
        rng = named_rng(state.seed, "bandit", "reward", arm, k)
        if self.rewards == "gaussian":
            reward = round(state.means[arm] + self.sigma * float(rng.standard_normal()), 2)
        else:
            reward = float(rng.random() < state.means[arm])
        line = Transition(state.turn, action, reward)
        return BanditState(state.seed, state.labels, state.means, (*state.history, line), state.turn + 1), reward

    def _index(self, state: BanditState) -> Quantity | None:
        """The rule's value per arm; None where the oracle follows no index rule."""
        if self.rule == TRUTH:
            return None
        rule: Rule = rule_named(self.rule)
        pulls, means = arm_summary(state.labels, state.history)
        total = len(state.history)
        return Quantity("index", tuple(rule(m, int(n or 0), total) for n, m in zip(pulls, means, strict=True)))

    def _situation(self, state: BanditState, examples: tuple[Example, ...]) -> Situation:
        scenario: Scenario = SCENARIOS[self.scenario]
        pulls, means = arm_summary(state.labels, state.history)
        index = self._index(state)
        turns = self.horizon + self.head_start
        return Situation(
            task=self.name,
            step=state.turn,
            horizon=turns,
            instruction=scenario.instruction(state.labels, turns, self.rewards),
            rule=scenario.rule(rule_named(self.rule).words) if index else "",
            history=state.history,
            actions=state.labels,
            noun=scenario.noun,
            quantities=(Quantity("pulls", pulls), Quantity("mean", means), *([index] if index else [])),
            shows=ARM_VIEWS[self.view],
            question=scenario.question,
            examples=examples,
        )

    @cached_property
    def _examples(self) -> tuple[Example, ...]:
        """Solved situations of other episodes, whose optimal actions are all different; none without a rule."""
        return () if self.rule == TRUTH else tuple(self._example(i) for i in range(min(EXAMPLES, self.arms)))

    def _example(self, i: int) -> Example:
        """Every arm is tried, or in every other example half of them; labels are rotated so that winners differ."""
        rng = named_rng(EXAMPLE_SEED - i, "bandit", "example")
        labels = label_pool(self.labels, self.arms)[: self.arms]
        if self.rewards == "gaussian":
            means = tuple(float(m) for m in rng.random(self.arms))
        else:
            means = self.means(EXAMPLE_SEED - i)
        tried = self.arms if i % 2 == 0 else max(1, self.arms // 2)
        pulls = [*rng.permutation(self.arms)[:tried]]
        pulls += [int(a) for a in rng.choice(pulls, size=self.arms)]
        shape = (len(pulls), self.arms)
        rewards = rng.normal(means, self.sigma, shape) if self.rewards == "gaussian" else rng.random(shape) < means
        history = tuple(Transition(t, labels[a], round(float(rewards[t, a]), 2)) for t, a in enumerate(pulls))
        state = BanditState(EXAMPLE_SEED, labels, means, history, len(history))
        winner = labels[(i + 1) % self.arms]  # of several that tie, this one is the solution
        shift = labels.index(self.oracle(state).optimal[0]) - labels.index(winner)
        renamed = {a: labels[(n - shift) % self.arms] for n, a in enumerate(labels)}
        moved = tuple(Transition(t.step, renamed[t.action], t.reward) for t in history)
        state = BanditState(EXAMPLE_SEED, labels, means, moved, len(moved))
        return Example(self._situation(state, ()), winner)


@named_task("bandit", "Schmied et al. 2025 (2504.16078); Krishnamurthy et al. 2024 (2403.15371)")
def bandit(
    arms: int = 5,
    sigma: float = 1.0,
    horizon: int = 10,
    labels: str | Sequence[str] = "scenario",
    rule: str = "ucb",
    view: str = "history",
    head_start: int = 0,
    scenario: str = "buttons",
    rewards: str = "gaussian",
    gap: float = 0.2,
) -> Bandit:
    """Multi-armed bandit, Gaussian or Bernoulli, in the words of a scenario; the oracle is an index rule or the truth.

    Args:
        arms: number of arms, at least 2; labels beyond those of the list get a number ("Red-2").
        sigma: standard deviation of a Gaussian reward, in reward units (published: 0.1, 1, 3).
        horizon: decisions per episode.
        labels: "colours", "letters", "numbers", "clothes", "videos", "adverts", a list of labels, or "scenario":
            those of the scenario.
        rule: the oracle's index rule, which the prompt states: "ucb", "ucb_sqrt", "ucb_bench", "greedy" (see
            `akrasia.tasks.rules`); or "truth": the best true mean, and the prompt only asks for a high total
            reward.
        view: the agent's information: "history", "summary", "both", or "index" (also the rule's values).
        head_start: pulls of random arms before the agent's first decision, so that there is a history from the start.
        scenario: "buttons", "numbered", "clothes", "video" or "adverts".
        rewards: "gaussian" or "bernoulli".
        gap: Bernoulli only: the best arm's chance minus that of the others, in (0, 1] (published: 0.5 easy, 0.2 hard).

    Raises:
        BadOption, UnknownName: an option is out of range or unknown.
    """
    named: list[tuple[str, object, Collection[str]]] = [
        ("scenario", scenario, SCENARIOS),
        ("view", view, ARM_VIEWS),
        ("rule", rule, ORACLES),
        ("rewards", rewards, REWARDS),
    ]
    if not isinstance(labels, list | tuple):
        named.append(("labels", labels, (*LABELS, "scenario")))
    for option, value, known in named:
        one_of(f"bandit {option} option", value, known)
    whole("arms", arms, 2, MOST_OPTIONS)
    whole("horizon", horizon, 1, MOST_STEPS)
    whole("head_start", head_start, 0, MOST_STEPS)
    real("sigma", sigma, 0)
    real("gap", gap, 0, 1)
    if gap == 0:
        raise BadOption("gap is 0", "no arm would be the best", "Use a number above 0, at most 1.")
    if view == "index" and rule == TRUTH:
        raise BadOption(
            "the view 'index' shows the values of a rule, and rule is 'truth'", remedy="Use the view 'both'."
        )
    own = SCENARIOS[scenario].labels if labels == "scenario" else labels
    chosen = own if isinstance(own, str) else check_labels(own, arms)
    return Bandit(arms, float(sigma), horizon, chosen, rule, view, head_start, scenario, rewards, float(gap))
