"""Tools: agents may call those that their task offers."""

from __future__ import annotations

from ..graphs.plan import Plan
from ..options import one_of, whole
from .base import intervention
from .plan_edits import change_agents, deciding_nodes, thinking_nodes

__all__ = ["use_tools"]

MOST_ROUNDS = 20


@intervention("tools", "the agent may call tools before it answers, in a bounded loop", "Yao et al. 2023 (2210.03629)")
def use_tools(plan: Plan, rounds: int = 3, by: str = "thinking") -> Plan:
    """Use tools: those who think, or those who act, may call the tools of their task, and say which they called.

    Bandits offer counts and index values, question sets a calculator. The metrics `tool_...` compare what is said with
    what was called, and where a tool is needed with where it is called.

    Args:
        rounds: how often it may call before it must answer; several calls in one round count once.
        by: "thinking", "acting" or "both". Where one answer holds thought and action, they are the same.
    """
    whole("the rounds of use_tools", rounds, 1, MOST_ROUNDS)
    callers = {"thinking": thinking_nodes(plan), "acting": deciding_nodes(plan)}
    names = callers[one_of("who calls tools", by, (*callers, "both"))] if by != "both" else set.union(*callers.values())
    return change_agents(plan, names, lambda agent: agent.with_options(tools=rounds))
