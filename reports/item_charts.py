"""Effects by item in the report: a forest for each variant, its subgroups above, and the same as a table.

Invariants: an item is drawn twice, as observed (a line across) and shrunk to what the items have in common (a dot with
its interval); a variant that was not measured has no forest, and it is said why; what the terminal says of a variant
(`forest.py`) is said here in the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from ..evals.heterogeneity import Heterogeneity
from ..evals.inference import Estimate
from .arm_rows import ArmRow
from .chart_svg import closed_axis
from .charts import Chart, ChartLine, ChartPoint, reach_of
from .forest import effects_words, extremes
from .page_tables import table_of
from .page_values import ItemEffects, PageTable
from .svg import ROW, drawing, line_at, mark_at
from .tables import Column
from .text import TableCell, difference_text, estimate_cell, missing_cell, short_name, signed_rate_text

PARTS = {
    ("untried", "left"): "an action is untried",
    ("untried", "none"): "none is untried",
    ("difficulty", "hard"): "hard for the baseline",
    ("difficulty", "middle"): "neither hard nor easy",
    ("difficulty", "easy"): "easy for the baseline",
}
ABOUT = (
    "The gap of the variant minus that of the baseline, paired: left of the line it is smaller. Of an item the stroke "
    "is what was observed, and the dot its effect shrunk to the common one, with its interval."
)


def item_charts(rows: Sequence[ArmRow]) -> list[Chart]:
    """A forest for each variant of one task and model of which effects by item, or of parts, are told."""
    charts = []
    for number, one in enumerate(_told(rows), start=1):
        lines = _lines(one)
        if one.items or len(lines) > 1:
            name = short_name(one.variant, one.against)
            reach = reach_of(lines)
            heading, axes = f"Effects by item: {name}", ("difference of the gap", "item")
            charts.append(Chart(f"items-{number}", heading, ABOUT, *axes, "items", tuple(lines), -reach, reach))
    return charts


def drawn_effects(rows: Sequence[ArmRow]) -> list[ItemEffects]:
    """What the page says of each variant of one task and model, and draws."""
    charts = {chart.key: chart for chart in item_charts(rows)}
    made = []
    for number, one in enumerate(_told(rows), start=1):
        chart = charts.get(f"items-{number}")
        drawn = [] if chart is None else [_drawn(line, chart) for line in chart.lines]
        name = short_name(one.variant, one.against)
        words = f"By item: not measured, {one.why}" if one.why else effects_words(one)
        left = len(one.items) - len(extremes(one.items))
        axis = Markup("") if chart is None else closed_axis(chart)
        made.append(ItemEffects(name, words, left, drawn, axis, one.mixed.sentence, one.mixed.agrees is False))
    return made


def effects_table(rows: Sequence[ArmRow]) -> PageTable | None:
    """All effects of all variants: of every decision, of parts of them, and of every item."""
    lines = [line for one in _told(rows) for line in _written(one)]
    if not lines:
        return None
    columns: list[Column[_Line]] = [
        Column("decisions", lambda r: TableCell(f"{r.decisions:,}")),
        Column("observed", lambda r: r.observed),
        Column("effect", lambda r: r.effect),
    ]
    return table_of("Effects by item", columns, lines, lambda r: r.variant, key="of", keys=lambda r: r.part)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of the table: the effect of a variant on a part of the decisions, or on an item."""

    variant: str
    part: str
    decisions: int
    observed: TableCell
    effect: TableCell


def _told(rows: Sequence[ArmRow]) -> list[Heterogeneity]:
    base = rows[0].base
    return [one for one in rows[0].card.by_item if (one.task, one.model) == (base.task, base.model)]


def _parts(one: Heterogeneity) -> list[tuple[str, Estimate]]:
    cut = [(PARTS.get((p.by, p.name), f"{p.by} {p.name}"), p.difference) for p in one.subgroups]
    return [("all decisions", one.whole.difference), *cut]


def _lines(one: Heterogeneity) -> list[ChartLine]:
    parts = [(name, e) for name, e in _parts(one) if e.value is not None]
    lines = [ChartLine(name, "control" if n else "baseline", (ChartPoint(0, e),)) for n, (name, e) in enumerate(parts)]
    for item in extremes(one.items):
        shrunk, raw = Estimate(item.effect, item.low, item.high, float(item.decisions)), Estimate(item.observed)
        lines.append(ChartLine(f"item {item.item}", "variant", (ChartPoint(0, shrunk), ChartPoint(1, raw))))
    return lines


def _written(one: Heterogeneity) -> list[_Line]:
    name, unshrunk = short_name(one.variant, one.against), TableCell("-")
    made = [_Line(name, part, int(e.n or 0), unshrunk, estimate_cell(e, difference_text)) for part, e in _parts(one)]
    if one.why and one.whole.difference.value is not None:
        made.append(_Line(name, "each item", 0, unshrunk, missing_cell(one.why)))
    for item in one.items:
        effect = estimate_cell(Estimate(item.effect, item.low, item.high), difference_text)
        made.append(
            _Line(name, f"item {item.item}", item.decisions, TableCell(signed_rate_text(item.observed)), effect)
        )
    return made


def _drawn(line: ChartLine, chart: Chart) -> tuple[str, Markup, TableCell]:
    """(name, drawing, number) of one row; 0 stands in the middle."""
    at, effect, observed = chart.place, line.points[0].y, line.points[1].y.value if len(line.points) > 1 else None
    middle = ROW / 2
    parts = [line_at(at(0), at(0), 0, ROW, "reference")]
    if effect.low is not None and effect.high is not None:
        parts.append(line_at(at(effect.low), at(effect.high), middle, middle, "whisker"))
    if observed is not None:
        parts.append(line_at(at(observed), at(observed), middle - 8, middle + 8, "whisker"))
    if effect.value is not None:
        parts.append(mark_at(at(effect.value), line.kind))
    cell = estimate_cell(effect, difference_text)
    seen = "" if observed is None else f", observed {signed_rate_text(observed)}"
    return line.name, drawing(ROW, f"dots {line.kind}", f"{line.name}: effect {cell.words}{seen}", parts), cell
