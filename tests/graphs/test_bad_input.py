"""Bad tools, endless graphs, names that are taken and adapters of the wrong shape: typed, named and early."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

import akrasia as ak
from akrasia.errors import BadOption, UsageError
from akrasia.graphs import GraphOutput, MessagesAdapter, external
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.records import Draw, Record, Request, Response, Situation, ToolCall

TASK = {"name": "bandit", "arms": 3, "horizon": 1}


def script(request: Request, draw: Draw) -> str | Response:
    """Calls the tool once, then answers; a model without tools of its own does so in JSON."""
    text = "\n".join(m.content for m in request.messages)
    found = re.search(r"You face \d+ \w+: (\w+)", text)
    arm = found[1] if found else "X"
    if request.tools and request.messages[-1].role != "tool":
        return Response("", tool_calls=(ToolCall(request.tools[0].name, "{}", "c1"),), finish_reason="tool_calls")
    return f"BEST={arm}\nACTION={arm}"


def agent(function: Any, **options: Any) -> Any:
    bound = ak.ChatModel().bind_tools([function])

    async def think(state: MessagesState) -> Any:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode([function], **options))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    return graph.compile()


def ran(graph: Any, out: Path, model: Any = None, adapter: Any = None) -> Record:
    mine = external(graph, adapter or MessagesAdapter(), name="mine")
    ak.run(task=TASK, model=model or Scripted(script), variants=[mine], episodes=1, out=out)
    with read_ledger(out) as ledger:
        (record,) = ledger.records()
    return record


def raises() -> str:
    """Fails."""
    raise RuntimeError("the service is down")


def hangs() -> str:
    """Takes its time."""
    import time

    time.sleep(0.5)
    return "late"


def large() -> str:
    """Returns a megabyte."""
    return "x" * 2**20


def odd() -> Any:
    """Returns what is no JSON."""
    return "content", object()


@pytest.mark.parametrize(
    ("function", "says", "options"),
    [
        (raises, "RuntimeError: the service is down", {}),
        (hangs, "no result within 0.1 s", {}),
        (large, "its result has 1,048,", {}),
        (odd, "its result is no JSON: ", {"response_format": "content_and_artifact"}),
    ],
)
def test_a_recorded_tool_that_fails_is_named_and_the_graph_goes_on(
    function: Any, says: str, options: dict[str, Any], tmp_path: Path
) -> None:
    keeps = ak.recorded(tool(**options)(function) if options else function, timeout=0.1 if function is hangs else 60)
    record = ran(agent(keeps, handle_tool_errors=True), tmp_path / "r")
    (use,) = record.decision.turns[0].tools
    assert record.decision.status == "ok" and use.name == function.__name__
    assert f"the tool '{function.__name__}' failed: " in use.error and says in use.error
    assert (tmp_path / "r" / "ledger.sqlite").stat().st_size < 400_000  # a megabyte is not kept


def test_a_tool_that_raises_through_the_graph_is_a_fault_of_its_own_code(tmp_path: Path) -> None:
    record = ran(agent(raises, handle_tool_errors=False), tmp_path / "r")
    assert record.decision.status == "error" and record.tags["own_code"] == "node 'tools'"
    assert "the service is down" in record.decision.turns[-1].text


def test_a_graph_that_loops_ends_with_the_number_of_its_steps(tmp_path: Path) -> None:
    def turns(state: MessagesState) -> Any:
        return {"messages": []}

    graph = StateGraph(MessagesState)
    graph.add_node("turns", turns)
    graph.add_edge(START, "turns")
    graph.add_edge("turns", "turns")
    record = ran(graph.compile(), tmp_path / "r")
    assert record.decision.status == "error" and "100" in record.decision.turns[-1].text


def test_two_graphs_of_one_name_are_refused(tmp_path: Path) -> None:
    one, two = (external(agent(f), MessagesAdapter(), name="mine") for f in (raises, large))
    with pytest.raises(BadOption, match="two variants are named 'mine'"):
        ak.run(task=TASK, model=Scripted(script), variants=[one, two], episodes=1, out=tmp_path / "r")
    assert not (tmp_path / "r").exists()


class NoAdapter:
    """It reads nothing."""

    def to_input(self, situation: Situation) -> Any:
        return {}


@dataclass(frozen=True)
class Gives(MessagesAdapter):
    """Gives something in the place of a `GraphOutput`."""

    what: Any = None

    def from_state(self, state: Any, situation: Situation, by_node: Any = None) -> Any:
        return self.what


@pytest.mark.parametrize(
    ("adapter", "says"),
    [
        (NoAdapter(), "is no adapter: it needs to_input.situation. and from_state"),
        ("nothing", "nothing"),
        (Gives(what="Red"), "the adapter of 'mine' gave str"),
        (Gives(what=GraphOutput(stated="Red")), "stated"),  # type: ignore[arg-type]
        (Gives(what=GraphOutput(stated=("Red",), action=3)), "action"),  # type: ignore[arg-type]
    ],
)
def test_an_adapter_of_the_wrong_shape_ends_the_run_before_a_step_is_kept(
    adapter: Any, says: str, tmp_path: Path
) -> None:
    def answers(state: MessagesState) -> Any:
        return {"messages": [ak.ChatModel().invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("answers", answers)
    graph.add_edge(START, "answers")
    with pytest.raises(UsageError, match=says):
        mine = external(graph.compile(), adapter, name="mine")
        ak.run(task=TASK, model=Scripted(script), variants=[mine], episodes=1, out=tmp_path / "r")
    if (tmp_path / "r").exists():
        with read_ledger(tmp_path / "r") as ledger:
            assert not list(ledger.records())


def test_a_model_without_tools_is_told_of_them_in_words_or_does_not_call(tmp_path: Path) -> None:
    asked: list[Request] = []

    def plain(request: Request, draw: Draw) -> str:
        asked.append(request)
        if "returned" in request.messages[-1].content:
            return str(script(request, draw))
        return json.dumps({"tool_calls": [{"name": "large", "arguments": {}}]})

    def small() -> str:
        """Returns little."""
        return "0.7"

    small.__name__ = "large"
    record = ran(agent(ak.recorded(small)), tmp_path / "r", Scripted(plain, native_tools=False))
    assert [use.result for turn in record.decision.turns for use in turn.tools] == ["0.7"]
    assert not any(request.tools for request in asked)

    def garbled(request: Request, draw: Draw) -> str:
        return '{"tool_calls": [{"name": "nothing'

    record = ran(agent(ak.recorded(small)), tmp_path / "s", Scripted(garbled, native_tools=False))
    assert record.decision.status != "ok" and record.decision.done is None
