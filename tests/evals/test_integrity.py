"""A broken arm is no finding: neither a verdict nor a place on a front; the healthy twin of each gets both."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from langchain_core.language_models import FakeListChatModel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak
from akrasia.evals import frame
from akrasia.evals.integrity import integrity_faults
from akrasia.evals.pareto import pareto_points
from akrasia.evals.scoring import HEADLINE
from akrasia.models import Scripted
from akrasia.records import Decision, Draw, Oracle, Record, Request, Response, Status, Usage

TASK = {"name": "bandit", "arms": 4, "horizon": 2, "head_start": 2}
OWN = FakeListChatModel(responses=["BEST=Red\nACTION=Red"])


async def healthy(state: MessagesState) -> Any:
    question, *rest = state["messages"]
    return {"messages": [await ak.ChatModel().ainvoke([("user", f"{question.content}\nTake your time."), *rest])]}


async def same(state: MessagesState) -> Any:
    """Asks what the baseline asks."""
    return {"messages": [await ak.ChatModel().ainvoke(state["messages"])]}


async def crashes(state: MessagesState) -> Any:
    raise RuntimeError("vector store down")


async def mute(state: MessagesState) -> Any:
    return {"messages": [("ai", "I would rather not say.")]}


async def another_model(state: MessagesState) -> Any:
    return {"messages": [await OWN.ainvoke(state["messages"])]}


async def forgets(state: MessagesState) -> Any:
    """Answers in the right form without asking anybody."""
    label = state["messages"][0].content.split(": ")[1].split(",")[0]
    return {"messages": [("ai", f"BEST={label}\nACTION={label}")]}


def graph(node: Any, named: str = "mine", **options: Any) -> ak.Variant:
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return ak.Variant.from_langgraph(named, builder.compile(**options), ak.graphs.MessagesAdapter())


def scored(tmp_path: Path, variants: list[Any], model: Any = "simulated") -> ak.evals.Scorecard:
    return played(tmp_path, variants, model).score(HEADLINE)


def played(tmp_path: Path, variants: list[Any], model: Any = "simulated") -> ak.Result:
    """A run that goes on, whatever fails: when a run stops early is tested elsewhere."""
    return ak.run(task=TASK, model=model, variants=variants, episodes=14, out=tmp_path / "run", keep_going=True)


BROKEN = {
    "raises": (crashes, {}, "failed", "own code failed in node 'node'"),
    "says nothing": (mute, {}, "model", "no call of the run's model was made"),
    "asks another model": (another_model, {}, "model", "FakeListChatModel"),
    "asks nobody": (forgets, {}, "model", "no call of the run's model was made"),
    "waits": (
        healthy,
        {"checkpointer": InMemorySaver(), "interrupt_before": ["node"]},
        "failed",
        "the graph waits at an interrupt",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_graph_gets_no_verdict_and_no_place_on_the_front(tmp_path: Path, name: str) -> None:
    node, options, check, cause = BROKEN[name]
    card = scored(tmp_path, ["reason_act", graph(node, **options)])
    (verdict,) = card.verdicts
    arm = next(a for a in card.arms if a.variant == "mine")
    assert arm.integrity[0].check == check and arm.integrity[0].share == 1
    assert arm.metrics["gap"].value is None and arm.metrics["gap"].high is None  # `gap.high < 0.2` is no true statement
    assert verdict.outcome == "not measured" and verdict.change is None
    assert verdict.sentence.startswith("not measured: ") and cause in verdict.sentence
    assert "mine" not in [p.variant for p in pareto_points(card.arms)]
    assert any(w.startswith("mine was not measured") for w in card.warnings)


def test_the_healthy_twin_is_measured(tmp_path: Path) -> None:
    card = scored(tmp_path, ["reason_act", graph(healthy)])
    assert all(not arm.integrity for arm in card.arms)
    assert card.verdicts[0].outcome in ("closes", "widens", "no change shown")
    assert "mine" in [p.variant for p in pareto_points(card.arms)]


def test_what_is_compared_with_a_broken_baseline_has_no_verdict(tmp_path: Path) -> None:
    card = scored(tmp_path, [graph(crashes), "reason_act"])
    assert card.verdicts[0].outcome == "not measured"
    assert card.verdicts[0].sentence.startswith("not measured, since the baseline mine is not: ")
    assert pareto_points(card.arms) == ()


@pytest.mark.parametrize(
    ("status", "share", "broken"), [("refused", 1.0, True), ("error", 0.5, True), ("ok", 1.0, False)]
)
def test_a_model_that_fails_on_many_steps_was_not_measured(
    tmp_path: Path, status: Any, share: float, broken: bool
) -> None:
    def answer(request: Request, draw: Draw) -> Response:
        labels = request.messages[0].content.split("buttons: ")[1].split(".")[0].split(", ")
        failed = len(request.messages) > 1 and draw.episode % 10 < 10 * share
        return Response(f"BEST={labels[0]}\nACTION={labels[0]}", status if failed else "ok", "stop")

    card = scored(tmp_path, ["reason_act", "reason_act | re_evaluate"], Scripted(answer))
    arms = {a.variant: a for a in card.arms}
    assert not arms["reason_act"].integrity
    assert bool(arms["reason_act | re_evaluate"].integrity) == broken
    assert (card.verdicts[0].outcome == "not measured") == broken


def games(lost: int, design: Literal["fork", "rollout"], status: Status = "truncated") -> list[Record]:
    """Twenty games of five steps, of which so many are lost at a first decision that failed."""
    worth = {"a": 1.0, "b": 0.0}
    oracle = Oracle(("a",), (), dict(worth), {a: 1 - v for a, v in worth.items()}, 1.0, (), "ucb")
    failed, fine = Decision("", ("a",), "ok", "", status), Decision("", ("a",), "ok", "a", "ok")
    return [
        Record(
            task="t", model="m", variant="v", design=design, episode=e, step=s, situation=f"{e} {s}",
            actions=("a", "b"), oracle=oracle, decision=failed if e < lost and s == 0 else fine,
            reward=1.0, regret=0.0, calls=1, usage=Usage(), cost=0.0, tags={"arm": "baseline"},
        )
        for e in range(20) for s in range(1 if e < lost and design == "rollout" else 5)
    ]  # fmt: skip


def test_games_that_a_failure_ended_count_as_games() -> None:
    (fault,) = integrity_faults(frame(games(9, "rollout")))
    assert (fault.check, fault.share, fault.of) == ("failed", 0.45, "its episodes' last decisions")
    assert "truncated on 45% of its episodes' last decisions, first at episode 0, step 0" in str(fault)
    assert integrity_faults(frame(games(4, "rollout"))) == () == integrity_faults(frame(games(9, "fork")))
    (unread,) = integrity_faults(frame(games(11, "rollout", "unparsable")))
    assert (unread.check, unread.share) == ("unread", 0.55)
    assert integrity_faults(frame(games(10, "rollout", "unparsable"))) == ()
    (all_of_it,) = integrity_faults(frame(games(20, "rollout")))
    assert (all_of_it.share, all_of_it.of) == (1.0, "its steps")


def test_beside_a_graph_that_asks_nobody_nothing_is_said_of_what_could_not_be_read(tmp_path: Path) -> None:
    card = scored(tmp_path, ["reason_act", graph(mute)])
    (arm,) = (a for a in card.arms if a.variant == "mine")
    assert "model" in {f.check for f in arm.integrity}
    assert not {f.check for f in arm.integrity} & {"unread", "rationale"}


def test_rationales_that_nobody_can_read_close_no_gap(tmp_path: Path) -> None:
    def answer(request: Request, draw: Draw) -> str:
        labels = request.messages[0].content.split("buttons: ")[1].split(".")[0].split(", ")
        again = len(request.messages) > 1
        return f"Hard to tell.\nACTION={labels[0]}" if again else f"BEST={labels[1]}\nACTION={labels[0]}"

    card = scored(tmp_path, ["reason_act", "reason_act | re_evaluate"], Scripted(answer))
    (verdict,) = card.verdicts
    assert verdict.outcome == "not measured" and "the rationale is unparsable on 100% of its steps" in verdict.sentence


def test_the_tables_of_a_broken_arm_show_no_change(tmp_path: Path) -> None:
    card = scored(tmp_path, ["reason_act", "reason_act | re_evaluate", graph(crashes)])
    by_arm = {(c.variant, c.metric): c for _, _, c in card.contrasts if c.against == "reason_act"}
    for metric in ("gap", "doing", "knowing"):
        assert by_arm["mine", metric].difference.value is None and by_arm["mine", metric].p is None
        assert by_arm["reason_act | re_evaluate", metric].difference.value is not None


def test_nothing_is_compared_with_a_broken_arm(tmp_path: Path) -> None:
    result = ak.run(
        task=TASK,
        model="simulated",
        variants=["reason_act", graph(crashes)],
        episodes=14,
        out=tmp_path / "r",
        keep_going=True,
    )
    (comparison,) = result.compare("reason_act", "mine")
    assert {line.outcome for line in comparison.lines} == {"not measured"}
    assert "mine was not measured" in str([line.contrast.difference.why for line in comparison.lines])


def test_a_two_way_table_measures_no_effect_of_a_broken_cell(tmp_path: Path) -> None:
    settings: Any = {"models": ["simulated", "simulated:knowing=0.5"], "episodes": 14, "keep_going": True}
    result = ak.run(
        task=TASK, variants=["reason_act", graph(crashes), graph(healthy, named="twin")], out=tmp_path, **settings
    )
    broken, whole = result.two_way()
    assert {c.difference.value for by in broken.effects.values() for c in by.values()} == {None}
    assert [cell.value is None for cell in broken.cells["gap"]] == [False, True, False, True]
    assert "mine of simulated" in broken.interaction["doing"].difference.why
    assert all(c.difference.value is not None for by in whole.effects.values() for c in by.values())
