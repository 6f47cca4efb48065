"""From a scorecard to what the HTML report shows (`page_values.py`); the templates decide nothing but the layout.

Invariants: whatever was not measured is said in words, never shown as 0 or left blank; every sentence of a verdict is
the verdict's own; nothing is concluded here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from markupsafe import Markup

from ..evals.inference import Contrast, Estimate
from ..evals.scorecard import Arm, Scorecard
from ..ledger.provenance import session_lines
from . import svg
from .arm_rows import ArmRow, arm_rows, breakdown_tables, counted_steps, group_id, shown_classes, tool_rows
from .charts import measured_rows, strip_of
from .columns import (
    CONTRASTS,
    IMPLIED_JUDGED,
    JUDGED,
    LOOKS,
    NUMBERS,
    RATES,
    TOOLS,
    outcome_columns,
    split_columns,
)
from .item_charts import drawn_effects, effects_table
from .page_charts import RunSteps, drawn_charts, drawn_figure, drawn_plane, listed_gaps
from .page_tables import arm_table, metric_table, table_of
from .page_texts import (
    CLASS_HEADINGS,
    DESIGNS,
    SPLITS,
    metric_definitions,
    model_notes,
    registered_metric,
    task_options,
    unencoded_words,
)
from .page_values import Classes, ClassLine, Group, Page, PageTable
from .tables import Column
from .text import (
    LOOKED_NOTE,
    TOOLS_NOTE,
    TableCell,
    bounds_text,
    estimate_cell,
    implied_sentence,
    interval_words,
    judged_sentence,
    looks_sentence,
    marked_name,
    missing_cell,
    rate_text,
    short_name,
)
from .two_way import SCALE, UNTESTED, two_way_tables

T = TypeVar("T")


def page_of(card: Scorecard, experiment: Mapping[str, Any], run: RunSteps | None = None) -> Page:
    """The report of a scorecard.

    Args:
        experiment: the resolved experiment as stored with the run; may be empty.
        run: the steps behind the scorecard, where they are at hand.
    """
    tables, leader = [two_way_tables(t) for t in card.two_way], experiment.get("leader")
    return Page(
        name=experiment.get("name", "experiment"),
        design="imported: made elsewhere, paired by item and trial"
        if card.imported
        else DESIGNS.get(card.design, card.design).format(of=f" of {leader}" if leader else ""),
        groups=[_group(card, experiment, task, model, run) for task, model in card.groups],
        warnings=card.warnings,
        two_way=[(t, [metric_table(t.metrics, t.means), metric_table(t.metrics, t.effects)]) for t in tables],
        two_way_note=SCALE if all(t.tested for t in card.two_way) else f"{SCALE} {UNTESTED}",
        definitions=metric_definitions(card),
        experiment=experiment,
        intervals=interval_words(card.looks),
        reading=[str(one) for one in card.reading],
        sessions=[card.imported.lines] if card.imported else [session_lines(session) for session in card.sessions],
        looked=LOOKED_NOTE if card.looks is not None else "",
    )


def _group(card: Scorecard, experiment: Mapping[str, Any], task: str, model: str, run: RunSteps | None) -> Group:
    rows = arm_rows(card, task, model)
    steps = None if run is None else run.of(task, model)
    base, by_name = rows[0], {row.arm.variant: row for row in rows}
    return Group(
        task=task,
        model=model,
        options=task_options(experiment, task),
        notes=model_notes(experiment, model),
        base=base.base,
        headline=_headline(base),
        chance=_rate(base.metric("chance").value),
        rows=rows,
        shortened=any(row.name.startswith("|") for row in rows),
        verdicts=_verdicts(card, base.base),
        plane=drawn_plane(rows),
        looks=_told(looks_sentence, card.looks, "Anytime-valid intervals", LOOKS, rows),
        tools=(TOOLS_NOTE, arm_table("Tools", TOOLS, offered)) if (offered := tool_rows(rows)) else None,
        judged=_told(judged_sentence, card.judged, "Judged recommendations", JUDGED, rows),
        implied=_told(implied_sentence, card.judged_implied, "Judged implications", IMPLIED_JUDGED, rows),
        figure=drawn_figure(rows),
        table=arm_table("Numbers per variant", NUMBERS, rows, roles=True),
        contrasts=_contrasts([c for t, m, c in card.valid if (t, m) == (task, model)], rows),
        funnels=[_funnel(row, by_name.get(row.arm.encoded_from)) for row in rows if row.arm.table.total],
        unencoded=unencoded_words(rows),
        silent=[row.name for row in rows if not row.arm.table.total],
        classes=_classes(rows),
        splits=_splits(rows),
        outcomes=arm_table("Outcomes per variant", outcome_columns(rows), rows, roles=True),
        breakdowns=[
            table_of(
                b.title,
                b.columns,
                b.rows,
                lambda r: r[0].name,
                key=b.key,
                keys=lambda r: r[1],
                kind=lambda r: r[0].kind,
            )
            for b in breakdown_tables(rows)
        ],
        metrics=_every_metric(rows),
        code=group_id(task, model),
        charts=drawn_charts(rows, steps),
        strip=None if steps is None else strip_of(measured_rows(rows), steps),
        gaps=listed_gaps(run, task, model),
        by_item=drawn_effects(rows),
        effects=effects_table(rows),
    )


def _told(
    sentence: Callable[[T], str], of: T | None, label: str, columns: Sequence[Column[ArmRow]], rows: Sequence[ArmRow]
) -> tuple[str, PageTable] | None:
    """A sentence about some part of the card, and the table that belongs to it; None where it has none."""
    return None if of is None else (sentence(of), arm_table(label, columns, rows))


def _headline(row: ArmRow) -> list[tuple[str, str, TableCell]]:
    meanings = {
        "knowing": "the rationale recommends an optimal action",
        "doing": "the action taken is optimal",
        "gap": "knows and does not do",
    }
    by_name = {column.title: column.cell(row) for column in RATES}
    return [(name, meaning, by_name[name]) for name, meaning in meanings.items()]


def _verdicts(card: Scorecard, base: Arm) -> list[tuple[str, str, str]]:
    return [
        (marked_name(short_name(v.variant, base.variant), v.leaks), "-".join(v.outcome.split()), v.sentence)
        for v in card.verdicts
        if (v.task, v.model) == (base.task, base.model)
    ]


def _contrasts(contrasts: Sequence[Contrast], rows: Sequence[ArmRow]) -> PageTable | None:
    base = rows[0].base
    leaking = {row.arm.variant for row in rows if row.arm.leaks}

    def short(variant: str) -> str:
        return marked_name(short_name(variant, base.variant), variant in leaking)

    if not contrasts:
        return None
    return table_of(
        "Paired differences",
        CONTRASTS,
        contrasts,
        lambda c: short(c.variant),
        key="against",
        keys=lambda c: short(c.against),
    )


def _funnel(row: ArmRow, origin: ArmRow | None) -> tuple[ArmRow, list[tuple[str, str, TableCell, Markup]]]:
    """Encoded, stated, and stated and done, of a variant that was asked for a rationale.

    Args:
        origin: the variant that shows what is encoded on this one's prompt, where it does not do so itself.
    """
    chance = row.metric("chance").value
    encoded, source = row.metric("encoded"), ""
    if encoded.value is None and origin is not None:
        encoded, source = origin.metric("encoded"), f"from {origin.name}, on the same prompt"
    stated, both = row.metric("knowing"), row.arm.table.joint("knows", "optimal")
    levels: list[tuple[str, str, float | None, Estimate | None, TableCell]] = [
        ("encoded", source, encoded.value, encoded, estimate_cell(encoded)),
        ("stated", "knowing", stated.value, stated, estimate_cell(stated)),
        ("stated and done", "knows and does", both, None, TableCell(_rate(both))),
    ]
    bars = []
    for level, came_from, value, estimate, cell in levels if encoded.value is not None else levels[1:]:
        label = f"{row.name}: {level} {cell.words}; chance {_rate(chance)}"
        bars.append((level, came_from, cell, svg.bar(value, estimate, chance, level.split()[-1], label)))
    return row, bars


def _classes(rows: Sequence[ArmRow]) -> Classes:
    asked = [row for row in rows if row.arm.table.total]
    classes = shown_classes([row.arm for row in asked])
    names = {"knows": "rationale correct", "does not know": "not correct"}
    lists = {"knows": "knows", "does not know": "not"}
    tables = []
    for row in asked:
        table = row.arm.table
        lines = [
            ClassLine(
                names[known],
                [
                    (
                        _rate(table.joint(known, c)),
                        counted_steps(TableCell(f"{cells[c]:g}"), row, f"{lists[known]}-{c}"),
                    )
                    for c in classes
                ],
                [
                    missing_cell("no such step") if share is None else TableCell(rate_text(share))
                    for share in (table.conditional(known, c) for c in classes)
                ],
                sum(cells.values()),
            )
            for known, cells in table.counts.items()
        ]
        tables.append((row, lines))
    return Classes([CLASS_HEADINGS[c] for c in classes], tables, "none" in classes)


def _splits(rows: Sequence[ArmRow]) -> list[tuple[str, str, PageTable]]:
    """Knowing, doing and gap per subset of steps; a subset without steps is one line in words."""
    splits = []
    for name in dict.fromkeys(split for row in rows for split in row.arm.splits):
        here = [row for row in rows if name in row.arm.splits]
        doing = [row.arm.splits[name]["doing"] for row in here]
        empty = "" if any(e.value is not None for e in doing) else missing_cell(doing[0].why).missing
        splits.append((SPLITS.get(name, name), empty, arm_table("", split_columns(name), here, roles=True)))
    return splits


def _every_metric(
    rows: Sequence[ArmRow],
) -> tuple[list[str], list[tuple[str, str, list[str]]], list[tuple[str, str, str]]]:
    lines, missing = [], []
    for name in rows[0].arm.metrics:
        title = getattr(registered_metric(name), "title", name)
        if any(row.metric(name).value is not None for row in rows):
            lines.append((title, name, [_whole(row, name) for row in rows]))
        else:
            missing.append((title, name, rows[-1].metric(name).why))
    return [row.name for row in rows], lines, missing


def _whole(row: ArmRow, name: str) -> str:
    """An estimate of any unit with its bounds; empty where it was not measured."""
    if row.metric(name).value is None:
        return ""
    ends = f"; unread: {bounds_text(row.arm.bounds[name])}" if name in row.arm.bounds else ""
    return f"{row.metric(name)}{ends}"


def _rate(value: float | None) -> str:
    """A rate without its interval."""
    return "not measured" if value is None else rate_text(value)
