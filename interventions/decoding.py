"""Decoding: how answers are sampled, and among which."""

from __future__ import annotations

from dataclasses import replace

from ..agents.base import Agent
from ..errors import PlanError
from ..graphs.node import Node
from ..graphs.plan import Plan
from ..models.thinking import EFFORTS
from ..options import one_of, real
from .base import intervention
from .plan_edits import change_agents, speaker_of

__all__ = ["constrain_action", "constrained_readout", "effort", "temperature"]


@intervention("decoding", "the action is chosen among the legal ones", "Willard & Louf 2023 (2307.09702)")
def constrain_action(plan: Plan) -> Plan:
    """Constrain the action: the actor is bound to the legal ones by token probabilities, grammar or schema.

    A model that knows none of these answers in text, as without the constraint.
    """
    names = {n.name for n in plan.nodes if n.agent.role == "actor"}
    if not names:
        raise PlanError(
            "constrain_action needs an actor",
            f"in {plan.name!r} thinking and acting are one answer",
            "Start from act() or reason_then_act().",
        )
    return change_agents(plan, names, lambda a: a.with_options(constrain=True))


@intervention(
    "decoding", "the sampling temperature of every agent", "Krishnamurthy et al. 2024; Schmied et al. 2025, A2"
)
def temperature(plan: Plan, t: float = 0.0) -> Plan:
    """Temperature: every call is sampled at temperature t."""
    real("the temperature", t, 0, 2)
    return replace(plan, sampling={**plan.sampling, "temperature": float(t)})


@intervention("decoding", "how much the model thinks before it answers", "Muennighoff et al. 2025 (2501.19393)")
def effort(plan: Plan, level: str = "high") -> Plan:
    """Effort: every call is made at this reasoning effort, sent in the form that the provider knows.

    What is thought is paid as part of the answer, so the verdict names its cost in tokens. A model that takes no such
    effort is refused before anything is asked.

    Args:
        level: "none", "minimal", "low", "medium", "high", "xhigh" or "max"; each model takes some of them.
    """
    one_of("reasoning effort", level, EFFORTS)
    return replace(plan, sampling={**plan.sampling, "reasoning_effort": level})


@intervention("measurement", "nothing: the answer is asked for once more as a bare label", "this framework")
def constrained_readout(plan: Plan) -> Plan:
    """Constrained readout: after the free answer the same model names its label alone, bound to the legal ones.

    The decision stays that of the free answer. The metrics `reading_error` and `unread_but_known` compare the two: they
    say how often the numbers of this arm come from a misread sentence. Where the legal actions cannot be bound, the
    model is asked in text; answers of open questions are asked for alone.

    Raises:
        PlanError: nobody asks a model before the decision, or the plan has a readout already.
    """
    if any(n.agent.role == "readout" for n in plan.nodes):
        raise PlanError(f"{plan.name!r} has a constrained readout already", remedy="Apply it once.")
    decision = plan.node(plan.decision)
    speaker = speaker_of(plan, decision)
    asked = Agent("readout", speaker.agent.slot or speaker.agent.role)
    return replace(plan, nodes=(*plan.nodes, Node(plan.fresh("readout"), asked, (decision.name,))))
