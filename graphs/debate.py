"""Debate: the reasoner that opened, an actor and a critic argue for some rounds; a plurality decides.

Round 0: the plan's own reasoner (its answer is the baseline's, draw by draw), an actor that saw only the situation, and
a critic that reads both. In each further round the reasoner reads actor and critic, the actor reads reasoner and
critic, and the critic reads both again. Positions are the reasoner's and the actor's actions and what the critic holds
best; ties go to the reasoner.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import networkx as nx

from ..agents.base import Agent
from ..errors import BadOption, PlanError
from .plan import Node, Plan

__all__ = ["debate_of_three"]

DEBATERS = 3


def debate_of_three(plan: Plan, rounds: int) -> Plan:
    """Let reasoner, actor and critic debate after `plan`'s reasoner has opened.

    Raises:
        PlanError: the plan has no reasoner whose answer could open.
        BadOption: `rounds` is below 1.
    """
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise BadOption(f"a debate has {rounds!r} rounds", remedy="Use an integer of at least 1.")
    opening = plan.node(plan.focus)
    if opening.agent.role != "reasoner":
        raise PlanError(
            "a debate needs a reasoner to open", f"{plan.focus!r} is a {opening.agent.role}", "Start from reason_act()."
        )
    if opening.lanes != 1:
        raise PlanError("a debate cannot open from several lanes", remedy="Apply the debate first, then widen it.")
    needed = _needed(plan, opening.name)
    kept = tuple(replace(n, stride=n.stride * DEBATERS) for n in plan.nodes if n.name in needed)
    if any(n.agent.role == "executor" for n in plan.nodes if n.name not in needed):
        raise PlanError("the debate would drop what executes the recommendation", remedy="Apply the debate first.")
    nodes = list(kept)
    taken = {n.name for n in nodes}

    def place(name: str, agent: Agent, reads: tuple[str, ...], sample: int) -> str:
        unique = next(c for i in count(1) if (c := name if i == 1 else f"{name}.{i}") not in taken)
        taken.add(unique)
        nodes.append(Node(unique, agent, reads, sample=sample, stride=DEBATERS))
        return unique

    reasoner = opening.name
    actor = place("debate.actor", Agent("actor"), (), 1)
    critic = place("debate.critic", Agent("critic"), (reasoner, actor), 2)
    for _ in range(rounds):
        again = opening.agent.with_options(move="discuss")
        reasoner_next = place("debate.reasoner", again, (reasoner, actor, critic), 0)
        actor = place("debate.actor", Agent("actor", options={"move": "discuss"}), (actor, reasoner, critic), 1)
        reasoner = reasoner_next
        critic = place("debate.critic", Agent("critic"), (reasoner, actor), 2)
    vote = place("debate.vote", Agent("voter"), (reasoner, actor, critic), 0)
    return replace(plan, nodes=tuple(nodes), decision=vote, focus=vote)


def _needed(plan: Plan, name: str) -> set[str]:
    return {name, *nx.ancestors(plan.graph, name)}
