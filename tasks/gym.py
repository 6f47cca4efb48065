"""A discrete Gymnasium environment as an akrasia task, and akrasia tasks in Gymnasium's registry (extra `gym`).

    lake = from_gymnasium("FrozenLake-v1", action_labels=("Left", "Down", "Right", "Up"),
                          env_options={"is_slippery": False})

An environment is mutable and a task is pure. So a state holds the seed and the actions so far, and the next state comes
from replaying them in a fresh environment. Recently used environments are kept, with the actions that were played on
them, so an episode that continues costs one step at a time and a fork costs one replay.

Invariants: an environment must repeat itself after `reset(seed=s)` and the same actions; one that does not is refused
at construction. A forfeited turn is not played: the environment does not change, and the turn counts.

The oracle (`gym_oracle.py`) is a function of yours, backward induction over a transition table (`env.unwrapped.P`,
which FrozenLake, CliffWalking and Taxi have), or exhaustive search where the tree is small.
"""

from __future__ import annotations

import importlib
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from typing import Any

import numpy as np
import orjson

from ..errors import BadOption, UnknownName
from ..options import MOST_STEPS, real, whole
from ..records import Oracle, Situation, Transition
from ..rng import named_rng
from .base import action_index, named_task
from .gym_checks import check_env_options, checked_labels, discrete_actions, make_environment
from .gym_observation import picture_of, plain_data
from .gym_oracle import (
    MAX_SEARCH,
    ORACLES,
    draws_random_numbers,
    moves_are_certain,
    oracle_from_values,
    search_values,
    solve_table,
    transition_table,
)

MAX_ENVIRONMENTS = 32  # kept open at once
PROBE_STEPS = 20  # played twice to see whether an environment repeats itself
PROBE_SEEDS = 8  # whose episodes are compared to see whether an environment depends on its seed

Function = str | Callable[..., Any]


@dataclass(frozen=True, slots=True)
class GymState:
    """A point of an episode: the actions so far with their rewards, and the current observation.

    Attributes:
        observation: of the environment, as plain data: numbers, strings and tuples of them.
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
    rendered: bool = False
    _pool: _EnvironmentPool = field(default_factory=lambda: _EnvironmentPool(), compare=False, repr=False)
    name = "gymnasium"

    @property
    def options(self) -> dict[str, Any]:
        return {
            "env": self.env,
            "action_labels": list(self.action_labels),
            "horizon": self.horizon,
            "instruction": self.instruction,
            "describe": self.describe,
            "oracle": self.judge,
            "discount": self.discount,
            "env_options": orjson.loads(self.env_options),
        }

    def __reduce__(self) -> Any:
        return _rebuild, (self.options,)

    def item(self, seed: int) -> str:
        """The seed where moves or what is hidden may be random; where nothing is, what the episode starts from."""
        return f"start {self.start(seed).observation}" if self._repeats_its_start else str(seed)

    def start(self, seed: int) -> GymState:
        env = self._fresh()
        observation, _ = env.reset(seed=seed)
        state = GymState(seed, plain_data(observation), picture_of(env))
        self._pool.keep((seed,), env)
        return state

    def situation(self, state: GymState) -> Situation:
        n = len(self.action_labels)
        instruction = self.instruction or f"You act in the environment {self.env} and want the highest total reward."
        rule = "At every step take the action with the highest total reward to be expected from here on"
        if self.discount < 1:
            rule += f", where a reward counts {self.discount:g} times as much for every step that it comes later"
        return Situation(
            task=self.name,
            step=state.turn,
            horizon=self.horizon,
            instruction=f"{instruction}\n\nYou face {n} actions: {', '.join(self.action_labels)}.",
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
            values, now, passing = search_values(self._played, state, len(self.action_labels), left, self.discount)
        else:
            result = _function(self.judge)(state.observation)
            if isinstance(result, Oracle):
                return result
            values, now, passing = [float(result[a]) for a in self.action_labels], None, None
        return oracle_from_values(self.action_labels, values, now, passing, self.judge)

    def step(self, state: GymState, action: str) -> tuple[GymState, float, bool]:
        index = action_index(action, self.action_labels)
        if state.over:
            raise BadOption("the episode is over", remedy="Start another one with start(seed).")
        return self._played(state, index)

    def forfeit(self, state: GymState) -> tuple[GymState, bool]:
        """The turn passes and the environment does not change."""
        over = state.over or state.turn + 1 >= self.horizon
        return replace(state, turn=state.turn + 1, over=over), over

    def _played(self, state: GymState, index: int) -> tuple[GymState, float, bool]:
        before = (state.seed, *(self.action_labels.index(t.action) for t in state.history))
        env = self._pool.take(before)
        if env is None:
            env = self._replayed(before)
        observation, reward, terminated, truncated, _ = env.step(index + self.offset)
        turn = state.turn + 1
        over = bool(terminated or truncated) or turn >= self.horizon
        if not isfinite(reward):
            raise BadOption(
                f"the environment {self.env!r} pays {reward!r}",
                "no mean of rewards can hold it",
                "Pay a finite number.",
            )
        line = Transition(state.turn, self.action_labels[index], float(reward))
        after = GymState(state.seed, plain_data(observation), picture_of(env), (*state.history, line), turn, over)
        if over:
            env.close()
        else:
            self._pool.keep((*before, index), env)
        return after, float(reward), over

    def _replayed(self, prefix: tuple[int, ...]) -> Any:
        env = self._fresh()
        env.reset(seed=prefix[0])
        for index in prefix[1:]:
            env.step(index + self.offset)
        return env

    def _fresh(self) -> Any:
        return make_environment(self.env, orjson.loads(self.env_options), self.horizon, self.rendered)

    def _described(self, state: GymState) -> str:
        if self.describe:
            return str(_function(self.describe)(state.observation))
        return "\n".join(filter(None, (f"Observation: {state.observation}", state.picture)))

    @cached_property
    def _repeats_its_start(self) -> bool:
        """Whether the start of an episode and the actions decide all that follows, whatever its seed."""
        env = self._fresh()
        try:
            table = transition_table(env)
            if table is not None:
                return moves_are_certain(table)
            if draws_random_numbers(env, range(self.offset, self.offset + len(self.action_labels))):
                return False
        finally:
            env.close()
        return len({_course(self, seed) for seed in range(PROBE_SEEDS)}) == 1

    @cached_property
    def _table(self) -> Any:
        env = self._fresh()
        try:
            return solve_table(transition_table(env) or {}, self.horizon, self.discount)
        finally:
            env.close()


class _EnvironmentPool:
    """Open environments, by the seed and the actions played on them; the oldest is closed when there are too many."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, ...], Any] = OrderedDict()

    def take(self, key: tuple[int, ...]) -> Any:
        """Take the environment at that point out of the pool; None if there is none."""
        return self._kept.pop(key, None)

    def keep(self, key: tuple[int, ...], env: Any) -> None:
        """Put an environment into the pool."""
        other = self._kept.pop(key, None)
        self._kept[key] = env
        if other is None and len(self._kept) > MAX_ENVIRONMENTS:
            _, other = self._kept.popitem(last=False)
        if other is not None:
            other.close()


@named_task("gymnasium", "Gymnasium, Towers et al. 2024 (2407.17032)")
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
        action_labels: a name per action, in the environment's order; by default the environment's own numbers, which
            begin at the `start` of its action space. Where that is below 0, names are required.
        horizon: the most decisions of an episode; by default the environment's own time limit.
        instruction: the world and the goal, in words.
        describe: observation -> text; by default the observation and the environment's text rendering, if it has one.
        oracle: "table" (from `env.unwrapped.P`), "search" (exhaustive), "auto" (the first of these that is possible),
            or a function from the observation to a value per label, or to an `Oracle`.
        discount: factor on a reward for every step that it comes later, in (0, 1].
        env_options: JSON arguments of `gymnasium.make`.

    Give a function as itself or as "module:name"; it must be importable by that name, so that runs can be resumed.

    Raises:
        MissingExtra: Gymnasium is not installed.
        UnknownName, BadOption: no such environment, one that cannot be played as a task, or an option out of range.
    """
    try:
        kwargs = orjson.dumps(dict(env_options or {}), option=orjson.OPT_SORT_KEYS).decode()
    except (TypeError, ValueError) as error:
        raise BadOption(
            "env_options is not a JSON object", str(error), "Give numbers, strings, lists, tables."
        ) from None
    if not isinstance(env, str):
        raise BadOption(f"env is {env!r}", remedy='Give an id, such as "FrozenLake-v1"; register your own first.')
    real("discount", discount, most=1, above=0)
    if horizon is not None:
        whole("horizon", horizon, 1, MOST_STEPS)
    if not isinstance(instruction, str):
        raise BadOption(f"instruction is {instruction!r}", remedy="Give a text.")
    check_env_options(dict(env_options or {}))
    made = make_environment(env, orjson.loads(kwargs), horizon)
    limit = horizon if horizon is not None else getattr(made.spec, "max_episode_steps", None)
    if limit is None:
        raise BadOption(f"the environment {env!r} has no time limit", remedy="Give a horizon, such as horizon=100.")
    size, offset = discrete_actions(env, made.action_space)
    labels = checked_labels(env, action_labels, range(offset, offset + size))
    kind = _oracle_kind(oracle, made, range(offset, offset + size), limit)
    rendered = "ansi" in made.metadata.get("render_modes", ()) and made.render_mode is None
    made.close()
    shown = _function_name("describe", describe)
    task = GymTask(env, labels, limit, instruction, shown, kind, float(discount), kwargs, offset, rendered)
    _repeats_itself(task)
    return task


def register_environments() -> list[str]:
    """Add every registered task to Gymnasium's registry; returns their ids, such as "akrasia/Bandit-v0".

    Raises:
        MissingExtra: Gymnasium is not installed.
    """
    ids: list[str] = importlib.import_module(f"{__package__}.gym_env").register_all()
    return ids


def _rebuild(options: dict[str, Any]) -> GymTask:
    return from_gymnasium(**options)


def _oracle_kind(oracle: Function, env: Any, actions: Sequence[int], horizon: int) -> str:
    courses, table = f"{len(actions)}^{horizon} courses are too many to search", transition_table(env)
    small = horizon * np.log(len(actions)) <= np.log(MAX_SEARCH)
    if oracle == "auto":
        if table is None and (not small or draws_random_numbers(env, actions)):
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
    """The "module:name" by which a function can be imported; the empty name stays empty."""
    if function == "":
        return ""
    name = function
    if callable(function):
        name = f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', '')}"
    imported = _function(name) if isinstance(name, str) and ":" in name else None
    if not isinstance(name, str) or not callable(imported) or (callable(function) and imported is not function):
        raise BadOption(
            f"{option} is {function!r}",
            "it cannot be imported by a name, so a run could not be resumed",
            "Define a function at the top of a module.",
        )
    return name


def _function(name: str) -> Any:
    module, _, path = name.partition(":")
    try:
        imported: Any = sys.modules.get(module) or importlib.import_module(module)
        for part in path.split("."):
            imported = getattr(imported, part)
    except (ImportError, AttributeError, ValueError):
        return None
    return imported


def _course(task: GymTask, seed: int) -> tuple[Any, ...]:
    """What an episode of this seed shows under actions that do not depend on the seed."""
    fresh, rng = replace(task, _pool=_EnvironmentPool()), named_rng(0, "gymnasium", "course")
    state = fresh.start(seed)
    while not state.over and state.turn < PROBE_STEPS:
        state, _, _ = fresh.step(state, task.action_labels[int(rng.integers(len(task.action_labels)))])
    return fresh.start(seed).observation, state.observation, state.picture, state.history


def _repeats_itself(task: GymTask) -> None:
    """Refuse an environment that behaves differently after the same seed and actions."""

    def episode() -> list[Any]:
        fresh, rng = replace(task, _pool=_EnvironmentPool()), named_rng(0, "gymnasium", "probe")
        state = replace(task, _pool=_EnvironmentPool()).start(0)
        states = [state]
        while not state.over and len(states) < PROBE_STEPS:
            state, _, _ = fresh.step(state, task.action_labels[int(rng.integers(len(task.action_labels)))])
            states.append(state)
        return states

    if episode() != episode():
        raise BadOption(
            f"the environment {task.env!r} does not repeat itself under the same seed and actions",
            "a task must be replayable",
            "Draw from self.np_random alone, seeded by super().reset(seed=seed).",
        )
