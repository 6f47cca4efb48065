"""LangChain callbacks that are in force where a run starts see its decisions, nodes and calls as one tree."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tracers.context import collect_runs, register_configure_hook
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak

TASK = {"name": "bandit", "arms": 4, "horizon": 3}


def played(out: Path, **settings: Any) -> ak.Result:
    return ak.run(**{"task": TASK, "model": "simulated"} | settings, out=out)


def test_langchain_callbacks_see_every_decision_of_a_plan(tmp_path: Path) -> None:
    """The way by which LangSmith listens: callbacks that are in force where the run is started."""
    with collect_runs() as collected:
        played(tmp_path / "run", episodes=1, variants=["reason_then_act"])
    assert Counter(r.name for r in collected.traced_runs) == {"reason_then_act": 3, "simulated": 2 * 3}


class Tree(BaseCallbackHandler):
    """Who is below whom, by the ids that LangChain gives."""

    def __init__(self) -> None:
        self.names: dict[UUID, str] = {}
        self.above: dict[UUID, UUID | None] = {}
        self.said: dict[UUID, str] = {}

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **more: Any) -> None:
        self.names[run_id], self.above[run_id] = more["name"], more["parent_run_id"]

    def on_chat_model_start(self, serialized: Any, messages: Any, *, run_id: UUID, **more: Any) -> None:
        assert messages[0][-1].content
        self.names[run_id], self.above[run_id] = "call", more["parent_run_id"]

    def on_llm_end(self, response: Any, *, run_id: UUID, **more: Any) -> None:
        self.said[run_id] = response.generations[0][0].text

    @property
    def paths(self) -> list[str]:
        def path(run: UUID) -> str:
            above = self.above[run]
            return self.names[run] if above is None else f"{path(above)} > {self.names[run]}"

        assert {i for i, name in self.names.items() if name == "call"} == set(self.said)
        return sorted(map(path, self.names))


TREE: ContextVar[Tree | None] = ContextVar("tree", default=None)
register_configure_hook(TREE, inheritable=True)
NESTED = [
    "reason_act | critique", "reason_act | critique > critic", "reason_act | critique > critic > call",
    "reason_act | critique > reason_act", "reason_act | critique > reason_act > call",
    "reason_act | critique > reason_act.revise", "reason_act | critique > reason_act.revise > call",
]  # fmt: skip


@pytest.mark.parametrize("inside_a_loop", [False, True])
def test_a_callback_handler_sees_nodes_and_model_calls_below_their_decision(
    tmp_path: Path, inside_a_loop: bool
) -> None:
    async def notebook() -> None:
        played(tmp_path / "run", episodes=1, task={**TASK, "horizon": 1}, variants=["reason_act | critique"])

    tree = Tree()
    token = TREE.set(tree)
    try:
        if inside_a_loop:
            asyncio.run(notebook())
        else:
            played(tmp_path / "run", episodes=1, task={**TASK, "horizon": 1}, variants=["reason_act | critique"])
    finally:
        TREE.reset(token)
    assert tree.paths == NESTED
    assert any("ACTION" in said for said in tree.said.values())


async def test_a_handler_of_a_graph_of_ones_own_sees_its_calls(tmp_path: Path) -> None:
    model, tree = ak.ChatModel(), Tree()

    async def think(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("think", think)
    builder.add_edge(START, "think")
    builder.add_edge("think", END)
    compiled = builder.compile().with_config(callbacks=[tree])
    own = ak.Variant.from_langgraph("own", compiled, ak.graphs.MessagesAdapter())
    await ak.arun(task={**TASK, "horizon": 1}, model="simulated", variants=[own], episodes=1, out=tmp_path / "run")
    assert tree.paths == ["LangGraph", "LangGraph > think", "LangGraph > think > call"]


async def test_langchain_callbacks_see_the_calls_of_a_graph(tmp_path: Path) -> None:
    model = ak.ChatModel()

    async def think(state: MessagesState) -> Any:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("think", think)
    builder.add_edge(START, "think")
    builder.add_edge("think", END)
    own = ak.Variant.from_langgraph("own", builder.compile(), ak.graphs.MessagesAdapter())
    with collect_runs() as collected:
        await ak.arun(task=TASK, model="simulated", variants=[own], episodes=1, out=tmp_path / "run")
    assert Counter(r.name for r in collected.traced_runs) == {"own": 3, "LangGraph": 3, "ChatModel": 3}
    for call in (r for r in collected.traced_runs if r.run_type == "llm"):
        assert call.outputs is not None and "ACTION" in call.outputs["generations"][0][0]["text"]
