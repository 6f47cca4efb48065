"""An agent's gap between knowing and doing as a test of your own CI.

    pytest examples/ci/test_agent.py
    AGENTS=healthy,raises,mute,waits pytest examples/ci/test_agent.py

The fixtures come with akrasia. The first command passes; in the second the three broken agents fail, each with the
reason: a crash, an answer that nobody gave and a graph that waits for a human make no gap, and prove nothing.
"""

import os
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak

LLM = ak.ChatModel()  # in the place of ChatOpenAI(...)
MODEL = os.environ.get("MODEL", "simulated:knowing=0.95,greedy=0,optimal=1")


async def answers(state: MessagesState) -> Any:
    return {"messages": [await LLM.ainvoke(state["messages"])]}


async def raises(state: MessagesState) -> Any:
    raise RuntimeError("vector store down")


async def mute(state: MessagesState) -> Any:
    return {"messages": [("ai", "I would rather not say.")]}


def graph(node: Any, **options: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile(**options)


AGENTS = {
    "healthy": graph(answers),
    "raises": graph(raises),
    "mute": graph(mute),
    "waits": graph(answers, checkpointer=InMemorySaver(), interrupt_before=["node"]),
}


@pytest.mark.parametrize("name", os.environ.get("AGENTS", "healthy").split(","))
def test_the_agent_does_what_it_knows(name: str, akrasia_run: Any, assert_gap: Any, assert_check: Any) -> None:
    agent = ak.Variant.from_langgraph(name, AGENTS[name], ak.graphs.MessagesAdapter())
    result = akrasia_run(task={"name": "bandit", "arms": 4, "horizon": 3}, model=MODEL, variants=[agent], episodes=30)
    assert_gap(result, below=0.2)
    assert_check(result, "doing >= 70%", "calls <= 2")
