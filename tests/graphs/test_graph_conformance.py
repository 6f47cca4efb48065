"""The kit passes sound graphs of every shape, and catches every way of breaking one that it names."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.func import entrypoint
from langgraph.graph import END, START, MessagesState, StateGraph
from pydantic import BaseModel

import akrasia as ak
from akrasia.agents.rendering import render_situation
from akrasia.errors import PlanError
from akrasia.graphs import GraphOutput, MessagesAdapter, StateAdapter, StructuredAdapter, conformance, external
from akrasia.records import Situation

MODEL = ak.ChatModel()


def chain(*nodes: Any, state: Any = MessagesState, **options: Any) -> Any:
    builder = StateGraph(state)
    names = [START, *(n.__name__ for n in nodes), END]
    for node in nodes:
        builder.add_node(node.__name__, node)
    for u, v in zip(names, names[1:], strict=False):
        builder.add_edge(u, v)
    return builder.compile(**options)


async def agent(state: MessagesState) -> dict[str, Any]:
    return {"messages": [await MODEL.ainvoke(state["messages"])]}


async def check_it(state: MessagesState) -> dict[str, Any]:
    return {"messages": [await MODEL.ainvoke([*state["messages"], HumanMessage("Check it.")])]}


class Choice(BaseModel):
    best: str
    action: str


class Answered(MessagesState, total=False):
    structured_response: Choice


async def fills(state: Answered) -> dict[str, Any]:
    return {"structured_response": await MODEL.with_structured_output(Choice).ainvoke(state["messages"])}


class Note(TypedDict, total=False):
    question: str
    answer: str


async def writes(state: Note) -> Note:
    return {"answer": (await MODEL.ainvoke(state["question"])).text}


@entrypoint()
async def flow(text: str) -> str:
    return str((await MODEL.ainvoke(text)).text)


def test_sound_graphs_of_every_shape_pass() -> None:
    for plan in (
        external(chain(agent)), external(chain(agent, check_it)), external(chain(writes, state=Note), StateAdapter()),
        external(chain(fills, state=Answered), StructuredAdapter(recommendation="best")),
        external(flow, StateAdapter(input="", answer="")),
    ):  # fmt: skip
        conformance.check(plan)


@dataclass(frozen=True)
class Broken(MessagesAdapter):
    """An adapter with one mistake."""

    mistake: str = ""

    def to_input(self, situation: Situation, hints: str = "") -> dict[str, Any]:
        if self.mistake == "shows all":
            situation = replace(situation, shows=("history",))
        if self.mistake == "tells the index":
            situation = replace(situation, shows=("history", "index"))
        if self.mistake == "forgets":
            situation = replace(situation, history=())
        kept = super().to_input(situation, "" if self.mistake == "drops the hint" else hints)
        return {"messages": [HumanMessage("Hello")]} if self.mistake == "drops the situation" else kept

    def from_state(self, state: Any, situation: Situation, by_node: Any = None) -> GraphOutput:
        found = super().from_state(state, situation, by_node)
        if self.mistake == "decides itself":
            return replace(found, stated=("Plum",), action="Plum")
        if self.mistake == "swaps":
            return replace(found, action="Teal")
        return found

    def follow_up(self, state: Any, text: str) -> dict[str, Any]:
        messages = [m for m in state["messages"] if self.mistake != "drops the state"]
        return {"messages": [*messages, HumanMessage("Go on." if self.mistake == "drops the text" else text)]}


@pytest.mark.parametrize(
    ("mistake", "says"),
    [
        ("shows all", "shown: a hidden history changes nothing"),
        ("tells the index", "shown: values that are hidden change what is asked"),
        ("forgets", "shown: two situations with different histories ask the same"),
        ("drops the situation", "shown: no request names an action"),
        ("drops the hint", "hints: the hint reaches no model"),
        ("decides itself", "own words: no answer of the run's model holds the action"),
        ("swaps", "answer: ACTION=Blue was read as 'Teal'"),
        ("drops the state", "follow-up: its first answer reaches no model"),
        ("drops the text", "follow-up: what is said to it reaches no model"),
    ],
)
def test_every_mistake_of_an_adapter_is_named(mistake: str, says: str) -> None:
    plan = external(chain(agent), Broken(mistake=mistake))
    assert any(line.startswith(says) for line in conformance.problems(plan)), conformance.problems(plan)
    with pytest.raises(conformance.NonConforming, match="fails the conformance kit"):
        conformance.check(plan)
    assert not conformance.problems(external(chain(agent), Broken()))


def broken_graphs() -> dict[str, tuple[Any, str]]:
    seen: list[str] = []
    other = FakeListChatModel(responses=["BEST=Teal\nACTION=Blue"])

    async def notes(state: MessagesState) -> dict[str, Any]:
        seen.append("again")
        return {"messages": [await MODEL.ainvoke([*state["messages"], HumanMessage(f"Note {len(seen)}.")])]}

    async def draws(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await MODEL.ainvoke([*state["messages"], HumanMessage(f"Luck {random.random()}.")])]}

    async def elsewhere(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await other.ainvoke(state["messages"])]}

    async def silent(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage("BEST=Teal\nACTION=Blue")]}

    async def guesses(state: MessagesState) -> dict[str, Any]:
        text = (await MODEL.ainvoke(state["messages"])).text
        return {"messages": [AIMessage(text if "ACTION=" in text else "BEST=Red\nACTION=Red")]}

    async def brittle(state: MessagesState) -> dict[str, Any]:
        text = (await MODEL.ainvoke(state["messages"])).text
        return {"messages": [AIMessage(text.split("ACTION=")[1] and text)]}

    async def fails(state: MessagesState) -> dict[str, Any]:
        raise KeyError("nothing")

    return {
        "notes": (chain(notes), "isolation: "),
        "draws": (chain(draws), "replay: "),
        "elsewhere": (chain(elsewhere), "own words: it asks another model"),
        "silent": (chain(silent), "own words: it asks no model of the run"),
        "guesses": (chain(guesses), "statuses: where every answer is refused, it still decides 'Red'"),
        "brittle": (chain(brittle), "statuses: where every answer is unparsable, its own code fails in node 'brittle'"),
        "fails": (chain(fails), "answer: ACTION=Blue was read as None (error): KeyError: 'nothing'"),
    }


@pytest.mark.parametrize("name", list(broken_graphs()))
def test_every_mistake_of_a_graph_is_named(name: str) -> None:
    graph, says = broken_graphs()[name]
    found = conformance.problems(external(graph, name="mine"))
    assert any(line.startswith(says) for line in found), found


def test_the_kit_takes_a_graph_alone_and_other_answers() -> None:
    with pytest.raises(PlanError, match="before any intervention"):
        conformance.check(external(chain(agent)) | ak.critique())
    with pytest.raises(PlanError, match="no graph from elsewhere alone"):
        conformance.check(ak.graphs.reason_act())
    assert render_situation(conformance.SITUATION).count("button")
    told = conformance.problems(external(chain(agent)), lambda request, best, action: f"I take {action}.")
    assert told and told[0].startswith("answer: ")
