"""How agents are wired: plans on networkx that compile to LangGraph, and LangGraph graphs that were built elsewhere."""

from . import conformance
from .adapters import ADAPTERS, Adapter, GraphOutput, MessagesAdapter
from .debate import (
    debate_over,
    liang,
    mallm_debate,
    mallm_memory,
    mallm_refinement,
    mallm_relay,
    mallm_report,
    multi_persona,
    role_debate_over,
    society,
)
from .decider import Change, Decider
from .drawing import draw
from .external import external
from .external_graph import ExternalGraph
from .node import Node
from .plan import Plan
from .reason_act import GRAPHS, act, graph, oracle_act, random_act, reason_act, reason_act_critic, reason_then_act
from .shapes import StateAdapter, StructuredAdapter
from .state import PlanState, decision_cost, decision_from
from .voting import vote_over_lanes

__all__ = [
    "ADAPTERS",
    "GRAPHS",
    "Adapter",
    "Change",
    "Decider",
    "ExternalGraph",
    "GraphOutput",
    "MessagesAdapter",
    "Node",
    "Plan",
    "PlanState",
    "StateAdapter",
    "StructuredAdapter",
    "act",
    "conformance",
    "debate_over",
    "decision_cost",
    "decision_from",
    "draw",
    "external",
    "graph",
    "liang",
    "mallm_debate",
    "mallm_memory",
    "mallm_refinement",
    "mallm_relay",
    "mallm_report",
    "multi_persona",
    "oracle_act",
    "random_act",
    "reason_act",
    "reason_act_critic",
    "reason_then_act",
    "role_debate_over",
    "society",
    "vote_over_lanes",
]
