"""What goes wrong in code of the user's own is named, is in the records, and is never taken for a finished episode."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import FakeListChatModel, FakeListLLM
from langchain_core.messages import FunctionMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt

import akrasia as ak
from akrasia.agents import AGENTS, Agent, ModelOptions
from akrasia.agents.answers.parsing import read_action, read_stated
from akrasia.agents.base import ParsedAnswer, Prompt
from akrasia.agents.rendering import render_situation
from akrasia.errors import PlanError, UsageError
from akrasia.graphs import GRAPHS, Node, Plan
from akrasia.interventions import INTERVENTIONS
from akrasia.ledger import read_ledger
from akrasia.records import Message, Record, Sampling, decode

TASK = {"name": "bandit", "arms": 4, "horizon": 2}
MODEL = ak.ChatModel()
ADAPTER = ak.graphs.MessagesAdapter()


async def asks(state: MessagesState) -> Any:
    return {"messages": [await MODEL.ainvoke(state["messages"])]}


def compiled(*nodes: Any, context: Any = None, **options: Any) -> Any:
    """A chain of nodes over messages."""
    builder = StateGraph(MessagesState, context_schema=context)
    before = START
    for node in nodes:
        name = getattr(node, "__name__", "nested")
        builder.add_node(name, node)
        builder.add_edge(before, name)
        before = name
    builder.add_edge(before, END)
    return builder.compile(**options)


def variant(graph: Any, adapter: Any = ADAPTER, **options: Any) -> ak.Variant:
    return ak.Variant.from_langgraph("mine", graph, adapter, **options)


def run(variants: Any, out: Path, episodes: int = 2) -> ak.Result:
    return ak.run(task=TASK, model="simulated", variants=variants, episodes=episodes, out=out)


def records(folder: Path, name: str = "mine") -> list[Record]:
    with read_ledger(folder) as ledger:
        return [r for r in (decode(Record, raw) for raw in ledger.raw_records()) if r.variant == name]


def tags(folder: Path) -> list[dict[str, str]]:
    return [{k: v for k, v in r.tags.items() if k not in ("plan", "arm")} for r in records(folder)]


def breaking(state: MessagesState) -> Any:
    return {"messages": state["mesages"]}  # type: ignore[typeddict-item]


@dataclass(frozen=True)
class Misreading:
    """An adapter with a mistake on one side."""

    side: str

    def to_input(self, situation: Any) -> Any:
        if self.side == "to_input":
            raise TypeError("no such thing")
        return ADAPTER.to_input(situation)

    def from_state(self, state: Any, situation: Any) -> Any:
        return ak.graphs.GraphOutput(text=state["mesages"][-1].text)


@pytest.mark.parametrize(
    ("mine", "status", "text"),
    [
        (lambda: variant(compiled(asks, breaking)), "error", "KeyError: 'mesages' (raised in node 'breaking')"),
        (
            lambda: variant(compiled(asks), Misreading("to_input")),
            "error",
            "TypeError: no such thing (raised in Misreading.to_input)",
        ),
        (
            lambda: variant(compiled(asks), Misreading("from_state")),
            "unparsable",
            "KeyError: 'mesages' (raised in Misreading.from_state)",
        ),
    ],
)
def test_a_mistake_in_a_graph_is_an_outcome_and_fixed_code_is_asked_again(
    mine: Any, status: str, text: str, tmp_path: Path
) -> None:
    result = run(["reason_act", mine()], tmp_path / "r")
    assert {(r.decision.status, r.decision.turns[-1].text) for r in records(tmp_path / "r")} == {(status, text)}
    assert all("own_code" in t for t in tags(tmp_path / "r"))
    assert (result.outcome.planned, result.outcome.missing) == (2, 2)
    assert [(m.variant, m.missing) for m in result.missing] == [("mine", 2)]  # the baseline's episodes are whole

    again = run(["reason_act", mine()], tmp_path / "r")  # the same code: from the stored answers, and again unfinished
    assert (again.outcome.run_usage.made, again.outcome.missing) == (0, 2)
    fixed = run(["reason_act", variant(compiled(asks))], tmp_path / "r")
    assert {r.decision.status for r in records(tmp_path / "r")} == {"ok"} and fixed.outcome.missing == 0
    run(["reason_act", variant(compiled(asks))], tmp_path / "healthy")
    assert records(tmp_path / "r") == records(tmp_path / "healthy")


def test_code_that_changed_after_episodes_were_finished_is_another_variant(tmp_path: Path) -> None:
    run([variant(compiled(asks))], tmp_path / "r", episodes=1)
    with pytest.raises(ak.errors.RunFolderError, match="code behind the variant 'mine' has changed"):
        run([variant(compiled(breaking))], tmp_path / "r")


def test_an_answer_that_the_graph_cannot_read_and_a_graph_without_end_are_finished(tmp_path: Path) -> None:
    async def parses(state: MessagesState) -> Any:
        return {"messages": [("ai", json.loads((await MODEL.ainvoke(state["messages"])).text)["x"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("asks", asks)
    builder.add_edge(START, "asks")
    builder.add_edge("asks", "asks")
    for name, graph in (("json", compiled(parses)), ("endless", builder.compile())):
        outcome = run([variant(graph, supersteps=3)], tmp_path / name).outcome
        assert outcome.missing == 0 and tags(tmp_path / name) == [{}] * 4
        assert {r.decision.status for r in records(tmp_path / name)} == {"error"}


@pytest.mark.parametrize("kind", ["chat", "text", "thread"])
def test_calls_of_another_model_are_heard_and_no_call_at_all_is_said(kind: str, tmp_path: Path) -> None:
    answer = "BEST=Red\nACTION=Red"
    other: Any = FakeListLLM(responses=[answer]) if kind == "text" else FakeListChatModel(responses=[answer])

    async def awaited(state: MessagesState) -> Any:
        return {"messages": [("ai", getattr(response := await other.ainvoke("q"), "content", response))]}

    def threaded(state: MessagesState) -> Any:
        return {"messages": [("ai", other.invoke("q").content)]}

    both = compiled(asks, awaited)
    run(["reason_act", variant(compiled(threaded if kind == "thread" else awaited))], tmp_path / "alone")
    run(["reason_act", variant(both)], tmp_path / "both")
    run(["reason_act", variant(compiled(asks))], tmp_path / "healthy")
    assert tags(tmp_path / "alone") == [{"calls": "none", "other_model": type(other).__name__}] * 4
    assert tags(tmp_path / "both") == [{"other_model": type(other).__name__}] * 4
    assert tags(tmp_path / "healthy") == [{}] * 4
    assert all(not t for t in tags(tmp_path / "healthy"))
    assert not any({"calls", "other_model"} & set(r.tags) for r in records(tmp_path / "alone", "reason_act"))


async def approves(state: MessagesState) -> Any:
    interrupt("May I?")
    return {}


@pytest.mark.parametrize(
    ("graph", "where"),
    [
        (lambda: compiled(asks, approves, checkpointer=InMemorySaver()), "May I?"),
        (lambda: compiled(compiled(asks, approves), checkpointer=InMemorySaver()), "May I?"),
        (
            lambda: compiled(asks, breaking, checkpointer=InMemorySaver(), interrupt_before=["breaking"]),
            "after asks",
        ),
        (lambda: compiled(asks, breaking, interrupt_after=["asks"]), "after asks"),
        (lambda: compiled(asks, interrupt_before=["asks"]), "before its first node"),
    ],
)
def test_a_graph_that_waits_at_an_interrupt_is_an_outcome_of_its_own(graph: Any, where: str, tmp_path: Path) -> None:
    result = run(["reason_act", variant(graph())], tmp_path / "r", episodes=1)
    for record in records(tmp_path / "r"):
        assert (record.decision.status, record.decision.done) == ("interrupted", None)
        assert record.tags["interrupt"] == where and f"interrupt ({where})" in record.decision.turns[-1].text
    assert result.outcome.missing == 0


@dataclass
class Rules:
    system: str = "You are careful."


async def with_rules(state: MessagesState, runtime: Runtime[Rules]) -> Any:
    return {"messages": [await MODEL.ainvoke([("system", runtime.context.system), *state["messages"]])]}


def test_a_graph_gets_its_context_or_is_refused(tmp_path: Path) -> None:
    graph = compiled(with_rules, context=Rules)
    with pytest.raises(PlanError, match=r"context_schema Rules and is given no context.*context=Rules\(\.\.\.\)"):
        variant(graph)
    configured = variant(graph.with_config(configurable={"system": "x"}))
    with pytest.raises(PlanError, match="given no context"):
        run(["reason_act", configured], tmp_path / "configured")
    prints = set()
    for name, mine in (
        ("context", variant(graph, context=Rules())),
        ("other", variant(graph, context=Rules("Be quick."))),
        ("bound", variant(graph.bind(context=Rules()))),
    ):
        run(["reason_act", mine], tmp_path / name)
        assert {r.decision.status for r in records(tmp_path / name)} == {"ok"}
        prints.add(mine.plan.fingerprint)
    assert len(prints) == 3


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (FunctionMessage("0.7", name="f"), "a message of type 'function' cannot be sent"),
        (HumanMessage([{"type": "text", "text": "Hear:"}, {"type": "audio", "base64": "AA"}]), "type 'audio' cannot"),
        (HumanMessage([{"type": "image_url", "image_url": {"url": "x"}}]), "simulated cannot be sent an image"),
    ],
)
def test_what_the_chat_model_cannot_pass_on_ends_the_run_at_the_first_call(
    message: Any, said: str, tmp_path: Path
) -> None:
    async def node(state: MessagesState) -> Any:
        try:
            return {"messages": [await MODEL.ainvoke([*state["messages"], message])]}
        except Exception:
            return {"messages": [("ai", "BEST=Red\nACTION=Red")]}

    with pytest.raises(UsageError, match=said):
        run([variant(compiled(node))], tmp_path / "r")
    assert not records(tmp_path / "r")


def test_the_recommendation_of_an_earlier_message_is_read_with_its_words(tmp_path: Path) -> None:
    async def reasons(state: MessagesState) -> Any:
        return {"messages": [await MODEL.ainvoke([*state["messages"], ("user", "Think. End with one line\nBEST=X")])]}

    async def acts(state: MessagesState) -> Any:
        return {"messages": [await MODEL.ainvoke([*state["messages"], ("user", "Answer with one line\nACTION=X")])]}

    run([variant(compiled(reasons, acts), ak.graphs.MessagesAdapter("Weigh it."))], tmp_path / "r")
    for record in records(tmp_path / "r"):
        thought, answer = record.decision.turns
        assert (record.decision.status, record.decision.stated_status) == ("ok", "ok")
        assert record.decision.rationale == thought.text and (answer.stated, answer.action) == (
            record.decision.stated, record.decision.done,
        )  # fmt: skip


OK = Prompt((Message("user", "x"),), Sampling())


def raises(*args: Any) -> Any:
    raise KeyError("oops")


@pytest.fixture(autouse=True)
def names() -> Any:
    registries: Any = (AGENTS, GRAPHS, INTERVENTIONS)
    before = [dict(r._factories) for r in registries]
    yield
    for registry, table in zip(registries, before, strict=True):
        registry._factories.clear()
        registry._factories.update(table)


def of_role(**methods: Any) -> Plan:
    AGENTS.register("own", type("Own", (), {"name": "own", **methods}))
    return Plan("own_act", (Node("j", Agent("own")),), decision="j", focus="j")


PROMPTS: dict[str, Any] = {"prompt": lambda self, *a: OK}


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        ({"prompt": raises, "read": raises}, "raised KeyError: 'oops' in prompt: prompt(agent, situation"),
        ({"prompt": lambda *a: "hello", "read": raises}, "returned str 'hello': prompt(agent"),
        ({"prompt": lambda *a: None, "read": raises}, "returned None"),
        ({"prompt": lambda *a: Prompt((), Sampling()), "read": raises}, "messages are tuple ()"),
        ({"prompt": lambda *a: Prompt(("x",), Sampling()), "read": raises}, "messages are tuple ('x',)"),  # type: ignore[arg-type]
        ({**PROMPTS}, "has no method 'read'"),
        ({**PROMPTS, "read": raises}, "raised KeyError: 'oops' in read: read(agent"),
        ({**PROMPTS, "read": lambda *a: ("Red", "ok")}, "returned tuple ('Red', 'ok'): read(agent"),
        ({**PROMPTS, "read": lambda *a: ParsedAnswer(stated=("Red", "ok"))}, "whose labels are no tuple"),  # type: ignore[arg-type]
        ({**PROMPTS, "read": lambda *a: ParsedAnswer(action="Red")}, "action='Red', which is no pair"),  # type: ignore[arg-type]
        ({**PROMPTS, "read": lambda *a: ParsedAnswer(action=("Red", "fine"))}, "whose status is none of ok"),  # type: ignore[arg-type]
        ({**PROMPTS, "read": lambda *a: ParsedAnswer(action=("Mauve", "ok"))}, "where 'Mauve' is none of"),
        ({**PROMPTS, "read": lambda *a: ParsedAnswer(action=(None, "ok"))}, "'ok' without a label"),
        ({"conclude": raises}, "raised KeyError: 'oops' in conclude"),
        ({"conclude": lambda *a: "Red"}, "returned str 'Red': conclude(agent"),
        ({}, "has no method 'prompt'"),
    ],
)
def test_a_mistake_in_a_role_names_role_node_and_contract(methods: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=re.escape(said)) as caught:
        run([of_role(**methods)], tmp_path / "r")
    assert "role 'own' at node 'j'" in str(caught.value)


def test_a_mistake_in_an_intervention_or_a_graph_names_it(tmp_path: Path) -> None:
    def broken(value: Any) -> Any:
        def change(plan: Any, *rest: Any) -> Any:
            """Break."""
            return raises() if value is raises else value

        change.__name__ = f"broken_{getattr(value, '__name__', 'none')}"
        return change

    with pytest.raises(PlanError, match="intervention 'broken_raises' raised KeyError: 'oops'"):
        ak.graphs.act() | ak.intervention("a", "b", "c")(broken(raises))()
    with pytest.raises(PlanError, match="intervention 'broken_none' returned NoneType: .* returns a Plan"):
        ak.graphs.act() | ak.intervention("a", "b", "c")(broken(None))()
    shown = ak.graphs.act() | ak.interventions.view("a", "b", "c")(lambda_named("hides", raises))()
    with pytest.raises(PlanError, match="intervention 'hides' raised KeyError"):
        run([shown], tmp_path / "view")
    with pytest.raises(PlanError, match="the graph 'built' raised KeyError: 'oops'"):
        ak.graphs.graph(lambda_named("built", raises))()


def lambda_named(name: str, does: Any) -> Any:
    def function(*args: Any) -> Any:
        """Do it."""
        return does(*args)

    function.__name__ = name
    function.__signature__ = inspect.signature(lambda: None)  # type: ignore[attr-defined]
    if name == "hides":
        function.__signature__ = inspect.signature(lambda situation, draw: None)  # type: ignore[attr-defined]
    return function


class OwnWords:
    """Role "own": a reasoner with its own words that takes up nothing."""

    name = "own"

    def prompt(self, agent: Agent, situation: Any, reads: Any, style: Any) -> Prompt:
        text = render_situation(situation) + "\n\nEnd with two lines\nBEST=X\nACTION=Y"
        return Prompt((Message("user", text),), Sampling(max_tokens=100))

    def read(self, agent: Agent, situation: Any, text: str, response: Any) -> ParsedAnswer:
        return ParsedAnswer(text, read_stated(text, situation.actions), read_action(text, situation.actions))


INTERVENTIONS_ON_PROMPTS = ["confidence", "think_longer", "checklist", "persona", "strict", "re_evaluate", "critique"]


@pytest.mark.parametrize("name", INTERVENTIONS_ON_PROMPTS)
def test_what_a_role_does_not_declare_is_refused(name: str) -> None:
    AGENTS.register("own", OwnWords)
    base = Plan("own_act", (Node("j", Agent("own", options={"mine": 1})),), decision="j", focus="j")
    change = INTERVENTIONS.make(name)
    with pytest.raises(PlanError, match=r"not heard by the role 'own' of node.*Let the role declare it"):
        base | change
    hears = type("Hears", (OwnWords,), {"name": "hearing", "hears": ("confidence", "budget", "hints", "move")})
    AGENTS.register("hearing", hears)
    assert Plan("h", (Node("j", Agent("hearing")),), decision="j", focus="j") | change
    options = dataclass(frozen=True, kw_only=True)(type("Nothing", (ModelOptions,), {"__annotations__": {}}))
    declares = type("Declares", (OwnWords,), {"name": "declaring", "options": options})
    AGENTS.register("declaring", declares)
    declaring = Plan("d", (Node("j", Agent("declaring")),), decision="j", focus="j")
    if name in ("confidence", "re_evaluate", "critique"):
        assert declaring | change
    else:
        with pytest.raises(PlanError, match="is not heard in 'd'.*there is no option of agent 'declaring'"):
            declaring | change


def test_what_changes_nothing_is_refused() -> None:
    with pytest.raises(PlanError, match="think_longer is not heard in 'act'"):
        ak.graphs.act() | ak.interventions.think_longer()
    for base, change in (
        (ak.graphs.random_act(), ak.interventions.persona()),
        (ak.graphs.reason_act() | ak.interventions.strict(), ak.interventions.strict()),
        (ak.graphs.reason_act() | ak.interventions.temperature(0.5), ak.interventions.temperature(0.5)),
    ):
        with pytest.raises(PlanError, match="changes nothing in"):
            base | change
