"""Who speaks: one file a role, its prompts beside it."""

from .actor import Actor
from .answers.parsing import read_action, read_answer, read_recommendation, read_stated
from .base import AGENTS, Agent, Context, ModelRole, RuleRole, speak
from .critic import Critic
from .debater import Debater
from .editor import Editor
from .executor import StatedPolicy
from .judge import Judge
from .policies import EpsilonGreedy, OraclePolicy, RandomPolicy, TryAll
from .reasoner import Reasoner
from .summariser import Summariser
from .voter import Voter

__all__ = [
    "AGENTS",
    "Actor",
    "Agent",
    "RuleRole",
    "Context",
    "Critic",
    "Debater",
    "Editor",
    "EpsilonGreedy",
    "StatedPolicy",
    "Judge",
    "OraclePolicy",
    "RandomPolicy",
    "Reasoner",
    "ModelRole",
    "Summariser",
    "TryAll",
    "Voter",
    "read_action",
    "read_answer",
    "read_recommendation",
    "read_stated",
    "speak",
]
