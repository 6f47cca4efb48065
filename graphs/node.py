"""A node of a plan, and what must hold of the nodes of a plan together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, cast

import networkx as nx

from ..agents.base import AGENTS, Agent, asks_model, observes, runs_graph
from ..agents.options import ModelOptions
from ..errors import PlanError
from ..records import encode
from .external_graph import ExternalGraph

RESERVED = ("", "turns", "__start__", "__end__")


@dataclass(frozen=True)
class Node:
    """An agent at its place in a plan.

    Args:
        name: unique in the plan.
        agent: who speaks here.
        reads: names of the nodes it reads, in the order in which it reads them.
        lanes: number of independent copies.
        sample: sample number of lane 0; lane i draws `sample + stride * i`.
        unless: names of nodes; if a share of `level` of their turns holds one position, this node asks nothing and
            passes on what it reads first. So rounds end early. With an infinite `level` it always asks.
    """

    name: str
    agent: Agent
    reads: tuple[str, ...] = ()
    lanes: int = 1
    sample: int = 0
    stride: int = 1
    unless: tuple[str, ...] = ()
    level: float = 1.0

    @property
    def follows(self) -> tuple[str, ...]:
        """Every node that it waits for: those it reads, and those whose agreement would make it pass on."""
        return tuple(dict.fromkeys((*self.reads, *self.unless)))

    @property
    def tool_rounds(self) -> int:
        """In how many rounds it may call tools: each is one more call of its model."""
        return self.agent.options_as(ModelOptions).tools if asks_model(self.agent) else 0

    def unrolled(self) -> Node:
        """The node that asks whatever others say: no agreement and no right answer spares it."""
        agent = self.agent
        if agent.options.get("while_wrong"):
            agent = agent.with_options(while_wrong=False)
        return replace(self, agent=agent, level=inf if self.unless else self.level)


def reveals_oracle(agent: Agent) -> bool:
    """Whether an agent's answer is the oracle's."""
    return bool(getattr(AGENTS.factory(agent.role), "leaks", False))


def reads_oracle(agent: Agent) -> bool:
    """Whether an agent reads the oracle, or is asked only while it is wrong."""
    return reveals_oracle(agent) or agent.options_as(ModelOptions).while_wrong


def as_digraph(name: str, nodes: Sequence[Node]) -> nx.DiGraph[str]:
    """The nodes as a networkx graph: an edge (u, v) means v reads u; node data are `agent` and `lanes`."""
    graph: nx.DiGraph[str] = nx.DiGraph(name=name)
    for node in nodes:
        graph.add_node(node.name, agent=node.agent, lanes=node.lanes)
        graph.add_edges_from((other, node.name, {"order": i}) for i, other in enumerate(node.follows))
    return graph


def lanes_read(there: int, lane: int, here: int) -> range:
    """Which lanes of a node with `there` lanes are read by lane `lane` of a node with `here` lanes."""
    if there >= here:
        each = there // here
        return range(lane * each, (lane + 1) * each)
    return range(lane // (here // there), lane // (here // there) + 1)


def check_nodes(base: str, nodes: Sequence[Node], decision: str, focus: str) -> None:
    """Refuse nodes that are no plan; what passes compiles, runs, ends, and yields exactly one decision.

    Args:
        base: what the plan is called in messages.
        decision, focus: names of nodes, see `akrasia.graphs.plan.Plan`.

    Raises:
        PlanError: naming the node and what is wrong with it.
    """
    names = [n.name for n in nodes]
    for name in (*names, *(r for n in nodes for r in n.reads)):
        if not isinstance(name, str):
            raise PlanError(f"a node of plan {base!r} is named {name!r}", "a name is a text", f'Write "{name}".')
    if len(set(names)) != len(names):
        raise PlanError(f"two agents of plan {base!r} have the same name", remedy="Name each node differently.")
    for what, name in (("decision", decision), ("focus", focus)):
        if name not in names:
            raise PlanError(
                f"plan {base!r} has no {what} node", f"{name!r} is not among {names}", "Name an existing node."
            )
    graph = as_digraph(base, nodes)
    _check_edges(base, names, graph)
    lanes = {n.name: n.lanes for n in nodes}
    before: set[str] = set()
    for n in nodes:
        if not before.issuperset(n.follows):
            raise PlanError(f"{n.name!r} stands before what it reads", remedy="List readers after what they read.")
        before.add(n.name)
        _check_node(n, [lanes[r] for r in n.follows])
    _check_ends({n.name for n in nodes if observes(n.agent) and not graph.out_degree(n.name)}, decision, graph)
    if lanes[decision] != 1:
        raise PlanError(f"the decision {decision!r} has several lanes", remedy="Add a voter.")


def check_graphs(base: str, nodes: Sequence[Node], graphs: Sequence[ExternalGraph]) -> None:
    """Refuse agents of the role "external" whose graph is not there, or whose adapter cannot give what they ask of it.

    Raises:
        PlanError: naming the node and what is wrong with it.
    """
    names = [g.name for g in graphs]
    if len(set(names)) != len(names):
        raise PlanError(f"two graphs of plan {base!r} have the same name", remedy="Name each of them differently.")
    asked = {n.agent.options.get("graph", "") for n in nodes if runs_graph(n.agent)}
    for missing in sorted(asked - set(names)):
        raise PlanError(
            f"plan {base!r} has no graph {missing!r}",
            f"it has {', '.join(map(repr, names)) or 'none'}",
            "Start from ak.graphs.external(graph, adapter), or give Plan(..., graphs=(...,)).",
        )
    for idle in [g.name for g in graphs if g.name not in asked]:
        raise PlanError(f"no agent of plan {base!r} runs the graph {idle!r}", remedy="Drop it from `graphs`.")
    by_name = {g.name: g for g in graphs}
    for n in nodes:
        if runs_graph(n.agent):
            options = n.agent.options
            by_name[options["graph"]].check(n.name, options.get("move", "open"), options.get("hints", {}))


def _check_edges(base: str, names: Sequence[str], graph: nx.DiGraph[str]) -> None:
    for unknown in set(graph) - set(names):
        raise PlanError(f"plan {base!r} reads an agent it does not have", unknown, "Add the node or the edge.")
    if not nx.is_directed_acyclic_graph(graph):
        cycle = " -> ".join(u for u, _ in nx.find_cycle(cast(Any, graph)))
        raise PlanError(
            f"plan {base!r} goes round in circles and has no round limit",
            cycle,
            "Unroll the rounds: one node per agent and round, as akrasia.graphs.society(rounds=2) does.",
        )


def _check_node(n: Node, lanes: Sequence[int]) -> None:
    """Check a node by itself; `lanes` are those of what it follows."""
    if n.lanes < 1:
        raise PlanError(f"{n.name!r} has {n.lanes} lanes", remedy="Use at least 1.")
    if any(max(n.lanes, m) % min(n.lanes, m) for m in lanes):
        raise PlanError(f"the lanes of {n.name!r} and of what it reads do not divide", remedy="Use a multiple.")
    if n.name in RESERVED or ":" in n.name or "|" in n.name:
        raise PlanError(f"{n.name!r} cannot name an agent", "LangGraph uses it itself", "Choose another name.")
    if n.unless and (not n.reads or not (0 < n.level <= 1 or n.level == inf)):
        raise PlanError(
            f"{n.name!r} cannot pass on at a level of {n.level!r}",
            "it must read what it would pass on",
            "Let it read its own last turn first, and use a level above 0 and up to 1.",
        )
    try:
        encode(dict(n.agent.options))
    except TypeError as error:
        raise PlanError(f"the options of {n.name!r} are not JSON", str(error), "Use plain values.") from None


def _check_ends(observing: set[str], decision: str, graph: nx.DiGraph[str]) -> None:
    """Check that the decision depends on every node but those that only observe."""
    if decision in observing:
        raise PlanError(f"the decision {decision!r} only observes", remedy="Let another agent decide.")
    idle = set(graph) - nx.ancestors(cast(Any, graph), decision) - {decision} - observing
    if idle:
        raise PlanError(
            f"nobody reads {', '.join(sorted(idle))}", "the decision does not depend on it", "Connect it or drop it."
        )
