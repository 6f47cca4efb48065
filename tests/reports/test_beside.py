"""What a number is not is said beside it: leaks, missing episodes, looks, where it comes from."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import akrasia as ak
from akrasia.cli import program
from akrasia.errors import BadOption
from akrasia.evals import Scorecard
from akrasia.evals.pareto import pareto_points
from akrasia.models import Scripted
from akrasia.reports.html import render_report
from akrasia.reports.terminal import show_estimates
from akrasia.reports.text import LEAK_MARK, plain_console

TASK = ak.tasks.bandit(arms=4, horizon=3, head_start=3)
TOLD = "reason_act | multi_turn_aiw"
VARIANTS = ["reason_act", TOLD, "reason_act | re_evaluate", "oracle_act"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    folder = tmp_path_factory.mktemp("told") / "runs" / "told"
    return ak.run(task=TASK, model="simulated", variants=VARIANTS, episodes=12, out=folder)


@pytest.fixture(scope="module")
def card(told: ak.Result) -> Scorecard:
    return told.score()


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    """A run that its budget stopped."""
    folder = tmp_path_factory.mktemp("part") / "runs" / "part"
    variants = ["reason_act", "reason_act | re_evaluate"]
    return ak.run(task=TASK, model="simulated", variants=variants, episodes=30, budget={"calls": 100}, out=folder)


def terminal(result: ak.Result, capsys: Any) -> str:
    capsys.readouterr()
    result.show()
    return str(capsys.readouterr().out)


def unmarked(text: str, name: str = "multi_turn_aiw") -> list[str]:
    """Where a leaking arm is named without its mark."""
    plain = re.sub(r"\s+", " ", text)
    return [plain[m.start() : m.end() + 20] for m in re.finditer(name, plain) if not plain[m.end() :].startswith(MARK)]


MARK = f" {LEAK_MARK}"


def test_an_arm_that_the_oracle_tells_something_is_marked_wherever_it_is_named(
    told: ak.Result, card: Scorecard, capsys: Any
) -> None:
    shown = terminal(told, capsys)
    assert shown.count(MARK) > 6 and not [u for u in unmarked(shown) if "front" not in u and ", oracle_act" not in u]
    assert "told by the oracle, so no fair competitor" in shown
    show_estimates(card, plain_console())
    assert not [u for u in unmarked(capsys.readouterr().out) if ", oracle_act" not in u]
    compared = CliRunner().invoke(program(), ["compare", str(told.folder), "reason_act", "multi_turn_aiw"]).output
    compared = " ".join(compared.split())
    assert f"b: {TOLD}{MARK}" in compared and f"'{TOLD}': told by the oracle, so no fair competitor" in compared


def test_it_is_marked_in_the_report_and_in_every_chart(card: Scorecard) -> None:
    page = render_report(card, {})
    text = re.sub(r"<[^>]+>", "", page.replace("<wbr>", ""))
    assert not [u for u in unmarked(text) if ", oracle_act" not in u]
    labels = re.findall(r'aria-label="([^"]*multi_turn_aiw[^"]*)"', page)
    assert labels and all(MARK.strip() in label for label in labels)


def test_it_is_on_no_front_and_displaces_nobody(card: Scorecard) -> None:
    points = {p.variant: p for p in pareto_points(card.arms)}
    assert points[TOLD].leaks and not points[TOLD].best and not points["oracle_act"].best
    without = {p.variant: p.best for p in pareto_points([a for a in card.arms if not a.leaks])}
    assert without == {v: points[v].best for v in without}


def test_it_is_marked_in_json_tables_exports_and_lists(told: ak.Result, tmp_path: Path, monkeypatch: Any) -> None:
    said = json.loads(CliRunner().invoke(program(), ["score", str(told.folder), "--json"]).output)
    assert {a["variant"]: a["leaks"] for a in said["arms"]} == {v: v in (TOLD, "oracle_act") for v in VARIANTS}
    assert [v["leaks"] for v in said["verdicts"] if v["variant"] == TOLD] == [True]
    (one,) = told.compare("reason_act", TOLD)
    assert one.leaks == (False, True)
    assert set(told.records.filter(told.records["leaks"] == "oracle")["variant"]) == {TOLD, "oracle_act"}
    told.export(tmp_path / "steps.csv")
    beside = json.loads((tmp_path / "steps.csv.provenance.json").read_text())
    assert set(beside["told_by_the_oracle"]) == {TOLD, "oracle_act"}
    monkeypatch.chdir(told.folder.parent.parent)
    for kind, name in (("runs", TOLD), ("interventions", "multi_turn_aiw"), ("graphs", "oracle_act")):
        listed = re.sub(r"[\s│]+", " ", CliRunner().invoke(program(), ["list", kind], env={"COLUMNS": "200"}).output)
        assert f"{name}{MARK}" in listed, listed


def test_two_models_by_two_variants_name_first_and_second_and_the_leak(tmp_path: Path) -> None:
    models = [Scripted(lambda r, d: "BEST=Blue\nACTION=Blue", name=name) for name in ("one", "two")]
    ak_run = ak.run(task=TASK, models=models, variants=["reason_act", TOLD], episodes=2, out=tmp_path / "run")
    page = re.sub(r"<[^>]+>", "", ak_run.report().read_text())
    assert f"one (first) and two (second) on bandit, without and with | multi_turn_aiw{MARK}" in page
    assert "first, without" in page and "second, with" in page


def test_a_run_that_its_budget_stopped_says_what_is_missing(part: ak.Result, capsys: Any, monkeypatch: Any) -> None:
    assert part.outcome is not None
    card = part.score()
    lacking = {m.variant: (m.missing, m.planned) for m in card.missing}
    assert set(lacking) == {"reason_act", "reason_act | re_evaluate"} and {p for _, p in lacking.values()} == {30}
    assert max(n for n, _ in lacking.values()) == part.outcome.missing > 0
    assert max(n for n, _ in lacking.values()) == max(m.missing for m in part.missing)
    why = "the run is not complete (the budget of 100 calls is spent)"
    shown = terminal(part, capsys)
    assert shown.lstrip().startswith(f"! {why}") and "akrasia run --resume RUN" in " ".join(shown.split())
    assert why in render_report(card, {}) and card.warnings[0].startswith(why)
    assert not any(str(part.folder) in w for w in card.warnings)  # a report that is handed on names no path
    (one,) = part.compare("reason_act", "re_evaluate")
    assert "is not complete (the budget of 100 calls is spent)" in one.incomplete
    monkeypatch.chdir(part.folder.parent.parent)
    listed = " ".join(CliRunner().invoke(program(), ["list", "runs"], env={"COLUMNS": "200"}).output.split())
    assert "of 30 episodes (the budget of 100 calls is spent)" in listed


def test_a_variant_that_was_added_for_fewer_episodes_lacks_none_of_the_others(tmp_path: Path) -> None:
    run: Any = lambda variants, episodes: ak.run(  # noqa: E731
        task=TASK, model="simulated", variants=variants, episodes=episodes, out=tmp_path / "run"
    )
    assert run(["reason_act"], 4).missing == ()
    assert run(["reason_act", "reason_act | re_evaluate"], 3).missing == ()  # it was asked for three
    assert run(["reason_act", "reason_act | re_evaluate"], 4).missing == ()


def test_a_run_without_an_end_says_so(told: ak.Result, tmp_path: Path) -> None:
    from akrasia.ledger import Ledger
    from akrasia.ledger.provenance import NO_END

    folder = tmp_path / "run"
    result = ak.run(task=TASK, model="simulated", variants=["act"], episodes=2, out=folder)
    with Ledger(folder) as ledger:
        stored = json.loads(ledger.meta("experiment") or "{}") | {"episodes": 5}
        stored["variants"]["act"]["episodes"] = 5
        ledger.set_meta("experiment", json.dumps(stored))
        ledger.begin_session()
    assert NO_END in result.score().warnings[0] and "act lacks 3 of 5" in result.score().warnings[0]


def test_after_looking_the_rates_at_the_top_are_those_that_hold(tmp_path: Path, capsys: Any) -> None:
    variants = ["reason_act", "reason_act | re_evaluate"]
    out = tmp_path / "run"
    looked = ak.run(task=TASK, model="simulated", variants=variants, episodes=13, until="gap +- 0.01", out=out)
    card = looked.score()
    for arm in card.arms:
        for name in ("knowing", "doing", "gap", "say_do"):
            fixed, holds = arm.metrics[name], arm.rate(name)
            assert holds.value == pytest.approx(fixed.value)
            assert holds.low is not None and fixed.low is not None and holds.low < fixed.low
        assert arm.rate("gap") == arm.anytime
    shown = terminal(looked, capsys)
    assert "Rates per step, with anytime-valid 95 % intervals" in shown
    page = render_report(card, {})
    assert "with anytime-valid 95 % intervals" in page and "for a fixed number of episodes alone" in page
    headline = page.split('<dl class="headline">')[1].split("</dl>")[0]
    low = card.arms[0].rate("gap").low
    assert f"[{low:.2f}".replace("[0.", "[.") in headline


def test_where_an_episode_is_one_decision_the_scorecard_says_what_optimal_means(tmp_path: Path) -> None:
    def said(name: str, task: Any) -> list[str]:
        result = ak.run(task=task, model="simulated", variants=["act"], episodes=2, out=tmp_path / name)
        return [w for w in result.score().warnings if "'optimal' means" in w]

    assert not said("long", ak.tasks.bandit(arms=3, horizon=2))
    for rule, meaning in (("ucb", "bonus"), ("greedy", "by its mean so far"), ("truth", "true means")):
        (line,) = said(rule, ak.tasks.bandit(arms=3, horizon=1, head_start=3, rule=rule))
        assert meaning in line and "does not depend on exploring" in line
    assert said("frequency", "frequency") and not said("tictactoe", "tictactoe")


def test_a_run_says_where_its_numbers_come_from(told: ak.Result, card: Scorecard, tmp_path: Path) -> None:
    import platform

    (session,) = told.sessions
    assert session.akrasia == ak.__version__ and session.python.endswith(platform.python_version())
    assert session.end == "complete" and session.started <= session.ended and session.started.endswith("+00:00")
    assert session.packages["numpy"] and session.packages["langgraph"] and session.cpus > 0
    assert session.models == ({"model": "simulated"},) and "litellm" in session.prices
    page = render_report(card, told.experiment)
    assert "Where these numbers come from" in page and session.started in page and session.packages["litellm"] in page
    assert json.loads(CliRunner().invoke(program(), ["score", str(told.folder), "--json"]).output)["sessions"]
    shown = CliRunner().invoke(program(), ["show", str(told.folder)], env={"COLUMNS": "200"}).output
    assert session.started in shown and "models as reported" in shown
    told.export(tmp_path / "r.jsonl")
    assert json.loads((tmp_path / "r.jsonl.provenance.json").read_text())["sessions"][0]["started"] == session.started
    told_of = json.dumps(json.loads((tmp_path / "r.jsonl.provenance.json").read_text())["sessions"])
    assert platform.node() not in told_of and str(Path.home()) not in told_of and str(told.folder) not in told_of


def test_a_resumed_run_has_a_session_more_and_the_same_records_and_scorecard(tmp_path: Path) -> None:
    run: Any = lambda: ak.run(task=TASK, model="simulated", variants=["act"], episodes=2, out=tmp_path / "run")  # noqa: E731
    first = run()
    bytes_before, card = first.export(tmp_path / "a.jsonl").read_bytes(), first.score()
    again = run()
    assert again.export(tmp_path / "b.jsonl").read_bytes() == bytes_before and again.score() == card
    assert [s.end for s in again.sessions] == ["complete", "complete"]


def test_what_a_provider_says_of_itself_is_kept_once(tmp_path: Path, openai_server: Any) -> None:
    model = {"name": "openai/gpt-x", "api_base": openai_server.base}
    result = ak.run(task=TASK, models={"main": model}, variants=["act"], episodes=2, out=tmp_path / "run")
    (session,) = result.sessions
    assert [one["model"] for one in session.models] == ["gpt-x-2026-01-01"]
    assert session.models[0]["fingerprint"] == "fp_loopback"


def test_show_of_half_a_situation_is_refused(told: ak.Result) -> None:
    with pytest.raises(BadOption, match="an episode and a step"):
        CliRunner().invoke(program(), ["show", str(told.folder), "1"], catch_exceptions=False)


def test_a_run_says_which_reader_read_it_and_how_often_that_errs(told: ak.Result, card: Scorecard, capsys: Any) -> None:
    from akrasia.records import READER_ERRORS, READER_VERSION

    (session,) = told.sessions
    assert session.reader == READER_VERSION
    errors = READER_ERRORS["bandit colours"]
    line = f"bandit: read by reader {READER_VERSION}; on {errors.rows} rows of its own table (bandit colours)"
    assert f"{line}: {errors.counts}" in " ".join(terminal(told, capsys).split())
    page = render_report(card, told.experiment)
    assert f"{line}: {errors.counts}" in page and "answers read by" in page
    (said,) = json.loads(CliRunner().invoke(program(), ["score", str(told.folder), "--json"]).output)["reading"]
    assert said["readers"] == [READER_VERSION] and said["errors"]["rows"] == errors.rows
    assert said["kind"] == "bandit colours" and said["tasks"] == ["bandit"]


@pytest.mark.parametrize("version", ["1", ""])
def test_a_run_that_another_reader_read_says_so(tmp_path: Path, capsys: Any, version: str) -> None:
    from akrasia.ledger import Ledger
    from akrasia.ledger.reader import SESSIONS
    from akrasia.records import READER_VERSION

    result = ak.run(task=TASK, model="simulated", variants=["act"], episodes=2, out=tmp_path / "run")
    with Ledger(result.folder) as ledger:
        (stored,) = json.loads(ledger.meta(SESSIONS) or "")
        ledger.set_meta(SESSIONS, json.dumps([stored | {"reader": version}]))
    old = ak.open_run(result.folder)
    who = f"reader {version or 'of a version that was not recorded'}"
    line = f"read by {who}; the error rates at hand are those of reader {READER_VERSION} and say nothing of it"
    assert line in " ".join(terminal(old, capsys).split()) and line in render_report(old.score(), {})
    assert not [w for w in old.score().warnings if "different readers" in w]
    assert old.score() == result.score()
    resumed = ak.run(task=TASK, model="simulated", variants=["act"], episodes=3, out=result.folder)
    (warning,) = [w for w in resumed.score().warnings if "different readers" in w]
    assert f"({version or 'not recorded'}, {READER_VERSION})" in warning and resumed.score().reading[0].errors is None
    assert "reader " + READER_VERSION in str(resumed.score().reading[0])


@pytest.mark.parametrize(
    ("task", "form", "labels", "kind"),
    [
        ("aiw", "number", (), "number"),
        ("potemkin", "text", ("right", "wrong"), "text"),
        ("potemkin", "action", ("yes", "no"), "yes/no"),
        ("tictactoe", "action", ("0", "4"), "tic-tac-toe"),
        ("bandit", "action", ("0", "4"), "digits as labels"),
        ("bandit", "action", ("Red", "Blue"), "bandit colours"),
        ("bandit", "action", ("A", "B", "C", "D", "E", "F"), "letters A-J"),
        ("questions", "action", ("A", "B", "C", "D"), "multiple choice"),
        ("movielens", "action", ("Heat", "Toy Story"), "film titles"),
        ("own", "action", ("buy(n=1)", "wait()"), "tool calls"),
    ],
)
def test_every_kind_of_answer_is_told_from_its_labels(task: str, form: str, labels: tuple[str, ...], kind: str) -> None:
    from akrasia.records import READER_ERRORS, answer_kind

    assert answer_kind(task, form, labels) == kind
    assert (kind in READER_ERRORS) == (kind != "digits as labels")
