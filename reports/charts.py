"""The report's charts as values: what is drawn of one task and model, for the page and for files alike.

Every interval is 95 % over items. Invariant: a chart whose data a run does not have is not made; nothing is drawn that
is not measured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor

import numpy as np
import polars as pl

from ..evals.inference import Estimate
from ..evals.metrics.base import estimate_of
from ..evals.pareto import pareto_points
from .arm_rows import ArmRow
from .svg import reach

BINS = 10  # of a reliability diagram
FEWEST = 2  # steps of an episode that make a curve
MOST_CELLS = 240  # situations of a strip


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """A value over a place on the axis below: `x` is a number, or the place of a name in a forest."""

    x: float
    y: Estimate


@dataclass(frozen=True, slots=True)
class ChartLine:
    """The points of one variant.

    Attributes:
        kind: "baseline", "control" or "variant".
    """

    name: str
    kind: str
    points: tuple[ChartPoint, ...]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart.

    Attributes:
        key: its name in addresses and files. title, about: what it shows, as a heading and as a sentence.
        x, y: what the axes say; shape: "forest" (one row a line), "items" (a forest whose second point is what was
            observed), "lines" (against steps), "reliability", "flips" (one row a line, its points to both sides),
            "network" (`networks` alone) or "plane" (one point a line).
        low, high: the ends of the axis of values.
        networks: who moved whom, one for each variant.
    """

    key: str
    title: str
    about: str
    x: str
    y: str
    shape: str
    lines: tuple[ChartLine, ...]
    low: float
    high: float
    networks: tuple[Network, ...] = ()

    def place(self, value: float) -> float:
        """Where a value stands on the axis of values, from 0 to 1; beyond its ends, at the end."""
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


@dataclass(frozen=True, slots=True)
class Network:
    """Who moved whom in one variant.

    Attributes:
        edges: (who was read, who read it and spoke again, how often it then took what it read).
    """

    name: str
    kind: str
    edges: tuple[tuple[str, str, Estimate], ...]

    @property
    def speakers(self) -> tuple[str, ...]:
        """Everybody who was read or reads, in a stable order."""
        return tuple(sorted({name for source, reader, _ in self.edges for name in (source, reader)}))


@dataclass(frozen=True, slots=True)
class Strip:
    """What became of every situation: one row a variant, (name, kind, letters), one letter a situation.

    Attributes:
        places: (episode, step) of every situation.
        left_out: how many situations are not shown.

    Letters: "b" knows and does, "g" knows and does not, "d" does and does not know, "n" neither, "D" and "N" does and
    does not where nobody was asked, "x" no legal action, " " not decided.
    """

    places: tuple[tuple[int, int], ...]
    rows: tuple[tuple[str, str, str], ...]
    left_out: int


def charts_of(rows: Sequence[ArmRow], steps: pl.DataFrame) -> list[Chart]:
    """The charts that a run has the data for.

    Args:
        rows: the measured variants of one task and model, the baseline first; steps: their table.
    """
    made = [gap_closed(rows), *_curves(rows, steps), _reliability(rows, steps)]
    return [chart for chart in made if chart is not None]


def measured_rows(rows: Sequence[ArmRow]) -> list[ArmRow]:
    """The variants that were measured: of one that was not, no chart holds a point."""
    return [row for row in rows if not row.arm.integrity]


def chart_lines(rows: Iterable[ArmRow], points: Callable[[ArmRow], Iterable[ChartPoint]]) -> tuple[ChartLine, ...]:
    """A line for each variant that has points."""
    made = (ChartLine(row.name, row.kind, tuple(points(row))) for row in rows)
    return tuple(line for line in made if line.points)


def points_by(
    sums: pl.DataFrame,
    row: ArmRow,
    by: str,
    name: str,
    proportion: bool = True,
    place: Callable[[pl.DataFrame], float] | None = None,
) -> list[ChartPoint]:
    """The points of a variant: an estimate over items for each value of a column.

    Args:
        sums: columns variant, item, `num` and `den`, and `by`, the column. name: names the resampling stream.
        place: where on the axis below a value stands; by default at itself.
    """
    here = sums.filter(pl.col("variant") == row.arm.variant).sort(by, "item")
    return [
        ChartPoint(place(part) if place else float(str(value)), estimate_of(part, f"{name}/{value}", proportion))
        for (value,), part in here.group_by(by, maintain_order=True)
    ]


def chart_of(
    key: str,
    title: str,
    about: str,
    x: str,
    y: str,
    lines: tuple[ChartLine, ...],
    shape: str = "lines",
    low: float = 0.0,
    high: float = 1.0,
) -> Chart | None:
    """A chart; None where it has no lines."""
    return Chart(key, title, about, x, y, shape, lines, low, high) if lines else None


def ends_of(lines: Iterable[ChartLine]) -> list[float]:
    """Every value, and every end of an interval, that lines hold."""
    return [v for line in lines for p in line.points for v in (p.y.value, p.y.low, p.y.high) if v is not None]


def reach_of(lines: Iterable[ChartLine]) -> float:
    """How far an axis of differences goes to both sides: up to the next tenth beyond every end, from 0.1 to 1."""
    return min(1.0, max(0.1, ceil(max(map(abs, ends_of(lines)), default=0.0) * 10 - 1e-9) / 10))


def gap_closed(rows: Sequence[ArmRow]) -> Chart | None:
    """How much of the baseline's gap every variant closes, by the paired difference; None where none is measured."""

    def points(row: ArmRow) -> Iterator[ChartPoint]:
        contrast = None if row.arm.baseline or row.arm.integrity else row.contrast("gap")
        if contrast is not None and contrast.difference.value is not None:
            yield ChartPoint(0.0, contrast.difference.scaled(-1))

    lines = chart_lines(rows, points)
    reach = reach_of(lines)
    about = (
        "The gap of the baseline minus that of the variant, paired: to the right of the line it is smaller. Controls "
        "stand among the interventions; what a placebo closes too is not the intervention's work."
    )
    return chart_of("gap_closed", "Gap closed", about, "gap closed", "variant", lines, "forest", -reach, reach)


def gap_per_variant(rows: Sequence[ArmRow]) -> Chart | None:
    """The gap of every variant; None where it is measured nowhere."""
    measured = [row for row in rows if row.metric("gap").value is not None]
    lines = chart_lines(measured, lambda row: [ChartPoint(0.0, row.metric("gap"))])
    top = reach(row.metric("gap") for row in measured)
    about = "The share of steps at which the rationale recommends an optimal action and another one is taken."
    return chart_of("gap_per_variant", "The gap per variant", about, "gap", "variant", lines, "forest", 0.0, top)


def pareto(rows: Sequence[ArmRow]) -> Chart | None:
    """Gap closed against tokens per decision; None where fewer than two variants have both."""
    points = pareto_points([row.arm for row in rows])
    closed = gap_closed(rows)
    if len(points) < 2 or closed is None:
        return None
    spans = {line.name: line.points[0].y for line in closed.lines}
    names = {row.arm.variant: row.name for row in rows}
    lines = tuple(
        ChartLine(
            names[p.variant] + (" (on the front)" if p.best else ""), p.kind,
            (ChartPoint(p.tokens, spans.get(names[p.variant], Estimate(p.closed, None, None))),),
        )
        for p in points
    )  # fmt: skip
    known = [0.0, *ends_of(lines)]
    about = "What every variant closes of the baseline's gap, against the tokens of a decision, in and out."
    return Chart("pareto", "Gap closed against cost", about, "tokens per decision", "gap closed", "plane", lines,
                 floor(min(known) * 10) / 10, ceil(max(known) * 10) / 10)  # fmt: skip


def _curves(rows: Sequence[ArmRow], steps: pl.DataFrame) -> list[Chart | None]:
    if steps["step"].n_unique() < FEWEST:
        return []
    fork = "fork" in set(steps["design"].unique())
    of = "at the situations that the baseline met" if fork else "in the variant's own episodes"
    columns = (
        ("gap", "The gap over an episode", "Share of steps that know and do not do", "gap",
         pl.when(pl.col("asked")).then(pl.col("knows") & ~pl.col("does"))),
        ("regret", "Regret over an episode", "Mean expected loss of the action taken", "regret", pl.col("regret")),
        ("coverage", "Coverage over an episode", "Share of arms tried once the action is taken", "coverage",
         pl.col("tried_after")),
    )  # fmt: skip
    return [
        _curve(rows, steps, key, title, f"{about}, by step, {of}.", y, column)
        for key, title, about, y, column in columns
    ]


def _curve(
    rows: Sequence[ArmRow], steps: pl.DataFrame, key: str, title: str, about: str, y: str, column: pl.Expr
) -> Chart | None:
    """A mean per step with its interval over items."""
    table = steps.select("variant", "item", "step", value=column.cast(pl.Float64)).drop_nulls("value")
    sums = table.group_by("variant", "step", "item").agg(num=pl.col("value").sum(), den=pl.len())
    lines = chart_lines(rows, lambda row: points_by(sums, row, "step", key, key != "regret"))
    high = max(ends_of(lines), default=0.0) if key == "regret" else 1.0
    return chart_of(key, title, about, "step", y, lines, high=max(high, 1e-9))


def _reliability(rows: Sequence[ArmRow], steps: pl.DataFrame) -> Chart | None:
    """How often agents are right that say how sure they are, in bins of what they say."""
    told = steps.filter(pl.col("confidence").is_not_null())
    bins = (pl.col("confidence") * BINS).ceil().clip(1, BINS).cast(pl.Int64)
    sums = told.group_by("variant", "item", bins.alias("bin")).agg(
        num=pl.col("does").sum().cast(pl.Float64), den=pl.len(), sure=pl.col("confidence").sum()
    )

    def said(part: pl.DataFrame) -> float:
        return float(np.average(part["sure"] / part["den"], weights=part["den"]))

    lines = chart_lines(rows, lambda row: points_by(sums, row, "bin", "reliability", place=said))
    about = "How often the action is optimal, where the agent says how sure it is. On the line both are the same."
    axes = "confidence that was stated", "share optimal"
    return chart_of("reliability", "Reliability", about, *axes, lines, "reliability")


def strip_of(rows: Sequence[ArmRow], steps: pl.DataFrame) -> Strip:
    """What became of every situation, in the order of the episodes."""
    keys = steps.select("episode", "step").unique().sort("episode", "step")
    shown = keys.head(MOST_CELLS)
    letter = (
        pl.when(~pl.col("valid")).then(pl.lit("x"))
        .when(~pl.col("asked") & pl.col("does")).then(pl.lit("D"))
        .when(~pl.col("asked")).then(pl.lit("N"))
        .when(pl.col("knows") & pl.col("does")).then(pl.lit("b"))
        .when(pl.col("knows")).then(pl.lit("g"))
        .when(pl.col("does")).then(pl.lit("d"))
        .otherwise(pl.lit("n"))
    )  # fmt: skip
    lettered = steps.select("variant", "episode", "step", letter.alias("letter"))
    made = []
    for row in rows:
        own = lettered.filter(pl.col("variant") == row.arm.variant).unique(["episode", "step"])
        letters = shown.join(own, on=["episode", "step"], how="left", maintain_order="left")["letter"].fill_null(" ")
        made.append((row.name, row.kind, "".join(letters)))
    return Strip(tuple(shown.iter_rows()), tuple(made), keys.height - shown.height)
