"""How an intervention rewires a plan: agents are put behind an answer, and whoever read it reads the last of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..agents.base import AGENTS, Agent, asks_model
from ..errors import PlanError
from ..graphs.code_modules import is_shipped
from ..graphs.node import Node
from ..graphs.plan import SERIES, Plan

__all__ = [
    "acting_nodes",
    "change_agents",
    "deciding_nodes",
    "follow_up",
    "insert_after",
    "speaker_of",
    "thinking_nodes",
]

OF_A_MOVE = ("move", "wording", "while_wrong", "ballot", "blank", "resample_from")


def follow_up(plan: Plan, move: str, critic: Mapping[str, Any] | None = None, **options: Any) -> Plan:
    """Let the agent in focus continue its conversation with `move`; after a critic's comment if `critic` is given.

    The k-th critic of a plan draws anew, even where the answer it comments on has not changed.
    """
    focus = plan.node(plan.focus)
    speaker = speaker_of(plan, focus)
    bare = Agent(
        speaker.agent.role, speaker.agent.slot, {k: v for k, v in speaker.agent.options.items() if k not in OF_A_MOVE}
    )
    again = Node(
        plan.fresh(f"{speaker.name.partition('.')[0]}.{move}"),
        bare.with_options(move=move, **options),
        (focus.name,),
        focus.lanes,
        focus.sample,
        speaker.stride,
    )
    if critic is None:
        return insert_after(plan, focus.name, again)
    earlier = sum(n.agent.role == "critic" for n in plan.nodes)
    commenting = Node(
        plan.fresh("critic"),
        Agent("critic", options=critic),
        (focus.name,),
        focus.lanes,
        focus.sample + earlier * SERIES,
        speaker.stride,
    )
    return insert_after(plan, focus.name, commenting, replace(again, reads=(focus.name, commenting.name)))


def insert_after(plan: Plan, name: str, *nodes: Node) -> Plan:
    """Put `nodes` behind node `name`: whoever read `name` reads the last of them, which is the new focus."""
    last = nodes[-1].name
    at = next(i for i, n in enumerate(plan.nodes) if n.name == name) + 1
    after = tuple(replace(n, reads=tuple(last if r == name else r for r in n.reads)) for n in plan.nodes[at:])
    return replace(
        plan,
        nodes=(*plan.nodes[:at], *nodes, *after),
        decision=last if plan.decision == name else plan.decision,
        focus=last if plan.focus == name else plan.focus,
    )


def speaker_of(plan: Plan, node: Node) -> Node:
    """The node that asked the model for the answer in `node`: itself, or the first one behind it that did."""
    while not asks_model(node.agent):
        if not node.reads:
            raise PlanError(f"nobody speaks before {node.name!r}", remedy="Start from act() or reason_act().")
        node = plan.node(node.reads[0])
    return node


def thinking_nodes(plan: Plan) -> set[str]:
    """The nodes of agents that reason: reasoners, debaters and graphs from elsewhere, or else roles of the user's own
    that ask a model first; where none does, the nodes of those that act.
    """
    own = {n.name for n in plan.nodes if asks_model(n.agent) and not is_shipped(AGENTS.factory(n.agent.role))}
    first = {n.name for n in plan.nodes if n.name in own and not n.reads}
    return _of(plan, "reasoner", "debater", "external") or first or _of(plan, "actor") or own


def deciding_nodes(plan: Plan) -> set[str]:
    """The nodes that act: actors where there are any, else those that think and act in one answer."""
    return _of(plan, "actor") or thinking_nodes(plan)


def acting_nodes(plan: Plan, why: str) -> set[str]:
    """The nodes of actors that read a rationale.

    Raises:
        PlanError: thinking and acting are one call, or nobody thinks.
    """
    names = {n.name for n in plan.nodes if n.agent.role == "actor" and n.reads}
    if not names:
        raise PlanError(
            f"{why} needs an actor that reads a rationale", f"{plan.name!r} has none", "Start from reason_then_act()."
        )
    return names


def change_agents(plan: Plan, names: set[str], change: Callable[[Agent], Agent]) -> Plan:
    """The plan with the agents of these nodes changed."""
    return replace(plan, nodes=tuple(replace(n, agent=change(n.agent)) if n.name in names else n for n in plan.nodes))


def _of(plan: Plan, *roles: str) -> set[str]:
    return {n.name for n in plan.nodes if n.agent.role in roles}
