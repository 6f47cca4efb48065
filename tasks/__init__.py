"""What is decided, and the oracle of each task."""

from .bandit import Bandit, bandit
from .base import TASKS, Task
from .players import PLAYERS, play
from .rules import RULES, Rule

__all__ = ["PLAYERS", "RULES", "TASKS", "Bandit", "Rule", "Task", "bandit", "play"]
