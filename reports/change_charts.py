"""Charts of what changes: outcomes against the baseline, and minds along the edges of a debate.

Invariant: as for every chart, nothing is drawn that is not measured, and an interval is 95 % over items.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from ..evals.inference import estimate as ratio_estimate
from ..evals.situations import side_by_side
from .arm_rows import ArmRow
from .charts import Chart, ChartLine, ChartPoint, Network, reach_of

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
    lines = []
    for row in rows:
        if row.arm.flips is None:  # the baseline, and whoever met other situations
            continue
        own = steps.filter(pl.col("variant") == row.arm.variant)
        both = side_by_side(own, base, ("does", "does_base"))
        gained, lost = pl.col("does") & ~pl.col("does_base"), ~pl.col("does") & pl.col("does_base")
        sums = both.group_by("item", maintain_order=True).agg(
            gained.sum().alias("up"), lost.sum().alias("down"), pl.len()
        )
        up, down, of = (sums[c].to_numpy().astype(np.float64) for c in ("up", "down", "len"))
        points = (
            ChartPoint(GAINED, ratio_estimate(up, of, f"turned right by {row.arm.variant}")),
            ChartPoint(LOST, ratio_estimate(down, of, f"turned wrong by {row.arm.variant}")),
        )
        lines.append(ChartLine(row.name, row.kind, points))
    if not lines:
        return None
    ends = [end for line in lines for p in line.points for end in (p.y.value, p.y.high) if end is not None]
    reach = reach_of(ends)
    about = (
        "Of the situations that baseline and variant both decided: to the right, what was wrong and is right; to the "
        "left, what was right and is wrong. A variant that moves much both ways changes its mind and knows no better."
    )
    return Chart("flips", "Flips", about, "share of situations", "variant", "flips", tuple(lines), -reach, reach)


def _influence(rows: Sequence[ArmRow]) -> Chart | None:
    """Who moved whom, in every variant whose agents read one another and speak again."""
    networks = []
    for row in rows:
        told = row.arm.breakdowns.get("edge", {})
        edges = []
        for edge, cells in told.items():
            source, _, reader = edge.partition(ARROW)
            edges.append((source, reader, cells["persuasion"]))
        if edges:
            networks.append(Network(row.name, row.kind, tuple(edges)))
    if not networks:
        return None
    about = (
        "An arrow runs from who was read to who read it and spoke again. Its width, and the number beside its head, is "
        "how often the reader took the position that it read, where that was not its own; dashed: nothing was read "
        "that the reader did not hold already."
    )
    return Chart(
        "influence", "Who changed whom", about, "agent", "share moved", "network", (), 0.0, 1.0, tuple(networks)
    )
