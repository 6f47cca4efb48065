"""Rollouts: a policy plays episodes of a task by a plan, as any model plays them in an experiment.

Invariants: prompts come from the plan's agents through a gateway, so a model is trained on the prompts that an
evaluation sends, with any intervention of the plan. The episodes of an update are named by (seed, update) and belong
to no experiment. Every turn of the policy is trained with the reward-to-go of its step; turns of other models are not
trained.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..agents.base import asks_model
from ..errors import BadOption, first_error
from ..graphs.plan import Plan
from ..models.base import Backend
from ..models.gateway import Gateway
from ..models.roles import ModelRoles
from ..options import whole
from ..records import Decision
from ..rng import named_rng
from ..tasks.base import Task
from ..tasks.tools import tools_of
from .policy import Policy
from .returns import RewardScale, RewardShaping, StepReward, advantages, reward_scale, reward_to_go

TEMPERATURE = 1.0  # of every agent: the distribution whose log-probabilities are trained
FIRST_SEED = 1 << 40  # episode seeds lie from here to 2**41: no experiment whose seed is below 100,000 uses them


@dataclass(frozen=True, slots=True)
class TurnSample:
    """A turn to train on: its tokens as they were sampled, and the advantage of its step."""

    prompt: list[int]
    completion: list[int]
    advantage: float


@dataclass(frozen=True, slots=True)
class Trajectory:
    """A played episode.

    Attributes:
        rewards: per step, what it paid.
        turn_keys: per step, the keys of the policy's turns.
        optimal: per step, whether the action was optimal.
        coverage: share of the actions that were tried by the end.
    """

    rewards: tuple[StepReward, ...]
    turn_keys: tuple[tuple[str, ...], ...]
    optimal: tuple[bool, ...]
    coverage: float


@dataclass(frozen=True, slots=True)
class RolloutBatch:
    """The samples of an update, and the metrics of its rollouts.

    `metrics`: `reward` (shaped, per step), `earned` (of the environment, per step with a legal action), `valid` (share
    of steps with one), `optimal` (share of steps with an optimal action) and `coverage` (share of actions tried in an
    episode).
    """

    samples: tuple[TurnSample, ...]
    metrics: Mapping[str, float]


@dataclass
class Rollouts:
    """Plays the episodes of an update: `rollouts(update)`.

    Args:
        task: the task; its episodes should have one length, since the baseline is a mean per step.
        plan: the agents that decide; their temperature is set to 1.
        policy: the unconstrained policy; it plays every slot that `others` does not.
        episodes: per update, at least 2: the baseline is their mean.
        shaping: how rewards are shaped.
        seed: names all episodes.
        others: models of slots that are not trained.
    """

    task: Task
    plan: Plan
    policy: Policy
    episodes: int = 16
    shaping: RewardShaping = RewardShaping()  # noqa: RUF009  (frozen)
    seed: int = 0
    others: Mapping[str, Backend] = field(default_factory=dict)

    def __post_init__(self) -> None:
        remedy = "Use at least 2: their mean is the baseline."
        whole("the number of episodes of an update", self.episodes, 2, remedy=remedy)
        if not self.policy.unconstrained:
            raise BadOption(
                "the policy that plays is restricted to legal actions",
                remedy="Make it Policy(weights, unconstrained=True).",
            )
        if self.plan.leaks:
            raise BadOption(f"{self.plan.name!r} sees the oracle's answers", remedy="Train a plan that does not.")
        if not self.trained_nodes:
            raise BadOption(
                f"no agent of {self.plan.name!r} speaks through the policy",
                "other models play all of its slots",
                "Leave the policy a slot.",
            )

    @property
    def trained_nodes(self) -> set[str]:
        """Names of the nodes whose turns are trained."""
        return {
            node.name
            for node in self.plan.nodes
            if asks_model(node.agent) and (node.agent.slot or node.agent.role) not in self.others
        }

    @cached_property
    def scale(self) -> RewardScale:
        """The unit of the environment's rewards."""
        return reward_scale(self.task, self.seed)

    def seeds(self, update: int) -> list[int]:
        """Seeds of the episodes of an update."""
        rng = named_rng(self.seed, "training", "episodes", update)
        return [int(s) for s in rng.integers(FIRST_SEED, 2 * FIRST_SEED, size=self.episodes)]

    def __call__(self, update: int) -> RolloutBatch:
        """Play the episodes; call it where no event loop runs."""
        self.policy.sampled.clear()
        return self._batch(asyncio.run(self._play(self.seeds(update))))

    async def _play(self, seeds: Sequence[int]) -> list[Trajectory]:
        backends = {b.info.id: b for b in (self.policy, *self.others.values())}
        gateway = Gateway(list(backends.values()))
        roles = {"default": self.policy.info.id, **{slot: b.info.id for slot, b in self.others.items()}}
        models = ModelRoles(gateway, roles)
        plan = replace(self.plan, sampling={**self.plan.sampling, "temperature": TEMPERATURE})
        try:
            async with asyncio.TaskGroup() as group:
                episodes = [group.create_task(self._episode(plan, models, seed)) for seed in seeds]
        except* Exception as errors:
            raise first_error(errors) from None
        finally:
            await gateway.close()
        return [episode.result() for episode in episodes]

    async def _episode(self, plan: Plan, models: ModelRoles, seed: int) -> Trajectory:
        state, over = self.task.start(seed), False
        rewards, turn_keys, optimal = list[StepReward](), list[tuple[str, ...]](), list[bool]()
        tried, coverage = set[str](), 0.0
        while not over:
            situation = self.task.situation(state)
            if not situation.actions:
                raise BadOption(
                    f"the task {self.task.name!r} has open questions",
                    "training needs actions to choose from",
                    "Use a task with legal actions, such as bandit.",
                )
            tried |= {t.action for t in situation.history}
            decision: Decision = await plan.decide(
                situation, models, seed, situation.step, tools=tools_of(self.task, state)
            )
            turn_keys.append(
                tuple(t.key for t in decision.turns if t.agent in self.trained_nodes and t.key in self.policy.sampled)
            )
            optimal.append(decision.done in self.task.oracle(state).optimal)
            if decision.done is None:
                state, over = self.task.forfeit(state)
                rewards.append(StepReward(None))
                continue
            state, reward, over = self.task.step(state, decision.done)
            rewards.append(StepReward(reward, decision.done not in tried))
            tried.add(decision.done)
            coverage = len(tried & set(situation.actions)) / len(situation.actions)
        return Trajectory(tuple(rewards), tuple(turn_keys), tuple(optimal), coverage)

    def _batch(self, trajectories: Sequence[Trajectory]) -> RolloutBatch:
        shaped = [[self.shaping.shaped(step, self.scale) for step in t.rewards] for t in trajectories]
        gains = advantages([reward_to_go(rewards, self.shaping.discount) for rewards in shaped])
        samples = tuple(
            TurnSample(*self.policy.sampled[key], advantage)
            for trajectory, steps in zip(trajectories, gains, strict=True)
            for keys, advantage in zip(trajectory.turn_keys, steps, strict=True)
            for key in keys
        )
        return RolloutBatch(samples, _metrics(trajectories, shaped))


def _metrics(trajectories: Sequence[Trajectory], shaped: Sequence[Sequence[float]]) -> dict[str, float]:
    steps = [step for t in trajectories for step in t.rewards]
    earned = [step.reward for step in steps if step.reward is not None]
    metrics = {
        "reward": sum(map(sum, shaped)) / len(steps),
        "valid": len(earned) / len(steps),
        "optimal": sum(sum(t.optimal) for t in trajectories) / len(steps),
        "coverage": sum(t.coverage for t in trajectories) / len(trajectories),
    }
    return metrics | ({"earned": sum(earned) / len(earned)} if earned else {})
