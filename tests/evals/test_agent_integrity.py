"""Each agent's own answers, settings that were not sent, changes that change nothing, and what is missing: no finding,
and none that any output shows. The healthy twin of each gets its verdict.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from langgraph.graph import END, START, MessagesState, StateGraph
from typer.testing import CliRunner

import akrasia as ak
from akrasia.cli import app
from akrasia.evals.pareto import pareto_points
from akrasia.evals.scoring import HEADLINE
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.records import Draw, Request, Response, Usage

TASK = {"name": "bandit", "arms": 4, "horizon": 2, "head_start": 2}
CRITIQUE = "reason_act | critique"
COMMENTS = "Comment on this"
WIDE = {"COLUMNS": "200"}

Ends = Callable[[str], Response]


def answering(critic: Ends | None = None, **reported: str) -> Scripted:
    """A model that answers as it should; as a critic what `critic` makes of its comment."""

    def answer(request: Request, draw: Draw) -> Response:
        asked = request.messages[-1].content
        labels = next(m.content for m in request.messages if "buttons: " in m.content).split("buttons: ")[1]
        first = labels.split(".")[0].split(", ")[draw.episode % 3]
        if COMMENTS in asked:
            comment = f"In episode {draw.episode} the button {first} looks best.\nBEST={first}"
            return Response(comment) if critic is None else critic(comment)
        return Response(f"BEST={first}\nACTION={first}", reported=reported)

    return Scripted(answer)


def play(folder: Path, model: Any, variants: list[Any], **settings: Any) -> ak.Result:
    chosen: Any = {"task": TASK, "episodes": 14, "keep_going": True, **settings}
    return ak.run(model=model, variants=variants, out=folder, **chosen)


MUTE: dict[str, tuple[Ends, str]] = {
    "empty": (lambda text: Response("  "), "the critic gave an empty answer"),
    "cut off": (lambda text: Response(text[:9], "truncated", "length"), "the critic was cut off"),
    "thinks": (
        lambda text: Response("", "truncated", "length", Usage(10, 256, 0, 256)),
        "the critic was cut off before its first word, thinking 256 tokens",
    ),
    "filtered": (
        lambda text: Response("", "refused", "content_filter", error="Blocked by our usage policy."),
        "the critic was refused: Blocked by our usage policy.",
    ),
    "failed": (
        lambda text: Response("", "error", "error", error="the upstream died"),
        "the critic failed: the upstream died",
    ),
}


@pytest.mark.parametrize("name", MUTE)
def test_a_mute_critic_is_no_finding_on_critique(tmp_path: Path, name: str) -> None:
    critic, cause = MUTE[name]
    card = play(tmp_path, answering(critic), ["reason_act", CRITIQUE]).score(HEADLINE)
    base, arm = card.arms
    (fault,) = arm.integrity
    assert not base.integrity
    assert (fault.check, fault.agent, fault.share, fault.episode, fault.step) == ("agent", "critic", 1.0, 0, 2)
    assert card.verdicts[0].outcome == "not measured"
    assert card.verdicts[0].sentence.startswith(
        f"not measured: {cause} on 100% of its answers, first at episode 0, step 2"
    )
    assert [p.variant for p in pareto_points(card.arms)] == ["reason_act"]


def test_a_critic_that_speaks_gets_its_verdict(tmp_path: Path) -> None:
    card = play(tmp_path, answering(), ["reason_act", CRITIQUE]).score(HEADLINE)
    assert not any(arm.integrity or arm.cautions for arm in card.arms)
    assert card.verdicts[0].outcome == "no change shown" and len(pareto_points(card.arms)) == 2


def test_what_is_cut_off_behind_what_it_was_asked_for_is_whole(tmp_path: Path) -> None:
    def rambles(text: str) -> Response:
        return Response(f"{text}\nAnd furth", "truncated", "length")

    assert not play(tmp_path, answering(rambles), ["reason_act", CRITIQUE]).score(HEADLINE).arms[1].integrity


@pytest.mark.parametrize(("every", "broken"), [(3, True), (7, False)])
def test_a_few_empty_answers_are_borne(tmp_path: Path, every: int, broken: bool) -> None:
    def some(text: str) -> Response:
        return Response("" if int(text.split()[2]) % every == 0 else text)

    assert bool(play(tmp_path, answering(some), ["reason_act", CRITIQUE]).score(HEADLINE).arms[1].integrity) == broken


def test_a_critic_that_always_says_the_same_is_a_warning_and_no_more(tmp_path: Path) -> None:
    card = play(tmp_path, answering(lambda text: Response("Looks good to me.")), ["reason_act", CRITIQUE]).score(
        HEADLINE
    )
    assert card.verdicts[0].outcome == "no change shown"
    assert any("critic gave one and the same answer to 28 different situations" in w for w in card.warnings)


def test_what_an_intervention_is_must_have_been_sent(tmp_path: Path) -> None:
    variants = ["reason_act", "reason_act | temperature(t=0.0)", CRITIQUE]
    card = play(tmp_path, answering(not_sent="seed,temperature,top_p,max_tokens"), variants).score(HEADLINE)
    unsent, other = sorted(card.verdicts, key=lambda v: v.variant, reverse=True)
    assert unsent.outcome == "not measured"
    assert "the model was not sent what was asked for (temperature=0)" in unsent.sentence
    assert other.outcome == "no change shown"  # a seed, a limit and what is neutral cost nothing
    assert [w for w in card.warnings if "not sent" in w] == [w for w in card.warnings if "temperature=0" in w]


def test_a_setting_that_all_arms_ask_for_is_a_warning_alone(tmp_path: Path) -> None:
    variants = ["reason_act | temperature(t=0.5)", "reason_act | temperature(t=0.5) | critique"]
    card = play(tmp_path, answering(not_sent="temperature"), variants).score(HEADLINE)
    assert card.verdicts[0].outcome == "no change shown"
    assert any("the model was not sent temperature=0.5" in w for w in card.warnings)


async def as_the_baseline(state: MessagesState) -> Any:
    return {"messages": [await ak.ChatModel().ainvoke(state["messages"])]}


def graph(**options: Any) -> ak.Variant:
    builder = StateGraph(MessagesState)
    builder.add_node("node", as_the_baseline)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return ak.Variant.from_langgraph("mine", builder.compile(), ak.graphs.MessagesAdapter(), **options)


def test_a_change_that_changes_nothing_has_no_verdict(tmp_path: Path) -> None:
    result = play(tmp_path, "simulated", ["reason_act", graph()])
    card = result.score(HEADLINE)
    assert card.verdicts[0].outcome == "not measured"
    assert "this arm asked exactly what its baseline asked" in card.verdicts[0].sentence
    (comparison,) = result.compare("mine", "reason_act")
    assert {line.outcome for line in comparison.lines} == {"not measured"}


def test_a_slot_through_which_nobody_asked_is_said(tmp_path: Path) -> None:
    models = {"default": "simulated", "judge": "simulated:knowing=0.5"}
    card = play(tmp_path, models, ["reason_act | critique", graph(slots=("default", "judge"))]).score(HEADLINE)
    assert "nobody asked through the slot 'judge'" in card.verdicts[0].sentence
    assert any("in the slot 'judge'" in w and w.endswith("was never asked") for w in card.warnings)


def test_an_arm_of_which_episodes_are_missing_has_no_verdict(tmp_path: Path) -> None:
    settings: Any = {"variants": ["reason_act", CRITIQUE], "concurrency": 1}
    budget = {"calls": 60}
    stopped = play(tmp_path / "stopped", answering(), **settings, budget=budget).score(HEADLINE)
    assert stopped.verdicts[0].outcome == "not measured"
    assert "4 of 14 episodes are not complete (the budget of 60 calls is spent)" in stopped.verdicts[0].sentence
    assert any("is not complete (the budget of 60 calls is spent)" in w for w in stopped.warnings)
    resumed = play(tmp_path / "stopped", answering(), **settings)
    play(tmp_path / "whole", answering(), **settings)
    assert resumed.score(HEADLINE).verdicts[0].outcome == "no change shown"
    with read_ledger(tmp_path / "stopped") as a, read_ledger(tmp_path / "whole") as b:
        assert list(a.raw_records()) == list(b.raw_records()) and a.meta("stopped") == b.meta("stopped") == ""


@pytest.fixture(scope="module")
def mute(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    """A run of a mute critic, beside a healthy arm."""
    folder = tmp_path_factory.mktemp("mute")
    return play(folder, answering(MUTE["empty"][0]), ["reason_act", CRITIQUE, "reason_act | re_evaluate"])


CAUSE = "the critic gave an empty answer"


def test_the_terminal_says_it(mute: ak.Result) -> None:
    output = CliRunner().invoke(app, ["score", str(mute.folder)], env=WIDE).output
    shown = " ".join(output.split())
    assert f"| critique: not measured: {CAUSE}" in shown
    assert "| re_evaluate: no change of the gap shown" in shown
    row = next(line for line in output.splitlines() if line.startswith("| critique "))
    assert "67%" in row  # the parse column: one of three answers is none
    assert "critique closes" not in shown and "critique: no change" not in shown


def test_the_json_says_it(mute: ak.Result) -> None:
    data = json.loads(CliRunner().invoke(app, ["score", str(mute.folder), "--json"]).output)
    arm = next(a for a in data["arms"] if a["variant"] == CRITIQUE)
    assert arm["integrity"][0]["cause"] == CAUSE and arm["integrity"][0]["agent"] == "critic"
    assert arm["metrics"]["gap"]["value"] is None
    assert {v["variant"]: v["outcome"] for v in data["verdicts"]}[CRITIQUE] == "not measured"


def test_the_report_says_it(mute: ak.Result, tmp_path: Path) -> None:
    page = mute.report(tmp_path / "report.html").read_text()
    assert CAUSE in page and "not measured" in page


def test_compare_says_it(mute: ak.Result) -> None:
    shown = " ".join(
        CliRunner().invoke(app, ["compare", str(mute.folder), "reason_act", "critique"], env=WIDE).output.split()
    )
    assert f"{CRITIQUE} was not measured ({CAUSE})" in shown and "no difference shown" not in shown


@pytest.mark.parametrize("form", ["jsonl", "parquet", "csv"])
def test_every_export_says_it(mute: ak.Result, tmp_path: Path, form: str) -> None:
    file = mute.export(tmp_path / f"records.{form}")
    if form == "jsonl":
        records = [json.loads(line) for line in file.read_text().splitlines()]
        faults = {r["variant"]: {t["fault"] for t in r["decision"]["turns"]} for r in records}
        assert faults[CRITIQUE] == {"", "empty"} and faults["reason_act | re_evaluate"] == {""}
        return
    table = pl.read_parquet(file) if form == "parquet" else pl.read_csv(file)
    said = {v: set(part["integrity"].to_list()) for (v,), part in table.group_by("variant")}
    assert said[CRITIQUE] == {"critic: empty"} and said["reason_act | re_evaluate"] == {None}
