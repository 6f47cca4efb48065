"""What follows from situations nobody measured, from answers without a worst case, and from earlier sessions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak
from akrasia.evals.pareto import pareto_points
from akrasia.evals.scoring import HEADLINE
from akrasia.models import Planted, Scripted, Simulated
from akrasia.records import Draw, Request, Response
from akrasia.reports.arm_rows import ArmRow
from akrasia.reports.columns import PARSED

TASK = {"name": "bandit", "arms": 4, "horizon": 4}
SOUND = Simulated(Planted(knowing=0.95, greedy=0.4, optimal=0.3))


async def thanks(state: MessagesState) -> Any:
    await ak.ChatModel().ainvoke(state["messages"])
    return {"messages": [("ai", "Thank you!")]}


def graph(node: Any) -> ak.Variant:
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return ak.Variant.from_langgraph("mine", builder.compile(), ak.graphs.MessagesAdapter())


def test_a_broken_baseline_leaves_nothing_measured_in_its_fork(tmp_path: Path) -> None:
    variants = [graph(thanks), "reason_act", "reason_act | critique"]
    result = ak.run(task=TASK, model=SOUND, variants=variants, episodes=12, out=tmp_path / "run", keep_going=True)
    card = result.score(HEADLINE)
    assert all(arm.integrity for arm in card.arms) and pareto_points(card.arms) == ()
    assert result.check("gap(reason_act) < 0.99", "doing(reason_act) > 0.01").exit_code == 3
    assert {line.outcome for line in result.compare("reason_act", "reason_act | critique")[0].lines} == {"not measured"}
    alone = ak.run(task=TASK, model=SOUND, variants=variants[1:], episodes=12, out=tmp_path / "alone")
    assert alone.check("gap(reason_act) < 0.99", "doing(reason_act) > 0.01").exit_code == 0


def test_who_follows_a_mute_leader_is_not_measured(tmp_path: Path) -> None:
    mute = Scripted(lambda request, draw: Response("Thank you!"), "mute")
    settings: Any = {"task": TASK, "models": [mute, SOUND], "variants": ["reason_act"], "episodes": 12}
    followed = ak.run(**settings, leader="mute", out=tmp_path / "run", keep_going=True)
    (fault,) = followed.score(HEADLINE).arms[1].integrity
    assert fault.check == "leading" and "reason_act of mute" in fault.cause
    assert followed.check("gap < 0.99", model=SOUND.info.label).exit_code == 3
    by_itself = ak.run(**settings, out=tmp_path / "own", keep_going=True)
    assert by_itself.score(HEADLINE).arms[1].integrity == ()


def test_a_metric_without_a_worst_case_decides_no_check_while_answers_are_missing(tmp_path: Path) -> None:
    settings: Any = {"task": TASK, "variants": ["reason_act"], "episodes": 12}
    vague = ak.run(model=Simulated(Planted(parse_failure=0.3)), out=tmp_path / "vague", **settings)
    (line,) = vague.check("regret <= 1000").lines
    assert line.holds is None and "regret has no worst case" in line.why
    assert vague.check("calls <= 1").holds  # what was paid was paid
    assert ak.run(model=SOUND, out=tmp_path / "sound", **settings).check("regret <= 1000").holds


def test_two_arms_that_asked_the_same_are_no_contrast(tmp_path: Path) -> None:
    variants = {"base": "reason_act", "a": "reason_act | critique", "b": "reason_act | critique"}
    result = ak.run(task=TASK, model=SOUND, variants=variants, episodes=12, out=tmp_path / "run")
    (line,) = result.check("gap(b) - gap(a) < 0.5").lines
    assert line.holds is None and line.why == "b and a asked exactly the same"
    assert result.check("gap(a) - gap(base) < 0.9").holds


def test_a_leak_is_said_beside_a_check_and_of_a_leaking_baseline(tmp_path: Path) -> None:
    variants = ["reason_act", "oracle_act"]
    result = ak.run(task=TASK, model=SOUND, variants=variants, episodes=12, out=tmp_path / "run")
    assert "told by the oracle" in result.check("gap(oracle_act) < 0.99").text
    card = result.score(baseline="oracle_act")
    assert pareto_points(card.arms) == ()
    (verdict,) = card.verdicts
    assert verdict.leaks and verdict.sentence.startswith("the baseline oracle_act is told by the oracle")


def test_a_run_whose_items_are_used_up_is_complete(tmp_path: Path) -> None:
    rows = [{"question": f"What is {i} + {i}?", "choices": [str(2 * i), "1"], "answer": "A"} for i in range(1, 13)]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))

    def half(request: Request, draw: Draw) -> str:
        return f"BEST=A\nACTION={'AB'[draw.episode % 2]}"

    with pytest.warns(UserWarning, match="the right option is A"):
        result = ak.run(
            task={"name": "questions", "path": str(tmp_path / "q.jsonl")}, model=Scripted(half),
            variants=["reason_act"], episodes=100, until="gap +- 0.3", out=tmp_path / "run",
        )  # fmt: skip
    looks = result.score(HEADLINE).looks
    assert looks is not None and (looks.exhausted or looks.stopped) and result.missing == ()
    assert result.check("gap < 0.99").holds


def test_a_fixed_number_of_episodes_after_until_is_what_was_asked_for(tmp_path: Path) -> None:
    settings: Any = {"task": TASK, "model": SOUND, "variants": ["reason_act"], "out": tmp_path / "run"}
    looked = ak.run(episodes=100, until="gap +- 0.3", **settings)
    played = looked.records["episode"].n_unique()
    assert looked.missing == () and played < 60
    stopped = ak.run(episodes=60, budget={"calls": 4 * (played + 2)}, concurrency=1, **settings)
    assert [m.planned for m in stopped.missing] == [60]
    assert stopped.check("gap < 0.99").holds is None
    assert "--set budget.calls=N" in stopped.check("gap < 0.99").text
    assert ak.run(episodes=60, **settings).missing == ()


def test_fewer_episodes_later_do_not_forget_those_asked_for(tmp_path: Path) -> None:
    settings: Any = {"task": TASK, "model": SOUND, "out": tmp_path / "run"}
    part = ak.run(variants=["reason_act"], episodes=30, budget={"calls": 60}, concurrency=1, **settings)
    lacks = {m.variant: m.planned for m in part.missing}
    later = ak.run(variants=["reason_act", "reason_act | re_evaluate"], episodes=5, **settings)
    assert lacks == {m.variant: m.planned for m in later.missing} == {"reason_act": 30}


@pytest.mark.parametrize("episodes", [12])
def test_where_nothing_was_read_the_parse_column_says_so(tmp_path: Path, episodes: int) -> None:
    async def silent(state: MessagesState) -> Any:
        return {"messages": [("ai", "Thank you!")]}

    result = ak.run(
        task=TASK, model=SOUND, variants=["reason_act", graph(silent)], episodes=episodes, out=tmp_path / "run",
        keep_going=True,
    )  # fmt: skip
    sound, mute = result.score().arms
    assert mute.flips is None  # nothing turned from right to wrong where nothing was measured
    assert [str(PARSED.cell(ArmRow(result.score(), arm, sound))) for arm in (sound, mute)] == ["100%", "0%"]
