"""How agents are wired: plans on networkx that compile to LangGraph."""

from .debate import debate_of_three
from .plan import Change, Node, Plan
from .reason_act import GRAPHS, act, reason_act, reason_then_act
from .state import Floor, decide, spent
from .voting import vote_over_lanes

__all__ = [
    "GRAPHS",
    "Change",
    "Floor",
    "Node",
    "Plan",
    "act",
    "debate_of_three",
    "decide",
    "reason_act",
    "reason_then_act",
    "spent",
    "vote_over_lanes",
]
