"""What a graph decides is its model's: anything else is said, and sound graphs of every build are measured."""

from __future__ import annotations

import asyncio
import json
import operator
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.language_models import FakeListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak
from akrasia.evals.pareto import pareto_points
from akrasia.graphs import GraphOutput, MessagesAdapter
from akrasia.graphs.graph_reading import unsaid
from akrasia.models import Scripted
from akrasia.records import Decision, Draw, Request, Response, Situation

TASK = {"name": "bandit", "arms": 4, "horizon": 3, "head_start": 2}


def labels(text: str) -> list[str]:
    return text.split("buttons: ")[1].split(".")[0].split(", ")


def number(*parts: Any) -> int:
    return int(md5("|".join(map(str, parts)).encode(), usedforsecurity=False).hexdigest(), 16)


def answer(request: Request, draw: Draw) -> str:
    """A model that is asked in several ways: it answers in the form that the last message names."""
    question, last = request.messages[0].content, request.messages[-1].content
    names, h = labels(question), number(question, draw.sample)
    best, action = names[h % 4], names[h // 4 % 4]
    if "Say a plan" in last:
        return "First look at the buttons, then weigh their rewards."
    if "Name a worker" in last:
        return "worker two"
    if "As JSON" in last:
        return json.dumps({"recommended": h % 4, "chosen": h // 4 % 4})
    if "One word" in last:
        return action
    return f"I weigh {', '.join(names)}.\nBEST={best}\nACTION={action}"


class Notes(TypedDict):
    question: str
    said: Annotated[list[str], operator.add]
    final: str


@dataclass(frozen=True)
class NotesAdapter:
    """For graphs that write their answer themselves."""

    def to_input(self, situation: Situation) -> Any:
        return {"question": MessagesAdapter().to_input(situation)["messages"][0].content, "said": [], "final": ""}

    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        return GraphOutput(text=state["final"])


@dataclass(frozen=True)
class JsonAdapter(NotesAdapter):
    """Reads places in the list of actions from JSON."""

    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        found = json.loads(state["final"])
        best, action = (situation.actions[found[key]] for key in ("recommended", "chosen"))
        return GraphOutput(text=state["final"], stated=(best,), action=action)


async def asked(state: Notes, *more: str) -> str:
    messages = [HumanMessage("\n".join([state["question"], *more]))]
    return str((await ak.ChatModel().ainvoke(messages)).text)


async def ask(state: Notes) -> Any:
    return {"said": [await asked(state, "Take your time.")]}


async def plan(state: Notes) -> Any:
    return {"said": [await asked(state, "Say a plan.")]}


async def follow(state: Notes) -> Any:
    said = await asked(state, "The plan is:", state["said"][-1])
    return {"said": [said], "final": said}


async def use_tool(state: Notes) -> Any:
    said = await asked(state, f"The tool returned: {number(state['question']) % 7}")
    return {"said": [said], "final": said}


async def as_json(state: Notes) -> Any:
    return {"final": await asked(state, "As JSON")}


async def supervise(state: Notes) -> Any:
    return {"said": [await asked(state, "Name a worker.")]}


async def work(state: Notes) -> Any:
    return {"final": await asked(state, "You are", state["said"][-1])}


def written(best: str, action: str) -> str:
    return f"After some thought.\nBEST={best}\nACTION={action}"


async def format_it(state: Notes) -> Any:
    lines = state["said"][-1].splitlines()
    return {"final": written(lines[1].partition("=")[2], lines[2].partition("=")[2])}


async def vote(state: Notes) -> Any:
    first = [Counter(s.splitlines()[line].partition("=")[2] for s in state["said"]).most_common(1) for line in (1, 2)]
    return {"final": written(first[0][0][0], first[1][0][0])}


async def two_calls(state: Notes) -> Any:
    """A recommendation of one call and one word of another, put together by the node."""
    best = (await asked(state)).splitlines()[1]
    return {"final": f"{best}\nACTION={await asked(state, 'One word.')}"}


def chain(*nodes: Any) -> Any:
    builder = StateGraph(Notes)
    for node in nodes:
        builder.add_node(node.__name__, node)
    names = [START, *(node.__name__ for node in nodes), END]
    for one, other in zip(names, names[1:], strict=False):
        builder.add_edge(one, other)
    return builder.compile()


def voters() -> Any:
    builder = StateGraph(Notes)
    builder.add_node("vote", vote)
    for name in ("one", "two", "three"):
        builder.add_node(name, ask)
        builder.add_edge(START, name)
        builder.add_edge(name, "vote")
    builder.add_edge("vote", END)
    return builder.compile()


SOUND = {
    "one call": (chain(ask, format_it), NotesAdapter()),
    "plan and execute": (chain(plan, follow), NotesAdapter()),
    "a tool in between": (chain(ask, use_tool), NotesAdapter()),
    "structured output": (chain(as_json), JsonAdapter()),
    "supervisor": (chain(supervise, work), NotesAdapter()),
    "a voting node": (voters(), NotesAdapter()),
    "two calls put together": (chain(two_calls), NotesAdapter()),
}


def scored(out: Path, graph: Any, adapter: Any, model: Any = None, episodes: int = 14) -> Any:
    mine = ak.Variant.from_langgraph("mine", graph, adapter)
    run = ak.run(
        task=TASK, model=model or Scripted(answer), variants=["reason_act", mine], episodes=episodes, out=out / "run"
    )
    card = run.score(["knowing", "doing", "gap"])
    return card, card.arms[1]


def together(folder: Path, graphs: dict[str, Any]) -> dict[str, tuple[Any, Any, bool]]:
    """Graphs in one run beside the baseline: name -> its arm, its verdict, and whether it stands on the front."""
    variants = [ak.Variant.from_langgraph(name, *built[:2]) for name, built in graphs.items()]
    run = ak.run(task=TASK, model=Scripted(answer), variants=["reason_act", *variants], episodes=14, out=folder)
    card = run.score(["knowing", "doing", "gap"])
    front = {point.variant for point in pareto_points(card.arms)}
    verdicts = {verdict.variant: verdict for verdict in card.verdicts}
    return {arm.variant: (arm, verdicts[arm.variant], arm.variant in front) for arm in card.arms[1:]}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any, bool]]:
    return together(tmp_path_factory.mktemp("sound") / "run", SOUND)


@pytest.mark.parametrize("name", SOUND)
def test_sound_graphs_of_every_build_keep_their_verdict(sound: dict[str, tuple[Any, Any, bool]], name: str) -> None:
    arm, verdict, on_front = sound[name]
    assert not arm.integrity and not any("its steps" in c for c in arm.cautions), (arm.integrity, arm.cautions)
    assert arm.metrics["gap"].value is not None and arm.bounds == {}
    assert verdict.outcome in ("closes", "widens", "no change shown")
    assert on_front


def one_node(node: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder.compile()


async def honest(state: MessagesState) -> Any:
    return {"messages": [await ak.ChatModel().ainvoke(state["messages"])]}


async def deaf(state: MessagesState) -> Any:
    await ak.ChatModel().ainvoke(state["messages"])
    first = labels(str(state["messages"][-1].content))[0]
    return {"messages": [("ai", written(first, first))]}


def other(state: MessagesState) -> tuple[FakeListChatModel, str]:
    label = labels(str(state["messages"][-1].content))[1]
    return FakeListChatModel(responses=[written(label, label)]), "x"


async def in_executor(state: MessagesState) -> Any:
    await ak.ChatModel().ainvoke(state["messages"])
    model, text = other(state)
    said = await asyncio.get_running_loop().run_in_executor(None, model.invoke, text)
    return {"messages": [("ai", said.content)]}


def in_own_pool(state: MessagesState) -> Any:
    ak.ChatModel().invoke(state["messages"])
    model, text = other(state)
    with ThreadPoolExecutor(1) as pool:
        return {"messages": [("ai", pool.submit(model.invoke, text).result().content)]}


async def fed_by_another(state: MessagesState) -> Any:
    """The other model's answer decides through the prompt of the run's own."""
    model, text = other(state)
    said = await asyncio.get_running_loop().run_in_executor(None, model.invoke, text)
    return {
        "messages": [await ak.ChatModel().ainvoke([*state["messages"], ("user", f"An expert says: {said.content}")])]
    }


class FirstMessage(MessagesAdapter):
    """Shows an example and reads it as the answer."""

    def to_input(self, situation: Situation) -> dict[str, Any]:
        asks = super().to_input(situation)["messages"]
        return {"messages": [*asks, AIMessage(written(*situation.actions[:2])), HumanMessage(asks[0].content)]}

    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        return GraphOutput(text=next(str(m.text) for m in state["messages"] if m.type == "ai"))


class AlwaysFirst(MessagesAdapter):
    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        text = super().from_state(state, situation).text
        return GraphOutput(text=text, action=situation.actions[0], stated=(situation.actions[0],))


class StatesAll(MessagesAdapter):
    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        return GraphOutput(text=super().from_state(state, situation).text, stated=situation.actions)


class StatesWhatItDoes(MessagesAdapter):
    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        text = super().from_state(state, situation).text
        return GraphOutput(text=text, action=text.splitlines()[1].partition("=")[2])


NOT_ITS_OWN = {
    "throws the answer away": (one_node(deaf), MessagesAdapter(), "answer"),
    "reads the example": (one_node(honest), FirstMessage(), "answer"),
    "always the first label": (one_node(honest), AlwaysFirst(), "answer"),
    "states every action": (one_node(honest), StatesAll(), "answer"),
    "acts as it recommends": (one_node(honest), StatesWhatItDoes(), "answer"),
    "another model in the executor": (one_node(in_executor), MessagesAdapter(), "model"),
    "another model in a pool": (one_node(in_own_pool), MessagesAdapter(), "model"),
    "fed by another model": (one_node(fed_by_another), MessagesAdapter(), "model"),
}


@pytest.fixture(scope="module")
def unsound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any, bool]]:
    return together(tmp_path_factory.mktemp("unsound") / "run", NOT_ITS_OWN)


@pytest.mark.parametrize("name", NOT_ITS_OWN)
def test_what_no_answer_of_the_model_holds_is_no_finding(unsound: dict[str, tuple[Any, Any, bool]], name: str) -> None:
    arm, verdict, on_front = unsound[name]
    assert NOT_ITS_OWN[name][2] in [fault.check for fault in arm.integrity], arm.integrity
    assert verdict.outcome == "not measured" and verdict.sentence.startswith("not measured: ")
    assert not on_front


def test_a_default_answer_of_refused_calls_is_not_the_models(tmp_path: Path) -> None:
    def refuses(request: Request, draw: Draw) -> Any:
        return Response("", "refused", "content_filter") if len(request.messages) > 1 else answer(request, draw)

    async def falls_back(state: MessagesState) -> Any:
        said = await ak.ChatModel().ainvoke([*state["messages"], ("user", "Please weigh.")])
        first = labels(str(state["messages"][0].content))[0]
        return {"messages": [said if said.text else ("ai", written(first, first))]}

    card, arm = scored(tmp_path, one_node(falls_back), MessagesAdapter(), Scripted(refuses))
    assert "answer" in [fault.check for fault in arm.integrity]
    assert card.verdicts[0].outcome == "not measured"


def test_a_sound_graph_is_not_blamed_for_a_broken_one_beside_it(tmp_path: Path) -> None:
    variants = [
        "reason_act",
        ak.Variant.from_langgraph("sound", chain(ask, format_it), NotesAdapter()),
        ak.Variant.from_langgraph("broken", one_node(in_executor), MessagesAdapter()),
    ]
    card = ak.run(task=TASK, model=Scripted(answer), variants=variants, episodes=8, out=tmp_path / "run").score(["gap"])
    faults = {arm.variant: [fault.check for fault in arm.integrity] for arm in card.arms}
    assert faults["sound"] == [] and "model" in faults["broken"]


def test_few_steps_without_a_call_are_missing_and_said(tmp_path: Path) -> None:
    async def shortcut(state: MessagesState) -> Any:
        question = str(state["messages"][0].content)
        if number(question) % 100 < 15:
            first = labels(question)[0]
            return {"messages": [("ai", written(first, first))]}
        return await honest(state)

    card, arm = scored(tmp_path, one_node(shortcut), MessagesAdapter(), episodes=20)
    assert not arm.integrity and any("asked no model" in c and "count as missing" in c for c in arm.cautions)
    assert arm.bounds["doing"].missing is not None and 0 < arm.bounds["doing"].missing <= 0.2
    assert any("asked no model" in w for w in card.warnings)


# The rule by itself.

COLOURS = Situation("colours", 0, 1, "Press a button.", ("Red", "Green", "Blue"))


@pytest.mark.parametrize(
    ("texts", "done", "stated", "text", "missing"),
    [
        (["BEST=Red\nACTION=Blue"], "Blue", ("Red",), "", ""),
        (["BEST=Red\nACTION=Blue"], "Green", ("Red",), "", "action"),
        (["BEST=Red\nACTION=Blue"], "Blue", ("Green",), "", "recommendation"),
        (["BEST=Red\nACTION=Blue"], "Green", ("Green",), "", "action and recommendation"),
        (["ACTION=Red", "ACTION=Blue"], "Red", (), "", ""),  # the first of two votes wins
        (["I would press Blue, not Red"], "Blue", (), "", ""),  # no form, but named
        (["the third"], "Blue", (), "", "action"),
        (["the third"], "Blue", (), "the third", ""),  # an adapter made it of that very answer
        (["option C"], "Blue", (), "ACTION=Blue", ""),
        (["3"], "Blue", (), "ACTION=Blue", ""),
        (["a word"], "Red", (), "ACTION=Red", "action"),
        ([], None, (), "", ""),
    ],
)
def test_a_label_is_in_an_answer_or_it_is_not(
    texts: Sequence[str], done: str | None, stated: tuple[str, ...], text: str, missing: str
) -> None:
    decision = Decision("", stated, "ok" if stated else "absent", done, "ok")
    assert unsaid(GraphOutput(text=text), decision, COLOURS, [Response(t, "ok", "stop") for t in texts]) == missing


# An outcome that stays is an answer of the model that could not be read, and nothing else.

BODIES = {"a page": "<html>503 Service Unavailable</html>", "nothing": "", "another form": '{"hint": "none today"}'}


def reads_a_tool(body: Path, how: str) -> Any:
    from pydantic import BaseModel

    class Hint(BaseModel):
        hint: int

    async def node(state: MessagesState) -> Any:
        question = str(state["messages"][0].content)
        said = await ak.ChatModel().ainvoke([*state["messages"], ("user", "Take your time.")])
        if number(question) % 4 == 0:
            text = body.read_text()
            Hint.model_validate_json(text) if how == "pydantic" else Hint(**json.loads(text))
        return {"messages": [said]}

    return node


@pytest.mark.parametrize("how", ["json", "pydantic"])
@pytest.mark.parametrize("body", BODIES)
def test_what_a_tool_returned_is_asked_again(tmp_path: Path, body: str, how: str) -> None:
    tool = tmp_path / "tool"
    node = reads_a_tool(tool, how)
    for text, errors in ((BODIES[body], True), ('{"hint": 1}', False)):
        tool.write_text(text)
        _, arm = scored(tmp_path, one_node(node), MessagesAdapter(), episodes=6)
        assert ("error" in arm.outcomes.actions) == errors, arm.outcomes


@pytest.mark.parametrize("fence", ["{}", "```json\n{}\n```"])
def test_an_answer_that_no_node_can_read_is_an_outcome_and_stays(tmp_path: Path, fence: str) -> None:
    def half(request: Request, draw: Draw) -> str:
        return fence.format('{"action": ') if len(request.messages) > 1 else answer(request, draw)

    async def node(state: MessagesState) -> Any:
        said = await ak.ChatModel().ainvoke([*state["messages"], ("user", "As JSON.")])
        json.loads(str(said.text).strip("`json\n"))
        return {"messages": [said]}

    run = ak.run(
        task=TASK, model=Scripted(half), episodes=2, out=tmp_path / "run",
        variants=["reason_act", ak.Variant.from_langgraph("mine", one_node(node), MessagesAdapter())],
    )  # fmt: skip
    assert run.score(["gap"]).arms[1].outcomes.actions == {"error": 6}
    assert run.outcome is not None and not run.outcome.missing
