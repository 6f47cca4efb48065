"""The scorecard in a terminal: verdicts, the gap per variant, paired contrasts, the 2 x 3 table, what to distrust."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..evals.anytime import Looks
from ..evals.breakdown import BREAKDOWNS
from ..evals.inference import Contrast
from ..evals.judge import Judged
from ..evals.metrics import CLASSES
from ..evals.pareto import pareto
from ..evals.scorecard import Arm, Scorecard
from .text import (
    amount,
    difference,
    judged_by,
    looked_at,
    p_value,
    plain_console,
    share,
    short_name,
    signed,
    told,
    worst_to_best,
)
from .two_way import two_way_parts

__all__ = ["show_estimates", "show_scorecard"]

TABLES = "{count} tables of models by variants, with their interactions: akrasia score RUN --two-way, and the report."
RATES = {"knowing": "knowing", "doing": "doing", "gap": "gap", "say_do": "say-do"}


def show_scorecard(card: Scorecard, experiment: dict[str, Any], paid: str = "", console: Console | None = None) -> None:
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
    several = len({(arm.task, arm.model) for arm in card.arms}) > 1
    where = ("task", "model") if several else ()
    headings = ["variant", "metric", "estimate", "steps", "episodes", "against the baseline", "p (Holm)"]
    unread = any(arm.bounds for arm in card.arms)
    table = Table(*where, *headings, *(["unread: worst .. best"] if unread else []))
    for arm in card.arms:
        base = card.baseline_of(arm).variant
        for name, found in arm.metrics.items():
            if measured_only and found.value is None:
                continue
            change = card.contrast(arm, name, base)
            compared = ["-", "-"] if change is None else [signed(change), p_value(change.p_holm)]
            place = (arm.task, arm.model) if several else ()
            ends = [worst_to_best(arm.bounds[name]) if name in arm.bounds else ""] if unread else []
            table.add_row(
                *place, arm.variant, name, str(found), f"{found.n:.0f}", str(found.clusters), *compared, *ends
            )
    console.print(table)
    for broken_down in _breakdowns(card):
        console.print(broken_down)
    for warning in card.warnings:
        console.print(Text(f"! {warning}", style="yellow"))


def _breakdowns(card: Scorecard) -> list[Table]:
    """What lies behind the metrics: a table for each breakdown that some variant has."""
    tables = []
    several = len({(a.task, a.model) for a in card.arms}) > 1
    for name, title in BREAKDOWNS.items():
        found = [(a, row, cells) for a in card.arms for row, cells in a.parts.get(name, {}).items()]
        if not found:
            continue
        columns = list(dict.fromkeys(c for _, _, cells in found for c in cells))
        table = Table(*(("task", "model") if several else ()), "variant", name, *columns, title=title,
                      title_justify="left")  # fmt: skip
        for arm, row, cells in found:
            place = (arm.task, arm.model) if several else ()
            table.add_row(*place, arm.variant, row, *(told(cells[c]) if c in cells else "-" for c in columns))
        tables.append(table)
    return tables


def _parts(card: Scorecard, experiment: dict[str, Any], paid: str) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for task, model in dict.fromkeys((a.task, a.model) for a in card.arms):
        arms = [a for a in card.arms if (a.task, a.model) == (task, model)]
        base = card.baseline_of(arms[0])
        chance = base.metrics["chance"].value
        blind = "" if chance is None else f"; an action drawn blindly is optimal {chance:.0%} of the time"
        head = f"{model} on {task}: {base.steps} situations in {base.episodes} episodes, {card.design} design{blind}"
        parts += ["", Text(head, style="bold"), *(_notes(experiment, model))]
        parts += [*_verdicts(card, arms, base)]
        parts += ["", _gap_table(arms, base)]
        parts += ["", _bounds_table(arms, base)] if any(RATES & arm.bounds.keys() for arm in arms) else []
        parts += ["", _contrast_table(card, arms, base)] if len(arms) > 1 else []
        parts += ["", _class_table(arms, base)] if any(arm.table.total for arm in arms) else []
    if len(card.two_way) > 1:
        parts += ["", Text(TABLES.format(count=len(card.two_way)), style="dim")]
    else:
        parts += two_way_parts(card.two_way)
    if card.looks is not None:
        parts += ["", *_looked(card, card.looks)]
    if card.judged is not None:
        parts += ["", *_judged(card, card.judged)]
    parts += ["", *(Text(f"! {w}", style="yellow") for w in card.warnings)]
    if paid:
        parts.append(paid)
    return parts


def _verdicts(card: Scorecard, arms: list[Arm], base: Arm) -> list[Text]:
    """One sentence for each intervention; a line on those that no other beats in both gap and cost."""
    where = (base.task, base.model)
    said = [
        Text.assemble((f"  {short_name(v.variant, base.variant)}: ", "bold"), v.sentence)
        for v in card.verdicts
        if (v.task, v.model) == where
    ]
    if said:
        said.insert(0, Text(f"Verdicts, against {base.variant}"))
    front = [p for p in pareto(arms) if p.best and p.closed > 0]
    if front:
        steps = (f"{short_name(p.variant, base.variant)} ({p.closed:+.2f} at {p.tokens:,.0f} tokens)" for p in front)
        said.append(Text(f"Most gap closed for the tokens: {', '.join(steps)}"))
    return said


def _notes(experiment: dict[str, Any], model: str) -> list[Text]:
    said = []
    for slots in experiment.get("models", []):
        for card in slots.values():
            if card.get("note") and card["label"] in model.replace(": ", " + ").split(" + "):
                said.append(f"{card['label']}: {card['note']}")
    return [Text(note, style="dim") for note in dict.fromkeys(said)]


def _gap_table(arms: list[Arm], base: Arm) -> Table:
    table = Table(title="Rates per step, with 95 % intervals over episodes", title_justify="left")
    table.add_column("variant", overflow="fold")
    for heading in RATES.values():
        table.add_column(heading, no_wrap=True)
    for heading in ("parse", "calls", "tokens"):
        table.add_column(heading, justify="right", no_wrap=True)
    for arm in arms:
        m = arm.metrics
        tokens = [m[k].value for k in ("prompt_tokens", "completion_tokens")]
        table.add_row(
            _name(arm, base),
            *(share(m[k]) for k in RATES),
            f"{_parsed(arm):.0%}",
            amount(m["calls"], 1),
            f"{sum(t or 0 for t in tokens):,.0f}",
        )
    return table


def _bounds_table(arms: list[Arm], base: Arm) -> Table:
    """Beside the rates: each with every answer that could not be read at its worst and at its best."""
    table = Table(title="The same, with answers that could not be read at worst .. at best", title_justify="left")
    table.add_column("variant", overflow="fold")
    for heading in RATES.values():
        table.add_column(heading, no_wrap=True)
    for arm in arms:
        ends = ("none missing" if name not in arm.bounds else worst_to_best(arm.bounds[name]) for name in RATES)
        cells = ("-" if arm.metrics[n].value is None else end for n, end in zip(RATES, ends, strict=True))
        table.add_row(_name(arm, base), *cells)
    return table


def _contrast_table(card: Scorecard, arms: list[Arm], base: Arm) -> Table:
    how = "p: sign-flip test, Holm-corrected" if card.looks is None else "anytime-valid, together; no p is valid"
    table = Table(title=f"Change against the baseline {base.variant} ({how})", title_justify="left")
    table.add_column("variant", overflow="fold")
    for heading in ("gap", "p", "doing", "p", "wrong->right", "right->wrong"):
        table.add_column(heading, no_wrap=True)
    for arm in arms:
        if arm.baseline:
            continue
        cells = []
        for metric in ("gap", "doing"):
            found = card.contrast(arm, metric, base.variant)
            cells += ["not measured", "-"] if found is None else [signed(found), p_value(found.p_holm)]
        flips = ["-", "-"] if arm.flips is None else [str(arm.flips.wrong_to_right), str(arm.flips.right_to_wrong)]
        table.add_row(_name(arm, base), *cells, *flips)
    return table


def _looked(card: Scorecard, looks: Looks) -> list[RenderableType]:
    """The anytime-valid intervals beside those of a run whose length was fixed beforehand."""
    table = Table(
        title="Intervals that hold at every look, beside those for a fixed number of episodes", title_justify="left"
    )
    table.add_column("variant", overflow="fold")
    for heading in ("gap, anytime-valid", "gap, fixed", "change, anytime-valid (together)", "change, fixed"):
        table.add_column(heading, no_wrap=True)
    for arm in card.arms:
        base = card.baseline_of(arm)
        changes = [_among(found, arm, base) for found in (card.anytime, card.contrasts)]
        table.add_row(
            _name(arm, base),
            *(share(found["gap"]) if "gap" in found else "not measured" for found in (arm.anytime, arm.metrics)),
            *("-" if c is None else difference(c.difference) for c in changes),
        )
    return [Text(looked_at(looks)), table]


def _judged(card: Scorecard, judged: Judged) -> list[RenderableType]:
    """What judges add, beside the parser's own numbers."""
    table = Table(title="Recommendations by the parser alone, and with the judges", title_justify="left")
    table.add_column("variant", overflow="fold")
    for heading in (
        "left unread",
        "judged",
        "knowing, parser",
        "knowing, with judges",
        "gap, parser",
        "gap, with judges",
    ):
        table.add_column(heading, no_wrap=True)
    for arm in card.arms:
        rates = [share(found[m]) for m in ("knowing", "gap") for found in (arm.metrics, arm.judged) if m in found]
        table.add_row(_name(arm, card.baseline_of(arm)), *map(str, arm.left), *rates)
    return [Text(judged_by(judged)), table]


def _among(found: Sequence[tuple[str, str, Contrast]], arm: Arm, base: Arm) -> Contrast | None:
    wanted = (arm.task, arm.model, "gap", arm.variant, base.variant)
    return next((c for t, m, c in found if (t, m, c.metric, c.variant, c.against) == wanted), None)


def _class_table(arms: list[Arm], base: Arm) -> Table:
    table = Table(title="Given a correct rationale, the action is ... (conditional shares)", title_justify="left")
    table.add_column("variant", overflow="fold")
    shown = [c for c in CLASSES if c != "none" or any(sum(r["none"] for r in a.table.counts.values()) for a in arms)]
    for heading in ("correct rationales", *("no legal action" if c == "none" else c for c in shown)):
        table.add_column(heading, justify="right")
    for arm in arms:
        known = sum(arm.table.counts["knows"].values())
        cells = [arm.table.conditional("knows", c) for c in shown]
        table.add_row(
            _name(arm, base),
            f"{known} of {arm.table.total}" if arm.table.total else "none asked for",
            *("-" if c is None else f"{c:.2f}" for c in cells),
        )
    return table


def _name(arm: Arm, base: Arm) -> Text:
    name = arm.variant if arm.baseline else short_name(arm.variant, base.variant)
    if arm.baseline:
        return Text(f"{name} (baseline)", style="bold")
    return Text(f"{name} (control)" if arm.control else name, style="dim" if arm.control else "")


def _parsed(arm: Arm) -> float:
    """Share of all answers behind the decisions, every sample and every round, that could be read."""
    asked = sum(arm.answers.values())
    return arm.answers.get("ok", 0) / asked if asked else 1.0
