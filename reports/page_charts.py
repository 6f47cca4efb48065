"""The charts of the report's page, and the steps where a variant knew and did not do: made from the steps of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from markupsafe import Markup

from ..evals.inference import Estimate
from ..evals.pareto import pareto_points
from . import svg
from .arm_rows import ArmRow, counted_steps
from .chart_svg import (
    closed_axis,
    closed_row,
    drawn_lines,
    drawn_network,
    flips_axis,
    flips_row,
    swatch,
)
from .charts import Chart, gap_closed
from .figures import figures_of
from .gap_steps import GapSteps, gap_steps
from .page_values import DrawnChart
from .text import (
    TableCell,
    Written,
    count_text,
    difference_text,
    estimate_cell,
    marked_name,
    rate_text,
    short_name,
    signed_rate_text,
)

MINUS = "\N{MINUS SIGN}"

LISTED = 12  # steps with a gap, of one task and model, that the report holds


@dataclass(frozen=True)
class RunSteps:
    """The steps behind a scorecard, where they are at hand.

    Attributes:
        folder: of the run. table: its steps, as `akrasia.evals.step_table` makes them.
    """

    folder: Path
    table: pl.DataFrame

    def of(self, task: str, model: str) -> pl.DataFrame:
        """The steps of one task and model."""
        return self.table.filter((pl.col("task") == task) & (pl.col("model") == model))


def drawn_charts(rows: Sequence[ArmRow], steps: pl.DataFrame | None) -> list[DrawnChart]:
    """The charts of one task and model; of the steps only where they are at hand."""
    if steps is None:
        closed = gap_closed(rows)
        return [] if closed is None else [_forest(closed, rows)]
    return [_DRAWN.get(c.shape, _lines)(c, rows) for c in figures_of(rows, steps)]


def _forest(chart: Chart, _: Sequence[ArmRow]) -> DrawnChart:
    drawn = [
        (line, closed_row(line, chart), [TableCell(estimate=line.points[0].y, style=difference_text)])
        for line in chart.lines
    ]
    return DrawnChart(chart, drawn, closed_axis(chart), [])


def _flips(chart: Chart, rows: Sequence[ArmRow]) -> DrawnChart:
    by_name = {row.name: row for row in rows}
    drawn = []
    for line in chart.lines:
        cells = [_share(point.y, sign) for point, sign in zip(line.points, ("+", MINUS), strict=True)]
        cells = [counted_steps(c, by_name[line.name], s) for c, s in zip(cells, ("improved", "worsened"), strict=True)]
        drawn.append((line, flips_row(line, chart), cells))
    return DrawnChart(chart, drawn, flips_axis(chart), [])


def _share(estimate: Estimate, sign: str) -> TableCell:
    """A share without its interval, with the sign of where its bar points."""
    if (value := estimate.value) is None:
        return TableCell(missing="not measured")
    return TableCell(estimate=estimate, style=lambda _, __: Written(f"{sign}{rate_text(value)}"))


def _networks(chart: Chart, _: Sequence[ArmRow]) -> DrawnChart:
    one = Markup('<div class="net"><b>{}</b>{}</div>')
    return DrawnChart(chart, [], Markup("").join(one.format(n.name, drawn_network(n)) for n in chart.networks), [])


def _lines(chart: Chart, _: Sequence[ArmRow]) -> DrawnChart:
    return DrawnChart(chart, [], drawn_lines(chart), [(line.name, swatch(n)) for n, line in enumerate(chart.lines)])


_DRAWN = {"forest": _forest, "flips": _flips, "network": _networks}


def listed_gaps(run: RunSteps | None, task: str, model: str) -> GapSteps | None:
    """The steps of one task and model at which a variant knew and did not do."""
    return None if run is None else gap_steps(run.folder, run.of(task, model), most=LISTED)


def drawn_plane(rows: Sequence[ArmRow]) -> tuple[Markup, list[tuple[str, str, bool, str, str]]] | None:
    """Gap closed against cost, drawn and in words (`Group.plane`); None where fewer than two arms have both."""
    points = pareto_points([row.arm for row in rows])
    if len(points) < 2:
        return None
    lines = [
        (
            marked_name(short_name(p.variant, rows[0].base.variant), p.leaks),
            p.kind,
            p.best,
            signed_rate_text(p.closed, MINUS),
            count_text(p.tokens),
        )
        for p in points
    ]
    chart = gap_closed(rows)
    names = {row.name: row.arm.variant for row in rows}
    closed = {} if chart is None else {names[line.name]: line.points[0].y for line in chart.lines}
    return svg.plane(points, "gap closed against tokens per decision, with 95 % intervals", closed), lines


def drawn_figure(rows: Sequence[ArmRow]) -> tuple[list[tuple[ArmRow, Markup, TableCell]], Markup]:
    """The gap per variant, drawn, and the scale under it."""
    estimates = [row.metric("gap") for row in rows]
    top, reference = svg.reach(estimates), rows[0].metric("gap").value
    drawn = []
    for row, estimate in zip(rows, estimates, strict=True):
        cell = counted_steps(estimate_cell(estimate), row, "gap")
        label = f"{row.name}: gap {cell.words}"
        drawn.append((row, svg.whisker(estimate, row.kind, reference, top, label), cell))
    return drawn, svg.axis(top)
