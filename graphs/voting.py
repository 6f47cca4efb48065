"""Voting: widen a plan to independent lanes, and count their positions or let a judge decide."""

from __future__ import annotations

from dataclasses import replace

from ..agents.base import Agent
from ..errors import UnknownName
from ..options import whole
from .discussion import BALLOT_OF, PROTOCOLS
from .plan import Node, Plan

__all__ = ["judge_over_lanes", "vote_over_lanes"]

COUNTS = tuple(p for p in (*PROTOCOLS, "last") if p not in (*BALLOT_OF, "judge"))


def vote_over_lanes(plan: Plan, n: int, protocol: str = "plurality", ties: str = "first") -> Plan:
    """Run `n` independent copies of `plan` and count; copy 0 is the plan itself, draw by draw.

    Raises:
        BadOption: n is no number of copies.
        UnknownName: the protocol is none that counts positions, or there is no such tie rule.
    """
    if protocol not in COUNTS:
        raise UnknownName.among("decision protocol", str(protocol), COUNTS)
    rule = {} if protocol == "plurality" and ties == "first" else {"rule": protocol, "ties": ties}
    voter = Node(plan.fresh("vote"), Agent("voter", options=rule), reads=(plan.decision,))
    return _over(plan, n, voter)


def judge_over_lanes(plan: Plan, n: int) -> Plan:
    """Run `n` independent copies of `plan` and let a judge decide; copy 0 is the plan itself, draw by draw."""
    return _over(plan, n, Node(plan.fresh("judge"), Agent("judge"), reads=(plan.decision,)))


def _over(plan: Plan, n: int, last: Node) -> Plan:
    wide = tuple(replace(node, lanes=node.lanes * whole("the number of samples", n, 1)) for node in plan.nodes)
    return replace(plan, nodes=(*wide, last), decision=last.name, focus=last.name)
