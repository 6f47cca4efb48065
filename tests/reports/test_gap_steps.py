"""Where variants knew and did not do: the list agrees with the scorecard, and no text does anything but stand there."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

import akrasia as ak
from akrasia.cli import program
from akrasia.models import Scripted
from akrasia.reports.gap_steps import GapSteps, gap_steps
from akrasia.reports.gap_terminal import show_gap_steps
from akrasia.reports.html import write_gap_page

VARIANTS = {"base": "reason_then_act", "z critic": "reason_then_act | critique", "a vote": "reason_then_act | placebo"}
HOSTILE = (
    "<script>alert(1)</script> <img src=x onerror=alert(2)> \x1b[31mred\x1b[0m \u202eright to left\u202c [bold]x[/bold]"
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(
        task=ak.tasks.bandit(arms=4, horizon=4, head_start=3),
        model=["simulated", "simulated:knowing=0.5"],
        variants=VARIANTS,
        episodes=6,
        out=tmp_path_factory.mktemp("gap") / "run",
    )


def printed(found: GapSteps, width: int = 80) -> str:
    buffer = io.StringIO()
    show_gap_steps(found, "RUN", Console(file=buffer, width=width, highlight=False, markup=False))
    text = buffer.getvalue()
    assert max(map(len, text.splitlines())) <= width
    return text


def test_the_steps_are_those_that_the_scorecard_counts(run: ak.Result) -> None:
    found = gap_steps(run.folder, run.records, most=0)
    listed = {(s.model, d.variant, s.episode, s.step) for s in found.steps for d in s.decisions if d.gap}
    table = run.records.filter(run.records["asked"] & run.records["knows"] & ~run.records["does"])
    assert listed == set(table.select("model", "variant", "episode", "step").iter_rows()) and listed
    assert len(found.steps) == found.total
    for group, variant, gap, _ in found.counts:
        assert gap == sum(f"{m} on bandit" == group and v == variant for m, v, *_ in listed)


def test_the_baseline_stands_first_and_the_others_as_the_experiment_names_them(run: ak.Result) -> None:
    for step in gap_steps(run.folder, run.records).steps:
        assert [d.variant for d in step.decisions] == list(VARIANTS)


def test_a_model_and_a_variant_can_be_asked_for(run: ak.Result) -> None:
    found = gap_steps(run.folder, run.records, ["z critic"], "simulated", 0)
    assert {s.model for s in found.steps} == {"simulated"}
    for step in found.steps:
        assert [d.variant for d in step.decisions] == ["base", "z critic"] and step.decisions[1].gap
    for wrong in ((["critc"], None), ([], "simulatd")):
        with pytest.raises(ak.errors.UnknownName):
            gap_steps(run.folder, run.records, *wrong)


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_terminal_shows_every_variant_beside_the_baseline(run: ak.Result, width: int) -> None:
    text = printed(gap_steps(run.folder, run.records, most=2), width)
    assert text.count("knows and does not do") >= 1 or "knows and" in text
    assert text.count("base (baseline)") >= 2 and "z critic" in text and "a vote" in text
    assert "optimal {" in text and "--most 0 shows all" in text


def test_what_a_model_says_is_text_everywhere(tmp_path: Path) -> None:
    def answer(prompt: str) -> str:
        return f"{HOSTILE}\n{'x' * 300_000}\nACTION={LABEL}\nBEST={LABEL}"

    LABEL = "red"
    task = ak.tasks.bandit(arms=3, horizon=1, head_start=3, labels=["red", "blue", "green"])
    backend = Scripted(lambda request, draw: answer(str(request)))
    result = ak.run(task=task, model=backend, variants={"base": "reason_then_act"}, episodes=2, out=tmp_path / "run")
    found = gap_steps(result.folder, result.records, most=0)
    everything = GapSteps(found.steps, found.counts, found.total, found.rollout)
    page = write_gap_page(everything, "run", tmp_path / "gap.html").read_text(encoding="utf-8")
    shown = CliRunner().invoke(program(), ["show", str(result.folder), "0", "3"], terminal_width=80)
    for text in (page, printed(everything), shown.output):
        assert "\x1b" not in text and "\u202e" not in text
        assert "<script>alert" not in page and "<img src=x" not in page


def test_the_command_lists_writes_and_refuses(run: ak.Result, tmp_path: Path) -> None:
    def command(*args: str) -> Any:
        return CliRunner().invoke(program(), ["show", str(run.folder), *args])

    assert "episode" in command("--gap").output
    told = json.loads(command("--gap", "--json", "--most", "3").output)
    assert len(told["steps"]) == 3 and told["total"] > 3
    page = tmp_path / "gap.html"
    assert f"{page}: 10 of" in command("--gap", "--html", str(page)).output.replace("\n", "")
    assert page.read_text().count("<section") == 10
    for wrong in (("--html", str(page)), ("0", "3", "--gap"), ("--gap", "--most", "-1")):
        assert isinstance(command(*wrong).exception, ak.errors.UsageError)
