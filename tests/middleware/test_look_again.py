"""Interventions as middleware of `create_agent`: measured in a run, and shipped as they are."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

import akrasia as ak
from akrasia.agents.follow_up import FOLLOW_UPS
from akrasia.errors import BadOption
from akrasia.models import Gateway, ModelRoles, Scripted
from akrasia.records import Draw, Request, Response, Situation, ToolCall

SITUATION = Situation("t", 0, 1, "Two buttons.", ("Red", "Blue"), noun="button")
GOOD = "BEST=Red\nACTION=Blue"


@tool
def mean(arm: str) -> str:
    """The mean reward of an arm."""
    return f"{arm}: 0.7"


def agent(*middleware: Any, model: Any = None) -> Any:
    return create_agent(model or ak.ChatModel(), tools=[mean], middleware=middleware)


class Talk:
    """Calls the tool first; then answers, and remembers what it was asked."""

    def __init__(self, tools: bool = True) -> None:
        self.tools = tools
        self.asked: list[list[str]] = []

    def __call__(self, request: Request, draw: Draw) -> Any:
        self.asked.append([m.content for m in request.messages])
        last = request.messages[-1].content
        if "Comment on this" in last:
            return "Red has the higher mean.\nBEST=Red"
        if self.tools and request.tools and not any(m.role == "tool" for m in request.messages):
            return Response("", tool_calls=(ToolCall("mean", '{"arm": "Red"}', "c1"),), finish_reason="tool_calls")
        return f"BEST=Red\nACTION={'Red' if draw.sample else 'Blue'}" if "again" not in last else "BEST=Red\nACTION=Red"


async def decided(graph: Any, script: Any) -> Any:
    model = Scripted(script)
    roles = ModelRoles(Gateway([model]), {"default": model.info.id})
    return await ak.graphs.external(graph, name="own").decide_tagged(SITUATION, roles, 0, 0)


@pytest.mark.parametrize("name", ["re_evaluate", "self_correct", "reflect"])
async def test_the_agent_is_asked_again_in_the_words_of_the_intervention(name: str) -> None:
    talk, move = Talk(), {"re_evaluate": "again"}.get(name, name)
    decision, _ = await decided(agent(getattr(ak.middleware, name)()), talk)
    assert len(talk.asked) == 3 and talk.asked[-1][-1].startswith(FOLLOW_UPS[move])
    assert talk.asked[-1][-2] == GOOD and (decision.done, decision.status) == ("Red", "ok")
    talk = Talk()
    await decided(agent(getattr(ak.middleware, name)(rounds=2)), talk)
    assert [FOLLOW_UPS[move] in asked[-1] for asked in talk.asked] == [False, False, True, True]


async def test_a_critic_comments_and_the_agent_revises() -> None:
    talk = Talk()
    decision, _ = await decided(agent(ak.middleware.critique()), talk)
    (comment,) = [asked for asked in talk.asked if "Comment on this" in asked[-1]]
    assert "The tool mean returned: Red: 0.7" in comment[0] and GOOD in comment[0] and "Two buttons." in comment[0]
    assert "--- agent 1 ---\nRed has the higher mean." in talk.asked[-1][-1] and decision.done == "Red"
    talk = Talk()
    await decided(agent(ak.middleware.critique(blind=True)), talk)
    (comment,) = [asked for asked in talk.asked if "Comment on this" in asked[-1]]
    assert "Two buttons." not in comment[0] and GOOD in comment[0]


async def test_several_draws_are_counted() -> None:
    decision, _ = await decided(agent(ak.middleware.self_consistency(3)), Talk(tools=False))
    assert decision.done == "Red" and [t.sample for t in decision.turns] == [0, 1, 2]
    assert ak.middleware.self_consistency(3).label("ACTION= Red\n") == "red"  # type: ignore[misc]
    with pytest.raises(BadOption):
        ak.middleware.self_consistency(0)
    with pytest.raises(BadOption):
        ak.middleware.critique(rounds=0)


def test_it_is_shipped_as_it_was_measured() -> None:
    """Outside of a run, with a model of its own, called and not awaited; each question is looked at anew."""
    talk = Talk(tools=False)
    graph = agent(ak.middleware.critique(), ak.middleware.re_evaluate(), model=ak.ChatModel(model=Scripted(talk)))
    state = graph.invoke({"messages": [HumanMessage("Which?")]})
    said = [(m.type, m.additional_kwargs.get("akrasia", "")) for m in state["messages"]]
    assert said == [
        ("human", ""), ("ai", ""), ("human", "again"), ("ai", ""), ("human", "revise"), ("ai", ""),
    ]  # fmt: skip
    before = len(talk.asked)
    assert before == 4  # the answer, a second one, the critic's comment, the last one
    graph.invoke({"messages": [*state["messages"], HumanMessage("And now?")]})
    assert len(talk.asked) == 2 * before
