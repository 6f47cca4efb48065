"""The scorecard in a terminal: verdicts, the gap per variant, paired contrasts, the 2 x 3 table, what to distrust."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.text import Text

from ..evals.pareto import pareto_points
from ..evals.scorecard import Arm, Scorecard
from .arm_rows import ArmRow, arm_rows, breakdown_tables, shown_classes, tool_rows
from .columns import (
    ARM_RATES,
    BOUNDS,
    CHANGES_IN_TERMINAL,
    IMPLIED_JUDGED,
    JUDGED,
    LOOKS,
    RATES_IN_TERMINAL,
    TOOLS_CALLED,
    TOOLS_CLAIMED,
    contrast_cell,
)
from .tables import PROSE, RowNamedTable, TableColumn, terminal_table
from .text import (
    LOOKED_NOTE,
    TOOLS_NOTE,
    bounds_text,
    count_text,
    implied_sentence,
    interval_words,
    judged_sentence,
    looks_sentence,
    marked_name,
    p_cell,
    plain_console,
    short_name,
)
from .two_way import two_way_parts

TABLES = "{count} tables of models by variants, with their interactions: akrasia score RUN --two-way, and the report."


def show_scorecard(
    card: Scorecard,
    experiment: Mapping[str, Any],
    paid: str = "",
    console: Console | None = None,
    wide: bool = False,
) -> None:
    """Print the scorecard.

    Args:
        experiment: the resolved experiment as stored with the run; may be empty.
        paid: what this session asked and paid, as a line; empty where nothing ran.
        wide: every column, also where the terminal is too narrow for all of them.
    """
    (console or plain_console()).print(Group(*_parts(card, experiment, paid, wide)))


def show_estimates(card: Scorecard, console: Console, measured_only: bool = False, wide: bool = False) -> None:
    """Print the metrics of a scorecard as plain lines: variant, metric, estimate, change against the baseline.

    Args:
        measured_only: leave out what is not measured, instead of saying why.
        wide: every column, also where the terminal is too narrow for all of them.
    """
    for task, model in card.groups:
        arms = card.arms_of(task, model)
        rows = [(a, name) for a in arms for name, e in a.metrics.items() if e.value is not None or not measured_only]
        title = f"{model} on {task}" if len(card.groups) > 1 else ""
        names = [marked_name(arm.variant, arm.leaks) for arm, _ in rows]
        console.print(RowNamedTable(title, "variant", names, _estimate_columns(card, rows), wide))
    for table in _breakdowns(card, wide):
        console.print(table)
    if card.looks is not None:
        console.print(Text(f"! {LOOKED_NOTE}", style="yellow"))
    for warning in card.warnings:
        console.print(Text(f"! {warning}", style="yellow"))


def _estimate_columns(card: Scorecard, rows: Sequence[tuple[Arm, str]]) -> list[TableColumn]:
    estimates = [arm.rate(name) for arm, name in rows]
    changes = [card.contrast(arm, name, card.baseline_of(arm).variant) for arm, name in rows]
    lacking = any(e.value is None for e in estimates)
    columns = [
        TableColumn("metric", [name for _, name in rows]),
        TableColumn("estimate", [str(e) for e in estimates], wraps=PROSE if lacking else 0),
        TableColumn("steps", [f"{e.n:.0f}" for e in estimates], "right", rank=4),
        TableColumn("items", [str(e.clusters) for e in estimates], "right", rank=3),
        TableColumn("against the baseline", ["-" if c is None else str(contrast_cell(c)) for c in changes], rank=1),
        TableColumn("p (Holm)", ["-" if c is None else str(p_cell(c.p_holm)) for c in changes], rank=2),
    ]
    if any(arm.bounds for arm in card.arms):
        ends = [bounds_text(arm.bounds[name]) if name in arm.bounds else "" for arm, name in rows]
        columns.append(TableColumn("unread: worst .. best", ends, rank=1))
    return columns


def _breakdowns(card: Scorecard, wide: bool) -> list[RowNamedTable]:
    """What lies behind the metrics: a table for each breakdown that some variant has, per task and model."""
    tables = []
    for task, model in card.groups:
        place = f" ({model} on {task})" if len(card.groups) > 1 else ""
        arms = [ArmRow(card, arm, card.baseline_of(arm)) for arm in card.arms_of(task, model)]
        for one in breakdown_tables(arms):
            columns = [TableColumn(one.key, [key for _, key, _ in one.rows])]
            for column in one.columns:
                columns.append(TableColumn(column.title, [str(column.cell(row)) or "-" for row in one.rows], rank=1))
            names = [_name(row[0]) for row in one.rows]
            tables.append(RowNamedTable(one.title + place, "variant", names, columns, wide))
    return tables


def _parts(card: Scorecard, experiment: Mapping[str, Any], paid: str, wide: bool) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if card.missing:
        parts.append(Text(f"! {card.warnings[0]}", style="bold yellow"))
    for task, model in card.groups:
        parts += _group(card, experiment, task, model, wide)
    if len(card.two_way) > 1:
        parts += ["", Text(TABLES.format(count=len(card.two_way)), style="dim")]
    else:
        parts += two_way_parts(card.two_way, wide)
    rows = [ArmRow(card, arm, card.baseline_of(arm)) for arm in card.arms]
    if card.looks is not None:
        title = "Intervals that hold at every look, beside those for a fixed number of episodes"
        parts += ["", Text(looks_sentence(card.looks)), terminal_table(title, LOOKS, rows, _name, wide=wide)]
    if offered := tool_rows(rows):
        parts += ["", Text(TOOLS_NOTE)]
        for title, columns in (("Needs against calls", TOOLS_CALLED), ("Claims against calls", TOOLS_CLAIMED)):
            parts += [terminal_table(title, columns, offered, _name, wide=wide)]
    if card.judged is not None:
        title = "Recommendations by the parser alone, and with the judges"
        parts += ["", Text(judged_sentence(card.judged)), terminal_table(title, JUDGED, rows, _name, wide=wide)]
    if card.judged_implied is not None:
        title = "What reasonings imply, by the parser alone, and with the judges"
        sentence = Text(implied_sentence(card.judged_implied))
        parts += ["", sentence, terminal_table(title, IMPLIED_JUDGED, rows, _name, wide=wide)]
    parts += ["", *(Text(f"! {w}", style="yellow") for w in card.warnings[1 if card.missing else 0 :])]
    parts += [Text(str(one), style="dim") for one in card.reading]
    if paid:
        parts.append(paid)
    return parts


def _group(card: Scorecard, experiment: Mapping[str, Any], task: str, model: str, wide: bool) -> list[RenderableType]:
    """One task and model."""
    rows = arm_rows(card, task, model)
    base = rows[0].base
    chance = base.metrics["chance"].value
    blind = "" if not chance else f"; an action drawn blindly is optimal {chance:.0%} of the time"
    played = f"situations, {base.repeated}" if base.repeated else f"situations in {base.episodes} episodes"
    head = (
        f"{model} on {task}: {base.steps} {played}, {'imported' if card.imported else f'{card.design} design'}{blind}"
    )
    parts: list[RenderableType] = ["", Text(head, style="bold"), *_notes(experiment, model)]
    parts += _verdicts(card, rows)
    over = "items" if base.repeated else "episodes"
    title = f"Rates per step, with {interval_words(card.looks)} intervals over {over}"
    parts += ["", terminal_table(title, RATES_IN_TERMINAL, rows, _name, wide=wide)]
    if any(ARM_RATES & row.arm.bounds.keys() for row in rows):
        title = "The same, with answers that could not be read at worst .. at best"
        title += "" if card.looks is None else " (for a fixed number of episodes)"
        parts += ["", terminal_table(title, BOUNDS, rows, _name, wide=wide)]
    if len(rows) > 1:
        how = "p: sign-flip test, Holm-corrected" if card.looks is None else "anytime-valid, together; no p is valid"
        title = f"Change against the baseline {base.variant} ({how})"
        others = [row for row in rows if not row.arm.baseline]
        parts += ["", terminal_table(title, CHANGES_IN_TERMINAL, others, _name, wide=wide)]
    if any(row.arm.table.total for row in rows):
        title = "Given a correct rationale, the action is ... (conditional shares)"
        parts += ["", _class_table(title, rows, wide)]
    return parts


def _verdicts(card: Scorecard, rows: Sequence[ArmRow]) -> list[Text]:
    """One sentence for each intervention; a line on those that close the gap, and that no other beats in both gap and
    cost.
    """
    base = rows[0].base
    verdicts = [v for v in card.verdicts if (v.task, v.model) == (base.task, base.model)]
    lines = [
        Text.assemble((f"  {marked_name(short_name(v.variant, base.variant), v.leaks)}: ", "bold"), v.sentence)
        for v in verdicts
    ]
    if lines:
        lines.insert(0, Text(f"Verdicts, against {base.variant}"))
    shown = {v.variant for v in verdicts if v.outcome == "closes"}
    front = [p for p in pareto_points([row.arm for row in rows]) if p.best and p.variant in shown]
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


def _class_table(title: str, rows: Sequence[ArmRow], wide: bool) -> RowNamedTable:
    tables = [row.arm.table for row in rows]
    known = [f"{sum(t.counts['knows'].values())} of {t.total}" if t.total else "none asked for" for t in tables]
    columns = [TableColumn("correct rationales", known, "right")]
    for c in shown_classes([row.arm for row in rows]):
        shares = [table.conditional("knows", c) for table in tables]
        cells = ["-" if share is None else f"{share:.2f}" for share in shares]
        columns.append(TableColumn("no legal action" if c == "none" else c, cells, "right"))
    return RowNamedTable(title, "variant", [_name(row) for row in rows], columns, wide)


def _name(row: ArmRow) -> Text:
    if row.kind == "baseline":
        return Text(f"{row.name} (baseline)", style="bold")
    return Text(f"{row.name} (control)", style="dim") if row.kind == "control" else Text(row.name)
