"""The Task contract: a decision problem with an oracle, as pure functions of a state that is plain data.

Invariants: nothing mutates a state; `step` and `forfeit` return a new one, so a state can be forked and played on any
number of times. Random numbers come from named streams (`akrasia.rng`), keyed by the seed and by *what* is drawn, never
by when. An arm's k-th reward is a function of (seed, arm, k), so two variants that pull the same arms see the same
rewards, whatever else they did. An answer without a legal action goes to `forfeit`, which draws nothing.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

from ..errors import BadOption
from ..records import Oracle, Situation
from ..registry import Registry
from ..rng import named_rng

__all__ = ["TASKS", "Graded", "Task", "max_decisions", "action_index", "random_state_after"]


@runtime_checkable
class Task(Protocol):
    """A decision problem. `name` identifies its kind, `options` are the JSON arguments that rebuild it.

    A task whose episodes are shorter than the horizon in its first situation has an attribute `max_decisions`.
    """

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """JSON arguments such that `TASKS.make(name, **options)` equals this task."""
        ...

    def start(self, seed: int) -> Any:
        """The first state of the episode that `seed` names."""
        ...

    def situation(self, state: Any) -> Situation:
        """What an agent sees in this state."""
        ...

    def oracle(self, state: Any) -> Oracle:
        """What a correct reasoner would say in this state."""
        ...

    def step(self, state: Any, action: str) -> tuple[Any, float, bool]:
        """Take a legal action: (next state, reward, whether the episode is over).

        An open question takes any answer of the kind that the situation's `answer` names.

        Raises:
            BadOption: the action is not legal; nothing changed.
        """
        ...

    def forfeit(self, state: Any) -> tuple[Any, bool]:
        """Pass the turn because no legal action was given: (next state, whether the episode is over)."""
        ...


@runtime_checkable
class Graded(Protocol):
    """A task whose open answers are graded by program: `grade` returns one of the labels of the oracle.

    Its situations have no `actions`; its oracle's `values` name the labels, such as "right" and "wrong".
    """

    def grade(self, state: Any, answer: str) -> str:
        """The label of an answer in this state."""
        ...


TASKS: Registry[Task] = Registry("task", "akrasia.tasks")


def max_decisions(task: Task) -> int:
    """The most decisions that an episode of a task can have: its own `max_decisions`, else what its horizon leaves."""
    own: int | None = getattr(task, "max_decisions", None)
    if own is not None:
        return own
    first = task.situation(task.start(0))
    return first.horizon - first.step


def random_state_after(task: Task, seed: int, steps: int, purpose: str) -> Any:
    """The state of an episode after this many random legal actions, or the last state before its end.

    Args:
        purpose: names the random numbers, so that different purposes play different actions.
    """
    state = task.start(seed)
    for _ in range(steps):
        situation = task.situation(state)
        if situation.actions:
            index = named_rng(seed, purpose, situation.step).integers(len(situation.actions))
            after, _, over = task.step(state, situation.actions[int(index)])
        else:
            after, over = task.forfeit(state)
        if over:
            break
        state = after
    return state


def action_index(action: str, actions: tuple[str, ...]) -> int:
    """Index of `action` among the legal ones.

    Raises:
        BadOption: it is not among them.
    """
    try:
        return actions.index(action)
    except ValueError:
        raise BadOption(f"{action!r} is not a legal action", remedy=f"Legal: {', '.join(actions)}.") from None
