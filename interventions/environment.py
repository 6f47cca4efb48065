"""Environment: exploration that the environment does for the agent. It changes what is done, never what was stated."""

from __future__ import annotations

from dataclasses import replace

from ..agents.base import Agent
from ..graphs.node import Node
from ..graphs.plan import Plan
from ..options import real
from .base import intervention
from .plan_edits import insert_after

__all__ = ["explore_at_random", "try_all"]


def _after_decision(plan: Plan, name: str, agent: Agent) -> Plan:
    node = Node(plan.fresh(name), agent, (plan.decision,))
    # The focus stays: what is applied later changes the agents, never the environment.
    return replace(insert_after(plan, plan.decision, node), focus=plan.focus)


@intervention("environment", "untried actions are taken first, whatever was chosen", "Schmied et al. 2025, try-all")
def try_all(plan: Plan) -> Plan:
    """Try all: while an action was never taken, the environment takes it: no gap by construction."""
    return _after_decision(plan, "try_all", Agent("try_all"))


@intervention("environment", "some actions are drawn at random", "Schmied et al. 2025; Sutton & Barto 2018, ch. 2")
def explore_at_random(plan: Plan, epsilon: float = 0.1) -> Plan:
    """Explore at random (epsilon-greedy): with probability epsilon the action is drawn uniformly."""
    real("epsilon", epsilon, 0, 1)
    return _after_decision(plan, "epsilon_greedy", Agent("epsilon_greedy", options={"epsilon": float(epsilon)}))
