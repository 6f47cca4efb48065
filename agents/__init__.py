"""Who speaks: one file a role, its prompts beside it."""

from .actor import Actor
from .base import AGENTS, Agent, Concluder, Context, Speaker, speak
from .critic import Critic
from .executor import Executor
from .parsing import read_action, read_answer, read_recommendation, read_stated
from .reasoner import Reasoner
from .voter import Voter

__all__ = [
    "AGENTS",
    "Actor",
    "Agent",
    "Concluder",
    "Context",
    "Critic",
    "Executor",
    "Reasoner",
    "Speaker",
    "Voter",
    "read_action",
    "read_answer",
    "read_recommendation",
    "read_stated",
    "speak",
]
