"""A graph with tools, structured output and streaming is a variant as it stands: its calls are kept and replayed."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import InjectedState, ToolNode, tools_condition
from pydantic import BaseModel

import akrasia as ak
from akrasia.errors import PlanError, UnknownName
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.records import Draw, Request, Response, ToolCall, ToolUse

LISTED = re.compile(r"You face \d+ \w+: (\w+)")


def label(request: Request) -> str:
    """The first arm that a prompt lists."""
    found = LISTED.search("\n".join(m.content for m in request.messages))
    return found[1] if found else "Blue"


def good(request: Request) -> str:
    return f"BEST={label(request)}\nACTION={label(request)}"


@tool
def mean(arm: str) -> str:
    """The mean reward of an arm."""
    return f"{arm}: 0.7"


def react(model: Any) -> Any:
    bound = model.bind_tools([mean])

    async def think(state: MessagesState) -> Any:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode([mean]))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    return graph.compile()


def calls_first(request: Request, draw: Draw) -> str | Response:
    if request.messages[-1].role == "tool" or "The tool mean returned" in request.messages[-1].content:
        return good(request)
    if request.tools:
        return Response("", tool_calls=(ToolCall("mean", '{"arm":"Blue"}', "c1"),), finish_reason="tool_calls")
    return '{"tool_calls":[{"name":"mean","arguments":{"arm":"Blue"}}]}'


def ran(graph: Any, model: Any, out: Path) -> list[Any]:
    mine = ak.Variant.from_langgraph("mine", graph, ak.graphs.MessagesAdapter())
    ak.run(task={"name": "bandit", "horizon": 2}, model=model, variants=[mine], episodes=2, out=out)
    with read_ledger(out) as ledger:
        return list(ledger.records())


@pytest.mark.parametrize("native", [True, False])
def test_a_react_agent_runs_and_its_calls_stand_in_the_transcript(tmp_path: Path, native: bool) -> None:
    model = Scripted(calls_first, native_tools=native)
    records = ran(react(ak.ChatModel()), model, tmp_path / "r")
    for record in records:
        called, answered = record.decision.turns
        use = called.tools[0]
        assert (use.name, json.loads(use.arguments), use.result) == ("mean", {"arm": "Blue"}, "Blue: 0.7")
        assert called.fault == "" and answered.tools == () and record.decision.status == "ok"


def test_two_variants_of_one_graph_share_calls_and_results(tmp_path: Path) -> None:
    asked: list[Request] = []

    def script(request: Request, draw: Draw) -> str | Response:
        asked.append(request)
        return calls_first(request, draw)

    adapter = ak.graphs.MessagesAdapter()
    both = [ak.Variant.from_langgraph(name, react(ak.ChatModel()), adapter) for name in ("mine", "yours")]
    task = {"name": "bandit", "horizon": 2}
    ak.run(task=task, model=Scripted(script), variants=both, episodes=2, out=tmp_path / "r")
    assert len(asked) == 2 * 2 * 2  # two calls a decision, however many variants make them


def test_show_prints_calls_and_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    from akrasia.reports.show import show_step

    ran(react(ak.ChatModel()), Scripted(calls_first), tmp_path / "r")
    console = Console(width=100, file=open(tmp_path / "out", "w"))
    show_step(tmp_path / "r", 0, 0, ["mine"], console)
    console.file.close()
    text = (tmp_path / "out").read_text()
    assert 'calls mean({"arm":"Blue"}) -> Blue: 0.7' in text and "[tool mean, answers c1]" in text


class Best(BaseModel):
    """The best arm."""

    arm: str


@pytest.mark.parametrize("method", ["function_calling", "json_schema", "json_mode"])
@pytest.mark.parametrize("native", [True, False])
def test_structured_output_by_every_method(tmp_path: Path, method: str, native: bool) -> None:
    structured = ak.ChatModel().with_structured_output(Best, method=method)

    async def node(state: MessagesState) -> Any:
        best: Any = await structured.ainvoke(state["messages"])
        return {"messages": [AIMessage(f"BEST={best.arm}\nACTION={best.arm}")]}

    def script(request: Request, draw: Draw) -> str | Response:
        arguments = json.dumps({"arm": label(request)})
        if request.tools:
            return Response("", tool_calls=(ToolCall("Best", arguments, "1"),))
        if method == "function_calling":
            return json.dumps({"tool_calls": [{"name": "Best", "arguments": {"arm": label(request)}}]})
        return arguments

    graph = StateGraph(MessagesState)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_edge("node", END)
    records = ran(graph.compile(), Scripted(script, native_tools=native), tmp_path / "r")
    assert {r.decision.status for r in records} == {"ok"} and all(r.decision.done for r in records)


async def test_several_answers_of_one_call_are_several_draws(tmp_path: Path) -> None:
    async def node(state: MessagesState) -> Any:
        result = await ak.ChatModel(n=3, temperature=0.5).agenerate([state["messages"]])
        texts = [generation.text for generation in result.generations[0]]
        return {"messages": [AIMessage(texts[2])]}

    graph = StateGraph(MessagesState)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_edge("node", END)
    model = Scripted(lambda r, d: f"draw {d.sample} at {r.sampling.temperature}\n{good(r)}")
    mine = ak.Variant.from_langgraph("mine", graph.compile(), ak.graphs.MessagesAdapter())
    await ak.arun(task={"name": "bandit", "horizon": 1}, model=model, variants=[mine], episodes=1, out=tmp_path / "r")
    with read_ledger(tmp_path / "r") as ledger:
        (record,) = ledger.records()
    assert [t.sample for t in record.decision.turns] == [0, 1, 2]
    assert record.decision.rationale.startswith("draw 2 at 0.5")


async def test_the_same_graph_speaks_outside_of_a_run_and_streams() -> None:
    graph = react(ak.ChatModel(model=Scripted(calls_first)))
    state = await graph.ainvoke({"messages": [HumanMessage("Which?")]})
    assert [m.type for m in state["messages"]] == ["human", "ai", "tool", "ai"]
    pieces = [
        chunk.text
        async for chunk, _ in graph.astream({"messages": [HumanMessage("Which?")]}, stream_mode="messages")
        if chunk.type == "AIMessageChunk"
    ]
    assert "".join(pieces) == "BEST=Blue\nACTION=Blue" and len(pieces) > 2


def test_an_argument_that_is_none_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownName, match="temperature"):
        ak.ChatModel(temprature=0)
    with pytest.raises(UnknownName, match="method"):
        ak.ChatModel().with_structured_output(Best, method="json")


def test_a_use_without_a_result_says_so() -> None:
    assert ToolUse("f").result == "" and ToolUse("f").error == ""


class TestRecorded:
    """What a tool returned is kept: it is called once for each (arguments, draw), and replayed."""

    def graph(self, called: list[str], fails: bool = False) -> Any:
        def look(arm: str) -> str:
            """The mean reward of an arm."""
            called.append(arm)
            if fails:
                raise RuntimeError("the service is down")
            return f"{arm}: <think>0.7</think>"

        keeps = ak.recorded(look)
        bound = ak.ChatModel().bind_tools([keeps])

        async def think(state: MessagesState) -> Any:
            return {"messages": [await bound.ainvoke(state["messages"])]}

        graph = StateGraph(MessagesState)
        graph.add_node("think", think)
        graph.add_node("tools", ToolNode([keeps], handle_tool_errors=True))
        graph.add_edge(START, "think")
        graph.add_conditional_edges("think", tools_condition)
        graph.add_edge("tools", "think")
        return graph.compile()

    @staticmethod
    def script(request: Request, draw: Draw) -> str | Response:
        if request.messages[-1].role == "tool":
            return good(request)
        return Response("", tool_calls=(ToolCall("look", json.dumps({"arm": label(request)}), "c1"),))

    @pytest.mark.parametrize("fails", [False, True])
    def test_variants_share_results_and_a_replay_calls_nothing(self, tmp_path: Path, fails: bool) -> None:
        called: list[str] = []
        adapter = ak.graphs.MessagesAdapter()
        mine = ak.Variant.from_langgraph("mine", self.graph(called, fails), adapter)
        yours = ak.Variant.from_langgraph("yours", self.graph(called, fails), adapter)
        task = {"name": "bandit", "horizon": 2}
        result = ak.run(task=task, model=Scripted(self.script), variants=[mine, yours], episodes=2, out=tmp_path / "r")
        assert len(called) == 4  # one a situation
        with read_ledger(tmp_path / "r") as ledger:
            records = list(ledger.records())
            assert ledger.paid().calls == 8 and ledger.spent().calls == 8  # tools are no calls of a model
        for record in records:
            (use,) = record.decision.turns[0].tools
            assert "unrecorded_tools" not in record.tags and record.decision.status == "ok"
            assert ("the service is down" in use.error) if fails else use.result.endswith(": <think>0.7</think>")
        assert result is not None

    def test_an_unrecorded_tool_is_named(self, tmp_path: Path) -> None:
        for record in ran(react(ak.ChatModel()), Scripted(calls_first), tmp_path / "r"):
            assert record.tags["unrecorded_tools"] == "mean"

    async def test_outside_of_a_run_it_is_the_tool(self) -> None:
        def double(x: int) -> int:
            """Twice a number."""
            return 2 * x

        keeps = ak.recorded(double)
        assert await keeps.ainvoke({"x": 3}) == "6" and keeps.name == "double"

    @pytest.mark.parametrize(
        ("result", "said"),
        [("x" * 2**20, "1,048,"), (None, "")],
    )
    async def test_what_cannot_be_kept_is_a_failure_that_says_why(self, result: Any, said: str) -> None:
        def give() -> Any:
            """Gives something."""
            return result

        if not said:
            assert await ak.recorded(give).ainvoke({}) == "null"
            return
        with pytest.raises(Exception, match=f"'give' failed: its result .*{said}"):
            await ak.recorded(give).ainvoke({})

    async def test_a_tool_that_hangs_is_given_up(self) -> None:
        async def hang() -> str:
            """Never ends."""
            await asyncio.sleep(60)
            return ""

        with pytest.raises(Exception, match="no result within 0.05 s"):
            await ak.recorded(hang, timeout=0.05).ainvoke({})

    def test_a_tool_that_reads_the_state_is_refused(self) -> None:
        def peek(state: Annotated[dict[str, Any], InjectedState]) -> str:
            """Looks at the state."""
            return str(state)

        with pytest.raises(PlanError, match="is handed state"):
            ak.recorded(peek)


async def test_nodes_that_are_plain_functions_wait_for_their_models_side_by_side(tmp_path: Path) -> None:
    waiting = threading.Barrier(40)

    def node(state: MessagesState) -> Any:
        waiting.wait(20)  # none goes on before all 40 are there
        return {"messages": [ak.ChatModel().invoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    graph.add_edge("node", END)
    mine = ak.Variant.from_langgraph("mine", graph.compile(), ak.graphs.MessagesAdapter())
    model = Scripted(lambda r, d: good(r))
    task = {"name": "bandit", "horizon": 1}
    await ak.arun(task=task, model=model, variants=[mine], episodes=40, concurrency=64, out=tmp_path / "r")
    with read_ledger(tmp_path / "r") as ledger:
        assert {record.decision.status for record in ledger.records()} == {"ok"}
