"""Reference players: policies that need no model, as upper and lower bounds and for sanity checks.

Each is a function of the situation and a random generator to a legal action; ties are broken at random.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ..errors import NotMeasured
from ..records import Oracle, Situation
from ..streams import stream
from .base import Task
from .rules import best

__all__ = ["PLAYERS", "Player", "greedy", "play", "ucb", "uniform"]

Player = Callable[[Situation, np.random.Generator], str]


def ucb(situation: Situation, rng: np.random.Generator) -> str:
    """Highest index under the task's rule, untried arms first: the published upper bound."""
    return _pick(best(situation.actions, _column(situation, "index")), rng)


def greedy(situation: Situation, rng: np.random.Generator) -> str:
    """Highest mean reward among tried arms; the first pull is random: never explores on purpose."""
    means = _column(situation, "mean")
    tried = [(a, m) for a, m in zip(situation.actions, means, strict=True) if m is not None]
    return _pick(best([a for a, _ in tried], [m for _, m in tried]) or situation.actions, rng)


def uniform(situation: Situation, rng: np.random.Generator) -> str:
    """Any legal action with equal probability: the published lower bound."""
    return _pick(situation.actions, rng)


PLAYERS: dict[str, Player] = {"ucb": ucb, "greedy": greedy, "uniform": uniform}


def play(task: Task, player: Player, seed: int) -> Iterator[tuple[Situation, Oracle, str, float]]:
    """Play one episode: yields (situation, oracle, action, reward) per step."""
    state, over = task.start(seed), False
    while not over:
        situation, oracle = task.situation(state), task.oracle(state)
        action = player(situation, stream(seed, "player", situation.step))
        state, reward, over = task.step(state, action)
        yield situation, oracle, action, reward


def _column(situation: Situation, name: str) -> tuple[float | None, ...]:
    column = situation.quantity(name)
    if column is None:
        raise NotMeasured(f"task {situation.task!r} has no column {name!r}", remedy="Use the uniform player.")
    return column.values


def _pick(actions: tuple[str, ...], rng: np.random.Generator) -> str:
    return actions[int(rng.integers(len(actions)))]
