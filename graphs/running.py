"""The nodes of a plan as nodes of LangGraph: their lanes read, and then speak, pass on, or run a graph from elsewhere.

A node of LangGraph is a chain: nodes of the plan of which each waits for the one before and for nobody else. What it
writes is what each of them would write by itself, so that it does not matter how a plan is cut into chains.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast

import networkx as nx

from ..agents.base import Agent, Context, runs_graph
from ..agents.options import ModelOptions
from ..agents.speaking import agreed, pass_on, speak
from ..records import Turn
from .external_graph import ExternalGraph
from .external_run import GraphRun, run_graph
from .node import Node, as_digraph, lanes_read
from .state import PlanState, Turns, join_tags

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph
    from langgraph.runtime import Runtime

CompiledPlan: TypeAlias = "CompiledStateGraph[PlanState, Context, Any, Any]"


class Wiring(Protocol):
    """What a node needs of its plan: the nodes that it reads, and the graph behind it."""

    @property
    def name(self) -> str: ...

    @property
    def decision(self) -> str: ...

    @property
    def fingerprint(self) -> str: ...

    def node(self, name: str) -> Node: ...

    def graph_of(self, agent: Agent) -> ExternalGraph: ...


def chains_of(nodes: Sequence[Node]) -> list[tuple[Node, ...]]:
    """The nodes of a plan cut into as few chains as there can be, in the plan's order."""
    waits = nx.transitive_reduction(as_digraph("", nodes))
    chains: dict[str, list[Node]] = {}  # by the last node of each
    for node in nodes:
        before = list(waits.predecessors(node.name))
        alone = len(before) == 1 and waits.out_degree(before[0]) == 1
        chains[node.name] = [*(chains.pop(before[0]) if alone else ()), node]
    return [tuple(chain) for chain in chains.values()]


def compiled_chains(plan: Wiring, chains: Sequence[tuple[Node, ...]]) -> CompiledPlan:
    """A plan as a LangGraph graph of chains, each named by its last node; its context holds situation and models."""
    from langgraph.graph import END, START, StateGraph  # noqa: PLC0415  (it loads at the first decision)

    builder = StateGraph(PlanState, context_schema=Context)
    ends = {node.name: chain[-1].name for chain in chains for node in chain}
    for chain in chains:
        name = chain[-1].name
        builder.add_node(name, cast(Any, _turns_of(plan, chain)))
        waits = list(dict.fromkeys(ends[other] for other in chain[0].follows))
        builder.add_edge(waits if waits else START, name)
    builder.add_edge(ends[plan.decision], END)
    return builder.compile(name=plan.name)


def _turns_of(plan: Wiring, chain: tuple[Node, ...]) -> Any:
    """The function that LangGraph calls for a chain."""

    async def turns(state: PlanState, runtime: Runtime[Context]) -> dict[str, Any]:
        written: dict[str, Any] = {"turns": {}}
        for node in chain:
            runs = await run_node(plan, node, {**state["turns"], **written["turns"]}, runtime.context)
            written["turns"][node.name] = tuple(run.turn for run in runs)
            if runs_graph(node.agent):
                written.setdefault("inside", {})[node.name] = tuple(run.inside for run in runs)
                before = [written["tags"]] if "tags" in written else []
                written["tags"] = reduce(join_tags, [*before, *(run.tags for run in runs)])
        return written

    return turns


async def run_node(plan: Wiring, node: Node, turns: Turns, context: Context) -> tuple[GraphRun, ...]:
    """What the lanes of a node do, given the turns so far."""
    if node.lanes == 1:
        return (await _take(plan, node, turns, context, 0),)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_take(plan, node, turns, context, lane)) for lane in range(node.lanes)]
    return tuple(t.result() for t in tasks)


async def _take(plan: Wiring, node: Node, turns: Turns, context: Context, lane: int) -> GraphRun:
    def read(names: tuple[str, ...]) -> tuple[Turn, ...]:
        return tuple(turns[r][i] for r in names for i in lanes_read(plan.node(r).lanes, lane, node.lanes))

    reads = read(node.reads)
    sample = node.sample + node.stride * (lane + node.lanes * context.models.trial)
    agrees = node.unless and agreed(read(node.unless), node.level, context.situation)
    only_while_wrong = node.agent.options_as(ModelOptions).while_wrong
    is_right = only_while_wrong and context.oracle and context.oracle.is_right(reads[0].position)
    if agrees or is_right:
        turn = pass_on(node.name, reads, lane, sample)
        return GraphRun(turn, (turn,))
    if runs_graph(node.agent):
        graph = plan.graph_of(node.agent)
        memory = plan.fingerprint if graph.memory else ""
        return await run_graph(graph, node.agent, node.name, context, reads, lane, sample, memory)
    turn = await speak(node.agent, node.name, context, reads, lane, sample)
    return GraphRun(turn, (turn,))
