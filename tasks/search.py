"""Tic-tac-toe as mathematics: winner and value of a board, and the move of a searching opponent.

A board is nine digits, cells 0 to 8 row by row from the top left: 0 is empty, 1 and 2 are the players' marks.

Invariants: every function is pure. `minimax_value` is exact (the whole game tree has 5478 boards). `mcts_move` draws
only from its generator, so the same board and the same stream give the same move.
"""

from __future__ import annotations

from functools import cache
from math import log, sqrt

import numpy as np

EMPTY = "000000000"
LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
EXPLORATION = sqrt(2)  # of UCT (Kocsis and Szepesvari 2006)


def empty_cells(board: str) -> tuple[int, ...]:
    """The cells that nobody has marked, in order."""
    return tuple(i for i, mark in enumerate(board) if mark == "0")


def with_mark(board: str, cell: int, player: int) -> str:
    """The board after `player` marks an empty cell."""
    return f"{board[:cell]}{player}{board[cell + 1 :]}"


@cache
def winner(board: str) -> int:
    """The player whose line is full, 0 while there is none."""
    for a, b, c in LINES:
        if board[a] != "0" and board[a] == board[b] == board[c]:
            return int(board[a])
    return 0


def is_full(board: str) -> bool:
    """Whether no cell is empty."""
    return "0" not in board


@cache
def minimax_value(board: str, mover: int) -> int:
    """The result for player 1 when `mover` moves next and both play perfectly: 1 a win, 0 a draw, -1 a loss."""
    won = winner(board)
    if won or is_full(board):
        return {0: 0, 1: 1, 2: -1}[won]
    return (max if mover == 1 else min)(minimax_values(board, mover).values())


def minimax_values(board: str, mover: int) -> dict[int, int]:
    """The result for player 1 after each of the mover's moves, both playing perfectly from then on."""
    return {cell: minimax_value(with_mark(board, cell, mover), 3 - mover) for cell in empty_cells(board)}


def mcts_move(board: str, mover: int, rollouts: int, rng: np.random.Generator) -> int:
    """The mover's most visited move after Monte-Carlo tree search: UCT, uniformly random play to the end."""
    visits: dict[str, int] = {}
    gains: dict[str, float] = {}  # of the player who has just moved: win 1, draw 1/2
    for _ in range(rollouts):
        path, here, player = [board], board, mover
        while here in visits and not winner(here) and not is_full(here):
            here = _selected(here, player, visits, gains, rng)
            player = 3 - player
            path.append(here)
        won = _random_end(here, player, rng)
        player = 3 - mover  # who made the move that led to path[0]
        for node in path:
            visits[node] = visits.get(node, 0) + 1
            gains[node] = gains.get(node, 0.0) + (0.5 if won == 0 else float(won == player))
            player = 3 - player
    counts = {cell: visits.get(with_mark(board, cell, mover), 0) for cell in empty_cells(board)}
    top = [cell for cell, n in counts.items() if n == max(counts.values())]
    return top[int(rng.integers(len(top)))]


def _selected(
    board: str, player: int, visits: dict[str, int], gains: dict[str, float], rng: np.random.Generator
) -> str:
    """The next board by upper confidence bound; one that was never visited comes first, at random."""
    nexts = [with_mark(board, cell, player) for cell in empty_cells(board)]
    new = [b for b in nexts if b not in visits]
    if new:
        return new[int(rng.integers(len(new)))]
    total = log(sum(visits[b] for b in nexts))
    return max(nexts, key=lambda b: gains[b] / visits[b] + EXPLORATION * sqrt(total / visits[b]))


def _random_end(board: str, player: int, rng: np.random.Generator) -> int:
    """Who wins when both play at random from here; 0 for a draw."""
    for cell in rng.permutation(empty_cells(board)):
        if winner(board):
            break
        board, player = with_mark(board, int(cell), player), 3 - player
    return winner(board)
