"""Voting: widen a plan to independent lanes, and count their positions or let a judge decide."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..agents.base import Agent
from ..agents.protocols import PROTOCOLS
from ..errors import UnknownName
from ..options import MOST_SAMPLES, whole
from .node import Node
from .plan import Plan


def voter_options(protocol: str, ties: str = "first") -> dict[str, Any]:
    """The options of a voter; none where it decides by plurality and ties go to the first."""
    return {} if protocol == "plurality" and ties == "first" else {"rule": protocol, "ties": ties}


def vote_over_lanes(plan: Plan, n: int, protocol: str = "plurality", ties: str = "first") -> Plan:
    """Run `n` independent copies of `plan` and count; copy 0 is the plan itself, draw by draw.

    Raises:
        BadOption: n is no number of copies.
        UnknownName: the protocol is none that counts positions, or there is no such tie rule.
    """
    positional = [name for name in PROTOCOLS if (p := PROTOCOLS.make(name)).count is not None and not p.ballot]
    if protocol not in positional:
        raise UnknownName.among("decision protocol that counts positions", str(protocol), positional)
    voter = Agent("voter", options=voter_options(protocol, ties))
    return _over(plan, n, Node(plan.fresh("vote"), voter, reads=(plan.decision,)))


def judge_over_lanes(plan: Plan, n: int) -> Plan:
    """Run `n` independent copies of `plan` and let a judge decide; copy 0 is the plan itself, draw by draw."""
    return _over(plan, n, Node(plan.fresh("judge"), Agent("judge"), reads=(plan.decision,)))


def _over(plan: Plan, n: int, last: Node) -> Plan:
    lanes = whole("the number of samples", n, 1, MOST_SAMPLES)
    wide = tuple(replace(node, lanes=node.lanes * lanes) for node in plan.nodes)
    return replace(plan, nodes=(*wide, last), decision=last.name, focus=last.name)
