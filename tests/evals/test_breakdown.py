"""What lies behind the metrics reaches a reader: in the scorecard, on the command line, and in the report."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console
from typer.testing import CliRunner

import akrasia as ak
from akrasia.cli import app
from akrasia.evals.breakdown import BREAKDOWNS
from akrasia.evals.metrics import funnel
from akrasia.evals.metrics.answers import accuracies
from akrasia.evals.metrics.change import flips_by
from akrasia.evals.metrics.influence import persuasion_by_edge
from akrasia.evals.run_tables import RunTables
from akrasia.models import Planted, Simulated
from akrasia.reports.terminal import show_scorecard

BASE, DEBATE = "reason_act", "reason_act | debate(rounds=2)"


def akrasia(*args: str) -> str:
    """What a command prints."""
    done = CliRunner().invoke(app, args, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(
        task={"name": "bandit", "arms": 4, "head_start": 2, "horizon": 2},
        model=Simulated(Planted(knowing=0.7)),
        variants=[BASE, DEBATE],
        episodes=12,
        out=tmp_path_factory.mktemp("broken") / "run",
    )


def test_a_debate_is_broken_down_by_round_speaker_and_edge(result: ak.Result) -> None:
    base, debate = result.score().arms
    said = result.turns.filter(variant=DEBATE)
    assert debate.breakdowns["round"] == flips_by(said, "round") and len(debate.breakdowns["round"]) == 2
    assert debate.breakdowns["speaker"] == flips_by(said, "speaker") and len(debate.breakdowns["speaker"]) == 3
    assert {row: e["persuasion"] for row, e in debate.breakdowns["edge"].items()} == {
        f"{source} -> {reader}": e for (source, reader), e in persuasion_by_edge(said).items()
    }
    # Nothing is empty, nothing 0; in a fork the baseline alone plays.
    assert not {"round", "speaker", "edge", "item", "repeats", "level"} & set(base.breakdowns)
    assert list(base.breakdowns["step"]) == ["2", "3"] and "step" not in debate.breakdowns
    tried = [e["coverage"].value for e in base.breakdowns["step"].values()]
    assert tried == sorted(tried, key=lambda x: x or 0) and tried[-1] == base.metrics["coverage"].value
    paid = sum(a.breakdowns["costs"]["its part of this run"]["calls"].value or 0 for a in (base, debate))
    assert paid == pytest.approx(result.turns.filter("asked")["key"].n_unique())
    assert base.breakdowns["costs"]["alone"]["calls"].value == 24


def test_items_and_levels_are_broken_down_where_there_are_any(result: ak.Result) -> None:
    asked = result.records.with_columns(question=pl.format("variation {}", pl.col("step")))
    seen = asked.filter(variant=BASE).with_columns(
        variant=pl.lit("act"), asked=pl.lit(False), encoded=pl.col("step") == 2, baseline=pl.lit(False)
    )
    where = asked.select("task", "model").row(0)
    prompts = {(*where, v): "What is shown.\n\nHow to answer." for v in (BASE, "act")}
    told = ak.evals.score(RunTables(pl.concat([asked, seen]), prompts=prompts))
    base = next(a for a in told.arms if a.variant == BASE)
    assert {item: e["accuracy"] for item, e in base.breakdowns["item"].items()} == accuracies(
        asked.filter(variant=BASE)
    )
    assert base.breakdowns["level"]["kept"]["share"] == funnel(asked.filter(variant=BASE), seen).kept
    assert base.breakdowns["level"]["encoded"]["share"].value == 0.5


def test_a_run_has_one_scorecard_to_the_last_digit(result: ak.Result) -> None:
    first = ak.open_run(result.folder).score()
    assert all(ak.open_run(result.folder).score() == first for _ in range(5))


def test_single_metrics_are_not_broken_down(result: ak.Result) -> None:
    assert not any(a.breakdowns for a in result.score(["gap"]).arms)


def test_the_command_and_the_report_show_every_breakdown(result: ak.Result, tmp_path: Path) -> None:
    text = akrasia("score", str(result.folder), "--all")
    page = result.report(tmp_path / "report.html").read_text()
    for name in ("step", "round", "speaker", "edge", "costs"):
        assert BREAKDOWNS[name] in text and BREAKDOWNS[name].replace(">", "&gt;") in page
    for name in ("level", "item", "repeats"):
        assert BREAKDOWNS[name] not in text and BREAKDOWNS[name] not in page


def test_a_lone_variant_has_no_empty_tables(tmp_path: Path) -> None:
    alone = ak.run(task="bandit", model="simulated", variants=["act"], episodes=10, out=tmp_path / "run")
    text = akrasia("score", str(alone.folder))
    assert "Rates per step" in text and "Change against" not in text and "Given a correct rationale" not in text


def test_what_widens_the_gap_is_not_among_what_closes_most(result: ak.Result) -> None:
    """At any price: an arm that is cheap and widens the gap is on the front, and closes nothing."""
    card = result.score()
    base, other = card.arms
    gaps = {"closes": -0.1, "widens": 0.1}
    for word, by in gaps.items():
        moved = replace(base.metrics["gap"], value=(base.metrics["gap"].value or 0) + by)
        arm = replace(other, variant=word, tokens=base.tokens / 2, metrics={**other.metrics, "gap": moved})
        console = Console(record=True, file=StringIO(), width=200)
        verdict: Any = replace(card.verdicts[0], variant=word, outcome=word)
        show_scorecard(replace(card, arms=(base, arm), verdicts=(verdict,)), {}, console=console)
        assert ("Most gap closed" in console.export_text()) == (word == "closes")
