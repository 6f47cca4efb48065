"""Another look: the agent that answered takes up its answer again, with or without somebody else's comment."""

from __future__ import annotations

from ..graphs.plan import Plan
from .base import intervention
from .surgery import at_least_one, take_up_answer

__all__ = ["critique", "re_evaluate"]


@intervention(
    "another look", "the agent is asked once more, neutrally", "Huang et al. 2024 (2310.01798), without oracle"
)
def re_evaluate(plan: Plan, rounds: int = 1) -> Plan:
    """Re-evaluate: ask the same agent to look again, without saying whether it was right."""
    for _ in range(at_least_one("re_evaluate", rounds)):
        plan = take_up_answer(plan, "again")
    return plan


@intervention("another look", "a critic comments and the agent answers again", "Madaan et al. 2023; Huang et al. 2024")
def critique(plan: Plan, rounds: int = 1) -> Plan:
    """Critique: another agent comments on the answer, and the first one answers again."""
    for _ in range(at_least_one("critique", rounds)):
        plan = take_up_answer(plan, "revise", commented=True)
    return plan
