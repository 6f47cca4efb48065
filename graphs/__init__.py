"""How agents are wired: plans on networkx that compile to LangGraph."""

from .debate import (
    debate_of_roles,
    debate_over,
    liang,
    memory,
    multi_persona,
    paired,
    refinement,
    relay,
    report,
    society,
)
from .external import GraphOutput, MessagesAdapter
from .plan import Change, Node, Plan
from .reason_act import GRAPHS, act, graph, oracle_act, random_act, reason_act, reason_act_critic, reason_then_act
from .state import PlanState, decide, spent
from .voting import vote_over_lanes

__all__ = [
    "GRAPHS",
    "Change",
    "GraphOutput",
    "MessagesAdapter",
    "PlanState",
    "Node",
    "Plan",
    "act",
    "debate_of_roles",
    "debate_over",
    "decide",
    "graph",
    "liang",
    "memory",
    "multi_persona",
    "oracle_act",
    "paired",
    "random_act",
    "reason_act",
    "reason_act_critic",
    "reason_then_act",
    "refinement",
    "relay",
    "report",
    "society",
    "spent",
    "vote_over_lanes",
]
