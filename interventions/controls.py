"""Controls: what an intervention must beat before its effect means anything.

`placebo` is `re_evaluate` with no content: the same calls and the same shape of conversation; `execute_stated` is the
ceiling, an agent without the gap by construction.
"""

from __future__ import annotations

from dataclasses import replace

import networkx as nx

from ..agents.base import Agent
from ..errors import PlanError
from ..graphs.plan import Node, Plan, speaks
from .base import intervention
from .surgery import at_least_one, insert_after, take_up_answer

__all__ = ["execute_stated", "placebo"]


@intervention("control", "the turn of re_evaluate with its content taken out", "this framework; cf. Lanham et al. 2023")
def placebo(plan: Plan, rounds: int = 1) -> Plan:
    """Placebo of re_evaluate: another turn of the same shape and length that asks for nothing."""
    for _ in range(at_least_one("placebo", rounds)):
        plan = take_up_answer(plan, "placebo")
    return plan


@intervention("control", "the recommendation is executed as it stands", "ceiling: P(done = stated) = 1")
def execute_stated(plan: Plan) -> Plan:
    """Ceiling: an executor does what the rationale recommends; the actor's call, if any, is dropped."""
    focus = plan.node(plan.focus)
    behind = nx.ancestors(plan.graph, focus.name)
    if focus.agent.role not in ("reasoner", "voter") or not any(
        n.agent.role == "reasoner" for n in plan.nodes if n.name == focus.name or n.name in behind
    ):
        raise PlanError(
            "execute_stated needs a rationale to execute", f"{focus.name!r} is a {focus.agent.role}",
            "Start from reason_act() or reason_then_act().",
        )  # fmt: skip
    decision = plan.node(plan.decision)
    if decision.name != focus.name and decision.reads == (focus.name,) and speaks(decision.agent):
        kept = tuple(n for n in plan.nodes if n.name != decision.name)
        executor = Node("execute", Agent("executor"), (focus.name,), focus.lanes)
        return replace(plan, nodes=(*kept, executor), decision=executor.name)
    executor = Node(plan.fresh("execute"), Agent("executor"), (decision.name,))
    # The focus stays with the rationale: what is applied later changes what is executed, never the executing.
    return replace(insert_after(plan, decision.name, executor), focus=plan.focus)
