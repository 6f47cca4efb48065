"""The charts of the report's page, and the steps where a variant knew and did not do: made from the steps of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from markupsafe import Markup

from ..records import digest
from .chart_svg import closed_axis, closed_row, drawn_lines, drawn_strip, swatch
from .charts import Chart, charts_of, gap_closed, strip_of
from .columns import ArmRow
from .gap_steps import GapSteps, gap_steps
from .page_values import DrawnChart
from .text import TableCell, difference_text

__all__ = ["RunSteps", "drawn_charts", "group_id", "listed_gaps", "strip_rows"]

LISTED = 12  # steps with a gap, of one task and model, that the report holds


@dataclass(frozen=True)
class RunSteps:
    """The steps behind a scorecard, where they are at hand.

    Attributes:
        folder: of the run. table: its steps, as `akrasia.evals.frame` makes them.
    """

    folder: Path
    table: pl.DataFrame

    def of(self, task: str, model: str) -> pl.DataFrame:
        """The steps of one task and model."""
        return self.table.filter((pl.col("task") == task) & (pl.col("model") == model))


def group_id(task: str, model: str) -> str:
    """The name of a task and model in addresses."""
    return digest([task, model], size=4)


def drawn_charts(rows: Sequence[ArmRow], steps: pl.DataFrame | None) -> list[DrawnChart]:
    """The charts of one task and model; of the steps only where they are at hand."""
    if steps is None:
        closed = gap_closed(rows)
        return [] if closed is None else [_forest(closed)]
    return [_forest(c) if c.shape == "forest" else _lines(c) for c in charts_of(rows, steps)]


def _forest(chart: Chart) -> DrawnChart:
    rows = [
        (line, closed_row(line, chart), TableCell(estimate=line.points[0].y, style=difference_text))
        for line in chart.lines
    ]
    return DrawnChart(chart, rows, closed_axis(chart), [])


def _lines(chart: Chart) -> DrawnChart:
    return DrawnChart(chart, [], drawn_lines(chart), [(line.name, swatch(n)) for n, line in enumerate(chart.lines)])


def strip_rows(rows: Sequence[ArmRow], steps: pl.DataFrame | None) -> tuple[list[tuple[str, Markup]], int]:
    """(variant, its strip) of every variant, and how many situations are left out."""
    if steps is None:
        return [], 0
    strip = strip_of(rows, steps)
    return [(name, drawn_strip(letters, strip, name)) for name, _, letters in strip.rows], strip.left_out


def listed_gaps(run: RunSteps | None, task: str, model: str) -> GapSteps | None:
    """The steps of one task and model at which a variant knew and did not do."""
    return None if run is None else gap_steps(run.folder, run.of(task, model), most=LISTED)
