"""Voting: widen a plan to independent lanes and count their positions."""

from __future__ import annotations

from dataclasses import replace

from ..agents.base import Agent
from ..errors import BadOption
from .plan import Node, Plan

__all__ = ["vote_over_lanes"]


def vote_over_lanes(plan: Plan, n: int) -> Plan:
    """Run `n` independent copies of `plan` and let a plurality decide; copy 0 is the plan itself, draw by draw."""
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise BadOption(f"the number of samples is {n!r}", remedy="Use an integer of at least 1.")
    wide = tuple(replace(node, lanes=node.lanes * n) for node in plan.nodes)
    voter = Node(plan.fresh("vote"), Agent("voter"), reads=(plan.decision,))
    return replace(plan, nodes=(*wide, voter), decision=voter.name, focus=voter.name)
