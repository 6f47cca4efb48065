"""Tic-tac-toe as text, against an opponent of known strength.

The board is nine digits (the text version of LMAct, Ruoss et al. 2024, as used by Schmied et al. 2025): 0 is empty, 1
is the agent's mark, 2 the opponent's. A win pays 1, a draw 0, a loss -1, at the end; a game has 3 to 5 decisions.
The opponents' moves come from streams named by (seed, step, board), so the same moves get the same replies.

The oracle is exact. Optimal: every move of the highest game value (both sides play perfectly from then on), which is
also the rule in the prompt. `values` are game values, and `regret` is the value that a move gives away. Against a weak
opponent another move may win more often; it is not optimal here, because the prompt says to expect perfect play.

Greedy: the moves that bring the agent's own win nearest if the opponent passed from now on, that is, one more mark on a
line that holds most of its own marks and none of the opponent's; empty where no such line is left. It is the myopic
set: it takes a win at once, and never sees a threat. Blocking cannot be part of it: "win at once, else block" is
always optimal (tests/tasks/test_tictactoe.py), and a set inside the optimal one could not tell greedy moves from it.

In a game of full information nothing is untried: `untried` is empty. There is no passing either: a turn without a
legal move loses the game, and `forfeit` does and costs just that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..errors import BadOption
from ..options import flag, one_of, whole
from ..records import Oracle, Situation, Transition
from ..rng import named_rng
from .base import FieldOptions, action_index, named_task
from .search import EMPTY, LINES, empty_cells, is_full, mcts_move, minimax_values, winner, with_mark

CELLS = tuple("012345678")
NOISE = 0.5  # probability of a random move of "noisy_mcts" (Schmied et al. 2025)
OPPONENTS = {
    "uniform": "any legal move with equal probability",
    "mcts": "Monte-Carlo tree search",
    "noisy_mcts": "Monte-Carlo tree search, with probability 0.5 a random move",
    "minimax": "perfect play, ties at random",
}
AGENT, OPPONENT = 1, 2


@dataclass(frozen=True, slots=True)
class GameState:
    """A point of a game: the agent is to move, or the game is over."""

    seed: int
    board: str = EMPTY
    history: tuple[Transition, ...] = ()
    forfeited: bool = False

    @property
    def over(self) -> bool:
        """Whether a player has won, the board is full, or the agent gave no legal move."""
        return self.forfeited or bool(winner(self.board)) or is_full(self.board)


@dataclass(frozen=True)
class TicTacToe(FieldOptions):
    """Tic-tac-toe; see the module's docstring. Build it with `tictactoe(...)`, which checks its options."""

    opponent: str = "uniform"
    legal: bool = True
    first: bool = True
    rollouts: int = 500
    name = "tictactoe"
    all_actions = CELLS

    @property
    def horizon(self) -> int:
        """The most decisions of a game."""
        return 5 if self.first else 4

    def item(self, seed: int) -> str:
        return str(seed)

    def start(self, seed: int) -> GameState:
        game = GameState(seed)
        return game if self.first else replace(game, board=self._answered(game))

    def situation(self, state: GameState) -> Situation:
        cells = _labels(state.board)
        listed = f"\nLegal moves: {', '.join(cells)}." if self.legal else ""
        return Situation(
            task=self.name,
            step=len(state.history),
            horizon=self.horizon,
            instruction=(
                "You play tic-tac-toe. The nine cells are numbered 0 to 8, row by row from the top left. The board is "
                "written as nine digits, one for each cell in that order: 0 means empty, 1 is your mark, 2 is your "
                "opponent's. You take turns marking an empty cell; three marks in a row, a column or a diagonal win. "
                "A win pays 1, a draw 0, a loss -1. Who chooses a cell that is not empty loses at once. You have at "
                f"most {self.horizon} moves."
            ),
            rule="At every step choose a cell that is best if both sides play perfectly from then on.",
            observation=f"Board: {state.board}{listed}",
            history=state.history,
            actions=cells,
            noun="cell",
            question="Which cell do you mark next?",
        )

    def oracle(self, state: GameState) -> Oracle:
        values = {str(cell): float(minimax_value) for cell, minimax_value in minimax_values(state.board, AGENT).items()}
        top = max(values.values(), default=0.0)
        return Oracle(
            optimal=tuple(a for a, v in values.items() if v == top),
            greedy=_nearest_own_win(state.board),
            values=dict(values),
            regret={a: top - v for a, v in values.items()},
            forfeit=top + 1.0,
            untried=(),
            rule="minimax",
        )

    def step(self, state: GameState, action: str) -> tuple[GameState, float, bool]:
        if state.over:
            raise BadOption("the game is over", remedy="Start another one with start(seed).")
        cell = empty_cells(state.board)[action_index(action, _labels(state.board))]
        after = replace(state, board=with_mark(state.board, cell, AGENT))
        if not after.over:
            after = replace(after, board=self._answered(after))
        reward = {0: 0.0, AGENT: 1.0, OPPONENT: -1.0}[winner(after.board)]
        line = Transition(len(state.history), action, reward)
        return replace(after, history=(*state.history, line)), reward, after.over

    def forfeit(self, state: GameState) -> tuple[GameState, bool]:
        """There is no passing: a turn without a legal move loses the game."""
        return replace(state, forfeited=True), True

    def _answered(self, game: GameState) -> str:
        """The board after the opponent's move."""
        board, cells = game.board, empty_cells(game.board)
        rng = named_rng(game.seed, "tictactoe", self.opponent, len(game.history), board)
        if self.opponent == "uniform" or (self.opponent == "noisy_mcts" and rng.random() < NOISE):
            options = list(cells)
        elif self.opponent == "minimax":
            left = minimax_values(board, OPPONENT)
            options = [cell for cell in cells if left[cell] == min(left.values())]
        else:
            options = [mcts_move(board, OPPONENT, self.rollouts, rng)]
        return with_mark(board, options[int(rng.integers(len(options)))], OPPONENT)


def _labels(board: str) -> tuple[str, ...]:
    return tuple(map(str, empty_cells(board)))


def _nearest_own_win(board: str) -> tuple[str, ...]:
    """The empty cells on a line without the opponent's marks that holds the most of the agent's."""
    own = {
        line: sum(board[c] == str(AGENT) for c in line)
        for line in LINES
        if all(board[c] != str(OPPONENT) for c in line)
    }
    most = max((n for n in own.values() if n < 3), default=0)
    open_cells = {c for line, n in own.items() if n == most for c in line}
    return tuple(str(c) for c in empty_cells(board) if c in open_cells)


@named_task("tictactoe", "Ruoss et al. 2024 (LMAct), Schmied et al. 2025 (2504.16078)")
def tictactoe(opponent: str = "uniform", legal: bool = True, first: bool = True, rollouts: int = 500) -> TicTacToe:
    """Tic-tac-toe as nine digits, with the exact minimax-optimal set as oracle.

    Args:
        opponent: "uniform", "mcts", "noisy_mcts" or "minimax".
        legal: whether the text lists the legal moves. They are the situation's `actions` either way, so a move to a
            cell that is not empty has the status `illegal`.
        first: whether the agent moves first.
        rollouts: random games per move of the two tree-searching opponents; the default (7 ms a move) loses to perfect
            play in about one game of ten, 1000 hardly ever.

    Raises:
        BadOption, UnknownName: an option is out of range or unknown.
    """
    one_of("tictactoe opponent option", opponent, OPPONENTS)
    flag("legal", legal)
    flag("first", first)
    whole("rollouts", rollouts, 1, 100_000)
    return TicTacToe(opponent, legal, first, rollouts)
