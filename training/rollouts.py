"""Rollouts: a policy plays episodes of a task by a plan, as any model plays them in an experiment.

Invariants: prompts come from the plan's agents through a gateway, so what is trained is what evaluation asks, with any
intervention stacked on; episodes of an update are named by (seed, update) and are no episodes of any experiment; every
turn that the policy took is trained with the reward-to-go of its step, turns of other models are not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from ..errors import BadOption
from ..graphs.plan import Plan, speaks
from ..models.base import Backend
from ..models.gateway import Gateway, ModelRoles
from ..options import whole
from ..records import Decision
from ..rng import named_rng
from ..tasks.base import Task
from .policy import Policy
from .returns import Earned, Scale, Shaping, advantages, scale_of, to_go

__all__ = ["Batch", "Played", "Rollouts", "Sample"]

TEMPERATURE = 1.0  # of every agent: the distribution whose log-probabilities are trained
FIRST = 1 << 40  # seeds of episodes lie from here to 2**41: those of no experiment whose seed is below 100,000


@dataclass(frozen=True, slots=True)
class Sample:
    """A turn to train on: its tokens as they were sampled, and the advantage of its step."""

    prompt: list[int]
    completion: list[int]
    advantage: float


@dataclass(frozen=True, slots=True)
class Played:
    """An episode: per step what it paid, the keys of the policy's turns, and whether the action was optimal; and the
    share of the actions that were tried at its end.
    """

    earned: tuple[Earned, ...]
    turns: tuple[tuple[str, ...], ...]
    optimal: tuple[bool, ...]
    coverage: float


@dataclass(frozen=True, slots=True)
class Batch:
    """What an update is trained on, and what the rollouts showed.

    `figures`: `reward` (shaped, per step), `earned` (of the environment, per step with a legal action), `valid` (share
    of steps with one), `optimal` (share of steps with an optimal action) and `coverage` (share of actions tried in an
    episode).
    """

    samples: tuple[Sample, ...]
    figures: Mapping[str, float]


@dataclass
class Rollouts:
    """Play the episodes of an update: `rollouts(update)`.

    Args:
        task: what is played; its episodes should have one length, since the baseline is that of a step.
        plan: who decides; its temperature is set to 1.
        policy: the free policy; it serves every slot that `others` does not.
        episodes: per update, at least 2: the baseline is their mean.
        seed: names all episodes.
    """

    task: Task
    plan: Plan
    policy: Policy
    episodes: int = 16
    shaping: Shaping = Shaping()  # noqa: RUF009  (frozen)
    seed: int = 0
    others: Mapping[str, Backend] = field(default_factory=dict)

    def __post_init__(self) -> None:
        remedy = "Use at least 2: their mean is the baseline."
        whole("the number of episodes of an update", self.episodes, 2, remedy=remedy)
        if not self.policy.free:
            raise BadOption("the policy that plays is not free", remedy="Make it Policy(weights, free=True).")
        if self.plan.leaks:
            raise BadOption(f"{self.plan.name!r} is told the oracle's answers", remedy="Train a plan that is not.")
        if not self.trained:
            raise BadOption(f"no agent of {self.plan.name!r} speaks through the policy", remedy="Leave it a slot.")

    @property
    def trained(self) -> set[str]:
        """Names of the nodes whose turns are trained."""
        return {
            n.name for n in self.plan.nodes
            if speaks(n.agent) and (n.agent.slot or n.agent.role) not in self.others
        }  # fmt: skip

    @cached_property
    def scale(self) -> Scale:
        """The unit of the environment's rewards."""
        return scale_of(self.task, self.seed)

    def seeds(self, update: int) -> list[int]:
        """Seeds of the episodes of an update."""
        drawn = named_rng(self.seed, "training", "episodes", update).integers(FIRST, 2 * FIRST, size=self.episodes)
        return [int(s) for s in drawn]

    def __call__(self, update: int) -> Batch:
        """Play; call it where no event loop runs."""
        self.policy.said.clear()
        return self._batch(asyncio.run(self._play(self.seeds(update))))

    async def _play(self, seeds: Sequence[int]) -> list[Played]:
        backends = {b.info.id: b for b in (self.policy, *self.others.values())}
        gateway = Gateway(list(backends.values()))
        models = ModelRoles(gateway, {"default": self.policy.info.id, **{s: b.info.id for s, b in self.others.items()}})
        plan = replace(self.plan, sampling={**self.plan.sampling, "temperature": TEMPERATURE})
        try:
            async with asyncio.TaskGroup() as group:
                playing = [group.create_task(self._episode(plan, models, seed)) for seed in seeds]
        except* Exception as several:
            raise _first(several) from None
        finally:
            await gateway.close()
        return [p.result() for p in playing]

    async def _episode(self, plan: Plan, models: ModelRoles, seed: int) -> Played:
        state, over = self.task.start(seed), False
        earned, turns, optimal, tried, coverage = list[Earned](), list[tuple[str, ...]](), list[bool](), set[str](), 0.0
        while not over:
            situation = self.task.situation(state)
            if not situation.actions:
                raise BadOption(f"the task {self.task.name!r} has open questions", remedy="Train on actions.")
            tried |= {t.action for t in situation.history}
            decision: Decision = await plan.decide(situation, models, seed, situation.step)
            turns.append(tuple(t.key for t in decision.turns if t.agent in self.trained and t.key in self.policy.said))
            optimal.append(decision.done in self.task.oracle(state).optimal)
            if decision.done is None:
                state, over = self.task.forfeit(state)
                earned.append(Earned(None))
                continue
            state, reward, over = self.task.step(state, decision.done)
            earned.append(Earned(reward, decision.done not in tried))
            tried.add(decision.done)
            coverage = len(tried & set(situation.actions)) / len(situation.actions)
        return Played(tuple(earned), tuple(turns), tuple(optimal), coverage)

    def _batch(self, played: Sequence[Played]) -> Batch:
        rewards = [[self.shaping.of(step, self.scale) for step in p.earned] for p in played]
        worth = advantages([to_go(r, self.shaping.discount) for r in rewards])
        samples = tuple(
            Sample(*self.policy.said[key], gain)
            for p, gains in zip(played, worth, strict=True)
            for keys, gain in zip(p.turns, gains, strict=True)
            for key in keys
        )
        return Batch(samples, _figures(played, rewards))


def _figures(played: Sequence[Played], rewards: Sequence[Sequence[float]]) -> dict[str, float]:
    steps = [step for p in played for step in p.earned]
    paid = [step.reward for step in steps if step.reward is not None]
    found = {
        "reward": sum(map(sum, rewards)) / len(steps),
        "valid": len(paid) / len(steps),
        "optimal": sum(sum(p.optimal) for p in played) / len(steps),
        "coverage": sum(p.coverage for p in played) / len(played),
    }
    return found | ({"earned": sum(paid) / len(paid)} if paid else {})


def _first(error: BaseException) -> Any:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
