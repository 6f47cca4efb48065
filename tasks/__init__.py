"""What is decided, and the oracle of each task."""

from . import conformance
from .aiw import AIW, aiw
from .bandit import Bandit, bandit
from .base import TASKS, Graded, Task
from .batch import regrets
from .contextual import Contextual, contextual
from .frequency import Frequency, frequency
from .gym import from_gymnasium
from .players import PLAYERS, players_for, run_player
from .potemkin import CONCEPTS, Concept, Potemkin, PotemkinIncoherence, potemkin, potemkin_incoherence
from .questions import QuestionSet, questions
from .rules import RULES, Rule
from .tictactoe import TicTacToe, tictactoe

__all__ = [
    "AIW",
    "CONCEPTS",
    "PLAYERS",
    "RULES",
    "TASKS",
    "Bandit",
    "Concept",
    "Contextual",
    "Frequency",
    "Graded",
    "Potemkin",
    "PotemkinIncoherence",
    "QuestionSet",
    "Rule",
    "Task",
    "TicTacToe",
    "aiw",
    "bandit",
    "conformance",
    "contextual",
    "frequency",
    "from_gymnasium",
    "run_player",
    "players_for",
    "potemkin",
    "potemkin_incoherence",
    "questions",
    "regrets",
    "tictactoe",
]
