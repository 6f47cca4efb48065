"""What agents of LangChain's own packages do is followed: they end in a call, ask for each call, and hand over."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from langgraph.types import interrupt

import akrasia as ak
from akrasia.graphs import GraphOutput, MessagesAdapter, external
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.records import Draw, Record, Request, Response, Situation, ToolCall

TASK = {"name": "bandit", "arms": 3, "horizon": 1}


def arm_of(request: Request) -> str:
    found = re.search(r"You face \d+ \w+: (\w+)", "\n".join(m.content for m in request.messages))
    return found[1] if found else "X"


def calls(request: Request, draw: Draw) -> str | Response:
    if request.tools and not any(m.role == "tool" for m in request.messages):
        return Response("", tool_calls=(ToolCall(request.tools[0].name, "{}", f"c{draw.sample}"),))
    return f"BEST={arm_of(request)}\nACTION={arm_of(request)}"


def records(plans: list[Any], model: Any, out: Path) -> list[Record]:
    ak.run(task=TASK, model=model, variants=plans, episodes=1, out=out)
    with read_ledger(out) as ledger:
        return list(ledger.records())


class Ends(MessagesAdapter):
    """Reads the arguments of the call in which the graph ends."""

    def from_state(self, state: Any, situation: Situation, by_node: Any = None) -> GraphOutput:
        return GraphOutput(text=state["messages"][-1].tool_calls[-1]["args"]["answer"])


def test_a_graph_that_ends_in_a_call_is_asked_again_as_providers_take_it(tmp_path: Path) -> None:
    """Reflexion ends so: the call is a form, and nobody calls it."""

    @tool
    def answer(answer: str) -> str:
        """Answer in this form."""
        return answer

    bound = ak.ChatModel().bind_tools([answer], tool_choice="answer")

    async def node(state: MessagesState) -> Any:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("node", node)
    graph.add_edge(START, "node")
    seen: list[Request] = []

    def script(request: Request, draw: Draw) -> Response | str:
        seen.append(request)
        text = f"BEST={arm_of(request)}\nACTION={arm_of(request)}"
        return Response("", tool_calls=(ToolCall("answer", json.dumps({"answer": text}), f"c{len(seen)}"),))

    mine = external(graph.compile(), Ends(), name="mine")
    last = records([mine, mine | ak.re_evaluate()], Scripted(script), tmp_path / "r")[-1]
    assert last.decision.status == "ok"
    roles = [message.role for message in seen[-1].messages]
    assert roles == ["user", "assistant", "tool", "user"]
    assert seen[-1].messages[2].tool_call_id == seen[-1].messages[1].tool_calls[0].id


def test_only_open_calls_are_answered() -> None:
    call = {"name": "f", "args": {}, "id": "1"}
    done = [HumanMessage("?"), AIMessage("", tool_calls=[call]), ToolMessage("0.7", tool_call_id="1"), AIMessage("Red")]
    after = MessagesAdapter().follow_up({"messages": done}, "Sure?")["messages"]
    assert after[:4] == done and [m.type for m in after] == ["human", "ai", "tool", "ai", "human"]


@pytest.mark.parametrize("batched", [True, False])
def test_a_human_approves_calls_all_at_once_or_one_by_one(batched: bool, tmp_path: Path) -> None:
    """The two forms of `HumanInTheLoopMiddleware`: `HITLRequest`, and `ToolApprovalRequest` since LangChain 1.5."""

    @tool
    def look() -> str:
        """Look."""
        asked: Any = {"type": "tool_approval", "tool_call_id": "c0", "name": "look", "args": {}, "description": "?"}
        if batched:
            said = interrupt({"action_requests": [{"name": "look"}], "review_configs": []})["decisions"]
            assert said == [{"type": "approve"}]
        else:
            assert interrupt(asked) == {"type": "approve"}
        return "0.7"

    bound = ak.ChatModel().bind_tools([look])

    async def think(state: MessagesState) -> Any:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode([look]))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    mine = external(graph.compile(), MessagesAdapter(human="approve"), name="mine")
    (record,) = records([mine], Scripted(calls), tmp_path / "r")
    assert record.decision.status == "ok" and "interrupt" not in record.tags


def test_handing_over_is_no_tool_whose_result_is_lost(tmp_path: Path) -> None:
    @tool
    def transfer_to_expert() -> str:
        """Hand over."""
        return "Transferred."

    transfer_to_expert.metadata = {"__handoff_destination": "expert"}
    bound = ak.ChatModel().bind_tools([transfer_to_expert])

    async def think(state: MessagesState) -> Any:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode([transfer_to_expert]))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    (record,) = records([external(graph.compile(), name="mine")], Scripted(calls), tmp_path / "r")
    assert record.decision.status == "ok" and "unrecorded_tools" not in record.tags
