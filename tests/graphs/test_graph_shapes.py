"""Graphs of the common shapes are read: messages by node, structured responses, fields, the functional API, interrupts,
what they keep beside their state, and what they remember.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.runtime import Runtime
from langgraph.store.memory import InMemoryStore
from langgraph.types import interrupt
from pydantic import BaseModel

import akrasia as ak
from akrasia.errors import BadOption, PlanError
from akrasia.graphs import GraphOutput, MessagesAdapter, StateAdapter, StructuredAdapter, external
from akrasia.models import Gateway, ModelRoles, Scripted
from akrasia.records import Decision, Draw, Request, Situation

MODEL = ak.ChatModel()
SITUATION = Situation("t", 0, 1, "Two buttons.", ("Red", "Blue"), noun="button")
GOOD = "BEST=Red\nACTION=Blue"


def chain(*nodes: Any, state: Any = MessagesState, **options: Any) -> Any:
    builder = StateGraph(state)
    names = [START, *(n.__name__ for n in nodes), END]
    for node in nodes:
        builder.add_node(node.__name__, node)
    for u, v in zip(names, names[1:], strict=False):
        builder.add_edge(u, v)
    return builder.compile(**options)


def roles(script: Any) -> ModelRoles:
    scripted = Scripted(script)
    return ModelRoles(Gateway([scripted]), {"default": scripted.info.id})


async def decide(plan: ak.graphs.Plan, script: Any = lambda request, draw: GOOD) -> tuple[Decision, dict[str, str]]:
    return await plan.decide_tagged(SITUATION, roles(script), 0, 0)


async def reasoner(state: MessagesState) -> dict[str, Any]:
    return {"messages": [await MODEL.ainvoke([*state["messages"], ("user", "Think: BEST=X")])]}


async def actor(state: MessagesState) -> dict[str, Any]:
    return {"messages": [await MODEL.ainvoke([*state["messages"], ("user", "Act: ACTION=X")])]}


def two(request: Request, draw: Draw) -> str:
    return "ACTION=Blue" if "Act" in request.messages[-1].content else "Red has more.\nBEST=Red"


async def test_messages_are_read_by_the_node_or_the_agent_that_wrote_them() -> None:
    by_node = MessagesAdapter(rationale="reasoner", answer="actor")
    decision, _ = await decide(external(chain(reasoner, actor), by_node), two)
    assert (decision.stated, decision.done) == (("Red",), "Blue") and decision.rationale.startswith("Red has more")

    async def named(state: MessagesState) -> dict[str, Any]:
        text = (await MODEL.ainvoke(state["messages"])).text
        back = AIMessage("Transferring back", name="boss", response_metadata={"__is_handoff_back": True})
        return {"messages": [AIMessage(text, name="expert"), back]}

    decision, tags = await decide(external(chain(named), MessagesAdapter()))
    assert decision.done == "Blue" and tags == {"decided_by": "expert"}


async def test_an_adapter_that_reads_nothing_says_which_messages_there_were() -> None:
    def tools(state: MessagesState) -> dict[str, Any]:
        call = {"name": "mean", "args": {}, "id": "1"}
        return {"messages": [AIMessage("", tool_calls=[call]), ToolMessage("0.7", tool_call_id="1")]}

    decision, _ = await decide(external(chain(reasoner, tools), MessagesAdapter(answer="nobody")), two)
    last = decision.turns[-1].text
    assert decision.status == "unparsable" and "hold none of 'nobody': human: " in last
    assert "ai: 'Red has more. BEST=Red'; ai: calls mean; tool: '0.7'" in last
    decision, _ = await decide(external(chain(tools), MessagesAdapter()))
    assert "no words of an AI: human: " in decision.turns[-1].text


class Choice(BaseModel):
    best: str
    choice: str


async def test_a_structured_response_is_read_by_its_fields() -> None:
    class State(MessagesState, total=False):
        structured_response: Choice

    async def answers(state: State) -> dict[str, Any]:
        text = (await MODEL.ainvoke(state["messages"])).text
        return {"messages": [AIMessage(text)], "structured_response": Choice.model_validate_json(text)}

    seen: list[str] = []

    def script(request: Request, draw: Draw) -> str:
        seen.append(request.messages[-1].content)
        return '{"best": "Red", "choice": "Blue"}'

    plan = external(chain(answers, state=State), StructuredAdapter(action="choice", recommendation="best"), name="own")
    for variant in (plan, plan | ak.re_evaluate()):
        decision, tags = await decide(variant, script)
        assert (decision.stated, decision.done, tags) == (("Red",), "Blue", {})
    assert all("each by its name" in text and "BEST=X" not in text for text in seen)
    decision, _ = await decide(external(chain(answers, state=State), StructuredAdapter()), script)
    assert decision.status == "unparsable" and "no 'action': it has best, choice" in decision.turns[-1].text


async def test_a_field_of_the_state_and_what_a_function_returns_are_read() -> None:
    class Note(TypedDict, total=False):
        question: str
        answer: str

    async def node(state: Note) -> Note:
        return {"answer": (await MODEL.ainvoke(state["question"])).text}

    plan = external(chain(node, state=Note), StateAdapter(), name="own")
    assert (await decide(plan))[0].done == "Blue"
    seen: list[str] = []

    def script(request: Request, draw: Draw) -> str:
        seen.append(request.messages[-1].content)
        return GOOD

    await decide(plan | ak.critique(), script)
    assert f"You answered:\n{GOOD}" in seen[-1] and "Another agent has commented" in seen[-1]
    decision, _ = await decide(external(chain(node, state=Note), StateAdapter(answer="result")))
    assert "no 'result': it has question, answer" in decision.turns[-1].text
    with pytest.raises(BadOption):
        StateAdapter(input=3)  # type: ignore[arg-type]


async def test_functions_of_the_functional_api_draw_by_their_place_and_not_by_who_is_first() -> None:
    rng = random.Random(3)

    @task
    async def ask(i: int) -> str:
        await asyncio.sleep(rng.random() / 30)
        return str((await MODEL.ainvoke("q")).text)

    @entrypoint()
    async def flow(text: str) -> str:
        several = await asyncio.gather(*(ask(i) for i in range(3)))
        more = await ask(9)
        return f"{' '.join(several)} {more}\n{GOOD}"

    found = set()
    for _ in range(6):
        plan = external(flow, StateAdapter(input="", answer=""), name="flow")
        decision, _ = await decide(plan, lambda request, draw: f"s{draw.sample}")
        found.add((decision.rationale, tuple(t.sample for t in decision.turns)))
    assert len(found) == 1, found


async def test_many_bodies_of_plain_functions_wait_for_their_tasks_at_once() -> None:
    @task
    def ask(text: str) -> str:
        return str(MODEL.invoke(text).text)

    @entrypoint()
    def flow(text: str) -> str:
        return ask(ask(text).result()).result()

    plan = external(flow, StateAdapter(input="", answer=""), name="flow") | ak.self_consistency(60)
    decision, _ = await asyncio.wait_for(decide(plan), 60)
    assert decision.done == "Blue" and len(decision.turns) == 121


def stops(adapter: Any, *, at: str = "") -> Any:
    def approve(state: MessagesState) -> dict[str, Any]:
        said = "yes" if at else interrupt("Is this right?")
        return {"messages": [("user", f"The human says {said}.")]}

    options = {"interrupt_before": [at]} if at else {}
    return external(chain(reasoner, approve, actor, checkpointer=InMemorySaver(), **options), adapter, name="own")


async def test_an_interrupt_is_an_outcome_of_its_own_unless_the_adapter_answers() -> None:
    for at in ("", "approve"):
        decision, tags = await decide(stops(MessagesAdapter(), at=at), two)
        assert (decision.status, decision.done) == ("interrupted", None)
        assert tags == {"interrupt": "after reasoner" if at else "Is this right?"}
        decision, tags = await decide(stops(MessagesAdapter(human="yes"), at=at), two)
        assert (decision.status, decision.done, tags) == ("ok", "Blue", {})
    treated, _ = await decide(stops(MessagesAdapter(human="yes")) | ak.re_evaluate(), two)
    assert treated.done == "Blue" and len(treated.turns) == 4


@dataclass(frozen=True)
class Careful(MessagesAdapter):
    """Approves what it is asked once."""

    def resume(self, asked: Any, situation: Situation) -> Any:
        if asked is None:
            raise RuntimeError("no human today")
        return f"{asked} {situation.actions[0]}"


async def test_what_an_adapter_answers_may_depend_on_what_is_asked_and_may_fail() -> None:
    seen: list[str] = []

    def script(request: Request, draw: Draw) -> str:
        seen.append(" ".join(m.content for m in request.messages))
        return two(request, draw)

    assert (await decide(stops(Careful(human="yes")), script))[0].done == "Blue"
    assert "The human says Is this right? Red." in seen[-1]
    decision, tags = await decide(stops(Careful(human="yes"), at="actor"), two)
    assert decision.status == "error" and tags["own_code"] == "Careful.resume"


async def test_context_config_and_store_are_passed_and_nothing_leaks_between_decisions() -> None:
    @dataclass
    class Ctx:
        word: str = "none"

    async def node(state: MessagesState, runtime: Runtime[Ctx], config: RunnableConfig) -> dict[str, Any]:
        assert runtime.store is not None
        found = await runtime.store.asearch(("seen",))
        await runtime.store.aput(("seen",), f"k{len(found)}", {"n": len(found)})
        text = f"{runtime.context.word} {config['configurable']['level']} {len(found)}"
        return {"messages": [await MODEL.ainvoke([*state["messages"], ("user", text)])]}

    builder = StateGraph(MessagesState, context_schema=Ctx)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    seen: list[str] = []

    def script(request: Request, draw: Draw) -> str:
        seen.append(request.messages[-1].content)
        return GOOD

    before = InMemoryStore()
    before.put(("seen",), "first", {"n": 0})
    settings: dict[str, Any] = {"context": Ctx("hello"), "config": {"configurable": {"level": 3}}}
    for store in (before, InMemoryStore):
        plan = external(builder.compile(), name="own", store=store, **settings)
        for _ in range(2):
            await decide(plan | ak.self_consistency(2), script)
    await decide(external(builder.compile(store=before), name="own", **settings), script)
    assert seen == ["hello 3 1"] * 4 + ["hello 3 0"] * 4 + ["hello 3 1"] and len(before.search(("seen",))) == 1
    other = external(builder.compile(), name="own", store=before, context=Ctx(), config={"configurable": {"level": 4}})
    assert other != external(builder.compile(), name="own", store=before, **settings)

    class Elsewhere(InMemoryStore.__base__):  # type: ignore[misc, name-defined]
        def batch(self, ops: Any) -> Any: ...

        async def abatch(self, ops: Any) -> Any: ...

    with pytest.raises(PlanError, match="the store Elsewhere of 'own' cannot be copied for each decision"):
        external(builder.compile(store=Elsewhere()), name="own", **settings)


async def test_a_checkpointer_that_is_not_async_serves_as_any() -> None:
    class Sync(InMemorySaver):
        async def aget_tuple(self, config: Any) -> Any:
            raise NotImplementedError("does not support async methods")

    kept = Sync()
    assert (await decide(external(chain(reasoner, actor, checkpointer=kept), name="own"), two))[0].done == "Blue"
    assert not kept.storage


def test_a_graph_with_memory_goes_on_with_its_conversation_of_the_step_before(tmp_path: Path) -> None:
    async def agent(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await MODEL.ainvoke(state["messages"])]}

    lengths: list[tuple[int, int, int]] = []

    def script(request: Request, draw: Draw) -> str:
        lengths.append((draw.episode, draw.step, len(request.messages)))
        return "BEST=Red\nACTION=Red"

    plan = external(chain(agent), name="own", memory=True)
    settings: dict[str, Any] = {"task": {"name": "bandit", "arms": 4, "horizon": 3}, "episodes": 2}
    result = ak.run(**settings, model=Scripted(script), variants=[plan, plan | ak.re_evaluate()], out=tmp_path / "run")
    assert result.outcome is not None and result.outcome.stopped is None
    assert sorted(set(lengths)) == [
        (e, s, n) for e in range(2) for s, several in enumerate([(1, 3), (3, 5, 7), (5, 9, 11)]) for n in several
    ]
    again = ak.run(
        **settings, model=Scripted(script), variants=[plan, plan | ak.re_evaluate()], out=tmp_path / "run", offline=True
    )
    assert again.outcome is not None and again.outcome.run_usage.made == 0
    with pytest.raises(PlanError, match="cannot remember the steps"):
        bare = type("Bare", (), {"to_input": lambda self, s: {}, "from_state": lambda self, t, s: GraphOutput()})()
        external(chain(agent), bare, memory=True)
