"""More samples: independent draws of the whole plan, or agents that argue, with a count or a judge at the end."""

from __future__ import annotations

from typing import Any

from ..graphs.debate import debate_over, role_debate_over
from ..graphs.plan import Plan
from ..graphs.voting import judge_over_lanes, vote_over_lanes
from ..options import whole
from .base import intervention
from .plan_edits import follow_up

__all__ = ["best_of_n", "debate", "debate_of_roles", "isolated_self_correction", "retry", "self_consistency"]


@intervention("more samples", "n independent draws and a plurality vote", "Wang et al. 2022 (2203.11171)")
def self_consistency(plan: Plan, n: int = 5, protocol: str = "plurality", ties: str = "first") -> Plan:
    """Self-consistency: draw the plan n times and take the most frequent action; draw 0 is the plan's own."""
    return vote_over_lanes(plan, n, protocol, ties)


@intervention(
    "more samples", "the plan is drawn anew; the last readable draw counts", "cf. Huang et al. 2024, equal calls"
)
def retry(plan: Plan, n: int = 2) -> Plan:
    """Retry: draw the plan n times without showing earlier draws; the last one whose answer can be read stands."""
    return vote_over_lanes(plan, n, "last")


@intervention(
    "more samples", "a judge picks one of n independent draws", "Cobbe et al. 2021 (2110.14168), with a judge"
)
def best_of_n(plan: Plan, n: int = 5) -> Plan:
    """Best of n: draw the plan n times and let a judge that sees the situation decide between them."""
    return judge_over_lanes(plan, n)


@intervention("more samples", "copies of the reasoner read one another, then decide", "Du et al. 2023 (2305.14325)")
def debate(
    plan: Plan,
    agents: int = 3,
    rounds: int = 1,
    topology: Any = "complete",
    protocol: str = "plurality",
    ties: str = "first",
    stop: bool = False,
    signed: bool = False,
    confidence: bool = False,
) -> Plan:
    """Debate: copies of the plan's reasoner answer alone, read their neighbours, and decide together."""
    return debate_over(plan, agents, rounds, topology, protocol, ties, stop, signed, confidence)


@intervention("more samples", "reasoner, actor and critic argue, then vote", "Du et al. 2023 (2305.14325), with roles")
def debate_of_roles(plan: Plan, rounds: int = 1) -> Plan:
    """Debate of roles: reasoner, actor and critic read one another for some rounds, then a plurality decides."""
    return role_debate_over(plan, rounds)


@intervention(
    "more samples", "as a debate, but each agent looks at its own answer alone", "Cost of Consensus 2026 (2605.00914)"
)
def isolated_self_correction(plan: Plan, agents: int = 3, rounds: int = 1) -> Plan:
    """Isolated self-correction: a debate's agents and calls, in which each corrects itself and none reads another.

    The control of `debate(agents, rounds)` at the same calls: a plurality decides.
    """
    for _ in range(whole("the number of rounds of isolated_self_correction", rounds, 1)):
        plan = follow_up(plan, "self_correct")
    return vote_over_lanes(plan, whole("the number of agents of isolated_self_correction", agents, 2))
