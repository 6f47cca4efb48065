"""Another look: the agent that answered continues its conversation, with or without another agent's comment."""

from __future__ import annotations

from ..errors import BadOption
from ..graphs.plan import Plan
from ..options import MOST_ROUNDS, flag, whole
from .base import intervention
from .plan_edits import follow_up

__all__ = ["critique", "multi_turn_aiw", "re_evaluate", "reflect", "self_correct"]

# The user turns of the published multi-turn script, in our words: each is sent only to an answer that is wrong.
CONFRONTATIONS = (
    "Please double-check your answer: look at it again carefully and correct it if there is a mistake.",
    "Your answer still contains mistakes. Find them, correct them, and say how sure you are of the corrected answer.",
    "Both your earlier answers were still wrong. Think again from the start and give another answer.",
)


@intervention(
    "another look", "the agent is asked once more, neutrally", "Huang et al. 2024 (2310.01798), without oracle"
)
def re_evaluate(plan: Plan, rounds: int = 1) -> Plan:
    """Re-evaluate: ask the same agent to look again, without saying whether it was right."""
    for _ in range(whole("the number of rounds of re_evaluate", rounds, 1, MOST_ROUNDS)):
        plan = follow_up(plan, "again")
    return plan


@intervention(
    "another look", "the agent is asked to look for a mistake in its answer", "Huang et al. 2024 (2310.01798)"
)
def self_correct(plan: Plan, rounds: int = 1) -> Plan:
    """Self-correct: ask the same agent to find and correct a mistake, if there is one."""
    for _ in range(whole("the number of rounds of self_correct", rounds, 1, MOST_ROUNDS)):
        plan = follow_up(plan, "self_correct")
    return plan


@intervention(
    "another look", "the agent writes down what could be mistaken, then answers", "Shinn et al. 2023 (2303.11366)"
)
def reflect(plan: Plan, rounds: int = 1) -> Plan:
    """Reflect: the agent writes a reflection on its own reasoning before the answer is final."""
    for _ in range(whole("the number of rounds of reflect", rounds, 1, MOST_ROUNDS)):
        plan = follow_up(plan, "reflect")
    return plan


@intervention("another look", "a critic comments and the agent answers again", "Madaan et al. 2023; Huang et al. 2024")
def critique(plan: Plan, rounds: int = 1, blind: bool = False) -> Plan:
    """Critique: another agent comments, and the first one answers again; a blind critic sees no situation."""
    flag("blind", blind)
    for _ in range(whole("the number of rounds of critique", rounds, 1, MOST_ROUNDS)):
        plan = follow_up(plan, "revise", critic={"blind": True} if blind else {})
    return plan


@intervention(
    "another look", "wrong answers are sent back, up to three times", "Nezhurina et al. 2024 (2406.02061)", leaks=True
)
def multi_turn_aiw(plan: Plan, rounds: int = 3) -> Plan:
    """Multi-turn re-evaluation as published for AIW: only wrong answers are questioned. Leaks an oracle signal."""
    if whole("the number of rounds of multi_turn_aiw", rounds, 1, MOST_ROUNDS) > len(CONFRONTATIONS):
        raise BadOption(f"multi_turn_aiw has {rounds} rounds", remedy=f"Use up to {len(CONFRONTATIONS)}.")
    for wording in CONFRONTATIONS[:rounds]:
        plan = follow_up(plan, "confront", wording=wording, while_wrong=True)
    return plan
