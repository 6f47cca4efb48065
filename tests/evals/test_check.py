"""Checks of a run: the worst case decides, and what was not measured can say nothing either way."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.graph import END, START, MessagesState, StateGraph

import akrasia as ak
from akrasia.errors import BadOption, RunFolderError, UnknownName
from akrasia.evals import CheckFailed
from akrasia.evals.check import episodes_to_decide
from akrasia.evals.inference import IntervalAt, contrast, estimate
from akrasia.models import Scripted
from akrasia.records import Draw, Record, Request, Response

TASK = {"name": "bandit", "arms": 4, "horizon": 3, "head_start": 2}
VARIANTS = ["reason_act", "reason_act | critique", "reason_act | re_evaluate"]
HEALTHY = "simulated:knowing=0.95,greedy=0,optimal=0.9"


def run(folder: Path, **settings: Any) -> ak.Result:
    return ak.run(**{"task": TASK, "model": HEALTHY, "variants": VARIANTS, "episodes": 24, "out": folder, **settings})


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return run(tmp_path_factory.mktemp("healthy") / "run")


def test_a_figure_is_on_the_right_side_on_the_wrong_side_or_neither(healthy: ak.Result) -> None:
    arm = next(a for a in healthy.score(["doing"]).arms if a.variant == "reason_act | critique")
    doing = arm.metrics["doing"]
    assert doing.value is not None and doing.low is not None and doing.high is not None
    for bound, up, down in (
        (doing.low - 0.01, True, False),
        (doing.high + 0.01, False, True),
        (doing.value, None, None),
    ):
        assert healthy.check(f"doing(critique) > {bound}").holds is up
        assert healthy.check(f"doing(critique) <= {bound}").holds is down
    (line,) = healthy.check(f"doing(critique) > {doing.low - 0.01:.3f}").lines
    assert (
        line.estimate == doing and line.worst == doing.low and line.check.startswith("doing(reason_act | critique) > ")
    )
    assert str(line).startswith("holds: doing(reason_act | critique) > ") and "worst case" in str(line)


def test_the_report_is_true_only_where_all_checks_hold(healthy: ak.Result) -> None:
    good, bad, open_ = "doing > 0.5", "doing(reason_act) < 0.5", f"doing(reason_act) > {_doing(healthy)}"
    for checks, holds, code in (
        ([good], True, 0),
        ([good, bad], False, 1),
        ([good, open_], None, 3),
        ([open_, bad], False, 1),
        ([f"{good} and {open_}"], None, 3),
    ):
        report = healthy.check(*checks)
        assert (report.holds, report.exit_code, bool(report)) == (holds, code, holds is True)
        if holds is not True:
            with pytest.raises(CheckFailed) as failed:
                healthy.check(*checks, raises=True)
            assert isinstance(failed.value, AssertionError) and str(failed.value) == report.text
            assert str(pickle.loads(pickle.dumps(failed.value))) == report.text
    assert healthy.check(good, raises=True)


def _doing(result: ak.Result, variant: str = "reason_act") -> float:
    value = next(a for a in result.score(["doing"]).arms if a.variant == variant).metrics["doing"].value
    assert value is not None
    return value


def test_without_a_variant_every_one_is_checked_and_that_is_said(healthy: ak.Result) -> None:
    report = healthy.check("gap < 0.5")
    assert [line.check for line in report.lines] == [f"gap({v}) < 0.5" for v in VARIANTS]
    assert report.notes == ("gap < 0.5 is put to all 3 variants:",) and report.text.startswith(report.notes[0])
    assert healthy.check("gap(reason_act) < 0.5").notes == ()
    moved = healthy.check("moved < 0.9")  # against the baseline, which is put beside nobody
    assert [line.check for line in moved.lines] == [f"moved({v}) < 0.9" for v in VARIANTS[1:]]


def test_a_contrast_is_the_paired_one(healthy: ak.Result) -> None:
    (comparison,) = healthy.compare("reason_act", "critique", ["doing"])
    difference = comparison.lines[0].contrast.difference
    assert difference.low is not None
    for text in (f"doing(critique) - doing(reason_act) > {difference.low - 0.01}",
                 f"doing(critique) > doing(reason_act) + {difference.low - 0.01}"):  # fmt: skip
        (line,) = healthy.check(text.replace("+ -", "- ")).lines
        assert line.holds and line.estimate == difference and line.worst == difference.low
    assert [line.check for line in healthy.check("gap < gap(reason_act) + 0.9").lines] == [
        f"gap({v}) - gap(reason_act) < 0.9" for v in VARIANTS[1:]
    ]


@pytest.mark.parametrize("kind", ["robust", "bootstrap"])
def test_the_level_and_the_kind_are_those_asked_for(healthy: ak.Result, kind: Any) -> None:
    widths = []
    for level in (0.5, 0.95, 0.999):
        (one,) = healthy.check("doing(reason_act) > 0.1", level=level, interval=kind).lines
        (two,) = healthy.check("doing(critique) - doing(reason_act) > -0.9", level=level, interval=kind).lines
        widths.append([line.estimate.high - line.estimate.low for line in (one, two)])  # type: ignore[operator]
    assert widths[0] < widths[1] < widths[2] and widths[0][1] < widths[1][1] < widths[2][1]
    plain = healthy.score(["doing"], interval=kind).arms[0].metrics["doing"]
    assert healthy.check("doing(reason_act) > 0.1", interval=kind).lines[0].estimate == plain


def test_an_interval_at_a_level_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    for level in (0.8, 0.99):
        one = pair = 0
        for _ in range(400):
            a, b, den = rng.binomial(5, 0.6, 40), rng.binomial(5, 0.6, 40), np.full(40, 5.0)
            e = estimate(a.astype(float), den, "x", interval=IntervalAt(level))
            d = contrast((a, den), (b, den), "x", "a", "b", IntervalAt(level)).difference  # type: ignore[arg-type]
            assert e.low is not None and e.high is not None and d.low is not None and d.high is not None
            one += e.low <= 0.6 <= e.high
            pair += d.low <= 0 <= d.high
        assert all(-0.04 < covered / 400 - level < 0.09 for covered in (one, pair))


def labels_of(request: Request) -> list[str]:
    return request.messages[0].content.split("buttons: ")[1].split(".")[0].split(", ")


def test_answers_that_nobody_could_read_count_at_their_worst(tmp_path: Path) -> None:
    """Every tenth decision is unread: what is left looks good, and could have been anything."""

    def answer(request: Request, draw: Draw) -> Response:
        label = labels_of(request)[0]
        lost = (draw.episode + draw.step) % 10 == 0
        return Response("Hard to tell." if lost else f"BEST={label}\nACTION={label}", "ok", "stop")

    result = run(tmp_path / "run", variants=["reason_act"], model=Scripted(answer), episodes=40)
    arm = result.score(["gap"]).arms[0]
    gap, bounds = arm.metrics["gap"], arm.bounds["gap"]
    assert gap.high is not None and bounds.high.high is not None and gap.high < 0.095 < (bounds.high.value or 0)
    (line,) = result.check(f"gap < {bounds.high.high + 0.01:.3f}").lines
    assert line.holds and line.worst == bounds.high.high and "of the answers failed or could not be read" in line.why
    (line,) = result.check("gap < 0.095").lines
    assert line.holds is None and line.episodes is None and "they alone decide it, so no number of episodes" in line.why


def graph(node: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return ak.Variant.from_langgraph("mine", builder.compile(), ak.graphs.MessagesAdapter())


async def crashes(state: MessagesState) -> Any:
    raise RuntimeError("vector store down")


CHECKS = ["gap < 0.99", "gap >= 0.01", "doing < 0.99", "doing > 0.01", "calls < 9", "regret < 9", "valid < 0.5"]


@pytest.fixture(scope="module")
def crashed(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    """A run whose second arm failed at every step; to be read only."""
    return run(tmp_path_factory.mktemp("crashed") / "run", variants=["reason_act", graph(crashes)], episodes=12)


@pytest.mark.parametrize("check", CHECKS)
def test_an_arm_that_was_not_measured_says_nothing_either_way(crashed: ak.Result, check: str) -> None:
    result = crashed
    metric, _, rest = check.partition(" ")
    (line,) = result.check(f"{metric}(mine) {rest}").lines
    assert line.holds is None and line.why.startswith("mine was not measured: ") and line.remedy
    assert "own code failed in node 'node'" in line.why
    if metric in ("gap", "doing", "calls", "regret", "valid"):
        (line,) = result.check(f"{metric}(mine) - {metric}(reason_act) < 0.9").lines
        assert line.holds is None and line.why.startswith("mine was not measured: ")


def test_rationales_that_failed_leave_what_was_done(tmp_path: Path) -> None:
    def answer(request: Request, draw: Draw) -> str:
        return f"Hard to tell.\nACTION={labels_of(request)[0]}"

    result = run(tmp_path / "run", variants=["reason_act"], model=Scripted(answer))
    assert result.check("gap < 0.99").holds is None
    assert result.check("doing < 0.99").holds is True


def test_a_stopped_run_cannot_pass(tmp_path: Path, healthy: ak.Result) -> None:
    stopped = run(tmp_path / "run", budget={"calls": 120})
    assert stopped.outcome is not None and stopped.outcome.missing
    for check in CHECKS[:4]:
        report = stopped.check(check)
        assert report.exit_code == 3
        assert all("of 24 episodes are" in line.why and "not complete" in line.why for line in report.lines), (
            report.text
        )
        assert all("akrasia run --resume" in line.remedy for line in report.lines)
    whole = run(tmp_path / "run")
    assert whole.check("gap < 0.5").lines == healthy.check("gap < 0.5").lines


def test_a_run_that_holds_nothing_yet_cannot_pass(tmp_path: Path) -> None:
    result = run(tmp_path / "run", budget={"calls": 1})
    report = result.check("gap < 0.5", "gap(critique) < 0.5")
    assert report.holds is None and len(report.lines) == 4
    with pytest.raises(UnknownName):
        result.check("gap(critiqe) < 0.5")


OF_CRITIQUE = "variant = 'reason_act | critique'"
LAST_STEP = "episode = 3 AND step = (SELECT MAX(step) FROM records)"
LOST = [
    ("an episode is not finished", f"DELETE FROM finished WHERE episode = 3 AND {OF_CRITIQUE}", "1 of 24"),
    ("an episode has no records", f"DELETE FROM records WHERE episode IN (3, 4) AND {OF_CRITIQUE}", "2 of 24"),
    ("a step has no record", f"DELETE FROM records WHERE {LAST_STEP} AND {OF_CRITIQUE}", "1 of its"),
]


@pytest.mark.parametrize(("statement", "said"), [row[1:] for row in LOST], ids=[row[0] for row in LOST])
def test_a_ledger_that_lacks_something_cannot_pass(
    tmp_path: Path, healthy: ak.Result, statement: str, said: str, edited: Any
) -> None:
    statements = (
        [statement, statement.replace("FROM records WHERE", "FROM lines WHERE")]
        if "records" in statement
        else [statement]
    )
    result = edited(healthy, tmp_path / "edited", *statements)
    (line,) = result.check("gap(critique) < 0.9").lines
    assert line.holds is None and f": {said}" in line.why and "missing" in line.why
    assert result.check("gap(reason_act) < 0.9").holds is True
    assert result.check("gap(critique) - gap(reason_act) < 0.9").holds is None


def test_few_episodes_say_nothing(tmp_path: Path) -> None:
    result = run(tmp_path / "run", episodes=9)
    for check in (
        "gap(reason_act) < 0.99",
        "gap(critique) < gap(reason_act) + 0.99",
        "prompt_tokens(reason_act) < 9999",
    ):
        (line,) = result.check(check).lines
        assert line.holds is None and "9 items, and at least 10 are needed" in line.why and line.episodes == 10


def test_what_costs_the_same_in_every_episode_counts_as_it_is(healthy: ak.Result) -> None:
    (line,) = healthy.check("calls(critique) <= 3").lines
    assert line.holds and str(line) == "holds: calls(reason_act | critique) <= 3: 3."
    assert healthy.check("calls(critique) < 3").holds is False
    assert healthy.check("calls(critique) - calls(reason_act) <= 2").holds is True
    assert healthy.check("prompt_tokens(critique) < 5000", "dollars < 1").holds is True


def test_an_evaluator_is_a_metric_of_a_check(healthy: ak.Result) -> None:
    def wordy(record: Record) -> bool:
        return len(record.decision.rationale) > 3

    def longest(table: Any) -> float:
        return float(table["completion_tokens"].max())

    whole = ak.evals.evaluator.Evaluator("longest", longest, "tokens", of="table")
    report = healthy.check("wordy > 0.5", "longest(reason_act) < 9999", evaluators=[wordy, whole])
    assert report.holds is True and [line.estimate.clusters for line in report.lines] == [24, 24, 24, 0]
    assert healthy.check("wordy(critique) - wordy(reason_act) > -0.5", evaluators=[wordy]).holds is True
    with pytest.raises(UnknownName, match="Did you mean 'wordy'"):
        healthy.check("wordi > 0.5", evaluators=[wordy])


def test_several_tasks_and_models_are_all_checked(tmp_path: Path) -> None:
    poor = "simulated:knowing=0.95,greedy=1,optimal=0"
    tasks = [TASK, {**TASK, "arms": 5}]
    result = run(tmp_path / "run", task=tasks, model=[HEALTHY, poor], variants=["reason_act"], episodes=12)
    report = result.check("gap < 0.3")
    assert report.notes == ("gap < 0.3 is put to its variant on each of 4 tasks and models:",)
    assert [(line.model, line.holds) for line in report.lines] == [(HEALTHY, True), (poor, False)] * 2
    first, second = result.experiment["task_labels"]
    assert f"({poor} on {second})" in report.text
    assert result.check("gap < 0.3", model=HEALTHY).holds is True
    assert len(result.check("gap < 0.3", model=HEALTHY, task=first).lines) == 1
    with pytest.raises(UnknownName, match="no model named 'simulatd'"):
        result.check("gap < 0.3", model="simulatd")


def test_a_run_that_was_looked_at_has_the_wider_intervals(tmp_path: Path) -> None:
    result = run(tmp_path / "run", variants=VARIANTS[:2], episodes=200, until="gap +- 0.15")
    assert result.outcome is not None and result.outcome.planned < 200
    card = result.score(["gap"])
    (line,) = result.check("gap(reason_act) < 0.9").lines
    fixed, anytime = card.arms[0].metrics["gap"], card.arms[0].anytime
    assert line.holds and line.estimate == anytime and fixed.high is not None
    assert line.worst is not None and line.worst > fixed.high
    (line,) = result.check("gap(critique) - gap(reason_act) < 0.9").lines
    assert line.holds and line.estimate == card.anytime[0][2].difference
    assert result.check("prompt_tokens < 9999").holds is None and result.check("calls <= 3").holds is True


def test_unread_answers_count_at_their_worst_at_every_look_too(tmp_path: Path) -> None:
    def answer(request: Request, draw: Draw) -> Response:
        label = labels_of(request)[draw.sample]
        lost = (draw.episode + draw.step) % 5 == 0
        return Response("Hard to tell." if lost else f"BEST={label}\nACTION={label}", "ok", "stop")

    settings: Any = {"variants": VARIANTS[:2], "episodes": 400, "until": "gap +- 0.12"}
    result = run(tmp_path / "run", model=Scripted(answer), **settings)
    for check in ("gap(reason_act) < 0.99", "gap(critique) - gap(reason_act) < 0.99"):
        (line,) = result.check(check).lines
        assert line.estimate.high is not None and line.worst is not None
        assert line.holds and "20% of the answers" in line.why and line.worst > line.estimate.high + 0.1


@given(st.integers(12, 60), st.floats(0.02, 0.98), st.sampled_from([0.8, 0.95]), st.integers(0, 99))
def test_as_many_episodes_as_it_says_would_decide_it(clusters: int, bound: float, level: float, seed: int) -> None:
    """Episodes like those played, and as many as that, exclude the bound; half as many would not."""
    num, den = np.random.default_rng(seed).binomial(4, 0.4, clusters).astype(float), np.full(clusters, 4.0)
    one = estimate(num, den, "x", interval=IntervalAt(level))
    assert one.value is not None and one.low is not None and one.high is not None
    if not one.low < bound < one.high or abs(bound - one.value) < 0.01:
        return
    needed = episodes_to_decide(bound, one.high if bound > one.value else one.low, one.value, clusters, level)
    assert needed is not None and needed > clusters

    def excluded(times: float) -> bool:
        again = estimate(
            np.tile(num, int(np.ceil(times))), np.tile(den, int(np.ceil(times))), "x", interval=IntervalAt(level)
        )
        return bool(again.low > bound or again.high < bound)  # type: ignore[operator]

    assert excluded(1.25 * needed / clusters)
    if needed > 4 * clusters:
        assert not excluded(np.floor(needed / clusters / 2))


def test_a_figure_on_the_bound_is_decided_by_no_number_of_episodes(healthy: ak.Result) -> None:
    (line,) = healthy.check(f"doing(reason_act) > {_doing(healthy)}").lines
    assert line.holds is None and line.episodes is None and "no number of episodes would decide it" in str(line)
    (line,) = healthy.check(f"doing(reason_act) > {_doing(healthy) - 0.02}").lines
    assert line.holds is None and line.episodes and f"{line.episodes:,} episodes instead of 24" in str(line)


BAD = [
    ("gapp < 0.2", UnknownName, "Did you mean 'gap'?"),
    ("gap(critiqe) < 0.2", UnknownName, "Did you mean 'reason_act | critique'?"),
    ("gap < knowing", BadOption, "compares gap with knowing"),
    ("moved(critique) < moved(re_evaluate)", BadOption, "it is no ratio over the steps of episodes"),
    ("gap(critique) < gap(reason_act | critique)", BadOption, "with itself"),
    ("gap < 20", BadOption, "always holds: share: from 0 to 1. Write a share as 0.2 or 20%."),
    ("gap < 0", BadOption, "can never hold"),
    ("gap >= 0", BadOption, "always holds"),
    ("doing > 100%", BadOption, "can never hold"),
    ("gap(critique) - gap(reason_act) < 3", BadOption, "always holds: share differences: from -1 to 1"),
    ("calls >= 0", BadOption, "always holds: calls: from 0 upwards"),
    ("prompt_tokens < -1", BadOption, "can never hold"),
    ("prompt_tokens < 20%", BadOption, "gives tokens in percent"),
]


@pytest.mark.parametrize(("check", "kind", "said"), BAD, ids=[row[0] for row in BAD])
def test_bad_input_is_refused(healthy: ak.Result, check: str, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind) as refused:
        healthy.check(check)
    assert said in str(refused.value)


@pytest.mark.parametrize("level", [0, 1, 95, -0.5, float("nan"), True, "high"])
def test_a_level_is_a_probability(healthy: ak.Result, level: Any) -> None:
    with pytest.raises(BadOption, match="must lie between 0 and 1"):
        healthy.check("gap < 0.5", level=level)


def test_nothing_to_check_is_refused(healthy: ak.Result, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="nothing to check"):
        healthy.check()
    with pytest.raises(BadOption, match="is empty"):
        healthy.check(" ")
    with pytest.raises(RunFolderError):
        ak.Result(tmp_path).check("gap < 0.5")
