"""How an intervention rewires a plan: put agents behind the answer that stands, and let its readers read the new."""

from __future__ import annotations

from dataclasses import replace

from ..agents.base import Agent
from ..errors import BadOption, PlanError
from ..graphs.plan import Node, Plan, speaks

__all__ = ["at_least_one", "insert_after", "take_up_answer"]


def at_least_one(name: str, rounds: int) -> int:
    """`rounds`, if it is a number of rounds that changes something."""
    if isinstance(rounds, bool) or not isinstance(rounds, int) or rounds < 1:
        raise BadOption(f"{name} has {rounds!r} rounds", remedy="Use an integer of at least 1.")
    return rounds


def take_up_answer(plan: Plan, move: str, commented: bool = False) -> Plan:
    """Let the agent in focus take up its conversation with `move`, after a critic's comment if `commented`."""
    focus = plan.node(plan.focus)
    voice = _voice(plan, focus)
    again = Node(
        plan.fresh(f"{voice.name.partition('.')[0]}.{move}"),
        voice.agent.with_options(move=move),
        (focus.name,),
        focus.lanes,
        focus.sample,
        voice.stride,
    )
    if not commented:
        return insert_after(plan, focus.name, again)
    critic = Node(plan.fresh("critic"), Agent("critic"), (focus.name,), focus.lanes, focus.sample, voice.stride)
    return insert_after(plan, focus.name, critic, replace(again, reads=(focus.name, critic.name)))


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


def _voice(plan: Plan, node: Node) -> Node:
    """The speaking node whose answer stands in `node`: itself, or the first it passes on."""
    while not speaks(node.agent):
        if not node.reads:
            raise PlanError(f"nobody speaks before {node.name!r}", remedy="Start from act() or reason_act().")
        node = plan.node(node.reads[0])
    return node
