"""Charts hold what the run holds: paired differences with their sign turned, means per step, one letter a situation."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import akrasia as ak
from akrasia.evals.pareto import Point
from akrasia.evals.scorecard import Scorecard
from akrasia.models.providers.simulated import Planted, Simulated
from akrasia.reports import svg
from akrasia.reports.arm_rows import ArmRow, arm_rows
from akrasia.reports.charts import charts_of, gap_closed, strip_of


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ak.Result:
    return ak.run(
        task=ak.tasks.bandit(arms=4, horizon=5),
        model=Simulated(Planted(parse_failure=0.1)),
        variants=["reason_act", "reason_act | critique", "reason_act | placebo", "reason_act | confidence", "act"],
        episodes=8,
        out=tmp_path_factory.mktemp("charts") / "run",
    )


@pytest.fixture(scope="module")
def card(result: ak.Result) -> Scorecard:
    return result.score()


@pytest.fixture(scope="module")
def rows(card: Scorecard) -> list[ArmRow]:
    (group,) = card.groups
    return list(arm_rows(card, *group))


def test_gap_closed_is_the_paired_difference_with_its_sign_turned(card: Scorecard, rows: list[ArmRow]) -> None:
    chart = gap_closed(rows)
    assert chart is not None
    by_name = {row.name: row for row in rows}
    assert [line.kind for line in chart.lines] == ["variant", "control", "variant"]
    for line in chart.lines:
        contrast = card.contrast(by_name[line.name].arm, "gap", "reason_act")
        e = line.points[0].y
        assert contrast is not None and contrast.difference.value is not None
        d = contrast.difference
        assert (e.value, e.low, e.high) == (-d.value, -(d.high or 0), -(d.low or 0))
        assert all(chart.low <= v <= chart.high for v in (e.value, e.low, e.high) if v is not None)


def test_a_curve_is_the_mean_per_step_of_each_variant(result: ak.Result, rows: list[ArmRow]) -> None:
    charts = {c.key: c for c in charts_of(rows, result.records)}
    assert {"gap_closed", "gap", "regret", "coverage"} == set(charts)  # nobody says how sure it is
    names = {row.name: row.arm.variant for row in rows}
    assert [line.name for line in charts["gap"].lines] == [row.name for row in rows if row.arm.variant != "act"]
    for key, column in (("regret", pl.col("regret")), ("coverage", pl.col("tried_after"))):
        for line in charts[key].lines:
            here = result.records.filter(pl.col("variant") == names[line.name])
            means = here.group_by("step").agg(column.mean().alias("mean"), pl.len()).sort("step")
            assert [p.x for p in line.points] == means["step"].to_list()
            assert [p.y.value for p in line.points] == pytest.approx(means["mean"].to_list())
            assert all(
                p.y.clusters == 8 and p.y.low is not None and p.y.low <= p.y.value <= p.y.high for p in line.points
            )


def test_a_reliability_diagram_counts_every_stated_confidence_once(result: ak.Result, rows: list[ArmRow]) -> None:
    sure = pl.when(pl.col("variant") == "reason_act").then(((pl.col("episode") * 7 + pl.col("step")) % 21) / 20)
    steps = result.records.with_columns(confidence=sure)
    (chart,) = [c for c in charts_of(rows, steps) if c.key == "reliability"]
    (line,) = chart.lines
    told = steps.filter(pl.col("confidence").is_not_null())
    assert sum(p.y.n for p in line.points) == told.height
    assert sum(p.x * p.y.n for p in line.points) == pytest.approx(told["confidence"].sum())
    assert sum((p.y.value or 0) * p.y.n for p in line.points) == pytest.approx(told["does"].sum())


def test_a_strip_has_one_letter_for_every_situation(result: ak.Result, rows: list[ArmRow]) -> None:
    strip = strip_of(rows, result.records)
    assert strip.left_out == 0 and len(strip.places) == 40
    for name, _, letters in strip.rows:
        arm = next(row.arm for row in rows if row.name == name)
        here = result.records.filter(pl.col("variant") == arm.variant)
        gap = here.filter(pl.col("asked") & pl.col("knows") & ~pl.col("does") & pl.col("valid")).height
        assert len(letters) == 40 and letters.count("g") == gap
        assert letters.count("x") == here.filter(~pl.col("valid")).height


def test_what_a_run_has_no_data_for_is_not_drawn(tmp_path: Path) -> None:
    task = ak.tasks.bandit(arms=3, horizon=1)
    one = ak.run(task=task, model="simulated", variants=["reason_act"], episodes=3, out=tmp_path / "run")
    card = one.score()
    assert charts_of(list(arm_rows(card, *card.groups[0])), one.records) == []


@pytest.mark.parametrize("count", [2, 5, 12])
def test_no_number_on_the_plane_covers_a_dot_or_another_number(count: int) -> None:
    """All dots lie within a few pixels, as variants of one length do."""
    points = [Point(f"v{n}", "variant", 0.01 * (n % 3), 1000.0 + 4 * n, False) for n in range(count)]
    places = [(svg.TYPICAL * 0.98 * p.tokens / 1050, 100.0 + 3 * (n % 3)) for n, p in enumerate(points)]
    beside = svg.numbers_beside(places)
    boxes = [(x + a, y + b - 4) for (x, y), (a, b) in zip(places, beside, strict=True)]
    if count <= 5:
        for n, (x, y) in enumerate(boxes):
            for u, v in [*places, *boxes[:n]]:
                assert abs(x - u) > 11 or abs(y - v) > 11
    drawn = str(svg.plane(points, "a label"))
    assert [f">{n}</text>" in drawn for n in range(1, count + 1)] == [True] * count
