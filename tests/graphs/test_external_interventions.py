"""A LangGraph graph that was not built here is an agent of a plan: interventions and their controls apply to it."""

from __future__ import annotations

import operator
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak
from akrasia import interventions as ivs
from akrasia.errors import BadOption, PlanError
from akrasia.graphs import GraphOutput, MessagesAdapter, Node, Plan, external
from akrasia.interventions import parse
from akrasia.ledger import read_ledger
from akrasia.models import Gateway, ModelRoles, Scripted
from akrasia.records import Decision, Draw, Record, Request, Situation, decode

MODEL = ak.ChatModel()
TASK = {"name": "bandit", "arms": 4, "horizon": 2}
SITUATION = Situation("t", 0, 1, "Two buttons.", ("Red", "Blue"), noun="button")
GOOD = "BEST=Red\nACTION=Blue"


def one_call() -> Any:
    async def agent(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await MODEL.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("agent", agent)
    builder.add_edge(START, "agent")
    builder.add_edge("agent", END)
    return builder.compile()


class Notes(TypedDict, total=False):
    asked: Annotated[list[str], operator.add]
    said: Annotated[list[str], operator.add]


def notes(*nodes: Any) -> Any:
    builder = StateGraph(Notes)
    names = [START, *(n.__name__ for n in nodes), END]
    for node in nodes:
        builder.add_node(node.__name__, node)
    for u, v in zip(names, names[1:], strict=False):
        builder.add_edge(u, v)
    return builder.compile()


async def warm_up(state: Notes) -> Notes:
    return {"said": [(await MODEL.ainvoke("warm up")).text]}


async def answer(state: Notes) -> Notes:
    return {"said": [(await MODEL.ainvoke(" | ".join(state["asked"]))).text]}


@dataclass(frozen=True)
class Noted:
    """Questions and answers are two lists of the state."""

    def to_input(self, situation: Situation) -> Notes:
        return {"asked": [f"case {situation.step}"], "said": []}

    def follow_up(self, state: Notes, text: str) -> Notes:
        return {"asked": [*state["asked"], text.partition(" ")[0]], "said": state["said"]}

    def from_state(self, state: Notes, situation: Situation) -> GraphOutput:
        return GraphOutput(text=state["said"][-1])


def asking(script: Any) -> tuple[ModelRoles, list[tuple[str, int]]]:
    heard: list[tuple[str, int]] = []

    def answers(request: Request, draw: Draw) -> Any:
        heard.append((request.messages[-1].content, draw.sample))
        return script(request, draw)

    scripted = Scripted(answers)
    return ModelRoles(Gateway([scripted]), {"default": scripted.info.id}), heard


def records(folder: Path, variant: str) -> list[Record]:
    with read_ledger(folder) as reader:
        return [r for r in (decode(Record, data) for data in reader.raw_records()) if r.variant == variant]


ANY = [
    ak.critique(), ak.critique(rounds=2), ak.re_evaluate(), ivs.self_correct(), ivs.reflect(), ivs.multi_turn_aiw(),
    ivs.temperature(0.3), ivs.no_history(), ivs.permute_labels(), ivs.checklist(), ivs.persona(), ivs.strict(),
    ivs.constrained_readout(), ivs.try_all(), ivs.explore_at_random(), ivs.execute_stated(),
    ak.placebo(of="critique"), ivs.informed(by="critique"),
]  # fmt: skip


def test_a_graph_of_one_call_is_the_single_agent_under_every_intervention(tmp_path: Path) -> None:
    """It asks the same at the same draws, so that it answers the same, and takes the same steps."""
    plans = {"own": external(one_call(), name="own"), "ours": ak.graphs.reason_act()}
    variants = {f"{name} {i}": plan | change for name, plan in plans.items() for i, change in enumerate(ANY)}
    ak.run(task=TASK, model="simulated:greedy=0.5", variants=variants, episodes=2, out=tmp_path / "run")
    for i, change in enumerate(ANY):
        own, ours = records(tmp_path / "run", f"own {i}"), records(tmp_path / "run", f"ours {i}")
        assert len(own) == len(ours) == 4
        for one, other in zip(own, ours, strict=True):
            mine, theirs = one.decision, other.decision
            assert [t.key for t in mine.turns if t.key] == [t.key for t in theirs.turns if t.key], change.spec
            assert (mine.stated, mine.done, mine.status) == (theirs.stated, theirs.done, theirs.status), change.spec
            assert mine.rationale == theirs.rationale and one.calls == other.calls


async def test_what_continues_is_the_conversation_of_the_graph_itself() -> None:
    roles, heard = asking(lambda request, draw: f"{draw.sample} {GOOD}")
    plan = external(notes(warm_up, answer), Noted(), name="own") | ak.re_evaluate(rounds=2)
    decision = await plan.decide(SITUATION, roles, 7, 0)
    assert heard == [
        ("warm up", 0), ("case 0", 0), ("warm up", 1), ("case 0 | Please", 0), ("warm up", 2),
        ("case 0 | Please | Please", 0),
    ]  # fmt: skip
    assert [(t.agent, t.sample) for t in decision.turns] == [
        ("warm_up", 0), ("answer", 0), ("own.again/warm_up", 1), ("own.again/answer", 0),
        ("own.again.2/warm_up", 2), ("own.again.2/answer", 0),
    ]  # fmt: skip
    assert (decision.stated, decision.done, decision.status) == (("Red",), "Blue", "ok")


async def test_a_critic_reads_the_answer_and_the_graph_its_comment() -> None:
    def script(request: Request, draw: Draw) -> str:
        text = request.messages[-1].content
        return "Think of Red.\nBEST=Red" if "Comment on this" in text else f"I say {GOOD}"

    roles, heard = asking(script)
    decision = await (external(one_call(), name="own") | ak.critique()).decide(SITUATION, roles, 0, 0)
    assert [(t.agent, t.role) for t in decision.turns] == [
        ("agent", "model"), ("critic", "critic"), ("own.revise/agent", "model"),
    ]  # fmt: skip
    assert "--- reasoner ---\nI say BEST=Red" in heard[1][0] and "Think of Red." in heard[2][0]
    assert decision.turns[1].reads == ("own",)


async def test_lanes_of_a_graph_draw_apart_and_the_first_is_the_graph_alone() -> None:
    async def twice(state: Notes) -> Notes:
        return {"said": [(await MODEL.ainvoke("q")).text for _ in range(2)]}

    def script(request: Request, draw: Draw) -> str:
        return f"BEST=Red\nACTION={'Blue' if draw.sample % 2 else 'Red'}"

    base = external(notes(twice), Noted(), name="own")
    roles, _ = asking(script)
    alone = await base.decide(SITUATION, roles, 0, 0)
    voted = await (base | ak.self_consistency(3)).decide(SITUATION, roles, 0, 0)
    more = await (base | ak.self_consistency(5)).decide(SITUATION, roles, 0, 0)
    calls = [t for t in voted.turns if t.key]
    assert [(t.lane, t.sample) for t in calls] == [
        (0, 0), (1, 1), (2, 1_000_000), (3, 1_000_001), (4, 2_000_000), (5, 2_000_001),
    ]  # fmt: skip
    assert [t.key for t in calls[:2]] == [t.key for t in alone.turns] and len({t.key for t in calls}) == 6
    assert [t.key for t in more.turns if t.key][:6] == [t.key for t in calls]
    assert voted.done == "Blue" and voted.turns[-1].text.startswith("votes: Blue")
    again = await (base | ak.self_consistency(3) | ak.re_evaluate()).decide(SITUATION, roles, 0, 0)
    assert [t.agent for t in again.turns][-1] == "own.again/twice"


async def test_retry_takes_the_last_run_that_can_be_read() -> None:
    def script(request: Request, draw: Draw) -> str:
        return GOOD if draw.sample == 1_000_000 else "hm"

    roles, _ = asking(script)
    base = external(one_call(), name="own")
    assert (await base.decide(SITUATION, roles, 0, 0)).status == "unparsable"
    assert (await (base | ivs.retry(3)).decide(SITUATION, roles, 0, 0)).done == "Blue"


async def test_copies_of_a_graph_debate_and_decide_by_vote() -> None:
    seen: list[str] = []

    def script(request: Request, draw: Draw) -> str:
        seen.append(request.messages[-1].content)
        return f"agent at {draw.sample}\nBEST=Red\nACTION={'Red' if draw.sample else 'Blue'}"

    roles, _ = asking(script)
    decision = await (external(one_call(), name="own") | ak.debate(agents=3)).decide(SITUATION, roles, 0, 0)
    assert [t.agent for t in decision.turns] == [
        "agent", "own2/agent", "own3/agent", "own.discuss/agent", "own2.discuss/agent", "own3.discuss/agent", "vote",
    ]  # fmt: skip
    assert decision.done == "Red" and sum("Other agents have answered" in text for text in seen) == 3
    assert any("agent at 1000000" in text and "agent at 2000000" in text for text in seen)


@pytest.mark.parametrize("change", [ak.re_evaluate(), ak.critique(), ak.self_consistency(3)], ids=lambda c: c.spec)
async def test_a_graph_that_fails_has_no_conversation_and_its_failure_stands(change: Any) -> None:
    async def breaks(state: Notes) -> Notes:
        raise KeyError("no note")

    roles, _ = asking(lambda request, draw: GOOD)
    decision, tags = await (external(notes(breaks), Noted(), name="own") | change).decide_tagged(SITUATION, roles, 0, 0)
    assert (decision.status, decision.done) == ("error", None)
    assert tags == {"calls": "none", "own_code": "node 'breaks'"}


async def test_an_answer_that_cannot_be_read_is_gone_on_with() -> None:
    roles, _ = asking(lambda request, draw: GOOD if len(request.messages) > 1 else "I will think about it.")
    decision = await (external(one_call(), name="own") | ak.re_evaluate()).decide(SITUATION, roles, 0, 0)
    assert (decision.status, decision.done) == ("ok", "Blue")


def test_what_cannot_apply_is_refused_with_the_reason() -> None:
    base = external(one_call(), name="own")
    for change in (ivs.confidence(), ivs.think_longer(), ak.debate(confidence=True), ak.debate(protocol="borda")):
        with pytest.raises(PlanError, match="the prompts of this graph were written elsewhere"):
            base | change
    for change in (ivs.commit(), ivs.blind_actor(), ivs.swap_recommendation(), ivs.constrain_action()):
        with pytest.raises(PlanError, match="needs an actor"):
            base | change
    bare = type("Bare", (), {"to_input": lambda self, s: {}, "from_state": lambda self, state, s: GraphOutput()})()
    for change in (ak.critique(), ak.re_evaluate(), ak.debate()):
        with pytest.raises(PlanError, match=r"its adapter Bare has no follow_up\(state, text\)"):
            external(one_call(), bare, name="own") | change
    with pytest.raises(PlanError, match="has no place for more sentences"):
        external(one_call(), bare, name="own") | ivs.checklist()
    with pytest.raises(PlanError, match="two graphs of plan"):
        Plan("p", (*base.nodes, Node("more", base.nodes[0].agent, ("own",))), "more", "more", graphs=base.graphs * 2)
    with pytest.raises(PlanError, match="has no graph 'own'"):
        Plan("p", base.nodes, "own", "own")
    with pytest.raises(PlanError, match="is named 0"):
        Plan("p", (Node(0, ak.agents.Agent("reasoner")),), 0, 0)  # type: ignore[arg-type]
    with pytest.raises(PlanError, match="must be names in a tuple"):
        external(one_call(), slots="judge")


async def test_a_slot_that_is_not_named_is_refused_when_it_is_asked() -> None:
    judge = ak.ChatModel(slot="judge")

    async def node(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await judge.ainvoke(state["messages"])]}

    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    roles, _ = asking(lambda request, draw: GOOD)
    with pytest.raises(PlanError, match=r"slots=\('default', 'judge'\)"):
        await external(builder.compile(), name="own").decide(SITUATION, roles, 0, 0)
    plan = external(builder.compile(), name="own", slots=("judge",))
    assert (await plan.decide(SITUATION, roles, 0, 0)).done == "Blue" and plan.slots == {"judge"}


def test_controls_follow_from_the_graph_and_its_interventions() -> None:
    base = external(one_call(), name="own")
    controls = ak.controls_for(base | ak.critique())
    assert [(kind, plan.name) for kind, plan in controls] == [
        ("placebo", "own | placebo(of='critique')"), ("self_consistency", "own | self_consistency(n=3)"),
        ("retry", "own | retry(n=3)"), ("informed", "own | informed"), ("random", "random_act"),
        ("execute_stated", "own | execute_stated"), ("oracle", "oracle_act"),
    ]  # fmt: skip
    variant = ak.Variant.from_langgraph("own", one_call(), MessagesAdapter()) | ak.critique()
    assert dict(ak.controls_for(variant)) == dict(controls)
    bare = external(notes(answer), Noted(), name="own")
    assert "has no place for more sentences" in ak.controls_for(bare | ak.critique()).left_out["informed"]
    assert "adds neither words" not in str(ak.controls_for(bare | ak.self_consistency(3)).left_out)


async def test_a_graph_may_be_one_agent_of_many() -> None:
    base = external(one_call(), name="own")
    act = Node("act", ak.agents.Agent("actor"), ("own",))
    plan = Plan("two", (*base.nodes, act), "act", "own", graphs=base.graphs)
    roles, heard = asking(lambda request, draw: "ACTION=Red" if "Now it is your turn" in str(request) else GOOD)
    decision: Decision = await (plan | ak.re_evaluate()).decide(SITUATION, roles, 0, 0)
    assert [t.agent for t in decision.turns] == ["agent", "own.again/agent", "act"]
    assert (decision.stated, decision.done) == (("Red",), "Red")
    assert "flowchart" in str(ak.graphs.draw(plan)) and "<svg" in str(ak.graphs.draw(plan | ak.critique(), "svg"))


AGENTS_FILE = """
import asyncio
import akrasia as ak
from langgraph.graph import END, START, MessagesState, StateGraph

def build(model):
    async def agent(state: MessagesState):
        await asyncio.sleep(0.01)
        return {"messages": [await model.ainvoke(state["messages"])]}
    builder = StateGraph(MessagesState)
    builder.add_node("agent", agent)
    builder.add_edge(START, "agent")
    builder.add_edge("agent", END)
    return builder

def asks_too_much(model, tools): ...
"""


@pytest.fixture
def agents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "agents_of_test.py"
    file.write_text(AGENTS_FILE)
    monkeypatch.chdir(tmp_path)
    return file


def test_a_graph_is_named_in_an_expression_and_goes_wherever_the_plan_goes(agents: Path) -> None:
    plan = parse("external('./agents_of_test.py:build') | critique(rounds=2)")
    assert plan.name == "external('./agents_of_test.py:build') | critique(rounds=2)"
    assert parse(plan.name) == plan == pickle.loads(pickle.dumps(plan))
    assert set(dict(ak.controls_for(plan))) >= {"placebo", "self_consistency", "retry", "informed"}
    given = external("./agents_of_test.py:build", MessagesAdapter("Weigh every {noun}."), name="own")
    assert pickle.loads(pickle.dumps(given)) == given != external("./agents_of_test.py:build", name="own")
    with pytest.raises(PlanError, match="cannot be sent to another process"):
        pickle.dumps(external(one_call()))
    with pytest.raises(BadOption, match="there is no 'nothing'"):
        external("./agents_of_test.py:nothing")
    with pytest.raises(BadOption, match="there is no file"):
        external("./nowhere.py:build")
    with pytest.raises(BadOption, match="No module named 'nowhere_at_all'"):
        external("nowhere_at_all:build")
    with pytest.raises(PlanError, match="asks for model, tools"):
        external("./agents_of_test.py:asks_too_much")


def test_a_run_measures_every_arm_of_a_graph_and_its_controls(tmp_path: Path) -> None:
    treated = external(one_call(), name="own") | ak.critique()
    variants = [external(one_call(), name="own"), treated, *dict(ak.controls_for(treated)).values()]
    result = ak.run(task=TASK, model="simulated:greedy=0.5", variants=variants, episodes=8, out=tmp_path / "run")
    arms = result.score(metrics=["doing"]).arms
    faults = {arm.variant: [f.cause for f in arm.integrity] for arm in arms if arm.integrity}
    assert faults == {}
    assert result.experiment["variants"]["own | critique"]["agents"] == ["critic"]
    assert result.experiment["variants"]["own | critique"]["slots"] == ["default"]
