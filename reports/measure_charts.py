"""Charts of measures beside the gap: the levels, draws of one decision, risk against coverage, resilience by sentence,
frequency bias by repeats.

Invariant: as for every chart, nothing is drawn that is not measured, and an interval is 95 % over items.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from ..evals.inference import Estimate
from ..evals.metrics.base import estimate_of
from ..evals.metrics.frequency import REPEATS
from .arm_rows import ArmRow
from .charts import Chart, ChartLine, ChartPoint, chart_lines, chart_of, points_by

LEVELS = ("encoded", "implied", "stated", "done")
MOST_REPEATS = 11  # different numbers of repeats that a curve has points for; beyond, they are counted by tens
SHARES = 10  # of the coverage, in a risk-coverage curve
_RESAMPLED = re.compile(r"\bresample\b(?:\((?:sentence=)?(\d+)\))?")  # without options: from the first sentence


def measure_charts(rows: Sequence[ArmRow], steps: pl.DataFrame | None) -> list[Chart]:
    """The charts that a run has the data for.

    Args:
        rows: the measured variants of one task and model, the baseline first; steps: their table, where it is at hand.
    """
    made = [_levels(rows), *_draws(rows), _resilience(rows)]
    if steps is not None:
        made += [_risk_coverage(rows, steps), _frequency(rows, steps)]
    return [chart for chart in made if chart is not None]


def _levels(rows: Sequence[ArmRow]) -> Chart | None:
    """What is left of what is known, level by level."""

    def points(row: ArmRow) -> list[ChartPoint]:
        told = row.arm.breakdowns.get("reasoning", {})
        return [ChartPoint(float(n), told[level]["share"]) for n, level in enumerate(LEVELS, start=1) if level in told]

    about = (
        "Of the decisions whose reasoning states values: 1 an optimal action is encoded (where that is known), "
        "2 implied by the values, 3 recommended, 4 done. Where a line falls, knowledge is lost."
    )
    return chart_of(
        "levels", "From the reasoning to the action", about, "level", "share optimal", chart_lines(rows, points)
    )


def _draws(rows: Sequence[ArmRow]) -> list[Chart | None]:
    """pass@n, pass^n and the vote against n."""

    def lines(key: str) -> tuple[ChartLine, ...]:
        def points(row: ArmRow) -> Iterator[ChartPoint]:
            told = row.arm.breakdowns.get("trials", {})
            return (ChartPoint(float(n), part[key]) for n, part in told.items() if key in part)

        return chart_lines(rows, points)

    return [
        chart_of(key, title, about, "draws of a decision", "share of decisions", lines(key))
        for key, title, about in (
            ("pass_at", "pass@n", "How often some of n draws of a decision is right."),
            ("pass_hat", "pass^n", "How often all of n draws of a decision are right: what can be relied on."),
            ("vote", "vote@n", "How often the plurality of n draws is right: self-consistency without new calls."),
        )
    ]


def _risk_coverage(rows: Sequence[ArmRow], steps: pl.DataFrame) -> Chart | None:
    """How often the surest are wrong, against how many of them are answered."""
    told = steps.filter(pl.col("confidence").is_not_null() & pl.col("does").is_not_null())

    def points(row: ArmRow) -> Iterable[ChartPoint]:
        here = told.filter(pl.col("variant") == row.arm.variant).sort("confidence", descending=True)
        if here.is_empty():
            return ()
        distinct = {p.x: p for p in (_risk_at(here, share / SHARES) for share in range(1, SHARES + 1))}
        return distinct.values() if len(distinct) > 1 else ()

    about = (
        "How often the action is not optimal if only the surest decisions are acted on, by the share that is acted on. "
        "Decisions that are equally sure come together. A line that does not rise tells nothing by its confidence."
    )
    axes = "share acted on", "share wrong"
    return chart_of("risk_coverage", "Risk against coverage", about, *axes, chart_lines(rows, points))


def _risk_at(ordered: pl.DataFrame, share: float) -> ChartPoint:
    last = max(1, round(share * ordered.height)) - 1
    part = ordered.filter(pl.col("confidence") >= ordered["confidence"][last])
    sums = part.group_by("item", maintain_order=True).agg(num=(~pl.col("does")).sum(), den=pl.len())
    return ChartPoint(round(part.height / ordered.height, 3), estimate_of(sums, f"risk at {share:g}"))


def _resilience(rows: Sequence[ArmRow]) -> Chart | None:
    """How often the action moves where the rationale is drawn anew from a sentence on."""
    points: dict[float, Estimate] = {}
    for row in rows:
        found = _RESAMPLED.search(row.arm.variant)
        moved = row.arm.metrics.get("moved")
        if found is not None and row.arm.control is None and moved is not None and moved.value is not None:
            points.setdefault(float(found[1] or 1), moved)
    drawn = tuple(ChartPoint(x, points[x]) for x in sorted(points))
    lines = (ChartLine("resampled", "variant", drawn),) if drawn else ()
    about = (
        "How often another action is taken where the rationale is drawn anew from this sentence on (on-policy). Where "
        "the line falls, the sentence before it settled the action."
    )
    return chart_of("resilience", "Resilience by sentence", about, "first sentence drawn anew", "share moved", lines)


def _frequency(rows: Sequence[ArmRow], steps: pl.DataFrame) -> Chart | None:
    """How often the action that was repeated most is taken again, by how often it was repeated."""
    probed = steps.with_columns(repeats=REPEATS).filter(pl.col("repeats").is_not_null() & pl.col("habit").is_not_null())
    if probed["repeats"].n_unique() > MOST_REPEATS:
        probed = probed.with_columns(repeats=(pl.col("repeats") / 10).round() * 10)
    sums = probed.group_by("variant", "repeats", "item").agg(num=(pl.col("habit") == "frequent").sum(), den=pl.len())
    lines = chart_lines(rows, lambda row: points_by(sums, row, "repeats", "F_f"))
    about = (
        "How often the action that was taken most often is taken again, though a better one was seen (F_f), "
        "by how often it was repeated last. A line that rises is a habit that no reward explains."
    )
    return chart_of("frequency", "Frequency bias", about, "times repeated", "share of decisions", lines)
