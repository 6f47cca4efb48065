"""A task as an exchange of texts: what is asked next, and what an answer was worth. For whoever trains elsewhere.

Invariants: what is asked is the ordinary prompt of the graph `reason_act`, and an answer is read by its parser; an
answer without a legal action forfeits the step, earns the penalty, and enters no history.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..agents.base import Agent
from ..agents.reasoner import Reasoner
from ..errors import BadOption
from ..records import Oracle, Response
from ..tasks.base import Task
from .returns import Earned, Scale, Shaping, to_go

__all__ = ["Exchange", "Taken"]

REASONER = Agent("reasoner", options={"mode": "reason_act"})


@dataclass(frozen=True, slots=True)
class Taken:
    """One answered step: what was recommended and done, what was right, and what it is worth to a learner."""

    stated: tuple[str, ...]
    done: str | None
    oracle: Oracle
    reward: float | None
    worth: float

    @property
    def knows(self) -> bool:
        """Whether the answer recommends an optimal action."""
        return bool(set(self.stated) & set(self.oracle.optimal))

    @property
    def does(self) -> bool:
        """Whether it takes one."""
        return self.done in self.oracle.optimal


class Exchange:
    """One episode, played by answering `prompt` with `take` until it is None.

    Args:
        seed: of the episode.
        shaping, scale: how rewards are told; see `akrasia.training.returns`.
    """

    def __init__(self, task: Task, seed: int, shaping: Shaping = Shaping(), scale: Scale = Scale()) -> None:  # noqa: B008
        self.task, self.taken = task, list[Taken]()
        self._shaping, self._scale = shaping, scale
        self._state, self._over = task.start(seed), False
        if not task.situation(self._state).actions:
            raise BadOption(
                f"the task {task.name!r} asks open questions", "training needs actions to choose from",
                "Use a task with legal actions, such as bandit.",
            )  # fmt: skip

    @property
    def prompt(self) -> str | None:
        """What is asked now; None once the episode is over."""
        if self._over:
            return None
        call = Reasoner().prompt(REASONER, self.task.situation(self._state), (), "chat")
        return "\n\n".join(m.content for m in call.messages)

    def take(self, text: str) -> Taken:
        """Read an answer, do what it does, and say what it was worth.

        Raises:
            BadOption: the episode is over.
        """
        if self._over:
            raise BadOption("the episode is over", remedy="Start another exchange.")
        situation, oracle = self.task.situation(self._state), self.task.oracle(self._state)
        said = Reasoner().read(REASONER, situation, text, Response(text))
        stated, done = said.stated or ((), "absent"), said.action or (None, "absent")
        reward: float | None = None
        if done[0] is None:
            self._state, self._over = self.task.forfeit(self._state)
        else:
            self._state, reward, self._over = self.task.step(self._state, done[0])
        worth = self._shaping.of(Earned(reward, done[0] in oracle.untried), self._scale)
        self.taken.append(Taken(stated[0], done[0], oracle, reward, worth))
        return self.taken[-1]

    @property
    def returns(self) -> list[float]:
        """Reward-to-go of every step taken so far."""
        return to_go([t.worth for t in self.taken], self._shaping.discount)

    @property
    def shares(self) -> dict[str, float]:
        """Share of the steps that were valid, knew, did, and knew without doing; empty before the first answer."""
        count = len(self.taken)
        sums = {
            "valid": sum(t.done is not None for t in self.taken),
            "knowing": sum(t.knows for t in self.taken),
            "doing": sum(t.does for t in self.taken),
            "gap": sum(t.knows and not t.does for t in self.taken),
        }
        return {name: n / count for name, n in sums.items()} if count else {}
