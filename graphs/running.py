"""A node of a plan as a node of LangGraph: its lanes read, and then speak, pass on, or run a graph from elsewhere."""

from __future__ import annotations

import asyncio
from functools import reduce
from typing import TYPE_CHECKING, Any, Protocol

from ..agents.base import Agent, Context, agreed, pass_on, runs_graph, speak
from ..agents.options import ModelOptions
from ..records import Turn
from .external_graph import ExternalGraph
from .external_run import GraphRun, run_graph
from .node import Node, lanes_read
from .state import PlanState, Turns, join_tags

if TYPE_CHECKING:
    from langgraph.runtime import Runtime

__all__ = ["as_langgraph"]


class _Wiring(Protocol):
    """What a node needs of its plan: the nodes that it reads, and the graph behind it."""

    def node(self, name: str) -> Node: ...

    def graph_of(self, agent: Agent) -> ExternalGraph: ...


def as_langgraph(plan: _Wiring, node: Node) -> Any:
    """The function that LangGraph calls for a node."""
    only_while_wrong = node.agent.options_as(ModelOptions).while_wrong

    def read(turns: Turns, names: tuple[str, ...], lane: int) -> tuple[Turn, ...]:
        return tuple(turns[r][i] for r in names for i in lanes_read(plan.node(r).lanes, lane, node.lanes))

    async def take(turns: Turns, context: Context, lane: int) -> GraphRun:
        reads = read(turns, node.reads, lane)
        sample = node.sample + node.stride * (lane + node.lanes * context.models.trial)
        agrees = node.unless and agreed(read(turns, node.unless, lane), node.level, context.situation)
        is_right = only_while_wrong and context.oracle and reads[0].position in context.oracle.optimal
        if agrees or is_right:
            turn = pass_on(node.name, reads, lane, sample)
            return GraphRun(turn, (turn,))
        if runs_graph(node.agent):
            graph = plan.graph_of(node.agent)
            return await run_graph(graph, node.agent, node.name, context, reads, lane, sample)
        turn = await speak(node.agent, node.name, context, reads, lane, sample)
        return GraphRun(turn, (turn,))

    async def all_lanes(state: PlanState, context: Context) -> tuple[GraphRun, ...]:
        lanes = (take(state["turns"], context, lane) for lane in range(node.lanes))
        if node.lanes == 1:
            return (await next(lanes),)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(lane) for lane in lanes]
        return tuple(t.result() for t in tasks)

    async def turn(state: PlanState, runtime: Runtime[Context]) -> dict[str, Any]:
        runs = await all_lanes(state, runtime.context)
        written: dict[str, Any] = {"turns": {node.name: tuple(run.turn for run in runs)}}
        if runs_graph(node.agent):
            written["inside"] = {node.name: tuple(run.inside for run in runs)}
            written["tags"] = reduce(join_tags, (run.tags for run in runs))
        return written

    return turn
