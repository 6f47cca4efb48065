"""What is decided, and the oracle of each task."""

from .bandit import Bandit, bandit
from .base import TASKS, Graded, Task
from .players import PLAYERS, play
from .rules import RULES, Rule

__all__ = ["PLAYERS", "RULES", "TASKS", "Bandit", "Graded", "Rule", "Task", "bandit", "play"]
