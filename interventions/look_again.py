"""Another look: the agent that answered takes up its answer again, with or without somebody else's comment."""

from __future__ import annotations

from ..errors import BadOption
from ..graphs.plan import Plan
from .base import intervention
from .surgery import take_up_answer

__all__ = ["critique", "re_evaluate"]


@intervention("another look", "the agent is asked once more, neutrally", "Huang et al. 2024 (2310.01798), without oracle")
def re_evaluate(plan: Plan, rounds: int = 1) -> Plan:
    """Re-evaluate: ask the same agent to look again, without saying whether it was right."""
    for _ in range(_at_least_one("re_evaluate", rounds)):
        plan = take_up_answer(plan, "again")
    return plan


@intervention("another look", "a critic comments and the agent answers again", "Madaan et al. 2023; Huang et al. 2024")
def critique(plan: Plan, rounds: int = 1) -> Plan:
    """Critique: another agent comments on the answer, and the first one answers again."""
    for _ in range(_at_least_one("critique", rounds)):
        plan = take_up_answer(plan, "revise", commented=True)
    return plan


def _at_least_one(name: str, rounds: int) -> int:
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise BadOption(f"{name} has {rounds!r} rounds", remedy="Use an integer of at least 1.")
    return rounds
