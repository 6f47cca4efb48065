"""The single-agent graphs every ablation starts from: act, reason and act in one call, reason then act in two."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import Any, ParamSpec

import networkx as nx

from ..agents.base import Agent
from ..errors import AkrasiaError, PlanError
from ..options import MOST_ROUNDS, whole
from ..registry import Registry, bind
from .node import Node
from .plan import SERIES, Plan

GRAPHS: Registry[Plan] = Registry("graph", "akrasia.graphs")
P = ParamSpec("P")
_CONTRACT = "a graph is a function (**options) that returns a Plan"


def graph(build: Callable[P, Plan]) -> Callable[P, Plan]:
    """Register a function `(**options) -> plan` as a graph under its own name, which becomes the plan's base."""
    name, signature = build.__name__, inspect.signature(build)

    @functools.wraps(build)
    def make(*args: P.args, **options: P.kwargs) -> Plan:
        bound = signature.bind(*args, **options).arguments
        try:
            plan = build(*args, **options)
        except AkrasiaError:
            raise
        except Exception as error:
            raise PlanError(
                f"the graph {name!r} raised {type(error).__name__}: {error}", _CONTRACT, "Correct it."
            ) from error
        if not isinstance(plan, Plan):
            raise PlanError(f"the graph {name!r} returned {type(plan).__name__}", _CONTRACT, "Correct it.")
        kept = {k: plain(v) for k, v in bound.items() if v != signature.parameters[k].default}
        inside = ", ".join(f"{k}={v!r}" for k, v in kept.items())
        base = f"{name}({inside})" if inside else name
        return replace(plan, base=base, graphs=tuple(g.named(base) for g in plan.graphs))

    def checked(*args: P.args, **options: P.kwargs) -> Plan:
        made: Plan = bind("graph", name, make, args, dict(options))
        return made

    functools.update_wrapper(checked, build)
    GRAPHS.register(name, checked)
    return checked


def plain(value: Any) -> Any:
    """An option as JSON knows it: a graph of the user's own as its edges, of which two alike count once."""
    if isinstance(value, nx.Graph):
        place = {node: i for i, node in enumerate(value)}
        wired: nx.DiGraph[Any] = nx.DiGraph(value)
        return [[place[u], place[v]] for u, v in wired.edges]
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def _scored(rationale: str) -> dict[str, str]:
    return {} if rationale == "answer" else {"rationale": rationale}


@graph
def act(rationale: str = "answer") -> Plan:
    """Act directly: one call that answers with an action and no rationale, unless that is what the model thinks.

    Args:
        rationale: "answer", or "reasoning": what the model thought before it (`akrasia.agents.rationales`).
    """
    return Plan("act", (Node("act", Agent("actor", options=_scored(rationale))),), decision="act", focus="act")


@graph
def reason_act(rationale: str = "answer") -> Plan:
    """Reason and act in one call: one answer with rationale, recommendation and action (Schmied et al. 2025).

    Args:
        rationale: "answer", "reasoning" (what the model thought before it) or "both": what is scored as stated.
    """
    node = Node("reason_act", Agent("reasoner", options={"mode": "reason_act", **_scored(rationale)}))
    return Plan("reason_act", (node,), decision="reason_act", focus="reason_act")


@graph
def reason_then_act(rationale: str = "answer") -> Plan:
    """Reason, then act: a reasoner recommends in one call, an actor that reads it acts in a second.

    Args:
        rationale: "answer", "reasoning" (what the model thought before it) or "both": what the actor reads, and what is
            scored as stated.
    """
    nodes = (
        Node("reason", Agent("reasoner", options=_scored(rationale))),
        Node("act", Agent("actor"), reads=("reason",)),
    )
    return Plan("reason_then_act", nodes, decision="act", focus="reason")


@graph
def reason_act_critic(rounds: int = 1) -> Plan:
    """Reason, act, and let a critic comment for some rounds: the reasoner answers again, then the actor acts."""
    whole("rounds", rounds, 1, MOST_ROUNDS)
    nodes = [Node("reason", Agent("reasoner"))]
    for k in range(1, rounds + 1):
        own = nodes[-1].name
        critic, again = ("critic", "reason.revise") if k == 1 else (f"critic.{k}", f"reason.revise.{k}")
        nodes.append(Node(critic, Agent("critic"), (own,), sample=(k - 1) * SERIES))
        nodes.append(Node(again, Agent("reasoner", options={"move": "revise"}), (own, critic)))
    last = nodes[-1].name
    return Plan("", (*nodes, Node("act", Agent("actor"), (last,))), decision="act", focus=last)


@graph
def random_act() -> Plan:
    """The floor: a legal action at random, no model."""
    return Plan("", (Node("random", Agent("random")),), decision="random", focus="random")


@graph
def oracle_act() -> Plan:
    """The ceiling: an optimal action, taken from the oracle, no model."""
    return Plan("", (Node("oracle", Agent("oracle")),), decision="oracle", focus="oracle")
