"""Concepts of small two-player games given as payoff matrices.

A value is (rows, profile): `rows` of cells (a, b) with the row player's payoff first; `profile` is (row, column),
counted from 1, or () where the concept is about the whole game.
"""

from __future__ import annotations

import re
from typing import Any

from numpy.random import Generator

from .concept import Concept, Constraint, TextFormat, draw_until, pick, strip_markup

Rows = tuple[tuple[tuple[int, int], ...], ...]
Game = tuple[Rows, tuple[int, ...]]

LOW, HIGH = -9, 9
_CELL = re.compile(r"[(\[]?\s*([+-]?\d{1,3})\s*,\s*([+-]?\d{1,3})\s*[)\]]?")
_PROFILE = re.compile(r"profile\s*[:=]?\s*\(?\s*(?:row\s*)?(\d)\s*,\s*(?:column\s*|col\s*)?(\d)\s*\)?\.?", re.I)


def _parse(text: str, profiled: bool) -> Game | None:
    lines = [line for line in strip_markup(text).replace("−", "-").splitlines() if line.strip(" |-:")]
    profile: tuple[int, ...] = ()
    if profiled:
        match = _PROFILE.fullmatch(lines.pop().strip()) if lines else None
        if match is None:
            return None
        profile = (int(match[1]), int(match[2]))
    rows = []
    for line in lines:
        if _CELL.sub("", line).strip(" |;\t,"):
            return None
        rows.append(tuple((int(m[1]), int(m[2])) for m in _CELL.finditer(line)))
    if not 2 <= len(rows) <= 5 or not 2 <= len(rows[0]) <= 5 or len({len(row) for row in rows}) != 1:
        return None
    if profiled and not (1 <= profile[0] <= len(rows) and 1 <= profile[1] <= len(rows[0])):
        return None
    return tuple(rows), profile


def _write(game: Game) -> str:
    rows, profile = game
    lines = [" | ".join(f"{a},{b}" for a, b in row) for row in rows]
    return "\n".join([*lines, f"profile: row {profile[0]}, column {profile[1]}"] if profile else lines)


def _units(game: Game) -> tuple[Any, ...]:
    rows, profile = game
    cells = [(i, j, k, x) for i, row in enumerate(rows) for j, c in enumerate(row) for k, x in enumerate(c)]
    # The profile counts twice, so that moving it is no edit of one payoff.
    return (*cells, *(("profile", n, profile) for n in range(2) if profile))


def _mutate(rng: Generator, game: Game) -> Game:
    rows, profile = game
    i, j, k = (int(rng.integers(n)) for n in (len(rows), len(rows[0]), 2))
    new = [[list(c) for c in row] for row in rows]
    new[i][j][k] = pick(rng, [x for x in range(LOW, HIGH + 1) if x != new[i][j][k]])
    return tuple(tuple((c[0], c[1]) for c in row) for row in new), profile


def _constraints(rng: Generator, game: Game) -> tuple[Constraint, ...]:
    rows, profile = game
    shape = (len(rows), len(rows[0]))
    i, j = int(rng.integers(shape[0])), int(rng.integers(shape[1]))
    cell = rows[i][j]
    kinds = min(4, len(_numbers(rows)))
    constraints = [
        Constraint(f"{shape[0]} rows and {shape[1]} columns", lambda g: (len(g[0]), len(g[0][0])) == shape),
        Constraint(
            f"all payoffs are integers from {LOW} to {HIGH}", lambda g: all(LOW <= x <= HIGH for x in _numbers(g[0]))
        ),
        Constraint(f"the cell in row {i + 1}, column {j + 1} is {cell[0]},{cell[1]}", lambda g: g[0][i][j] == cell),
        Constraint(
            f"at least {kinds} different numbers occur among the payoffs", lambda g: len(_numbers(g[0])) >= kinds
        ),
    ]
    if profile:
        constraints.append(
            Constraint(f"the profile is row {profile[0]}, column {profile[1]}", lambda g: g[1] == profile)
        )
    return tuple(constraints)


def _numbers(rows: Rows) -> set[int]:
    return {x for row in rows for cell in row for x in cell}


_WORDS = (
    "one line per strategy of the row player, cells separated by |, each cell as a,b with the row player's payoff a "
    "first (2 to 5 rows and columns)"
)
GAME = TextFormat(_WORDS, "payoff", lambda t: _parse(t, False), _write, _units, _mutate, _constraints, fixed=True)
PROFILED = TextFormat(
    _WORDS + ", then a last line of the form 'profile: row 1, column 2' that names one row and one column",
    "payoff",
    lambda t: _parse(t, True),
    _write,
    _units,
    _mutate,
    _constraints,
    fixed=True,
)


def _a(rows: Rows, i: int, j: int) -> int:
    return rows[i][j][0]


def _dominates(one: list[int], other: list[int], strictly: bool) -> bool:
    pairs = list(zip(one, other, strict=True))
    if strictly:
        return all(x > y for x, y in pairs)
    return all(x >= y for x, y in pairs) and any(x > y for x, y in pairs)


def _has_dominant(rows: Rows, strictly: bool) -> bool:
    own = [[cell[0] for cell in row] for row in rows]
    return any(all(_dominates(one, o, strictly) for k, o in enumerate(own) if k != i) for i, one in enumerate(own))


def _is_best_response(game: Game) -> bool:
    rows, (r, c) = game
    return _a(rows, r - 1, c - 1) == max(row[c - 1][0] for row in rows)


def _is_nash(game: Game) -> bool:
    rows, (r, c) = game
    return _is_best_response(game) and rows[r - 1][c - 1][1] == max(cell[1] for cell in rows[r - 1])


def _is_pareto(game: Game) -> bool:
    rows, (r, c) = game
    here = list(rows[r - 1][c - 1])
    return not any(_dominates(list(cell), here, strictly=False) for row in rows for cell in row)


def _is_symmetric(game: Game) -> bool:
    rows = game[0]
    n = len(rows)
    return n == len(rows[0]) and all(rows[i][j][1] == rows[j][i][0] for i in range(n) for j in range(n))


def _is_coordination(game: Game) -> bool:
    rows = game[0]
    n = len(rows)
    return n == len(rows[0]) and all(
        rows[i][i][0] > rows[j][i][0] and rows[i][i][1] > rows[i][j][1] for i in range(n) for j in range(n) if i != j
    )


def _is_dilemma(game: Game) -> bool:
    rows = game[0]
    if len(rows) != 2 or not _is_symmetric(game):
        return False
    return _a(rows, 1, 0) > _a(rows, 0, 0) > _a(rows, 1, 1) > _a(rows, 0, 1)


def _is_solvable(game: Game) -> bool:
    """Whether iterated removal of strictly dominated strategies leaves one profile."""
    rows = game[0]
    left = [list(range(len(rows))), list(range(len(rows[0])))]
    removed = True
    while removed:
        removed = False
        for player in (0, 1):
            views = {
                s: [rows[s][t][0] if player == 0 else rows[t][s][1] for t in left[1 - player]] for s in left[player]
            }
            kept = [s for s in views if not any(_dominates(views[t], views[s], True) for t in views)]
            removed = removed or len(kept) < len(views)
            left[player] = kept
    return len(left[0]) == len(left[1]) == 1


def _draw(rng: Generator, square: bool = False, profiled: bool = False) -> Game:
    m, n = (int(x) for x in rng.integers(2, 4, size=2))
    n = m if square else n
    numbers = rng.integers(LOW, HIGH + 1, size=(m, n, 2)).tolist()
    rows = tuple(tuple((c[0], c[1]) for c in row) for row in numbers)
    return rows, ((int(rng.integers(m)) + 1, int(rng.integers(n)) + 1) if profiled else ())


def _with_dominant(rng: Generator, strictly: bool) -> Game:
    rows, _ = _draw(rng)
    low = 1 if strictly else 0
    winner = int(rng.integers(len(rows)))
    new = [[list(cell) for cell in row] for row in rows]
    for j in range(len(rows[0])):
        rest = max(row[j][0] for i, row in enumerate(rows) if i != winner)
        new[winner][j][0] = min(HIGH, rest + int(rng.integers(low, low + 3)))
    return tuple(tuple((c[0], c[1]) for c in row) for row in new), ()


def _zero_sum(rng: Generator) -> Game:
    rows, _ = _draw(rng)
    return tuple(tuple((a, -a) for a, _ in row) for row in rows), ()


def _symmetric(rng: Generator) -> Game:
    rows, _ = _draw(rng, square=True)
    n = len(rows)
    return tuple(tuple((rows[i][j][0], rows[j][i][0]) for j in range(n)) for i in range(n)), ()


def _coordination(rng: Generator) -> Game:
    n = int(rng.integers(2, 4))
    numbers = rng.integers(LOW, 4, size=(n, n, 2)).tolist()
    for i in range(n):
        numbers[i][i] = [max(row[i][0] for row in numbers) + 1, max(c[1] for c in numbers[i]) + int(rng.integers(1, 4))]
    return tuple(tuple((c[0], c[1]) for c in row) for row in numbers), ()


def _dilemma(rng: Generator) -> Game:
    s, p, r, t = sorted(int(x) for x in rng.choice(range(LOW, HIGH + 1), size=4, replace=False))
    return (((r, r), (s, t)), ((t, s), (p, p))), ()


def _profiled(test: Any) -> Any:
    return lambda rng: draw_until(rng, lambda g: _draw(g, profiled=True), test)


GAMES = (
    Concept(
        "strictly_dominant", "a game in which the row player has a strictly dominant strategy", "games",
        "A strategy that pays its player more than every other strategy of theirs, whatever the other player does.",
        (
            "A strategy that pays its player more than the other player gets, whatever the other player does.",
            "A strategy that pays its player more than every other one of theirs, for at least one choice of the "
            "other player.",
            "A strategy that contains the highest payoff of the whole game for its player.",
        ),
        GAME, lambda g: _has_dominant(g[0], True),
        lambda rng: draw_until(rng, lambda r: _with_dominant(r, True), lambda g: _has_dominant(g[0], True)),
        robust=True,
    ),
    Concept(
        "weakly_dominant", "a game in which the row player has a weakly dominant strategy", "games",
        "A strategy that never pays its player less than any other one of theirs, and against each of those pays more "
        "at least once.",
        (
            "A strategy that pays its player exactly the same as every other one, whatever the other player does.",
            "A strategy that pays its player more than every other one of theirs against most strategies of the other "
            "player, and less against a few.",
            "A strategy that never pays its player less than the other player gets.",
        ),
        GAME, lambda g: _has_dominant(g[0], False),
        lambda rng: draw_until(rng, lambda r: _with_dominant(r, False), lambda g: _has_dominant(g[0], False)),
        note="A strictly dominant strategy is weakly dominant too.", robust=True,
    ),
    Concept(
        "nash_equilibrium", "a game whose marked profile is a Nash equilibrium in pure strategies", "games",
        "A profile in which no player can gain by changing only their own strategy.",
        (
            "A profile such that no other one makes some player better off without making another worse off.",
            "A profile with the highest sum of the two payoffs.",
            "A profile in which both players get the same payoff.",
        ),
        PROFILED, _is_nash, _profiled(_is_nash), robust=True,
    ),
    Concept(
        "best_response", "a game in whose marked profile the row player plays a best response to the column", "games",
        "A strategy that pays its player at least as much as any other, given what the other player does.",
        (
            "A strategy that pays its player at least as much as any other, whatever the other player does.",
            "A strategy that leaves the other player with the lowest payoff, given what the player does.",
            "A strategy that pays its player more than the other player, given what the other does.",
        ),
        PROFILED, _is_best_response, _profiled(_is_best_response), robust=True,
    ),
    Concept(
        "pareto_optimal", "a game whose marked profile is Pareto optimal", "games",
        "A profile such that no other one makes some player better off without making another worse off.",
        (
            "A profile in which no player can gain by changing only their own strategy while the other keeps theirs.",
            "A profile in which both players get the same payoff, as high as possible.",
            "A profile that every player prefers to all other profiles.",
        ),
        PROFILED, _is_pareto, _profiled(_is_pareto), robust=True,
    ),
    Concept(
        "zero_sum", "a zero-sum game", "games",
        "A game in which the payoffs of the players add up to zero in every profile.",
        (
            "A game in which the payoffs of each player over all profiles add up to zero.",
            "A game in which some profile gives both players a payoff of zero.",
            "A game in which exactly one player gets zero in every profile.",
        ),
        GAME, lambda g: all(a + b == 0 for row in g[0] for a, b in row), _zero_sum,
    ),
    Concept(
        "symmetric", "a symmetric game", "games",
        "A game in which both players have the same strategies and swapping the players swaps the payoffs.",
        (
            "A game in which both players get the same payoff in every profile.",
            "A game in which the payoffs of the two players add up to the same number in every profile.",
            "A game whose matrix of the row player reads the same when rows and columns are swapped.",
        ),
        GAME, _is_symmetric, _symmetric, note="Strategy k of one player corresponds to strategy k of the other.",
    ),
    Concept(
        "coordination", "a coordination game", "games",
        "A game with as many strategies for each player in which, whatever one player chooses, the other strictly "
        "prefers to match it.",
        (
            "A game in which both players always get the same payoff.",
            "A game in which each player has a strategy that is best whatever the other does.",
            "A game with as many strategies for each player in which one player always wants to match what the other "
            "chooses, and the other always wants to differ.",
        ),
        GAME, _is_coordination, _coordination, note="To match strategy k is to choose one's own strategy k.",
    ),
    Concept(
        "prisoners_dilemma", "a prisoner's dilemma", "games",
        "A symmetric game of two strategies in which defecting is better whatever the other does, although both are "
        "better off if both cooperate than if both defect.",
        (
            "A symmetric game of two strategies in which each player prefers to do what the other does.",
            "A game of two strategies in which what one player gains the other loses.",
            "A symmetric game of two strategies in which cooperating is better whatever the other does, although both "
            "are better off if both defect than if both cooperate.",
        ),
        GAME, _is_dilemma, _dilemma,
        note="Two strategies each: the first row and the first column are 'cooperate', the second are 'defect'.",
    ),
    Concept(
        "iterated_dominance", "a game solved by iterated removal of strictly dominated pure strategies", "games",
        "Removing strategies that some other strategy beats whatever the other player does, again and again, leaves "
        "one profile.",
        (
            "Removing from each player the strategy with the lowest payoff, again and again, leaves one profile.",
            "Each player has a strategy that beats all their others whatever the other player does.",
            "Removing strategies that are no best response to the best profile leaves that profile.",
        ),
        GAME, _is_solvable, lambda rng: draw_until(rng, _draw, _is_solvable),
        note="Only domination by a pure strategy counts.", robust=True,
    ),
)  # fmt: skip
