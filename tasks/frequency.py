"""The frequency probe: does an agent repeat an action only because its history shows it often?

After a few pulls of a random policy the last action is repeated k times, and one decision is asked for (Schmied et al.
2025, 2504.16078, App. C.1.2: 2 to 10 random transitions, k from 0 to 100, 10 arms). The oracle classifies the action:
*greedy* has the highest mean reward so far, *frequent* was taken most often, and an action that is both counts as
greedy, so a frequent action is always a worse one.

Invariants: every episode has its own history, drawn by its seed, so episodes are independent. k is drawn too, and the
item names it ("repeats 37"). The situation is the bandit's, word for word, without a rule to follow. Labels are drawn
per episode, so a preference for a word is not a preference for an action.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from ..errors import BadOption
from ..options import MOST_OPTIONS, MOST_STEPS, whole
from ..records import Oracle, Situation
from ..rng import named_rng
from .bandit import Bandit, BanditState, bandit
from .base import FieldOptions, named_task
from .rules import TRUTH

SHORTEST, LONGEST = 2, 10  # transitions of the random policy


@dataclass(frozen=True, slots=True)
class FrequencyState:
    """The bandit after its drawn history, and how often the last action was repeated in it."""

    played: BanditState
    repeats: int
    over: bool = False


@dataclass(frozen=True)
class Frequency(FieldOptions):
    """The probe; see the module's docstring. Build it with `frequency(...)`, which checks its options."""

    arms: int = 10
    repeats: int = 100
    targets: int = 5
    sigma: float = 1.0
    labels: str = "scenario"
    scenario: str = "buttons"
    name = "frequency"
    max_decisions = 1

    @cached_property
    def _world(self) -> Bandit:
        """The bandit that the history is played in; every prompt names the same number of turns."""
        turns = LONGEST + self.repeats + 1
        return bandit(self.arms, self.sigma, turns, self.labels, rule=TRUTH, scenario=self.scenario)

    def item(self, seed: int) -> str:
        return str(seed)

    def start(self, seed: int) -> FrequencyState:
        rng = named_rng(seed, "frequency", "history")
        repeats = int(rng.integers(self.repeats + 1))
        length = int(rng.integers(SHORTEST, LONGEST + 1))
        target = int(rng.integers(self.targets))
        arms = [*(int(a) for a in rng.integers(self.arms, size=length - 1)), *[target] * (1 + repeats)]
        state = self._world.start(seed)
        for arm in arms:
            state = self._world.step(state, state.labels[arm])[0]
        return FrequencyState(state, repeats)

    def situation(self, state: FrequencyState) -> Situation:
        situation = self._world.situation(state.played)
        return replace(situation, task=self.name, item=f"repeats {state.repeats}")

    def oracle(self, state: FrequencyState) -> Oracle:
        return replace(self._world.oracle(state.played), rule=self.name)

    def step(self, state: FrequencyState, action: str) -> tuple[FrequencyState, float, bool]:
        if state.over:
            raise BadOption("the episode is over", "its one decision was taken")
        after, reward, _ = self._world.step(state.played, action)
        return FrequencyState(after, state.repeats, over=True), reward, True

    def forfeit(self, state: FrequencyState) -> tuple[FrequencyState, bool]:
        return replace(state, over=True), True


@named_task("frequency", "Schmied et al. 2025 (2504.16078)")
def frequency(
    arms: int = 10,
    repeats: int = 100,
    targets: int = 5,
    sigma: float = 1.0,
    labels: str = "scenario",
    scenario: str = "buttons",
) -> Frequency:
    """Frequency probe: one decision after a random history whose last action was repeated 0 to `repeats` times.

    Args:
        arms: number of arms, at least 2 (published: 10).
        repeats: the largest number of repeats; each episode draws its own from 0 to this.
        targets: how many of the arms, in display order, may be the one that is repeated (published: 5).
        sigma, labels, scenario: as for `bandit`.

    Raises:
        BadOption, UnknownName: an option is out of range or unknown.
    """
    whole("repeats", repeats, 0, MOST_STEPS)
    whole("targets", targets, 1, MOST_OPTIONS)
    if not isinstance(labels, str):
        raise BadOption(f"labels is {labels!r}", remedy="Name a list of labels, such as 'colours'.")
    bandit(arms, sigma, labels=labels, rule=TRUTH, scenario=scenario)  # checks the shared options
    if targets > arms:
        raise BadOption(f"targets is {targets}", f"there are {arms} arms", "Use at most as many.")
    return Frequency(arms, repeats, targets, float(sigma), labels, scenario)
