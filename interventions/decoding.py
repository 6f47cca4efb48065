"""Decoding: how answers are sampled, and among which."""

from __future__ import annotations

from dataclasses import replace

from ..errors import PlanError
from ..graphs.plan import Plan
from ..options import real
from .base import intervention
from .plan_edits import change_agents

__all__ = ["constrain_action", "temperature"]


@intervention("decoding", "the action is chosen among the legal ones", "Willard & Louf 2023 (2307.09702)")
def constrain_action(plan: Plan) -> Plan:
    """Constrain the action: the actor is bound to the legal ones by token probabilities, grammar or schema.

    A model that knows none of these answers in text, as without the constraint.
    """
    names = {n.name for n in plan.nodes if n.agent.role == "actor"}
    if not names:
        raise PlanError(
            "constrain_action needs an actor", f"in {plan.name!r} thinking and acting are one answer",
            "Start from act() or reason_then_act().",
        )  # fmt: skip
    return change_agents(plan, names, lambda a: a.with_options(constrain=True))


@intervention(
    "decoding", "the sampling temperature of every agent", "Krishnamurthy et al. 2024; Schmied et al. 2025, A2"
)
def temperature(plan: Plan, t: float = 0.0) -> Plan:
    """Temperature: every call is sampled at temperature t."""
    real("the temperature", t, 0, 2)
    return replace(plan, sampling={**plan.sampling, "temperature": float(t)})
