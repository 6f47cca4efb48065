"""A task as a text environment, for trainers elsewhere: it gives a prompt, takes an answer and says what it earned.

Invariants: a prompt is the ordinary prompt of the graph `reason_act`, and an answer is read by that graph's parser. An
answer without a legal action forfeits the step, earns the penalty and enters no history.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..agents.base import Agent
from ..agents.reasoner import Reasoner
from ..errors import BadOption
from ..records import Oracle, Response
from ..tasks.base import Task
from .returns import RewardScale, RewardShaping, StepReward, reward_to_go

REASONER = Agent("reasoner", options={"mode": "reason_act"})


@dataclass(frozen=True, slots=True)
class AnsweredStep:
    """A step with its answer.

    Attributes:
        stated: the recommended actions.
        done: the action taken, None where the answer held no legal one.
        oracle: what was right.
        reward: of the environment, None where nothing was done.
        shaped_reward: what the learner gets.
    """

    stated: tuple[str, ...]
    done: str | None
    oracle: Oracle
    reward: float | None
    shaped_reward: float

    @property
    def knows(self) -> bool:
        """Whether the answer recommends an optimal action."""
        return bool(set(self.stated) & set(self.oracle.optimal))

    @property
    def does(self) -> bool:
        """Whether it takes one."""
        return self.done in self.oracle.optimal


class TextEpisode:
    """One episode, played by answering `prompt` with `step(text)` until the prompt is None.

    Args:
        seed: of the episode.
        shaping, scale: how rewards are shaped; see `akrasia.training.returns`.
    """

    def __init__(
        self,
        task: Task,
        seed: int,
        shaping: RewardShaping = RewardShaping(),  # noqa: B008
        scale: RewardScale = RewardScale(),  # noqa: B008
    ) -> None:
        self.task, self.steps = task, list[AnsweredStep]()
        self._shaping, self._scale = shaping, scale
        self._state, self._over = task.start(seed), False
        if not task.situation(self._state).actions:
            raise BadOption(
                f"the task {task.name!r} asks open questions",
                "training needs actions to choose from",
                "Use a task with legal actions, such as bandit.",
            )

    @property
    def prompt(self) -> str | None:
        """The current prompt; None once the episode is over."""
        if self._over:
            return None
        call = Reasoner().prompt(REASONER, self.task.situation(self._state), (), "chat")
        return "\n\n".join(m.content for m in call.messages)

    def step(self, text: str) -> AnsweredStep:
        """Read an answer and take its action.

        Raises:
            BadOption: the episode is over.
        """
        self._check_going_on()
        situation = self.task.situation(self._state)
        answer = Reasoner().read(REASONER, situation, text, Response(text))
        stated, _ = answer.stated or ((), "absent")
        action, _ = answer.action or (None, "absent")
        return self.take(stated, action)

    def take(self, stated: tuple[str, ...], action: str | None) -> AnsweredStep:
        """Take an action that was decided elsewhere; None forfeits the step.

        Args:
            stated: what was recommended.

        Raises:
            BadOption: the episode is over.
        """
        self._check_going_on()
        oracle, reward = self.task.oracle(self._state), None
        if action is None:
            self._state, self._over = self.task.forfeit(self._state)
        else:
            self._state, reward, self._over = self.task.step(self._state, action)
        shaped = self._shaping.shaped(StepReward(reward, action in oracle.untried), self._scale)
        self.steps.append(AnsweredStep(stated, action, oracle, reward, shaped))
        return self.steps[-1]

    def _check_going_on(self) -> None:
        if self._over:
            raise BadOption("the episode is over", remedy="Start another TextEpisode.")

    @property
    def returns(self) -> list[float]:
        """Reward-to-go of every step so far."""
        return reward_to_go([s.shaped_reward for s in self.steps], self._shaping.discount)

    @property
    def rates(self) -> dict[str, float]:
        """Share of the steps that were valid, knew, did, and knew without doing; empty before the first answer."""
        total = len(self.steps)
        counts = {
            "valid": sum(s.done is not None for s in self.steps),
            "knowing": sum(s.knows for s in self.steps),
            "doing": sum(s.does for s in self.steps),
            "gap": sum(s.knows and not s.does for s in self.steps),
        }
        return {name: n / total for name, n in counts.items()} if total else {}
