"""What a notebook shows of values: a result, a scorecard, a verdict, a plan; and the scorecard as a table."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

import akrasia as ak
from akrasia.models import Scripted
from akrasia.records import Draw, Request
from akrasia.reports.progress import QUIET

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(
        task=ak.tasks.bandit(arms=3, horizon=3, head_start=3),
        model="simulated",
        variants={"base": "reason_then_act", HOSTILE: "reason_then_act | critique", "act": "act"},
        episodes=12,
        out=tmp_path_factory.mktemp("notebook") / "run",
    )


def test_values_show_themselves_and_no_name_does_anything(result: ak.Result) -> None:
    card = result.score()
    for shown in (result._repr_html_(), card._repr_html_(), card.verdicts[0]._repr_html_()):
        assert "<script" not in shown and "&lt;script&gt;" in shown
    assert card.verdicts[0].sentence.split(":")[0] in result._repr_html_()
    assert "base (baseline)" in card._repr_html_() and "not measured" in card._repr_html_()
    plan = ak.graphs.reason_act() | ak.critique(rounds=2)
    assert (
        "<table" in plan._repr_html_() and "critic" in plan._repr_html_() and "calls a decision" in plan._repr_html_()
    )


def test_a_scorecard_is_a_table_with_the_same_numbers(result: ak.Result) -> None:
    card = result.score()
    table = card.to_frame()
    assert table["variant"].unique(maintain_order=True).to_list() == ["base", HOSTILE, "act"]
    for arm in card.arms:
        for metric, estimate in arm.metrics.items():
            row = table.row(by_predicate=(pl.col("variant") == arm.variant) & (pl.col("metric") == metric), named=True)
            assert (row["estimate"], row["low"], row["high"]) == (estimate.value, estimate.low, estimate.high)
            assert (row["why"] is not None) or row["estimate"] is not None
            contrast = None if arm.baseline else card.contrast(arm, metric, "base")
            assert row["difference"] == (None if contrast is None else contrast.difference.value)


def test_a_run_without_records_shows_what_is_missing(tmp_path: Path) -> None:
    run = ak.run(task="bandit", model="simulated", variants=["act"], budget={"calls": 1}, out=tmp_path / "run")
    assert "! the run is not complete" in run._repr_html_()


def test_a_run_shows_its_progress_where_it_is_asked_for(
    result: ak.Result, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def slow(request: Request, draw: Draw) -> str:
        time.sleep(QUIET + 0.6)
        return "ACTION=Red"

    settings = {"task": {"name": "bandit", "horizon": 1}, "model": Scripted(slow), "variants": ["act"], "episodes": 1}
    ak.run(**settings, out=tmp_path / "run", progress=True)  # type: ignore[arg-type]
    assert "of 1 situations decided" in capsys.readouterr().out
