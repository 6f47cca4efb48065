"""Any LangGraph graph is a variant: it decides, is counted, fails as an outcome, and replays to the same bytes."""

from __future__ import annotations

import asyncio
import operator
import random
import time
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.types import Send

import akrasia as ak
from akrasia.errors import BudgetSpent, Denied, OfflineMiss, PlanError, UnknownName
from akrasia.graphs import Decider, GraphOutput, MessagesAdapter
from akrasia.ledger import read_ledger
from akrasia.models import Gateway, ModelRoles, Planted, Price, Scripted, Simulated
from akrasia.records import Decision, Draw, Record, Request, Response, Situation, Usage, decode, encode

MODEL = ak.ChatModel()
TASK = {"name": "bandit", "arms": 4, "horizon": 3}
SITUATION = Situation("t", 0, 1, "Two buttons.", ("Red", "Blue"), noun="button")
GOOD = "BEST=Red\nACTION=Blue"


class Notes(TypedDict, total=False):
    case: str
    said: Annotated[list[str], operator.add]
    answer: str


@dataclass(frozen=True)
class Plain:
    """The last note is the answer, unless the graph gave one."""

    def to_input(self, situation: Situation) -> Notes:
        return {"case": f"case {situation.step}", "said": []}

    def from_state(self, state: Notes, situation: Situation) -> GraphOutput:
        return GraphOutput(text=state.get("answer") or state["said"][-1])


def graph(*nodes: Any, edges: tuple[tuple[str, str], ...] = (), state: Any = Notes, **options: Any) -> Any:
    """A chain of nodes, or the edges that are given."""
    builder = StateGraph(state)
    for node in nodes:
        builder.add_node(node.__name__, node)
    names = [START, *(n.__name__ for n in nodes), END]
    for u, v in edges or zip(names, names[1:], strict=False):
        builder.add_edge(u, v)
    return builder.compile(**options)


def asks(text: str, times: int = 1, name: str = "think") -> Any:
    async def node(state: Notes) -> Notes:
        return {"said": [(await MODEL.ainvoke(text)).text for _ in range(times)]}

    node.__name__ = name
    return node


def models(script: Any, **options: Any) -> ModelRoles:
    scripted = Scripted(script, **options)
    return ModelRoles(Gateway([scripted]), {"default": scripted.info.id})


def variant(compiled: Any, adapter: Any = None) -> ak.Variant:
    return ak.Variant.from_langgraph("own", compiled, adapter or Plain())


async def decide(compiled: Any, script: Any, adapter: Any = None, episode: int = 7) -> Decision:
    return await variant(compiled, adapter).decide(SITUATION, models(script), episode, 0)


def stored(folder: Path) -> list[bytes]:
    with read_ledger(folder) as reader:
        return list(reader.raw_records())


async def test_a_graph_decides_and_its_calls_are_turns() -> None:
    heard: list[tuple[Request, Draw]] = []

    def script(asked: Request, draw: Draw) -> Response:
        heard.append((asked, draw))
        return Response(GOOD if "act" in asked.messages[0].content else "hm", usage=Usage(5, 2), cost=0.25)

    decision = await decide(graph(asks("think"), asks("act", name="act")), script)
    assert (decision.stated, decision.done, decision.status) == (("Red",), "Blue", "ok")
    assert [(t.agent, t.role, t.text, t.usage, t.cost) for t in decision.turns] == [
        ("think", "model", "hm", Usage(5, 2), 0.25), ("act", "model", GOOD, Usage(5, 2), 0.25),
    ]  # fmt: skip
    assert all(t.key for t in decision.turns) and [d for _, d in heard] == [Draw(7, 0, 0)] * 2


async def test_the_same_question_again_is_a_fresh_draw_wherever_it_is_asked() -> None:
    compiled = graph(asks("q", 2), asks("q", name="again"), asks("other", name="end"))
    decision = await decide(compiled, lambda r, d: f"{d.sample}")
    assert [(t.agent, t.lane, t.sample) for t in decision.turns] == [
        ("think", 0, 0), ("think", 1, 1), ("again", 0, 2), ("end", 0, 0),
    ]  # fmt: skip


@pytest.mark.parametrize("sync", [True, False])
async def test_which_branch_comes_first_decides_nothing(sync: bool) -> None:
    delays: dict[str, float] = {}

    def branch(name: str) -> Any:
        def work(state: Notes) -> Notes:
            time.sleep(delays[name])
            first = MODEL.invoke("q").text
            time.sleep(0.02 - delays[name])
            return {"said": [f"{name}:{first},{MODEL.invoke('q').text}"]}

        async def awaited(state: Notes) -> Notes:
            await asyncio.sleep(delays[name])
            first = (await MODEL.ainvoke("q")).text
            await asyncio.sleep(0.02 - delays[name])
            return {"said": [f"{name}:{first},{(await MODEL.ainvoke('q')).text}"]}

        node = work if sync else awaited
        node.__name__ = name
        return node

    names = ("a", "b", "c")
    edges = tuple(e for n in names for e in ((START, n), (n, END)))
    compiled = graph(*map(branch, names), edges=edges)
    adapter = type("Joined", (Plain,), {"from_state": lambda self, s, _: GraphOutput("|".join(s["said"]), GOOD)})()
    found = set()
    for order in permutations((0.0, 0.01, 0.02)):
        delays.update(zip(names, order, strict=True))
        found.add(encode(await decide(compiled, lambda r, d: str(d.sample), adapter)))
    assert len(found) == 1
    assert b"a:0,3|b:1,4|c:2,5" in found.pop()


async def test_copies_of_a_node_that_are_sent_out_draw_apart() -> None:
    builder = StateGraph(Notes)
    builder.add_node("voter", asks("q", name="voter"))
    builder.add_conditional_edges(START, lambda state: [Send("voter", state)] * 3, ["voter"])
    builder.add_edge("voter", END)
    decision = await decide(builder.compile(), lambda r, d: f"vote {d.sample}\n{GOOD}")
    assert [(t.agent, t.lane, t.sample) for t in decision.turns] == [("voter", i, i) for i in range(3)]


async def test_decisions_at_the_same_time_do_not_mix() -> None:
    rng = random.Random(7)

    async def node(state: Notes) -> Notes:
        await asyncio.sleep(rng.random() / 50)
        return {"said": [(await MODEL.ainvoke("q")).text]}

    own = variant(graph(node))
    at = models(lambda r, d: f"{d.episode}/{d.step}/{d.sample}\n{GOOD}")
    found = await asyncio.gather(*(own.decide(SITUATION, at, e, s) for e in range(5) for s in range(3)))
    assert [d.turns[0].text.partition("\n")[0] for d in found] == [f"{e}/{s}/0" for e in range(5) for s in range(3)]
    assert all(len(d.turns) == 1 for d in found)


async def test_a_refused_call_is_the_outcome_unless_the_graph_goes_on_and_answers() -> None:
    def refuses(asked: Request, draw: Draw) -> Response:
        again = asked.messages[0].content == "again"
        return Response(GOOD) if again else Response(GOOD, "refused", "content_filter")

    decision = await decide(graph(asks("first")), refuses)
    assert (decision.status, decision.stated_status, decision.done, decision.stated) == ("refused", "refused", None, ())
    decision = await decide(graph(asks("first"), asks("again", name="more")), refuses)
    assert (decision.status, decision.done) == ("ok", "Blue")
    cut = await decide(graph(asks("first")), lambda r, d: Response("Let me", "truncated", "length"))
    assert (cut.status, cut.done) == ("truncated", None)


async def test_a_graph_that_fails_is_an_outcome_with_its_reason() -> None:
    def breaks(state: Notes) -> Notes:
        raise KeyError(f"no note, at {object()!r}")

    found = [await decide(graph(asks("q"), breaks), lambda r, d: "hm") for _ in range(2)]
    assert found[0] == found[1]
    assert (found[0].status, found[0].stated_status, found[0].done) == ("error", "error", None)
    assert [t.agent for t in found[0].turns] == ["think", "graph"]
    text = found[0].turns[-1].text
    assert text.startswith("KeyError") and text.endswith("(raised in node 'breaks')") and not found[0].turns[-1].key

    endless = graph(asks("q"), edges=((START, "think"), ("think", "think")))
    decision = await decide(endless, lambda r, d: "hm")
    assert decision.status == "error" and "GraphRecursionError" in decision.turns[-1].text
    assert [t.sample for t in decision.turns[:-1]] == list(range(100))

    decision = await decide(graph(asks("q", 0)), lambda r, d: "hm")
    assert (decision.status, decision.turns[-1].text) == (
        "unparsable",
        "IndexError: list index out of range (raised in Plain.from_state)",
    )
    decision = await decide(graph(asks("q")), lambda r, d: "I would rather not say")
    assert (decision.status, decision.done) == ("unparsable", None)


async def test_an_adapter_may_give_the_labels_itself() -> None:
    def gives(**labels: Any) -> Any:
        return type("Gives", (Plain,), {"from_state": lambda self, state, situation: GraphOutput(**labels)})()

    compiled = graph(asks("q"))
    decision = await decide(compiled, lambda r, d: "hm", gives(rationale="why", stated=("Red",), action="Blue"))
    assert (decision.rationale, decision.stated, decision.done, decision.status) == ("why", ("Red",), "Blue", "ok")
    decision = await decide(compiled, lambda r, d: "hm", gives(stated=(), action="Green"))
    assert (decision.stated_status, decision.done, decision.status) == ("absent", None, "illegal")
    with pytest.raises(PlanError, match="Return an ak.graphs.GraphOutput"):
        bad = type("Bad", (Plain,), {"from_state": lambda self, state, situation: "Red"})()
        await decide(compiled, lambda r, d: "hm", bad)


@pytest.mark.parametrize("catches", [False, True])
@pytest.mark.parametrize("kind", [Denied, BudgetSpent, OfflineMiss])
async def test_what_ends_a_run_passes_through_even_if_the_graph_catches_it(
    kind: type[Exception], catches: bool
) -> None:
    async def careful(state: Notes) -> Notes:
        try:
            return {"said": [(await MODEL.ainvoke("q")).text]}
        except Exception:
            if not catches:
                raise
            return {"said": [GOOD]}

    at = models(lambda r, d: GOOD)
    if kind is Denied:
        at = models(lambda r, d: Denied("no key"))
    elif kind is BudgetSpent:
        at.gateway.stop(BudgetSpent("spent"))
    else:
        at.gateway._offline = True
    with pytest.raises(kind):
        await variant(graph(careful)).decide(SITUATION, at, 0, 0)


async def test_a_plain_invoke_works_in_a_plain_node_and_says_what_to_write_elsewhere() -> None:
    def plain(state: Notes) -> Notes:
        return {"said": [MODEL.bind(temperature=0).invoke(state["case"]).text]}

    async def blocking(state: Notes) -> Notes:
        return {"said": [MODEL.invoke("q").text]}

    def own_loop(state: Notes) -> Notes:
        async def inner() -> str:
            return str((await MODEL.ainvoke("q")).text)

        return {"said": [asyncio.run(inner())]}

    said = await decide(graph(plain), lambda r, d: f"{r.sampling.temperature}\n{GOOD}")
    assert (said.turns[0].agent, said.turns[0].text, said.done) == ("plain", f"0.0\n{GOOD}", "Blue")
    assert (await decide(graph(own_loop), lambda r, d: GOOD)).done == "Blue"
    with pytest.raises(PlanError, match="ainvoke"):
        await decide(graph(blocking), lambda r, d: GOOD)


async def test_outside_of_a_decision_and_with_tools_it_says_what_to_do() -> None:
    with pytest.raises(PlanError, match="Variant.from_langgraph"):
        await MODEL.ainvoke("hello")
    with pytest.raises(PlanError, match="Variant.from_langgraph"):
        MODEL.invoke("hello")
    assert MODEL.bind_tools([]) is MODEL
    late: list[Any] = []

    async def leaves(state: Notes) -> Notes:
        async def later() -> None:
            await asyncio.sleep(0.05)
            await MODEL.ainvoke("q")

        late.append(asyncio.create_task(later()))
        return {"said": [GOOD]}

    assert (await decide(graph(leaves), lambda r, d: GOOD)).done == "Blue"
    with pytest.raises(PlanError, match="over"):
        await late[0]


async def test_runnables_graphs_in_graphs_and_checkpointers() -> None:
    async def work(given: Notes) -> Notes:
        return {"said": [(await MODEL.ainvoke(given["case"])).text]}

    said = await decide(RunnableLambda(work), lambda r, d: GOOD)
    assert (said.done, said.turns[0].agent) == ("Blue", "model")
    builder = StateGraph(Notes)
    builder.add_node("inner", graph(asks("q"), asks("q", name="more")))
    builder.add_edge(START, "inner")
    builder.add_edge("inner", END)
    said = await decide(builder.compile(), lambda r, d: f"{d.sample} {GOOD}")
    assert [(t.agent, t.sample) for t in said.turns] == [("think", 0), ("more", 1)]
    remembers = graph(asks("q"), checkpointer=InMemorySaver())
    both = [await decide(remembers, lambda r, d: f"{d.sample} {GOOD}") for _ in range(2)]
    assert both[0] == both[1]


def test_its_identity_is_its_name_its_shape_its_code_and_its_adapter() -> None:
    one, again = variant(graph(asks("q"))), variant(graph(asks("q")))
    assert one == again and hash(one) == hash(again) and one.code_known
    others = [
        variant(graph(asks("another prompt"))),
        variant(graph(asks("q"), asks("q", name="more"))), variant(graph(asks("q")), MessagesAdapter()),
        variant(graph(asks("q")), MessagesAdapter("Be bold.")),
        ak.Variant.from_langgraph("other", graph(asks("q")), Plain()),
    ]  # fmt: skip
    assert len({v.plan.fingerprint for v in [one, *others]}) == 6
    assert isinstance(one.plan, Decider) and (one.plan.calls, one.plan.recommends) == (None, "sometimes")
    for left in (one, one.plan):
        with pytest.raises(PlanError, match=r"Plain has no follow_up\(state, text\)"):
            left | ak.critique()
    assert ("reason_act | critique") == (ak.Variant("reason_act", ak.graphs.reason_act()) | ak.critique()).name
    with pytest.raises(PlanError, match="compile"):
        variant(StateGraph(Notes))
    with pytest.raises(PlanError, match="adapter"):
        ak.Variant.from_langgraph("own", graph(asks("q")), object())  # type: ignore[arg-type]


def messages_graph() -> Any:
    async def agent(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await MODEL.ainvoke(state["messages"])]}

    async def check(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await MODEL.ainvoke([*state["messages"], HumanMessage("Check that. BEST=X, ACTION=Y")])]}

    return graph(agent, check, state=MessagesState)


def variants() -> list[ak.Variant]:
    async def one(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await MODEL.ainvoke(state["messages"])]}

    own = ak.Variant.from_langgraph("one", graph(one, state=MessagesState), MessagesAdapter())
    two = ak.Variant.from_langgraph("two", messages_graph(), MessagesAdapter())
    return [ak.Variant("base", ak.graphs.reason_act()), own, two]


@pytest.mark.parametrize("design", ["fork", "rollout"])
def test_whole_runs_share_draws_are_counted_and_resume_to_the_same_bytes(design: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "task": TASK, "model": Simulated(Planted(parse_failure=0.1)), "episodes": 5, "design": design,
    }  # fmt: skip
    whole = ak.run(**settings, variants=variants(), out=tmp_path / "whole")
    assert whole.outcome is not None and whole.outcome.stopped is None
    records = [decode(Record, data) for data in stored(tmp_path / "whole")]
    found = {v: [r for r in records if r.variant == v] for v in ("base", "one", "two")}
    assert [r.decision.turns[0].key for r in found["base"]] == [r.decision.turns[0].key for r in found["one"]]
    assert [r.usage for r in found["base"]] == [r.usage for r in found["one"]]
    assert {r.calls for r in found["two"]} == {2} and all(r.usage.prompt_tokens > 0 for r in found["two"])
    assert whole.outcome.run_usage.made < whole.outcome.run_usage.asked

    part = ak.run(**settings, variants=variants(), out=tmp_path / "part", budget={"calls": 11}, concurrency=3)
    assert part.outcome is not None and isinstance(part.outcome.stopped, BudgetSpent)
    ak.run(**settings, variants=variants(), out=tmp_path / "part", concurrency=2)
    replayed = ak.run(**settings, variants=variants(), out=tmp_path / "whole", offline=True)
    assert replayed.outcome is not None and replayed.outcome.run_usage.made == 0
    assert stored(tmp_path / "part") == stored(tmp_path / "whole") == [encode(r) for r in records]
    assert whole.report().stat().st_size > 5000
    assert whole.experiment["variants"]["two"]["calls"] == "?"


def test_it_is_a_baseline_too_and_dollars_are_counted(tmp_path: Path) -> None:
    model = Scripted(lambda r, d: "BEST=Red\nACTION=Red", price=Price(1e-3, 1e-3))
    result = ak.run(task=TASK, model=model, variants=variants()[::-1], episodes=1, out=tmp_path / "run")
    assert result.outcome is not None and result.outcome.stopped is None
    costs = {decode(Record, data).cost for data in stored(tmp_path / "run")}
    assert len(costs) > 1 and all(cost is not None and cost > 0 for cost in costs)


def test_slots_are_named_and_a_model_that_takes_no_instructions_is_refused(tmp_path: Path) -> None:
    judge = ak.ChatModel(slot="judge")

    async def node(state: MessagesState) -> dict[str, Any]:
        return {"messages": [AIMessage((await judge.ainvoke(state["messages"])).text)]}

    compiled = graph(node, state=MessagesState)
    models = {"default": Scripted(lambda r, d: "x", "a"), "judge": Scripted(lambda r, d: "ACTION=Red", "b")}
    with pytest.raises(UnknownName, match="judge"):
        unnamed = ak.Variant.from_langgraph("own", compiled, MessagesAdapter())
        ak.run(task=TASK, model=models, variants=[unnamed], episodes=1, out=tmp_path / "run")
    named = ak.Variant.from_langgraph("own", compiled, MessagesAdapter(), slots=("judge",))
    ak.run(task=TASK, model=models, variants=[named], episodes=1, out=tmp_path / "run")
    assert all(b"ACTION=Red" in data for data in stored(tmp_path / "run"))
    with pytest.raises(PlanError, match="completion style"):
        plain = Scripted(lambda r, d: "x", style="completion")
        ak.run(task=TASK, model=plain, variants=[named], episodes=1, out=tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_an_adapter_of_ones_own_instructs_unless_it_says_that_its_texts_can_be_continued(tmp_path: Path) -> None:
    class Own:
        def to_input(self, situation: Situation) -> Any:
            return MessagesAdapter().to_input(situation)

        def from_state(self, state: Any, situation: Situation) -> GraphOutput:
            return GraphOutput(text=state["messages"][-1].text)

    class Continued(Own):
        instructs = False

    compiled = graph(lambda state: {"messages": [ak.ChatModel().invoke(state["messages"])]}, state=MessagesState)
    plain = Scripted(lambda r, d: "BEST=Red\nACTION=Red", style="completion")
    with pytest.raises(PlanError, match=r"completion style.*instructs = False in the class .*Own") as refused:
        own = ak.Variant.from_langgraph("own", compiled, Own())
        ak.run(task=TASK, model=plain, variants=[own], episodes=1, out=tmp_path / "no")
    assert "prompted by instructions" in str(refused.value) and not (tmp_path / "no").exists()
    continued = ak.Variant.from_langgraph("own", compiled, Continued())
    task = {**TASK, "labels": ["Red", "Blue", "Teal", "Plum"]}
    ak.run(task=task, model=plain, variants=[continued], episodes=1, out=tmp_path / "run")
    assert {decode(Record, data).decision.status for data in stored(tmp_path / "run")} == {"ok"}


@dataclass(frozen=True)
class StatesNowAndThen(Plain):
    """At the second step the graph says nothing of what it recommends."""

    def from_state(self, state: Notes, situation: Situation) -> GraphOutput:
        action = situation.actions[0]
        return GraphOutput(text=state["said"][-1], action=action, stated=(action,) if situation.step != 1 else ())


def test_a_graph_that_states_only_sometimes_can_be_looked_at_while_it_is_played(tmp_path: Path) -> None:
    """The steps without a rationale are unread ones: they count, and the worst case says what they leave open."""
    own = ak.Variant.from_langgraph("own", graph(asks("hm")), StatesNowAndThen())
    result = ak.run(
        task=TASK, model="simulated", variants=["reason_act", own], episodes=20, until="gap difference +- 0.05",
        out=tmp_path / "run",
    )  # fmt: skip
    (gap,) = [c for _, _, c in result.score().anytime if (c.metric, c.variant) == ("gap", "own")]
    assert gap.difference.value is not None and gap.difference.low is not None
    assert gap.bounds is not None and gap.worst is not None
    (one,) = result.compare("reason_act", "own", ["gap"])
    assert one.anytime and one.lines[0].contrast.difference.low is not None
