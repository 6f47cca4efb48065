"""Who speaks: one file for each role, with its prompts."""

from .actor import Actor
from .answers.parsing import read_action, read_answer, read_recommendation, read_stated
from .base import AGENTS, Agent, Context, ModelRole, RuleRole
from .critic import Critic
from .debater import Debater
from .editor import Editor
from .executor import StatedPolicy
from .graph_agent import GraphAgent
from .judge import Judge
from .options import ModelOptions, RoleOptions, option
from .policies import EpsilonGreedy, OraclePolicy, RandomPolicy, TryAll
from .protocols import PROTOCOLS, protocol
from .readout import Readout
from .reasoner import Reasoner
from .speaking import speak
from .summariser import Summariser
from .voter import Voter

__all__ = [
    "AGENTS",
    "Actor",
    "Agent",
    "Context",
    "Critic",
    "Debater",
    "Editor",
    "EpsilonGreedy",
    "GraphAgent",
    "Judge",
    "ModelOptions",
    "ModelRole",
    "OraclePolicy",
    "PROTOCOLS",
    "RandomPolicy",
    "Readout",
    "Reasoner",
    "RoleOptions",
    "RuleRole",
    "StatedPolicy",
    "Summariser",
    "TryAll",
    "Voter",
    "option",
    "protocol",
    "read_action",
    "read_answer",
    "read_recommendation",
    "read_stated",
    "speak",
]
