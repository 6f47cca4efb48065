"""More samples: independent draws of the whole plan, or agents that argue, with a vote at the end."""

from __future__ import annotations

from ..graphs.debate import debate_of_three
from ..graphs.plan import Plan
from ..graphs.voting import vote_over_lanes
from .base import intervention

__all__ = ["debate", "self_consistency"]


@intervention("more samples", "n independent draws and a plurality vote", "Wang et al. 2022 (2203.11171)")
def self_consistency(plan: Plan, n: int = 5) -> Plan:
    """Self-consistency: draw the plan n times and take the most frequent action; draw 0 is the plan's own."""
    return vote_over_lanes(plan, n)


@intervention("more samples", "reasoner, actor and critic argue, then vote", "Du et al. 2023 (2305.14325), with roles")
def debate(plan: Plan, rounds: int = 1) -> Plan:
    """Debate: reasoner, actor and critic read one another for some rounds, then a plurality decides."""
    return debate_of_three(plan, rounds)
