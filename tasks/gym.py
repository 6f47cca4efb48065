"""A discrete Gymnasium environment as an akrasia task, and akrasia tasks in Gymnasium's registry (extra `gym`).

    lake = from_gymnasium("FrozenLake-v1", action_labels=("Left", "Down", "Right", "Up"),
                          env_options={"is_slippery": False})

An environment is mutable and remembers; a task is pure. So a state holds the seed and the actions so far, and the next
state is found by replaying them into a fresh environment. Environments that have just been played on are kept, by what
was played on them, so an episode that goes on costs one step each time and a fork costs one replay.

Invariants: an environment must do the same after `reset(seed=s)` and the same actions; one that does not is refused at
construction. A forfeited turn is not played: the environment stays where it is, and the turn counts.

The oracle (`gym_oracle.py`) is a function of yours, backward induction over a transition table (`env.unwrapped.P`, as
FrozenLake, CliffWalking and Taxi have), or exhaustive search where the tree is small.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import orjson

from ..errors import BadOption, MissingExtra, UnknownName
from ..options import real, whole
from ..records import Oracle, Situation, Transition
from ..rng import named_rng
from .base import TASKS, legal
from .gym_oracle import ORACLES, SEARCHED, draws, judged, solve, table_of, tree_values

__all__ = ["GymState", "GymTask", "from_gymnasium", "register"]

KEPT = 32  # environments in play at once
PROBED = 20  # steps that are played twice to see whether an environment repeats itself
_LIT = re.compile(r"\x1b\[[\d;]*m(.*?)\x1b\[0m")  # how text renderings mark a place, by colour

Function = str | Callable[..., Any]


@dataclass(frozen=True, slots=True)
class GymState:
    """A point of an episode: what was done, what came of it, and what is visible now.

    Attributes:
        observation: the environment's observation as plain data: numbers, strings and tuples of them.
        picture: the environment's own text rendering, with coloured places in brackets; empty where it has none.
        turn: turns so far, forfeited ones included.
    """

    seed: int
    observation: Any
    picture: str
    history: tuple[Transition, ...] = ()
    turn: int = 0
    over: bool = False


@dataclass(frozen=True)
class GymTask:
    """A Gymnasium environment as a task. Build it with `from_gymnasium(...)`, which checks its options."""

    env: str
    action_labels: tuple[str, ...]
    horizon: int
    instruction: str
    describe: str
    judge: str
    discount: float
    env_options: str
    offset: int = 0
    drawn: bool = False
    _live: _Live = field(default_factory=lambda: _Live(), compare=False, repr=False)
    name = "gymnasium"

    @property
    def options(self) -> dict[str, Any]:
        return {
            "env": self.env, "action_labels": list(self.action_labels), "horizon": self.horizon,
            "instruction": self.instruction, "describe": self.describe, "oracle": self.judge,
            "discount": self.discount, "env_options": orjson.loads(self.env_options),
        }  # fmt: skip

    def __reduce__(self) -> Any:
        return _again, (self.options,)

    def start(self, seed: int) -> GymState:
        env = self._fresh()
        observation, _ = env.reset(seed=seed)
        state = GymState(seed, _plain(observation), _picture(env))
        self._live.keep((seed,), env)
        return state

    def situation(self, state: GymState) -> Situation:
        n = len(self.action_labels)
        told = self.instruction or f"You act in the environment {self.env} and want the highest total reward."
        rule = "At every step take the action with the highest total reward to be expected from here on"
        if self.discount < 1:
            rule += f", where a reward counts {self.discount:g} times as much for every step that it comes later"
        return Situation(
            task=self.name,
            step=state.turn,
            horizon=self.horizon,
            instruction=f"{told}\n\nYou face {n} actions: {', '.join(self.action_labels)}.",
            rule=f"{rule}.",
            observation=self._described(state),
            history=state.history,
            actions=self.action_labels,
        )

    def oracle(self, state: GymState) -> Oracle:
        left = self.horizon - state.turn
        if self.judge == "table":
            values, now, passing = self._table.at(state.observation, left)
        elif self.judge == "search":
            values, now, passing = tree_values(self._played, state, len(self.action_labels), left, self.discount)
        else:
            said = _function(self.judge)(state.observation)
            if isinstance(said, Oracle):
                return said
            values, now, passing = [float(said[a]) for a in self.action_labels], None, None
        return judged(self.action_labels, values, now, passing, self.judge)

    def step(self, state: GymState, action: str) -> tuple[GymState, float, bool]:
        index = legal(action, self.action_labels)
        if state.over:
            raise BadOption("the episode is over", remedy="Start another one with start(seed).")
        return self._played(state, index)

    def forfeit(self, state: GymState) -> tuple[GymState, bool]:
        """The turn passes and nothing moves."""
        over = state.over or state.turn + 1 >= self.horizon
        return replace(state, turn=state.turn + 1, over=over), over

    def _played(self, state: GymState, index: int) -> tuple[GymState, float, bool]:
        before = (state.seed, *(self.action_labels.index(t.action) for t in state.history))
        env = self._live.take(before)
        if env is None:
            env = self._replayed(before)
        observation, reward, terminated, truncated, _ = env.step(index + self.offset)
        turn = state.turn + 1
        over = bool(terminated or truncated) or turn >= self.horizon
        line = Transition(state.turn, self.action_labels[index], float(reward))
        after = GymState(state.seed, _plain(observation), _picture(env), (*state.history, line), turn, over)
        if over:
            env.close()
        else:
            self._live.keep((*before, index), env)
        return after, float(reward), over

    def _replayed(self, prefix: tuple[int, ...]) -> Any:
        env = self._fresh()
        env.reset(seed=prefix[0])
        for index in prefix[1:]:
            env.step(index + self.offset)
        return env

    def _fresh(self) -> Any:
        return _make(self.env, orjson.loads(self.env_options), self.horizon, self.drawn)

    def _described(self, state: GymState) -> str:
        if self.describe:
            return str(_function(self.describe)(state.observation))
        return "\n".join(filter(None, (f"Observation: {state.observation}", state.picture)))

    @cached_property
    def _table(self) -> Any:
        env = self._fresh()
        try:
            return solve(table_of(env) or {}, self.horizon, self.discount)
        finally:
            env.close()


class _Live:
    """Environments in play, by the seed and the actions played on them; the oldest is closed when there are many."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, ...], Any] = OrderedDict()

    def take(self, key: tuple[int, ...]) -> Any:
        """The environment at that point, which is the caller's from now on; None if there is none."""
        return self._kept.pop(key, None)

    def keep(self, key: tuple[int, ...], env: Any) -> None:
        """Put back an environment."""
        other = self._kept.pop(key, None)
        self._kept[key] = env
        if other is None and len(self._kept) > KEPT:
            _, other = self._kept.popitem(last=False)
        if other is not None:
            other.close()


def from_gymnasium(
    env: str,
    action_labels: tuple[str, ...] | list[str] | None = None,
    horizon: int | None = None,
    instruction: str = "",
    describe: Function = "",
    oracle: Function = "auto",
    discount: float = 0.99,
    env_options: Mapping[str, Any] | None = None,
) -> GymTask:
    """A Gymnasium environment with discrete actions, played step by step in text.

    Args:
        env: its id; "module:id" imports the module that registers it first.
        action_labels: a name per action, in the environment's order; by default their numbers.
        horizon: the most decisions of an episode; by default the environment's own time limit.
        instruction: what the world is and what the goal is.
        describe: observation -> text; by default the observation and the environment's text rendering, if it has one.
        oracle: "table" (from `env.unwrapped.P`), "search" (exhaustive), "auto" (the first that can be), or a function
            of the observation to a value per label, or to a whole `Oracle`.
        discount: what a reward counts for every step that it comes later, in (0, 1].
        env_options: JSON arguments of `gymnasium.make`.

    A function is given as itself or as "module:name"; it must be found again by that name, so that runs can be resumed.

    Raises:
        MissingExtra: Gymnasium is not installed.
        UnknownName, BadOption: no such environment, one that cannot be played as a task, or an option out of range.
    """
    try:
        kwargs = orjson.dumps(dict(env_options or {}), option=orjson.OPT_SORT_KEYS).decode()
    except (TypeError, ValueError) as error:
        raise BadOption("env_options is no JSON object", str(error), "Give numbers, strings, lists, tables.") from None
    if not isinstance(env, str):
        raise BadOption(f"env is {env!r}", remedy='Give an id, such as "FrozenLake-v1"; register your own first.')
    real("discount", discount, most=1, above=0)
    if horizon is not None:
        whole("horizon", horizon, 1)
    if not isinstance(instruction, str):
        raise BadOption(f"instruction is {instruction!r}", remedy="Give a text.")
    made = _make(env, orjson.loads(kwargs), horizon)
    limit = horizon if horizon is not None else getattr(made.spec, "max_episode_steps", None)
    if limit is None:
        raise BadOption(f"the environment {env!r} has no time limit", remedy="Give a horizon, such as horizon=100.")
    size, offset = _discrete(env, made.action_space)
    labels = _checked_labels(env, action_labels, size)
    kind = _oracle_kind(oracle, made, range(offset, offset + size), limit)
    drawn = "ansi" in made.metadata.get("render_modes", ()) and made.render_mode is None
    made.close()
    shown = _function_name("describe", describe)
    task = GymTask(env, labels, limit, instruction, shown, kind, float(discount), kwargs, offset, drawn)
    _repeats_itself(task)
    return task


def register() -> list[str]:
    """Enter every known task into Gymnasium's registry; returns their ids, such as "akrasia/Bandit-v0".

    Raises:
        MissingExtra: Gymnasium is not installed.
    """
    ids: list[str] = importlib.import_module(f"{__package__}.gym_env").register_all()
    return ids


def _again(options: dict[str, Any]) -> GymTask:
    return from_gymnasium(**options)


def _make(env: str, kwargs: dict[str, Any], horizon: int | None, drawn: bool = False) -> Any:
    try:
        gymnasium: Any = importlib.import_module("gymnasium")
    except ImportError:
        raise MissingExtra.of("gymnasium", "gym") from None
    try:
        mode = {"render_mode": "ansi"} if drawn else {}
        return gymnasium.make(env, max_episode_steps=horizon, disable_env_checker=True, **mode, **kwargs)
    except gymnasium.error.UnregisteredEnv:
        raise UnknownName.among("Gymnasium environment", env, gymnasium.registry) from None
    except (gymnasium.error.Error, TypeError, ValueError, LookupError, ImportError, AssertionError) as error:
        raise BadOption(f"the environment {env!r} cannot be made", str(error), "Look at env_options.") from None


def _discrete(env: str, space: Any) -> tuple[int, int]:
    """How many actions there are, and the number of the first."""
    size, first = getattr(space, "n", None), getattr(space, "start", 0)
    if size is None or getattr(space, "shape", None) != ():
        raise BadOption(
            f"the environment {env!r} has no discrete actions", f"its action space is {space}",
            "Wrap it in one that has, and register that.",
        )  # fmt: skip
    return int(size), int(first)


def _checked_labels(env: str, given: Any, size: int) -> tuple[str, ...]:
    labels = tuple(map(str, range(size))) if given is None else tuple(given)
    if len(labels) != size:
        raise BadOption(f"{len(labels)} action labels for {size} actions of {env!r}", remedy="Name every action once.")
    for label in labels:
        if not isinstance(label, str) or not label.strip() or label != label.strip():
            raise BadOption(f"{label!r} is no action label", remedy="Use a word without spaces around it.")
    if len({label.casefold() for label in labels}) < size:
        raise BadOption(f"two action labels collide: {', '.join(labels)}", remedy="Name every action differently.")
    return labels


def _oracle_kind(oracle: Function, env: Any, actions: Sequence[int], horizon: int) -> str:
    courses, table = f"{len(actions)}^{horizon} courses are too many to search", table_of(env)
    small = horizon * np.log(len(actions)) <= np.log(SEARCHED)
    if oracle == "auto":
        if table is None and (not small or draws(env, actions)):
            raise BadOption(
                "there is no oracle for this environment",
                f"it has no transition table and {'its moves are random' if small else courses}",
                "Give oracle=, a function of the observation to a value per label.",
            )
        return "search" if table is None else "table"
    if oracle == "table" and table is None:
        raise BadOption("the environment has no transition table", "env.unwrapped.P is missing", "Give a function.")
    if oracle == "search" and not small:
        raise BadOption(courses, remedy="Lower the horizon or give a function.")
    if isinstance(oracle, str) and ":" not in oracle and oracle not in ORACLES:
        raise UnknownName.among("oracle", oracle, ["auto", *ORACLES])
    return oracle if isinstance(oracle, str) and oracle in ORACLES else _function_name("oracle", oracle)


def _function_name(option: str, function: Function) -> str:
    """The "module:name" by which a function can be found again; the empty name stays empty."""
    if function == "":
        return ""
    name = function
    if callable(function):
        name = f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', '')}"
    found = _function(name) if isinstance(name, str) and ":" in name else None
    if not isinstance(name, str) or not callable(found) or (callable(function) and found is not function):
        raise BadOption(
            f"{option} is {function!r}", "it cannot be found again by a name, so a run could not be resumed",
            "Define a function at the top of a module.",
        )  # fmt: skip
    return name


def _function(name: str) -> Any:
    module, _, path = name.partition(":")
    try:
        found: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, ValueError):
        return None
    return found


def _repeats_itself(task: GymTask) -> None:
    """Refuse an environment that does not do the same again after the same seed and actions."""

    def course() -> list[Any]:
        rng, state = named_rng(0, "gymnasium", "probe"), replace(task, _live=_Live()).start(0)
        alone, seen = replace(task, _live=_Live()), [state]
        while not state.over and len(seen) < PROBED:
            state, _, _ = alone.step(state, task.action_labels[int(rng.integers(len(task.action_labels)))])
            seen.append(state)
        return seen

    if course() != course():
        raise BadOption(
            f"the environment {task.env!r} does not repeat itself under the same seed and actions",
            "a task must be replayable", "Draw from self.np_random alone, seeded by super().reset(seed=seed).",
        )  # fmt: skip


def _picture(env: Any) -> str:
    if env.render_mode != "ansi":
        return ""
    text = str(env.render())
    return _LIT.sub(lambda lit: f"[{lit[1]}]", text).strip("\n")


def _plain(value: Any) -> Any:
    """An observation as plain, hashable data."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return tuple((str(k), _plain(v)) for k, v in sorted(value.items()))
    if isinstance(value, list | tuple):
        return tuple(_plain(v) for v in value)
    if value is None or isinstance(value, str | int | float):
        return value
    raise BadOption(
        f"an observation holds {type(value).__name__}",
        "it is no number, text, array, or mapping of these",
        "Wrap the environment in one whose observations are.",
    )


TASKS.register("gymnasium", from_gymnasium)
