"""A node of a plan as a node of LangGraph: its lanes read, and then speak, pass on, or run a graph from elsewhere."""

from __future__ import annotations

import asyncio
from functools import reduce
from typing import TYPE_CHECKING, Any, Protocol

from ..agents.base import Agent, Context, runs_graph
from ..agents.options import ModelOptions
from ..agents.speaking import agreed, pass_on, speak
from ..records import Turn
from .external_graph import ExternalGraph
from .external_run import GraphRun, run_graph
from .node import Node, lanes_read
from .state import PlanState, Turns, join_tags

if TYPE_CHECKING:
    from langgraph.runtime import Runtime


class Wiring(Protocol):
    """What a node needs of its plan: the nodes that it reads, and the graph behind it."""

    @property
    def fingerprint(self) -> str: ...

    def node(self, name: str) -> Node: ...

    def graph_of(self, agent: Agent) -> ExternalGraph: ...


def as_langgraph(plan: Wiring, node: Node) -> Any:
    """The function that LangGraph calls for a node."""

    async def turn(state: PlanState, runtime: Runtime[Context]) -> dict[str, Any]:
        runs = await run_node(plan, node, state["turns"], runtime.context)
        written: dict[str, Any] = {"turns": {node.name: tuple(run.turn for run in runs)}}
        if runs_graph(node.agent):
            written["inside"] = {node.name: tuple(run.inside for run in runs)}
            written["tags"] = reduce(join_tags, (run.tags for run in runs))
        return written

    return turn


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
