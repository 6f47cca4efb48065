"""What is decided, and the oracle of each task."""

from . import conformance
from .aiw import AIW, aiw
from .bandit import Bandit, bandit
from .base import TASKS, Graded, Task
from .batch import regrets
from .contextual import Contextual, contextual
from .dilemmas import Dilemmas, dilemmas
from .frequency import Frequency, frequency
from .gym import from_gymnasium
from .horizon import Horizon, horizon
from .players import PLAYERS, players_for, run_player
from .potemkin import CONCEPTS, Concept, Potemkin, PotemkinIncoherence, potemkin, potemkin_incoherence
from .questions import QuestionSet, questions
from .rules import RULES, Rule
from .theory_action import TheoryAction, theory_action
from .tictactoe import TicTacToe, tictactoe
from .tool_need import ToolNeed, tool_need

__all__ = [
    "AIW",
    "CONCEPTS",
    "PLAYERS",
    "RULES",
    "TASKS",
    "Bandit",
    "Concept",
    "Contextual",
    "Dilemmas",
    "Frequency",
    "Graded",
    "Horizon",
    "Potemkin",
    "PotemkinIncoherence",
    "QuestionSet",
    "Rule",
    "Task",
    "TheoryAction",
    "TicTacToe",
    "ToolNeed",
    "aiw",
    "bandit",
    "conformance",
    "contextual",
    "dilemmas",
    "frequency",
    "from_gymnasium",
    "horizon",
    "run_player",
    "players_for",
    "potemkin",
    "potemkin_incoherence",
    "questions",
    "regrets",
    "theory_action",
    "tictactoe",
    "tool_need",
]
