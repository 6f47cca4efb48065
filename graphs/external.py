"""`external`: a LangGraph graph that was not built here as a plan of one agent, which takes interventions like any.

Invariant: given by name (`module:object`, or a registered function), it is rebuilt wherever the plan goes: in worker
processes, on a cluster, in an experiment file. Given as an object, it runs in this process.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..agents.base import Agent
from ..options import flag
from .adapters import Adapter, adapter_named
from .expression import parse_graph
from .external_graph import SUPERSTEPS, ExternalGraph
from .named_objects import graph_named
from .node import Node
from .plan import Plan
from .reason_act import GRAPHS


def external(
    graph: Any,
    adapter: Adapter | str = "messages",
    *,
    name: str = "",
    slots: Sequence[str] = ("default",),
    supersteps: int = SUPERSTEPS,
    context: Any = None,
    config: Mapping[str, Any] | None = None,
    store: Any = None,
    memory: bool = False,
) -> Plan:
    """External: a compiled LangGraph graph, or any Runnable with `ainvoke`, as a plan of one agent.

    Args:
        graph: the graph, compiled with `ak.ChatModel()` in the place of its chat model; or where it is found, as
            "package.module:object" or "./file.py:object". The object may be a function that makes it.
        adapter: makes its input of a situation and reads its final state; or its registered name, "module:object".
        name: of its node; by default the graph's own, or the object's.
        slots: the model slots that its models speak through.
        supersteps: after how many it is given up, unless the graph brings its own `recursion_limit`.
        context: what a graph with a `context_schema` is run with; `{}` where it needs none.
        config: LangGraph's configuration, such as {"configurable": {...}}.
        store: the store that its nodes read, in the place of its own, or a function that makes one. Each decision has a
            copy of its own.
        memory: whether it goes on, at every step of an episode, with its conversation of the step before, instead of
            beginning anew. Each of its lanes and variants remembers its own.

    Raises:
        PlanError: the graph is not compiled or lacks its context, or the adapter is no adapter.
        BadOption: nothing is found under a name.
    """
    source = graph if isinstance(graph, str) else ""
    found = graph_named(source) if source else graph
    reads = adapter_named(adapter) if isinstance(adapter, str) else adapter
    called = name or (_object(source) if source else _own_name(graph))
    kept: Any = slots if isinstance(slots, str) else tuple(slots)
    made = ExternalGraph(
        called, found, reads, kept, supersteps, context, config or {}, store, flag("memory", memory), source
    )
    base = called
    if source and isinstance(adapter, str) and context in (None, {}) and store is None and not config:
        more = {
            "name": name, "slots": list(made.slots), "supersteps": supersteps, "context": context, "memory": memory,
        }  # fmt: skip
        usual = {"name": "", "slots": ["default"], "supersteps": SUPERSTEPS, "context": None, "memory": False}
        options = {"adapter": adapter} if adapter != "messages" else {}
        options |= {option: value for option, value in more.items() if value != usual[option]}
        base = f"external({', '.join([repr(source), *(f'{k}={v!r}' for k, v in options.items())])})"
    return plan_of_graph(made, base)


def plan_of_graph(graph: ExternalGraph, base: str) -> Plan:
    """The plan whose one agent is this graph; `base` is what the plan is called."""
    node = re.sub(r"[:|]", "-", graph.name)
    agent = Agent("external", graph.slots[0], {"graph": graph.name})
    return Plan(base, (Node(node, agent),), node, node, graphs=(graph,))


def _object(text: str) -> str:
    return text.rpartition(":")[2].rpartition(".")[2] or text


def _own_name(graph: Any) -> str:
    name = getattr(graph, "name", None)
    return name if isinstance(name, str) and name else "graph"


def _rebuilt(expression: str, name: str) -> ExternalGraph:
    return next(graph for graph in parse_graph(expression).graphs if graph.name == name)


GRAPHS.register("external", external)
ExternalGraph.from_expression = staticmethod(_rebuilt)
