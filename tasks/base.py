"""The Task contract: a decision problem with an oracle, as pure functions of a state that is plain data.

Invariants: nothing mutates a state; `step` and `forfeit` return a new one, so a state can be forked and played on any
number of times. Random numbers come from named streams (`akrasia.rng`), keyed by the seed and by *what* is drawn, never
by when. An arm's k-th reward is a function of (seed, arm, k), so two variants that pull the same arms see the same
rewards, whatever else they did. An answer without a legal action goes to `forfeit`, which draws nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import fields
from typing import Any, ParamSpec, Protocol, TypeGuard, TypeVar, cast, runtime_checkable

from ..errors import BadOption
from ..records import NO_ORACLE, Oracle, Situation
from ..registry import Registry, bind
from ..rng import named_rng

ITEMS_COUNTED = 100_000  # episodes whose items are looked at to count them


@runtime_checkable
class Task(Protocol):
    """A decision problem. `name` identifies its kind, `options` are the JSON arguments that rebuild it.

    A task whose episodes are shorter than the horizon in its first situation has an attribute `max_decisions`. A task
    says what its episodes are about with `item(seed) -> str`, see `Itemised`; every task of this package does. One
    that goes through a set in turn has an attribute `cycle`: how many episodes ask all of it once.
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


class FieldOptions:
    """The options of a task that is a dataclass: all of its fields, tuples as lists."""

    @property
    def options(self) -> dict[str, Any]:
        """JSON arguments such that `TASKS.make(name, **options)` equals this task."""
        values = {field.name: getattr(self, field.name) for field in fields(cast(Any, self))}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@runtime_checkable
class Graded(Protocol):
    """A task whose open answers are graded by program: `grade` returns one of the labels of the oracle.

    Its situations have no `actions`; its oracle's `values` name the labels, such as "right" and "wrong".
    """

    def grade(self, state: Any, answer: str) -> str:
        """The label of an answer in this state."""
        ...


def is_graded(task: Task) -> TypeGuard[Graded]:
    """Whether a task is `Graded`, asked at every step: Python takes 7 microseconds to answer it by `isinstance`."""
    return hasattr(task, "grade")


@runtime_checkable
class Itemised(Protocol):
    """A task that says what each of its episodes is about.

    Episodes of one item are repeated looks at the same thing: one cluster, whatever their number (Miller 2024, arXiv
    2411.00640). A set of four questions has four items, and a game without any randomness has one.
    """

    def item(self, seed: int) -> str:
        """What the episode that `seed` names is about; a pure function of the task and the seed.

        Two seeds have the same item where their episodes are not independent draws of what is asked: the same
        question, or the same start of an environment whose moves are not random. Where the seed itself draws the
        episode it is `str(seed)`.
        """
        ...


TASKS: Registry[Task] = Registry("task", "akrasia.tasks")
TASK_SOURCES: dict[str, str] = {}
"""By name, where the design of a task comes from."""
P = ParamSpec("P")
T = TypeVar("T", bound=Task)


def named_task(name: str, source: str = "") -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Register a function `(**options) -> task` under a name; called as a function it refuses unknown options too.

    `source` says where its design comes from, for `akrasia list tasks`.
    """

    def register(make: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(make)
        def checked(*args: P.args, **options: P.kwargs) -> T:
            made: T = bind("task", name, make, args, dict(options))
            return made

        TASKS.register(name, checked)
        if source:
            TASK_SOURCES[name] = source
        return checked

    return register


def item_of(task: Task, seed: int) -> str:
    """What an episode of any task is about; empty where the task does not say.

    Episodes of a task that does not say are told apart by what is stored of them, see `akrasia.evals.items`.
    """
    return cast(Itemised, task).item(seed) if hasattr(task, "item") else ""


def count_items(task: Task, seeds: range) -> int | None:
    """How many items these episodes hold; None where the task does not say.

    Of more than `ITEMS_COUNTED` episodes only the first are looked at: where these are all about different items, so
    are the others.
    """
    if not isinstance(task, Itemised):
        return None
    first = seeds[:ITEMS_COUNTED]
    items = len({task.item(seed) for seed in first})
    return len(seeds) if items == len(first) else items


def max_decisions(task: Task) -> int:
    """The most decisions that an episode of a task can have: its own `max_decisions`, else what its horizon leaves."""
    own: int | None = getattr(task, "max_decisions", None)
    if own is not None:
        return own
    first = task.situation(task.start(0))
    return first.horizon - first.step


def says_what_is_right(task: Task) -> bool:
    """Whether the oracle of a task calls anything right; of a task without one only say and do are compared."""
    return task.oracle(task.start(0)).rule != NO_ORACLE


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
