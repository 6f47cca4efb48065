"""The scorecard in a terminal: verdicts, the gap per variant, paired contrasts, the 2 x 3 table, what to distrust."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from ..evals.inference import Contrast
from ..evals.pareto import pareto_points
from ..evals.scorecard import Arm, Scorecard
from .columns import (
    ARM_RATES,
    BOUNDS,
    CALLS,
    CHANGES,
    FLIPS,
    JUDGED,
    LOOKS,
    PARSED,
    RATES,
    TOKENS,
    ArmRow,
    Column,
    arm_rows,
    breakdown_tables,
    contrast_cell,
    shown_classes,
)
from .text import (
    LOOKED_NOTE,
    bounds_text,
    count_text,
    interval_words,
    judged_sentence,
    looks_sentence,
    marked_name,
    p_cell,
    plain_console,
    short_name,
)
from .two_way import two_way_parts

__all__ = ["RowNamedTable", "show_estimates", "show_scorecard", "terminal_table"]

TABLES = "{count} tables of models by variants, with their interactions: akrasia score RUN --two-way, and the report."
NARROWEST = 14  # the least width of the names of rows
FRAME = 4  # of one column of a table: two lines and two spaces
R = TypeVar("R")


def show_scorecard(
    card: Scorecard, experiment: Mapping[str, Any], paid: str = "", console: Console | None = None
) -> None:
    """Print the scorecard.

    Args:
        experiment: the resolved experiment as stored with the run; may be empty.
        paid: what this session asked and paid, as a line; empty where nothing ran.
    """
    (console or plain_console()).print(Group(*_parts(card, experiment, paid)))


def show_estimates(card: Scorecard, console: Console, measured_only: bool = False) -> None:
    """Print the metrics of a scorecard as plain lines: variant, metric, estimate, change against the baseline.

    Args:
        measured_only: leave out what is not measured, instead of saying why.
    """
    several = len(card.groups) > 1
    where = ("task", "model") if several else ()
    headings = ["variant", "metric", "estimate", "steps", "items", "against the baseline", "p (Holm)"]
    with_bounds = any(arm.bounds for arm in card.arms)
    table = Table(*where, *headings, *(["unread: worst .. best"] if with_bounds else []))
    table.columns[len(where)].no_wrap, table.columns[len(where)].overflow = True, "fold"  # names stand in one line
    for arm in card.arms:
        base = card.baseline_of(arm).variant
        for name, estimate in arm.metrics.items():
            if measured_only and estimate.value is None:
                continue
            ends = [bounds_text(arm.bounds[name]) if name in arm.bounds else ""] if with_bounds else []
            table.add_row(*_place(arm, several), *_estimate_cells(arm, name, card.contrast(arm, name, base)), *ends)
    console.print(table)
    for broken_down in _breakdowns(card):
        console.print(broken_down)
    if card.looks is not None:
        console.print(Text(f"! {LOOKED_NOTE}", style="yellow"))
    for warning in card.warnings:
        console.print(Text(f"! {warning}", style="yellow"))


def terminal_table(
    title: str,
    columns: Sequence[Column[R]],
    rows: Iterable[R],
    name: Callable[[R], str | Text],
    heading: str = "variant",
) -> RowNamedTable:
    """A table of columns, with the name of each row before them."""
    shown = list(rows)
    cells = [[str(column.cell(row)) for row in shown] for column in columns]
    aligns = ["right" if column.align == "number" else "left" for column in columns]
    return RowNamedTable(title, heading, [name(row) for row in shown], [c.title for c in columns], cells, aligns)


@dataclass(frozen=True)
class RowNamedTable:
    """A table that keeps its rows' names at any width: columns that do not fit follow below, beside the names again.

    Attributes:
        cells: per column, the text of each row; aligns: "left" or "right" per column.
    """

    title: str
    heading: str
    names: Sequence[str | Text]
    titles: Sequence[str]
    cells: Sequence[Sequence[str]]
    aligns: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names = [Text(n) if isinstance(n, str) else n for n in self.names]
        longest = max((n.cell_len for n in names), default=0)
        room = options.max_width - FRAME
        own = min(max(longest, len(self.heading)), max(room // 3, NARROWEST))
        title, start = self.title, 0
        while start < len(self.titles) or start == 0:
            end, used = start, own
            while end < len(self.titles) and (end == start or used + self._width(end) <= room):
                used += self._width(end)
                end += 1
            table = Table(title=title, title_justify="left")
            table.add_column(self.heading, overflow="fold", min_width=own)
            for i in range(start, end):
                table.add_column(self.titles[i], no_wrap=True, justify=cast(Any, self.aligns[i]))
            for row, name in enumerate(names):
                table.add_row(name, *(self.cells[i][row] for i in range(start, end)))
            yield table
            title, start = f"{self.title} (continued)", max(end, 1)

    def _width(self, column: int) -> int:
        return max(map(cell_len, [self.titles[column], *self.cells[column]])) + FRAME - 1


def _estimate_cells(arm: Arm, name: str, change: Contrast | None) -> list[str]:
    estimate = arm.rate(name)
    against = ["-", "-"] if change is None else [str(contrast_cell(change)), str(p_cell(change.p_holm))]
    return [
        marked_name(arm.variant, arm.leaks),
        name,
        str(estimate),
        f"{estimate.n:.0f}",
        str(estimate.clusters),
        *against,
    ]


def _place(arm: Arm, several: bool) -> tuple[str, ...]:
    return (arm.task, arm.model) if several else ()


def _breakdowns(card: Scorecard) -> list[Table]:
    """What lies behind the metrics: a table for each breakdown that some variant has."""
    several = len(card.groups) > 1
    where = ("task", "model") if several else ()
    tables = []
    for broken_down in breakdown_tables([ArmRow(card, arm, card.baseline_of(arm)) for arm in card.arms]):
        columns = broken_down.columns
        table = Table(
            *where,
            "variant",
            broken_down.key,
            *(column.title for column in columns),
            title=broken_down.title,
            title_justify="left",
        )
        for row in broken_down.rows:
            arm, key = row[0].arm, row[1]
            cells = (str(column.cell(row)) or "-" for column in columns)
            table.add_row(*_place(arm, several), row[0].whole_name, key, *cells)
        tables.append(table)
    return tables


def _parts(card: Scorecard, experiment: Mapping[str, Any], paid: str) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if card.missing:
        parts.append(Text(f"! {card.warnings[0]}", style="bold yellow"))
    for task, model in card.groups:
        parts += _group(card, experiment, task, model)
    if len(card.two_way) > 1:
        parts += ["", Text(TABLES.format(count=len(card.two_way)), style="dim")]
    else:
        parts += two_way_parts(card.two_way)
    rows = [ArmRow(card, arm, card.baseline_of(arm)) for arm in card.arms]
    if card.looks is not None:
        title = "Intervals that hold at every look, beside those for a fixed number of episodes"
        parts += ["", Text(looks_sentence(card.looks)), terminal_table(title, LOOKS, rows, _name)]
    if card.judged is not None:
        title = "Recommendations by the parser alone, and with the judges"
        parts += ["", Text(judged_sentence(card.judged)), terminal_table(title, JUDGED, rows, _name)]
    parts += ["", *(Text(f"! {w}", style="yellow") for w in card.warnings[1 if card.missing else 0 :])]
    parts += [Text(str(one), style="dim") for one in card.reading]
    if paid:
        parts.append(paid)
    return parts


def _group(card: Scorecard, experiment: Mapping[str, Any], task: str, model: str) -> list[RenderableType]:
    """One task and model."""
    rows = arm_rows(card, task, model)
    base = rows[0].base
    chance = base.metrics["chance"].value
    blind = "" if chance is None else f"; an action drawn blindly is optimal {chance:.0%} of the time"
    played = f"situations, {base.repeated}" if base.repeated else f"situations in {base.episodes} episodes"
    head = (
        f"{model} on {task}: {base.steps} {played}, {'imported' if card.imported else f'{card.design} design'}{blind}"
    )
    parts: list[RenderableType] = ["", Text(head, style="bold"), *_notes(experiment, model)]
    parts += _verdicts(card, rows)
    over = "items" if base.repeated else "episodes"
    title = f"Rates per step, with {interval_words(card.looks)} intervals over {over}"
    parts += ["", terminal_table(title, [*RATES, PARSED, CALLS, TOKENS], rows, _name)]
    if any(ARM_RATES & row.arm.bounds.keys() for row in rows):
        title = "The same, with answers that could not be read at worst .. at best"
        title += "" if card.looks is None else " (for a fixed number of episodes)"
        parts += ["", terminal_table(title, BOUNDS, rows, _name)]
    if len(rows) > 1:
        how = "p: sign-flip test, Holm-corrected" if card.looks is None else "anytime-valid, together; no p is valid"
        title = f"Change against the baseline {base.variant} ({how})"
        others = [row for row in rows if not row.arm.baseline]
        parts += ["", terminal_table(title, [*CHANGES, *FLIPS], others, _name)]
    if any(row.arm.table.total for row in rows):
        title = "Given a correct rationale, the action is ... (conditional shares)"
        parts += ["", _class_table(title, rows)]
    return parts


def _verdicts(card: Scorecard, rows: Sequence[ArmRow]) -> list[Text]:
    """One sentence for each intervention; a line on those that no other beats in both gap and cost."""
    base = rows[0].base
    lines = [
        Text.assemble((f"  {marked_name(short_name(v.variant, base.variant), v.leaks)}: ", "bold"), v.sentence)
        for v in card.verdicts
        if (v.task, v.model) == (base.task, base.model)
    ]
    if lines:
        lines.insert(0, Text(f"Verdicts, against {base.variant}"))
    front = [p for p in pareto_points([row.arm for row in rows]) if p.best and p.closed > 0]
    if front:
        steps = (
            f"{short_name(p.variant, base.variant)} ({p.closed:+.2f} at {count_text(p.tokens)} tokens)" for p in front
        )
        lines.append(Text(f"Most gap closed for the tokens: {', '.join(steps)}"))
    return lines


def _notes(experiment: Mapping[str, Any], model: str) -> list[Text]:
    """What a reader must know about how the models were used."""
    notes = [
        f"{used['label']}: {used['note']}"
        for roles in experiment.get("models", [])
        for used in roles.values()
        if used.get("note") and used["label"] in model.replace(": ", " + ").split(" + ")
    ]
    return [Text(note, style="dim") for note in dict.fromkeys(notes)]


def _class_table(title: str, rows: Sequence[ArmRow]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("variant", overflow="fold")
    classes = shown_classes([row.arm for row in rows])
    for heading in ("correct rationales", *("no legal action" if c == "none" else c for c in classes)):
        table.add_column(heading, justify="right")
    for row in rows:
        counts = row.arm.table
        known = sum(counts.counts["knows"].values())
        shares = [counts.conditional("knows", c) for c in classes]
        table.add_row(
            _name(row),
            f"{known} of {counts.total}" if counts.total else "none asked for",
            *("-" if share is None else f"{share:.2f}" for share in shares),
        )
    return table


def _name(row: ArmRow) -> Text:
    if row.kind == "baseline":
        return Text(f"{row.name} (baseline)", style="bold")
    return Text(f"{row.name} (control)", style="dim") if row.kind == "control" else Text(row.name)
