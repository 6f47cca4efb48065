"""A plan leaves the house: an ordinary LangGraph graph with a model of its own, typed input, a state of plain JSON."""

from __future__ import annotations

import json
import runpy
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak
from akrasia.errors import BadOption, PlanError
from akrasia.graphs import GRAPHS, external, reason_act, reason_then_act
from akrasia.graphs.code_modules import is_shipped
from akrasia.graphs.named_objects import object_named
from akrasia.interventions import multi_turn_aiw
from akrasia.models import Scripted
from akrasia.records import Draw, Request

QUESTION = {"question": "Two buttons. Red has paid more.", "options": ["Red", "Blue"]}
GOOD = "Red has paid more.\nBEST=Red\nACTION=Blue"


def answers(request: Request, draw: Draw) -> str:
    text = request.messages[-1].content
    return "Right.\nBEST=Red" if "Comment on this" in text else f"BEST=Red\nACTION={'Red' if draw.sample else 'Blue'}"


async def test_a_question_goes_in_and_a_decision_comes_out() -> None:
    graph = reason_act().compile(model=FakeListChatModel(responses=[GOOD]))
    end = await graph.ainvoke(QUESTION)
    assert (end["action"], end["recommendation"], end["status"]) == ("Blue", ["Red"], "ok")
    assert [(m.name, m.text) for m in end["messages"]] == [("reason_act", GOOD)] and end["rationale"] == GOOD
    assert set(end) == {"action", "recommendation", "rationale", "status", "messages"}
    chat = await graph.ainvoke({"messages": [("user", "Which is the capital of France?")]})
    assert chat["status"] == "ok" and [m.type for m in chat["messages"]] == ["human", "ai"]


def test_it_is_invoked_streamed_and_drawn_like_any_graph() -> None:
    graph = (reason_then_act() | ak.critique()).compile(model=Scripted(answers))
    assert graph.invoke(QUESTION)["status"] == "ok"
    nodes = [list(update)[0] for update in graph.stream(QUESTION, stream_mode="updates")]
    assert nodes == ["reason", "critic", "reason.revise", "act"]
    schema = graph.get_input_jsonschema()
    assert set(schema["properties"]) == {"question", "options", "messages"}
    assert schema["properties"]["options"] == {"items": {"type": "string"}, "title": "Options", "type": "array"}
    assert "action" in graph.get_output_jsonschema()["properties"]
    assert set(graph.get_context_jsonschema()["properties"]) == {"model"}
    assert "reason.revise" in graph.get_graph().draw_mermaid() and graph.name == "reason_then_act | critique"


async def test_lanes_vote_and_a_notebook_may_invoke_it_within_its_loop() -> None:
    graph = (reason_act() | ak.self_consistency(3)).compile(model=Scripted(answers))
    end = graph.invoke(QUESTION)
    assert (end["action"], [m.name for m in end["messages"]]) == ("Red", ["reason_act"] * 3 + ["vote"])


def test_a_checkpointer_keeps_plain_json_and_goes_on_where_it_stopped() -> None:
    saver = InMemorySaver()
    graph = (reason_act() | ak.critique()).compile(
        model=Scripted(answers), checkpointer=saver, interrupt_before=["reason_act.revise"]
    )
    thread: Any = {"configurable": {"thread_id": "1"}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        graph.invoke(QUESTION, thread)
        turns = graph.get_state(thread).values["turns"]
        assert json.loads(json.dumps(turns)) == turns and set(turns) == {"reason_act", "critic"}
        end = graph.invoke(None, thread)
    assert end["status"] == "ok" and [m.name for m in end["messages"]] == ["reason_act", "critic", "reason_act.revise"]


async def test_a_graph_from_elsewhere_is_served_with_its_interventions() -> None:
    model = ak.ChatModel()

    async def agent(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("agent", agent)
    builder.add_edge(START, "agent")
    builder.add_edge("agent", END)
    plan = external(builder.compile(), name="own") | ak.critique()
    graph = plan.compile(model=Scripted(answers), checkpointer=InMemorySaver())
    end = await graph.ainvoke(QUESTION, {"configurable": {"thread_id": "1"}})
    assert (end["status"], [m.name for m in end["messages"]]) == ("ok", ["own", "critic", "own.revise"])


async def test_the_model_is_named_where_it_is_invoked(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = reason_act().compile()
    with pytest.raises(BadOption, match="the graph has no model"):
        await graph.ainvoke(QUESTION)
    asked = await graph.ainvoke(QUESTION, context={"model": "simulated"})
    assert asked["status"] in ("ok", "unparsable")
    slots = {"default": Scripted(answers), "critic": Scripted(lambda r, d: "No.\nBEST=Blue", "other")}
    end = await (reason_act() | ak.critique()).compile(model=slots).ainvoke(QUESTION)
    assert end["messages"][1].text == "No.\nBEST=Blue"
    for bad in ({}, {**QUESTION, "options": ["Red", "Red"]}, {**QUESTION, "options": "Red"}):
        with pytest.raises(BadOption):
            await reason_act().compile(model=Scripted(answers)).ainvoke(bad)


def test_what_reads_the_oracle_cannot_be_served() -> None:
    for plan in (ak.graphs.oracle_act(), reason_act() | multi_turn_aiw()):
        with pytest.raises(PlanError, match="told by the oracle"):
            plan.compile()


@cache
def namespaces(file: Path) -> frozenset[str]:
    """The names that a module holds once it is loaded."""
    return frozenset(runpy.run_path(str(file)))


def test_every_shipped_graph_is_served_by_langgraph_dev() -> None:
    root = Path(ak.__file__).parent
    named = json.loads((root / "langgraph.json").read_text())["graphs"]
    for name, place in named.items():
        file, _, member = place.partition(":")
        assert object_named(f"{root / file}:{member}").name.partition("(")[0] == name
        assert member in namespaces(root / file)  # the server reads the names of a module, and asks no __getattr__
    ours = [name for name in GRAPHS if name != "external" and is_shipped(GRAPHS.factory(name))]
    assert {name for name in ours if not GRAPHS.make(name).leaks} == set(named)
