"""Charts of what changes: outcomes against the baseline, and minds along the edges of a debate.

Invariant: as for every chart, nothing is drawn that is not measured, and an interval is 95 % over items.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from ..evals.inference import Estimate
from ..evals.metrics.base import estimate_of
from ..evals.situations import side_by_side
from .arm_rows import ArmRow
from .charts import Chart, ChartPoint, Network, chart_lines, chart_of, reach_of

GAINED, LOST = 1.0, -1.0  # the two places of a row of flips
ARROW = " -> "


def change_charts(rows: Sequence[ArmRow], steps: pl.DataFrame | None) -> list[Chart]:
    """The charts that a run has the data for.

    Args:
        rows: the measured variants of one task and model, the baseline first; steps: their table, where it is at hand.
    """
    made = [None if steps is None else _flips(rows, steps), _influence(rows)]
    return [chart for chart in made if chart is not None]


def _flips(rows: Sequence[ArmRow], steps: pl.DataFrame) -> Chart | None:
    """Which share of the situations every variant turned right, and which it turned wrong."""
    base = steps.filter(pl.col("variant") == rows[0].base.variant) if rows else steps

    def points(row: ArmRow) -> Iterator[ChartPoint]:
        if row.arm.flips is None:  # the baseline, and whoever met other situations
            return
        own = steps.filter(pl.col("variant") == row.arm.variant)
        both = side_by_side(own, base, ("does", "does_base"))
        for place, word, whose, theirs in (
            (GAINED, "right", "does", "does_base"),
            (LOST, "wrong", "does_base", "does"),
        ):
            moved = (pl.col(whose) & ~pl.col(theirs)).sum()
            sums = both.group_by("item", maintain_order=True).agg(num=moved, den=pl.len())
            yield ChartPoint(place, estimate_of(sums, f"turned {word} by {row.arm.variant}"))

    lines = chart_lines(rows, points)
    reach = reach_of(lines)
    about = (
        "Of the situations that baseline and variant both decided: to the right, what was wrong and is right; to the "
        "left, what was right and is wrong. A variant that moves much both ways changes its mind and knows no better."
    )
    return chart_of("flips", "Flips", about, "share of situations", "variant", lines, "flips", -reach, reach)


def _influence(rows: Sequence[ArmRow]) -> Chart | None:
    """Who moved whom, in every variant whose agents read one another and speak again."""

    def edges(row: ArmRow) -> Iterator[tuple[str, str, Estimate]]:
        for edge, cells in row.arm.breakdowns.get("edge", {}).items():
            source, _, reader = edge.partition(ARROW)
            yield source, reader, cells["persuasion"]

    drawn = (Network(row.name, row.kind, tuple(edges(row))) for row in rows)
    networks = tuple(network for network in drawn if network.edges)
    if not networks:
        return None
    about = (
        "An arrow runs from who was read to who read it and spoke again. Its width, and the number beside its head, is "
        "how often the reader took the position that it read, where that was not its own; dashed: nothing was read "
        "that the reader did not hold already."
    )
    return Chart("influence", "Who changed whom", about, "agent", "share moved", "network", (), 0.0, 1.0, networks)
