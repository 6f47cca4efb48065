"""Charts of what changes hold the scorecard's numbers, and nothing of an arm that was not measured."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

import akrasia as ak
from akrasia.evals.inference import Estimate
from akrasia.models import Scripted
from akrasia.models.base import FAILED
from akrasia.models.providers.simulated import Planted, Simulated
from akrasia.records import Draw, Request, Response
from akrasia.reports.arm_rows import ArmRow, arm_rows
from akrasia.reports.chart_svg import drawn_lines, drawn_network
from akrasia.reports.charts import Chart, ChartLine, ChartPoint
from akrasia.reports.figures import FIGURES, all_figures

TASK = {"name": "bandit", "arms": 4, "horizon": 3, "head_start": 2}


def drawn(result: ak.Result) -> tuple[dict[str, Chart], list[ArmRow]]:
    card = result.score(turns=True)
    rows = arm_rows(card, *card.groups[0])
    return {c.key: c for c in all_figures(rows, result.records)}, rows


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    variants = ["reason_act", "reason_act | debate(agents=3, rounds=2)", "reason_act | placebo"]
    return ak.run(task=TASK, model=Simulated(Planted()), variants=variants, episodes=8,
                  out=tmp_path_factory.mktemp("changes") / "run")  # fmt: skip


def test_flips_are_those_of_the_scorecard_with_intervals(result: ak.Result) -> None:
    charts, rows = drawn(result)
    assert set(charts) <= set(FIGURES) and [line.name for line in charts["flips"].lines] == [r.name for r in rows[1:]]
    for row, line in zip(rows[1:], charts["flips"].lines, strict=True):
        flips = row.arm.flips
        assert flips is not None
        total = flips.wrong_to_right + flips.right_to_wrong + flips.unchanged
        up, down = (p.y for p in line.points)
        assert up.value == pytest.approx(flips.wrong_to_right / total)
        assert down.value == pytest.approx(flips.right_to_wrong / total)
        assert all(e.low is not None and e.high is not None and e.clusters == 8 for e in (up, down))


def test_who_changed_whom_is_the_persuasion_along_each_edge(result: ak.Result) -> None:
    charts, rows = drawn(result)
    networks = {n.name: n for n in charts["influence"].networks}
    arm = next(row for row in rows if "debate" in row.name)
    assert len(networks[arm.name].speakers) == 3
    told = {f"{a} -> {b}": e for a, b, e in networks[arm.name].edges}
    assert told == {edge: cells["persuasion"] for edge, cells in arm.arm.breakdowns["edge"].items()}
    svg = str(drawn_network(networks[arm.name]))
    assert svg.count('class="head"') == len(told) == 6
    page = result.report().read_text(encoding="utf-8")
    assert "Who changed whom" in page and 'id="flips-' in page


def test_frequency_bias_is_told_by_repeats(tmp_path: Path) -> None:
    task = {"name": "frequency", "repeats": 40}
    often = ak.run(task=task, model=Simulated(Planted(frequency=1.0)), variants=["reason_act"], episodes=24,
                   out=tmp_path / "often")  # fmt: skip
    charts, _ = drawn(often)
    (line,) = charts["frequency"].lines
    classed = often.records.filter(pl.col("habit").is_not_null())
    assert sum(p.y.n for p in line.points) == classed.height and len(line.points) <= 5
    shares = sum((p.y.value or 0) * p.y.n for p in line.points) / classed.height
    assert shares == pytest.approx((classed["habit"] == "frequent").mean())


def test_of_an_arm_that_was_not_measured_no_chart_holds_a_point_and_the_page_says_so(tmp_path: Path) -> None:
    def script(request: Request, draw: Draw) -> str | Response:
        if len(request.messages) > 1:
            return Response("", "error", FAILED, error="the server is gone")
        shown = re.search(r"You face \d+ \w+: ([^.\n]+)\.", request.messages[-1].content)
        labels = [s.strip() for s in shown[1].split(",")] if shown else ["Red"]
        return f"BEST={labels[draw.episode % 2]}\nACTION={labels[draw.step % 2]}\nCONFIDENCE={50 + 10 * draw.step}"

    variants = ["reason_act | confidence", "reason_act | confidence | re_evaluate"]
    result = ak.run(task=TASK, model=Scripted(script), variants=variants, episodes=6, keep_going=True,
                    out=tmp_path / "run")  # fmt: skip
    charts, rows = drawn(result)
    assert rows[1].arm.integrity and {"gap", "regret", "coverage", "reliability"} <= set(charts)
    assert {line.name for chart in charts.values() for line in chart.lines} == {rows[0].name}
    page = result.report().read_text(encoding="utf-8")
    assert "Not drawn, because it was not measured: | re_evaluate" in page and "</b> not measured</span>" in page


def test_more_lines_than_colours_are_told_apart() -> None:
    points = (ChartPoint(0.0, Estimate(0.5, 0.4, 0.6)), ChartPoint(1.0, Estimate(0.6, 0.5, 0.7)))
    lines = tuple(ChartLine(f"v{n}", "variant", points) for n in range(10))
    svg = str(drawn_lines(Chart("gap", "Gap", "", "step", "gap", "lines", lines, 0.0, 1.0)))
    assert 'class="l0 dashed"' in svg and 'class="l1 dashed"' in svg and 'class="l8' not in svg
