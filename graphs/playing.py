"""A graph from elsewhere is played to its end: its supersteps told, its interrupts answered or left open.

Invariant: it is a graph of its own, and none within the plan's: neither its namespaces nor its checkpoints are the
plan's. Callbacks that are in force see it below the node that runs it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast
from uuid import uuid4
from weakref import WeakSet

from ..models.providers.provider_errors import scrubbed
from .external_graph import ExternalGraph
from .graph_reading import VOLATILE
from .isolation import isolated

MOST_RESUMED = 25  # interrupts of one decision that are answered
MOST_THREADS = 2048  # started when they are needed
_INTERRUPT = "__interrupt__"
_WITH_THREADS: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


class Waiting(Exception):
    """A graph that waits for somebody: what it asks, or after which node it stopped."""

    def __init__(self, interrupts: Sequence[Any], last: Sequence[str]) -> None:
        self.interrupts = interrupts
        asks = [str(getattr(i, "value", i)) for i in interrupts]
        after = f"after {', '.join(last)}" if last else "before its first node"
        self.where = scrubbed(VOLATILE.sub("", "; ".join(asks) or after))
        super().__init__(
            f"the graph waits at an interrupt ({self.where}) and never ended. Compile it without interrupts for a run, "
            "or let its adapter answer: resume(asked, situation)."
        )


async def play(
    graph: ExternalGraph,
    graph_input: Any,
    on_task: Callable[[Mapping[str, Any]], None],
    answer: Callable[[Any], Any] | None,
) -> Any:
    """The graph's final state.

    Args:
        on_task: told the tasks of every superstep before they run.
        answer: what is said to an interrupt, given its value; None in its place, or from it, leaves the graph waiting.

    Raises:
        Waiting: the graph stopped at an interrupt that nobody answers.
    """
    from langchain_core.runnables.config import ensure_config, var_child_runnable_config  # noqa: PLC0415
    from langgraph.pregel import Pregel  # noqa: PLC0415

    _give_threads(asyncio.get_running_loop())
    compiled, keywords, bound = graph.unbound
    own = {**(getattr(compiled, "config", None) or {}), **bound}
    thread = {"thread_id": uuid4().hex}
    config: Any = {**bound, "configurable": {**bound.get("configurable", {}), **thread}}
    if "recursion_limit" not in own:
        config["recursion_limit"] = graph.supersteps
    callbacks: Any = ensure_config().get("callbacks")
    if "callbacks" not in config and getattr(callbacks, "handlers", None):
        config["callbacks"] = _as_of_nobody(callbacks)
    token = var_child_runnable_config.set(None)
    try:
        if not isinstance(compiled, Pregel):
            state = await compiled.ainvoke(graph_input, config)
            if isinstance(state, Mapping) and _INTERRUPT in state:
                raise Waiting(state[_INTERRUPT], ())
            return state
        compiled = isolated(compiled, graph.store, resumes=answer is not None)
        resumed = 0
        while True:
            state, waiting = await _streamed(compiled, graph_input, config, keywords, on_task)
            if waiting is None:
                return state
            if resumed == MOST_RESUMED:
                raise waiting
            graph_input, resumed = _answered(waiting, answer), resumed + 1
    finally:
        var_child_runnable_config.reset(token)


def _give_threads(loop: asyncio.AbstractEventLoop) -> None:
    """Threads enough for every decision under way: nodes that are plain functions run in them, and the body of an
    `entrypoint` holds one while it waits for those of its tasks.
    """
    if loop not in _WITH_THREADS:
        loop.set_default_executor(ThreadPoolExecutor(MOST_THREADS, thread_name_prefix="akrasia-graph"))
        _WITH_THREADS.add(loop)


async def _streamed(
    graph: Any, graph_input: Any, config: Any, keywords: Mapping[str, Any], on_task: Callable[[Mapping[str, Any]], None]
) -> tuple[Any, Waiting | None]:
    state, waiting = None, None
    last: tuple[str, ...] = ()
    modes: Any = ["tasks", "values", "updates"]
    async for mode, event in graph.astream(graph_input, config, stream_mode=modes, **keywords):
        event = cast(Any, event)
        if mode == "tasks":
            on_task(event)
        elif mode == "updates":
            if isinstance(event, Mapping) and _INTERRUPT in event:
                earlier = waiting.interrupts if waiting is not None else ()
                waiting = Waiting((*earlier, *event[_INTERRUPT]), last)
            elif isinstance(event, Mapping):
                last = tuple(event)
        else:
            state = event
    return state, waiting


def _answered(waiting: Waiting, answer: Callable[[Any], Any] | None) -> Any:
    """The input with which the graph goes on.

    Raises:
        Waiting: nobody answers.
    """
    from langgraph.types import Command  # noqa: PLC0415  (LangGraph loads at first use)

    if answer is None:
        raise waiting
    if not waiting.interrupts:  # it stopped before or after a node
        if answer(None) is None:
            raise waiting
        return None
    answers = {i.id: answer(i.value) for i in waiting.interrupts}
    if any(value is None for value in answers.values()):
        raise waiting
    return Command(resume=answers)


def _as_of_nobody(callbacks: Any) -> Any:
    """Callbacks without what LangGraph noted in them of the plan's own node: the graph has nodes of its own."""
    kept = callbacks.copy()
    for noted in (kept.metadata, kept.inheritable_metadata):
        for name in [name for name in noted if name.startswith("langgraph_")]:
            del noted[name]
    return kept
