"""How an intervention rewires a plan: put agents behind the answer that stands, and let its readers read the new."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ..agents.base import Agent
from ..errors import PlanError
from ..graphs.plan import SERIES, Node, Plan, speaks

__all__ = ["acting", "change_agents", "insert_after", "take_up_answer", "thinking", "voice_of"]

OF_A_MOVE = ("move", "wording", "while_wrong", "ballot", "blank")


def take_up_answer(plan: Plan, move: str, critic: Mapping[str, Any] | None = None, **options: Any) -> Plan:
    """Let the agent in focus take up its conversation with `move`; after a critic's comment if `critic` has options.

    The k-th critic of a plan draws anew, even where the answer it comments on has not changed.
    """
    focus = plan.node(plan.focus)
    voice = voice_of(plan, focus)
    bare = Agent(
        voice.agent.role, voice.agent.slot, {k: v for k, v in voice.agent.options.items() if k not in OF_A_MOVE}
    )
    again = Node(
        plan.fresh(f"{voice.name.partition('.')[0]}.{move}"),
        bare.with_options(move=move, **options),
        (focus.name,),
        focus.lanes,
        focus.sample,
        voice.stride,
    )
    if critic is None:
        return insert_after(plan, focus.name, again)
    earlier = sum(n.agent.role == "critic" for n in plan.nodes)
    commenting = Node(
        plan.fresh("critic"), Agent("critic", options=critic), (focus.name,), focus.lanes,
        focus.sample + earlier * SERIES, voice.stride,
    )  # fmt: skip
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


def voice_of(plan: Plan, node: Node) -> Node:
    """The speaking node whose answer stands in `node`: itself, or the first it passes on."""
    while not speaks(node.agent):
        if not node.reads:
            raise PlanError(f"nobody speaks before {node.name!r}", remedy="Start from act() or reason_act().")
        node = plan.node(node.reads[0])
    return node


def thinking(plan: Plan) -> set[str]:
    """The nodes that think in words; where nobody does, those that act."""
    return _of(plan, "reasoner", "debater") or _of(plan, "actor")


def acting(plan: Plan, why: str) -> set[str]:
    """The nodes of actors that read a rationale.

    Raises:
        PlanError: thinking and acting are one call, or nobody thinks.
    """
    found = {n.name for n in plan.nodes if n.agent.role == "actor" and n.reads}
    if not found:
        raise PlanError(
            f"{why} needs an actor that reads a rationale", f"{plan.name!r} has none", "Start from reason_then_act()."
        )
    return found


def change_agents(plan: Plan, names: set[str], change: Callable[[Agent], Agent]) -> Plan:
    """The plan with the agents of these nodes changed."""
    return replace(plan, nodes=tuple(replace(n, agent=change(n.agent)) if n.name in names else n for n in plan.nodes))


def _of(plan: Plan, *roles: str) -> set[str]:
    return {n.name for n in plan.nodes if n.agent.role in roles}
