"""What a step of an episode is worth to the learner: shaped rewards, what is still to come, and a baseline.

Invariants: a step without a legal action earns the penalty and nothing from the environment, which was not asked; an
environment's rewards are told in units of what random play earns there, so that neither a bonus nor a penalty changes
its meaning from task to task, and what is rewarded is the same in every update. Plain numpy: nothing is learned here.

Source: Schmied et al. 2025 (2504.16078), App. B: reward-to-go with a Monte-Carlo baseline for episodes of fixed length,
-5 for an answer without an action, +1 for an arm untried in the episode.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import BadOption
from ..rng import named_rng
from ..tasks.base import Task

__all__ = ["BEYOND", "Earned", "Scale", "Shaping", "advantages", "scale_of", "to_go"]

BEYOND = 2**55  # the seeds of an experiment's episodes lie below it
PLAYS = 64  # random episodes behind a task's scale


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation of the environment's rewards per step, in its own units."""

    mean: float = 0.0
    deviation: float = 1.0


@dataclass(frozen=True, slots=True)
class Earned:
    """What one step paid.

    Attributes:
        reward: of the environment; None where no legal action was given.
        new: the action had not been tried in this episode.
    """

    reward: float | None
    new: bool = False


@dataclass(frozen=True, slots=True)
class Shaping:
    """How a step's reward is made, in standard deviations of random play.

    Attributes:
        penalty: for a step without a legal action.
        bonus: for an action untried in the episode.
        discount: of later rewards, in (0, 1]; 1 counts them in full.
    """

    penalty: float = -5.0
    bonus: float = 0.0
    discount: float = 1.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.penalty) and math.isfinite(self.bonus) and 0 < self.discount <= 1):
            raise BadOption(f"rewards shaped by {self}", remedy="Use finite numbers, and a discount in (0, 1].")

    def of(self, step: Earned, scale: Scale = Scale()) -> float:  # noqa: B008  (frozen)
        """The shaped reward of a step."""
        if step.reward is None:
            return self.penalty
        return (step.reward - scale.mean) / scale.deviation + (self.bonus if step.new else 0.0)


def scale_of(task: Task, seed: int) -> Scale:
    """The scale of a task's rewards under random play of 64 episodes; a task that always pays alike is not scaled."""
    paid: list[float] = []
    for play in range(PLAYS):
        rng = named_rng(seed, "training", "random play", play)
        state, over = task.start(int(rng.integers(1 << 40))), False
        while not over:
            actions = task.situation(state).actions
            if not actions:
                raise BadOption(
                    f"the task {task.name!r} has open questions", "training needs actions to choose from",
                    "Use a task with legal actions, such as bandit.",
                )  # fmt: skip
            state, reward, over = task.step(state, actions[int(rng.integers(len(actions)))])
            paid.append(reward)
    deviation = float(np.std(paid))
    return Scale(float(np.mean(paid)), deviation if deviation > 0 else 1.0)


def to_go(rewards: Sequence[float], discount: float = 1.0) -> list[float]:
    """Reward-to-go of every step of an episode: G_t = r_t + discount * G_{t+1}."""
    found, ahead = list[float](), 0.0
    for reward in reversed(rewards):
        ahead = reward + discount * ahead
        found.append(ahead)
    return found[::-1]


def advantages(returns: Sequence[Sequence[float]]) -> list[list[float]]:
    """Reward-to-go minus its mean over the batch's episodes at the same step (those that are still under way there).

    Args:
        returns: reward-to-go per episode and step; episodes may differ in length.
    """
    longest = max((len(r) for r in returns), default=0)
    baseline = [float(np.mean([r[t] for r in returns if t < len(r)])) for t in range(longest)]
    return [[g - b for g, b in zip(r, baseline, strict=False)] for r in returns]
