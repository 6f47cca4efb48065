"""What is best in a Gymnasium environment: from its transition table, or by trying everything.

Values are expected rewards within the turns that are left, a reward k steps ahead counted `discount`^k. With a discount
below 1 a detour is worse than the shortest way; without one every way that arrives in time ties.

Greedy is the myopic set: the actions of the highest expected *immediate* reward, empty where all of them pay alike.
Giving no action is never cheaper than the worst legal one: an environment that only costs must not reward silence.

Search looks into the future of the episode's own seed. That is exact where nothing is hidden and no move is random;
else it would know the luck to come, so "auto" does not choose it where moves draw random numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import BadOption
from ..records import Oracle

__all__ = [
    "ORACLES",
    "MAX_SEARCH",
    "SolvedTable",
    "draws_random_numbers",
    "oracle_from_values",
    "solve_table",
    "transition_table",
    "search_values",
]

ORACLES = ("table", "search")
MAX_SEARCH = 5000  # courses of action that an exhaustive search may try
TIE = 1e-9

Values = list[float]
Table = dict[int, dict[int, list[tuple[float, int, float, bool]]]]
Play = Callable[[Any, int], tuple[Any, float, bool]]


@dataclass(frozen=True)
class SolvedTable:
    """A transition table with `worth[h, s]`, the best expected reward from state s with h turns left."""

    table: Table
    worth: np.ndarray[Any, np.dtype[np.float64]]
    discount: float

    def at(self, observation: Any, left: int) -> tuple[Values, Values, float]:
        """(value per action, immediate reward per action, value of passing a turn)."""
        if isinstance(observation, bool) or not isinstance(observation, int) or observation not in self.table:
            raise BadOption(
                f"the observation {observation!r} is no row of the transition table",
                remedy="Give a function as oracle.",
            )
        later = self.worth[max(left - 1, 0)]
        values, now = [], []
        for outcomes in self.table[observation].values():
            now.append(sum(p * paid for p, _, paid, _ in outcomes))
            values.append(now[-1] + self.discount * sum(p * float(later[s]) for p, s, _, ends in outcomes if not ends))
        return values, now, self.discount * float(later[observation])


def transition_table(env: Any) -> Table | None:
    """`env.unwrapped.P`, where the environment has one and its observations are the table's states; else None."""
    table = getattr(env.unwrapped, "P", None)
    if not isinstance(table, dict) or getattr(env.observation_space, "n", None) != len(table):
        return None
    return table if all(isinstance(row, dict) for row in table.values()) else None


def draws_random_numbers(env: Any, actions: Sequence[int], episodes: int = 6, steps: int = 20) -> bool:
    """Whether its moves use up random numbers, which a search would then know before they fall."""
    for seed in range(episodes):
        env.reset(seed=seed)
        before = str(env.unwrapped.np_random.bit_generator.state)
        for turn in range(steps):
            *_, terminated, truncated, _ = env.step(actions[(seed + turn) % len(actions)])
            if str(env.unwrapped.np_random.bit_generator.state) != before:
                return True
            if terminated or truncated:
                break
    return False


def solve_table(table: Table, horizon: int, discount: float) -> SolvedTable:
    """Backward induction over the turns that are left."""
    size = max(len(row) for row in table.values())
    flat = [(s * size + a, o) for s, row in table.items() for a, outcomes in row.items() for o in outcomes]
    where = np.array([i for i, _ in flat])
    probability = np.array([p for _, (p, _, _, _) in flat])
    after = np.array([s for _, (_, s, _, _) in flat])
    paid = np.array([r for _, (_, _, r, _) in flat], dtype=float)
    goes_on = np.array([not ends for _, (_, _, _, ends) in flat])
    worth = np.zeros((horizon + 1, len(table)))
    for left in range(1, horizon + 1):
        each = probability * (paid + discount * goes_on * worth[left - 1, after])
        worth[left] = np.bincount(where, each, len(table) * size).reshape(-1, size).max(axis=1)
    return SolvedTable(table, worth, discount)


def search_values(play: Play, state: Any, size: int, left: int, discount: float) -> tuple[Values, Values, float]:
    """(best total reward after each action, its immediate reward, value of passing a turn), by trying every course.

    Args:
        play: (state, index of an action) -> (next state, reward, whether the episode is over).
    """

    def best(here: Any, turns: int) -> float:
        return max(tried(here, turns)[0]) if turns > 0 else 0.0

    def tried(here: Any, turns: int) -> tuple[Values, Values]:
        values, now = [], []
        for a in range(size):
            after, reward, over = play(here, a)
            now.append(reward)
            values.append(reward if over else reward + discount * best(after, turns - 1))
        return values, now

    return *tried(state, left), discount * best(state, left - 1)


def oracle_from_values(
    labels: Sequence[str], values: Sequence[float], now: Sequence[float] | None, passing: float | None, rule: str
) -> Oracle:
    """The oracle that values make.

    Args:
        now: immediate rewards, None where they are not known: the greedy set is then empty.
        passing: the value of doing nothing for a turn, where it is known.
    """
    top = max(values)
    regret = {a: 0.0 if top - v <= TIE else top - v for a, v in zip(labels, values, strict=True)}
    soonest: tuple[str, ...] = ()
    if now is not None and max(now) - min(now) > TIE:
        soonest = tuple(a for a, r in zip(labels, now, strict=True) if max(now) - r <= TIE)
    return Oracle(
        optimal=tuple(a for a, lost in regret.items() if lost == 0.0),
        greedy=soonest,
        values=dict(zip(labels, values, strict=True)),
        regret=regret,
        forfeit=max(0.0, *regret.values(), 0.0 if passing is None else top - passing),
        untried=(),
        rule=rule,
    )
