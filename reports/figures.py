"""Every figure of a run, for the page, for files and for notebooks alike.

Invariant: what one of them draws, all can draw, from the same chart.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from .arm_rows import ArmRow
from .change_charts import change_charts
from .charts import Chart, charts_of, gap_closed, gap_per_variant, measured_rows, pareto
from .item_charts import item_charts
from .measure_charts import measure_charts

FIGURES = (
    "gap_per_variant", "gap_closed", "pareto", "flips", "gap", "regret", "coverage", "reliability", "influence",
    "levels", "pass_at", "pass_hat", "vote", "resilience", "risk_coverage", "frequency",
)  # fmt: skip
"""Their names, as `Chart.key`."""


def figures_of(rows: Sequence[ArmRow], steps: pl.DataFrame | None) -> list[Chart]:
    """The figures of the page that a run has the data for.

    Args:
        rows: the variants of one task and model, the baseline first.
        steps: their table; None where only the scorecard is at hand, which draws fewer.
    """
    rows = measured_rows(rows)
    closed = [gap_closed(rows)] if steps is None else charts_of(rows, steps)
    made = [*closed, *change_charts(rows, steps), *measure_charts(rows, steps)]
    return [chart for chart in made if chart is not None]


def all_figures(rows: Sequence[ArmRow], steps: pl.DataFrame | None) -> list[Chart]:
    """The same, with those that the page draws otherwise: gap per variant, what closing it costs, effects by item."""
    own = [chart for chart in (gap_per_variant(rows), pareto(rows)) if chart is not None]
    return [*own, *figures_of(rows, steps), *item_charts(rows)]
