"""What is best in a Gymnasium environment: from its transition table, or by trying everything.

Values are expected rewards within the turns that are left, a reward k steps ahead counted `discount`^k. With a discount
below 1 a detour is worse than the shortest way; without one every way that arrives in time ties.

Greedy is the myopic set: the actions with the highest expected *immediate* reward, empty where all pay the same.
Giving no action never costs less than the worst legal action: where every step costs, silence must not pay.

Search plays the episode's own seed. That is exact where nothing is hidden and no move is random. Elsewhere it would
know random numbers before they are drawn, so "auto" does not choose it there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import BadOption
from ..records import Oracle

ORACLES = ("table", "search")
MAX_SEARCH = 5000  # action sequences that an exhaustive search may try
TIE = 1e-9

Values = list[float]
Table = dict[int, dict[int, list[tuple[float, int, float, bool]]]]
Play = Callable[[Any, int], tuple[Any, float, bool]]


@dataclass(frozen=True)
class SolvedTable:
    """A transition table with `state_values[h, s]`, the best expected reward from state s with h turns left."""

    table: Table
    state_values: np.ndarray[Any, np.dtype[np.float64]]
    discount: float

    def at(self, observation: Any, left: int) -> tuple[Values, Values, float]:
        """(value per action, immediate reward per action, value of passing a turn)."""
        if isinstance(observation, bool) or not isinstance(observation, int) or observation not in self.table:
            raise BadOption(
                f"the observation {observation!r} is not a row of the transition table",
                remedy="Give a function as oracle.",
            )
        later = self.state_values[max(left - 1, 0)]
        values, now = [], []
        for outcomes in self.table[observation].values():
            now.append(sum(p * paid for p, _, paid, _ in outcomes))
            values.append(now[-1] + self.discount * sum(p * float(later[s]) for p, s, _, ends in outcomes if not ends))
        return values, now, self.discount * float(later[observation])


def transition_table(env: Any) -> Table | None:
    """`env.unwrapped.P` with its actions numbered from 0, if its rows are the observations and every action is in each.

    None where the environment has no such table: another numbering would give values to the wrong actions.
    """
    table, seen, space = getattr(env.unwrapped, "P", None), env.observation_space, env.action_space
    size, first = getattr(space, "n", None), int(getattr(space, "start", 0))
    if not isinstance(table, dict) or getattr(seen, "n", None) != len(table) or int(getattr(seen, "start", 0)) != 0:
        return None
    actions = range(first, first + int(size)) if size is not None and getattr(space, "shape", None) == () else range(0)
    rows = set(table) == set(range(len(table))) and all(isinstance(row, dict) for row in table.values())
    if not actions or not rows or any(set(row) != set(actions) for row in table.values()):
        return None
    return {state: {a - first: row[a] for a in actions} for state, row in table.items()}


def moves_are_certain(table: Table) -> bool:
    """Whether every action of a table leads to one state, with one reward."""
    return all(
        len({(after, reward, ends) for p, after, reward, ends in outcomes if p > 0}) == 1
        for row in table.values()
        for outcomes in row.values()
    )


def draws_random_numbers(env: Any, actions: Sequence[int], episodes: int = 6, steps: int = 20) -> bool:
    """Whether its moves draw random numbers, which a search would know in advance."""
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
    state_values = np.zeros((horizon + 1, len(table)))
    for left in range(1, horizon + 1):
        each = probability * (paid + discount * goes_on * state_values[left - 1, after])
        state_values[left] = np.bincount(where, each, len(table) * size).reshape(-1, size).max(axis=1)
    return SolvedTable(table, state_values, discount)


def search_values(play: Play, state: Any, size: int, left: int, discount: float) -> tuple[Values, Values, float]:
    """(best total reward after each action, its immediate reward, value of passing a turn), from all action sequences.

    Args:
        play: (state, index of an action) -> (next state, reward, whether the episode is over).
    """

    def best_value(state: Any, turns: int) -> float:
        return max(action_values(state, turns)[0]) if turns > 0 else 0.0

    def action_values(state: Any, turns: int) -> tuple[Values, Values]:
        values, now = [], []
        for a in range(size):
            after, reward, over = play(state, a)
            now.append(reward)
            values.append(reward if over else reward + discount * best_value(after, turns - 1))
        return values, now

    return *action_values(state, left), discount * best_value(state, left - 1)


def oracle_from_values(
    labels: Sequence[str], values: Sequence[float], now: Sequence[float] | None, passing: float | None, rule: str
) -> Oracle:
    """The oracle with these values.

    Args:
        now: immediate rewards; None where they are unknown, and the greedy set is empty.
        passing: the value of doing nothing for a turn, where it is known.
    """
    top = max(values)
    regret = {a: 0.0 if top - v <= TIE else top - v for a, v in zip(labels, values, strict=True)}
    greedy: tuple[str, ...] = ()
    if now is not None and max(now) - min(now) > TIE:
        greedy = tuple(a for a, r in zip(labels, now, strict=True) if max(now) - r <= TIE)
    return Oracle(
        optimal=tuple(a for a, lost in regret.items() if lost == 0.0),
        greedy=greedy,
        values=dict(zip(labels, values, strict=True)),
        regret=regret,
        forfeit=max(0.0, *regret.values(), 0.0 if passing is None else top - passing),
        untried=(),
        rule=rule,
    )
