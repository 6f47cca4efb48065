"""The nodes of a plan as nodes of LangGraph: their lanes read, and then speak, pass on, or run a graph from elsewhere.

A node of LangGraph is a chain: nodes of the plan of which each waits for the one before and for nobody else. What it
writes is what each of them would write by itself, so that it does not matter how a plan is cut into chains.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
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
    from langgraph.pregel import Pregel
    from langgraph.runtime import Runtime

CompiledPlan: TypeAlias = "CompiledStateGraph[PlanState, Context, Any, Any]"
Play: TypeAlias = Callable[[Context], Awaitable[Mapping[str, Any]]]
"""Plays a plan to its end: the values of `PlanState` there."""


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
        builder.add_node(name, cast(Any, _node_of(plan, chain)))
        waits = list(dict.fromkeys(ends[other] for other in chain[0].follows))
        builder.add_edge(waits if waits else START, name)
    builder.add_edge(ends[plan.decision], END)
    return builder.compile(name=plan.name)


def play_of(plan: Wiring, chains: Sequence[tuple[Node, ...]], *, heard: bool) -> Play:
    """How a plan is played that is cut into chains.

    Args:
        heard: whether somebody may listen to its nodes. Nobody hears how a plan that is one chain is put together: it
            is LangGraph's smallest graph, which costs a quarter less than a `StateGraph` of one node.
    """
    # No plan goes round: that many steps are enough. Of its second version LangGraph gives the end alone, without a
    # chunk for each node that nobody reads here.
    options: Any = {"config": {"recursion_limit": sum(map(len, chains)) + 1}, "version": "v2"}
    if len(chains) == 1 and not heard:
        smallest = _one_node(plan, chains[0])

        async def play_chain(context: Context) -> Mapping[str, Any]:
            return cast(Mapping[str, Any], (await smallest.ainvoke(context, **options)).value)

        return play_chain
    graph = compiled_chains(plan, chains)

    async def play(context: Context) -> Mapping[str, Any]:
        end: Any = await graph.ainvoke({"turns": {}}, context=context, **options)
        return cast(Mapping[str, Any], end.value)

    return play


def _one_node(plan: Wiring, chain: tuple[Node, ...]) -> Pregel[Any, Any, Any, Any]:
    """A graph whose one node is handed the context, and gives what the chain writes."""
    from langchain_core.runnables import Runnable  # noqa: PLC0415
    from langgraph.channels import EphemeralValue  # noqa: PLC0415
    from langgraph.pregel import NodeBuilder, Pregel  # noqa: PLC0415

    class Chain(Runnable[Context, dict[str, Any]]):
        """No plain function, which LangGraph would report and run as a task of its own."""

        def invoke(self, input: Context, config: Any = None, **kwargs: Any) -> dict[str, Any]:
            raise NotImplementedError("a plan is played in an event loop")

        async def ainvoke(self, input: Context, config: Any = None, **kwargs: Any) -> dict[str, Any]:
            return await _turns_of(plan, chain, {}, input)

    node = NodeBuilder().subscribe_only("context").do(Chain()).write_to("end")
    channels: Any = {"context": EphemeralValue(Context), "end": EphemeralValue(dict)}
    return Pregel(
        nodes={chain[-1].name: node}, channels=channels, input_channels="context", output_channels="end", name=plan.name
    )


def _node_of(plan: Wiring, chain: tuple[Node, ...]) -> Any:
    """The function that LangGraph calls for a chain."""

    async def turns(state: PlanState, runtime: Runtime[Context]) -> dict[str, Any]:
        return await _turns_of(plan, chain, state["turns"], runtime.context)

    return turns


async def _turns_of(plan: Wiring, chain: tuple[Node, ...], before: Turns, context: Context) -> dict[str, Any]:
    """What a chain writes, given the turns before it."""
    written: dict[str, Any] = {"turns": {}}
    for node in chain:
        runs = await run_node(plan, node, {**before, **written["turns"]}, context)
        written["turns"][node.name] = tuple(run.turn for run in runs)
        if runs_graph(node.agent):
            written.setdefault("inside", {})[node.name] = tuple(run.inside for run in runs)
            tags = [written["tags"]] if "tags" in written else []
            written["tags"] = reduce(join_tags, [*tags, *(run.tags for run in runs)])
    return written


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
