"""Tic-tac-toe: the oracle is the game's exact value, and opponents are as strong as they say."""

from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from akrasia.agents import read_action
from akrasia.agents.rendering import render_situation
from akrasia.errors import BadOption, UnknownName, UsageError
from akrasia.rng import named_rng
from akrasia.tasks import TASKS, TicTacToe, run_player, tictactoe
from akrasia.tasks.players import uniform_player
from akrasia.tasks.search import mcts_move
from akrasia.tasks.tictactoe import OPPONENTS, GameState

MOVES = st.lists(st.integers(0, 8), max_size=8)


def reached(moves: list[int], mover: int = 1) -> str:
    """The last board of these moves in which the agent is to move in a game that goes on."""
    board, player, last = "0" * 9, mover, "000000000" if mover == 1 else "000020000"
    for move in moves:
        free = [i for i, m in enumerate(board) if m == "0"]
        cell = free[move % len(free)]
        board, player = f"{board[:cell]}{player}{board[cell + 1 :]}", 3 - player
        if won(board) or "0" not in board:
            break
        last = board if player == 1 else last
    return last


def won(board: Any) -> str:
    rows = [board[i : i + 3] for i in (0, 3, 6)] + [board[i::3] for i in range(3)] + [board[0::4], board[2:7:2]]
    return next((r[0] for r in rows if r[0] != "0" and len(set(r)) == 1), "")


@cache
def brute(board: str, player: int) -> int:
    """The game's value for player 1 by plain recursion, written apart from the package's."""
    if won(board):
        return 1 if won(board) == "1" else -1
    after = [board[:i] + str(player) + board[i + 1 :] for i in range(9) if board[i] == "0"]
    values = [brute(b, 3 - player) for b in after]
    return 0 if not values else max(values) if player == 1 else min(values)


@given(MOVES, st.booleans())
def test_oracle_equals_brute_force(moves: list[int], first: bool) -> None:
    board = reached(moves, 1 if first else 2)
    oracle = tictactoe(first=first).oracle(GameState(0, board))
    values = {str(i): brute(board[:i] + "1" + board[i + 1 :], 2) for i in range(9) if board[i] == "0"}
    assert oracle.values == values
    assert set(oracle.optimal) == {a for a, v in values.items() if v == max(values.values())}
    assert oracle.regret == {a: max(values.values()) - v for a, v in values.items()}
    assert oracle.forfeit == max(values.values()) + 1
    assert oracle.untried == ()


@given(MOVES, st.booleans())
def test_greedy_is_the_shortest_way_to_an_own_win_if_nobody_answered(moves: list[int], first: bool) -> None:
    board = reached(moves, 1 if first else 2)

    def needed(here: str) -> int:
        """Marks of one's own until a win, the opponent passing."""
        if won(here) == "1":
            return 0
        lines = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]
        return min(
            (sum(here[c] == "0" for c in line) for line in lines if all(here[c] != "2" for c in line)), default=9
        )

    after = {str(i): needed(board[:i] + "1" + board[i + 1 :]) for i in range(9) if board[i] == "0"}
    greedy = tictactoe().oracle(GameState(0, board)).greedy
    assert set(greedy) == {a for a, n in after.items() if n == min(after.values()) < 9}
    if wins := {a for a, n in after.items() if n == 0}:
        assert set(greedy) == wins


@given(MOVES, st.booleans())
def test_winning_or_else_blocking_is_always_optimal(moves: list[int], first: bool) -> None:
    """Why the greedy set does not block: such a set could never differ from the optimal one."""
    board = reached(moves, 1 if first else 2)
    free = [i for i in range(9) if board[i] == "0"]
    for mark in "12":
        ending = {str(i) for i in free if won(board[:i] + mark + board[i + 1 :]) == mark}
        if ending:
            assert ending <= set(tictactoe().oracle(GameState(0, board)).optimal)
            break


def test_an_overlooked_threat_is_greedy_and_wrong() -> None:
    """The opponent threatens 2. With 3 and 4 marked the agent wins at 5; a block that wins later ties with it."""
    oracle = tictactoe().oracle(GameState(0, "220110000"))
    assert (oracle.greedy, oracle.optimal) == (("5",), ("2", "5"))
    oracle = tictactoe().oracle(GameState(0, "220010000"))
    assert oracle.optimal == ("2",)
    assert set(oracle.greedy) == {"2", "3", "5", "6"}
    assert set(oracle.greedy) - set(oracle.optimal)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**40), st.sampled_from(sorted(OPPONENTS)), st.booleans())
def test_optimal_play_never_loses(seed: int, opponent: str, first: bool) -> None:
    task = tictactoe(opponent, first=first, rollouts=40)
    state, over, reward = task.start(seed), False, 0.0
    while not over:
        optimal = task.oracle(state).optimal
        choice = optimal[int(named_rng(seed, "pick", state.board).integers(len(optimal)))]
        state, reward, over = task.step(state, choice)
    assert reward >= 0
    assert opponent != "minimax" or reward == 0


def test_opponents_are_ordered_by_strength() -> None:
    paid = {
        name: sum(
            step[3] for seed in range(120) for step in run_player(tictactoe(name, rollouts=60), uniform_player, seed)
        )
        / 120
        for name in OPPONENTS
    }
    assert paid["uniform"] > paid["noisy_mcts"] > paid["mcts"]
    assert 0.1 < paid["uniform"] < 0.5  # two random players: the first wins 58 % and loses 29 %
    assert paid["minimax"] < -0.6


@pytest.mark.parametrize("seed", range(5))
def test_tree_search_takes_a_win_and_blocks_a_loss(seed: int) -> None:
    assert mcts_move("110220000", 1, 400, named_rng(seed, "search")) == 2
    assert mcts_move("220010000", 1, 400, named_rng(seed, "search")) == 2
    assert mcts_move("100020000", 2, 400, named_rng(seed, "search")) in {1, 2, 3, 5, 6, 7, 8}
    cell = mcts_move("100000000", 2, 1000, named_rng(seed, "search"))
    assert cell == 4  # every other answer to a corner loses


@given(st.integers(0, 2**40), st.sampled_from(["uniform", "minimax"]), MOVES)
def test_the_same_moves_meet_the_same_answers(seed: int, opponent: str, moves: list[int]) -> None:
    def played(detour: bool) -> list[Any]:
        task, seen = tictactoe(opponent), []
        state, over = task.start(seed), False
        while not over:
            actions = task.situation(state).actions
            for other in actions if detour else ():
                task.step(state, other)
            state, reward, over = task.step(state, actions[moves[0] % len(actions)] if moves else actions[0])
            seen.append((state, reward))
        return seen

    assert played(False) == played(True)


def test_the_agent_s_marks_are_ones_and_it_moves_first_unless_told() -> None:
    assert tictactoe().start(4).board == "000000000"
    board = tictactoe(first=False).start(4).board
    assert sorted(board) == ["0"] * 8 + ["2"]
    after, reward, over = tictactoe().step(tictactoe().start(4), "4")
    assert (after.board[4], after.board.count("2"), reward, over) == ("1", 1, 0.0, False)
    seen = tictactoe().situation(after)
    assert seen.observation.startswith(f"Board: {after.board}")
    assert (seen.step, seen.horizon, len(seen.actions)) == (1, 5, 7)


def test_without_legal_moves_in_the_text_a_taken_cell_is_illegal_not_unparsable() -> None:
    with_list, without = (t.situation(GameState(1, "102000000")) for t in (tictactoe(), tictactoe(legal=False)))
    assert "Legal moves: 1, 3, 4, 5, 6, 7, 8." in render_situation(with_list)
    assert "Legal" not in render_situation(without) and "1, 3" not in render_situation(without)
    assert with_list.actions == without.actions
    assert read_action("ACTION=0", without.actions) == (None, "illegal")
    assert read_action("ACTION=8", without.actions) == ("8", "ok")


def test_a_taken_cell_is_refused_and_a_turn_without_a_move_loses() -> None:
    task, game = tictactoe(), GameState(1, "102000000")
    for bad in ("0", "2", "9", "", "centre", "-1"):
        with pytest.raises(BadOption, match="not a legal action"):
            task.step(game, bad)
    after, over = task.forfeit(game)
    assert over and after.over and after.history == game.history
    with pytest.raises(BadOption, match="over"):
        task.step(after, "4")


def test_the_last_move_pays() -> None:
    task = tictactoe("minimax")
    assert task.step(GameState(0, "110220000"), "2")[1:] == (1.0, True)
    assert task.step(GameState(0, "101220000"), "7")[1:] == (-1.0, True)
    assert task.step(GameState(0, "121122012"), "6")[1:] == (1.0, True)
    assert task.step(GameState(0, "121221012"), "6")[1:] == (0.0, True)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("opponent", v) for v in ("random", "", None, 3)),
        *(("legal", v) for v in (1, "yes", None)),
        *(("first", v) for v in (0, "no", None)),
        *(("rollouts", v) for v in (0, -1, 1.5, True, "9", 10**9)),
    ],
)
def test_bad_options_are_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(UsageError) as refused:
        TASKS.make("tictactoe", **{option: value})
    assert option in str(refused.value) and refused.value.remedy


def test_a_misspelt_opponent_names_its_neighbour() -> None:
    with pytest.raises(UnknownName, match="Did you mean 'minimax'"):
        tictactoe("minmax")
    assert TASKS.make("tictactoe", **tictactoe("mcts", False, False, 7).options) == TicTacToe("mcts", False, False, 7)
