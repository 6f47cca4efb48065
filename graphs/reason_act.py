"""The single-agent graphs every ablation starts from: act, reason and act in one call, reason then act in two."""

from __future__ import annotations

from ..agents.base import Agent
from ..registry import Registry
from .plan import Node, Plan

__all__ = ["GRAPHS", "act", "reason_act", "reason_then_act"]

GRAPHS: Registry[Plan] = Registry("graph", "akrasia.graphs")


def act() -> Plan:
    """Act directly: one call that answers with an action and no rationale."""
    return Plan("act", (Node("act", Agent("actor")),), decision="act", focus="act")


def reason_act() -> Plan:
    """Reason and act in one call: one answer with rationale, recommendation and action (Schmied et al. 2025)."""
    node = Node("reason_act", Agent("reasoner", options={"mode": "reason_act"}))
    return Plan("reason_act", (node,), decision="reason_act", focus="reason_act")


def reason_then_act() -> Plan:
    """Reason, then act: a reasoner recommends in one call, an actor that reads it acts in a second."""
    nodes = (Node("reason", Agent("reasoner")), Node("act", Agent("actor"), reads=("reason",)))
    return Plan("reason_then_act", nodes, decision="act", focus="reason")


for _graph in (act, reason_act, reason_then_act):
    GRAPHS.register(_graph.__name__, _graph)
