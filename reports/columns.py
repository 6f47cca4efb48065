"""The columns of the tables about variants: each is declared once, for the terminal and for the page.

Invariant: a column is a title and a function from a row to a cell, and nothing else decides what stands in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

from rich.text import Text

from ..evals.breakdown import BREAKDOWNS
from ..evals.inference import Contrast, Estimate
from ..evals.metrics import CLASSES
from ..evals.scorecard import Arm, Scorecard
from ..records import FAILURES, digest
from .tables import RowNamedTable, TableColumn
from .text import (
    ShownSteps,
    TableCell,
    bounds_text,
    count_cell,
    count_text,
    difference_text,
    estimate_cell,
    estimate_text,
    marked_name,
    missing_cell,
    p_cell,
    short_name,
    signed_text,
)

ARM_RATES = {"knowing": "knowing", "doing": "doing", "gap": "gap", "say_do": "say-do"}
LISTED_AS = {
    "knowing": "knows", "doing": "does", "gap": "gap", "wrong_to_right": "improved", "right_to_wrong": "worsened-all",
    "lost_in_conclusion": "lost-conclusion", "lost_in_action": "lost-action", "lost_in_reading": "lost-reading",
}  # fmt: skip
"""What counts steps -> the viewer's filter that lists them."""
NOT_ASKED_FOR = "not among the metrics that were asked for"
IS_BASELINE = "is the baseline"
FLIPS_IN_ROLLOUT = "in a rollout the variants meet different situations"
R = TypeVar("R")


@dataclass(frozen=True)
class Column(Generic[R]):
    """A column of a table.

    Attributes:
        title: its heading; page: its heading on a page, where that has another.
        cell: what stands in a row.
        over: on a page, a heading over this column and its neighbours with the same one.
        align: where its content stands; "number" is right-aligned in a terminal.
        css: on a page, the class of its cells.
        rank: in a terminal that is too narrow for all columns, those of the highest rank are left out; 0 never is.
    """

    title: str
    cell: Callable[[R], TableCell]
    page: str = ""
    over: str = ""
    align: Literal["left", "number"] = "left"
    css: str = ""
    rank: int = 0

    @property
    def heading(self) -> str:
        """Its heading on a page."""
        return self.page or self.title


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One variant beside the baseline of its task and model."""

    card: Scorecard
    arm: Arm
    base: Arm

    @property
    def name(self) -> str:
        """Its name, without what it shares with the baseline, and marked where the oracle tells it something."""
        name = self.arm.variant if self.arm.baseline else short_name(self.arm.variant, self.base.variant)
        return marked_name(name, self.arm.leaks)

    @property
    def kind(self) -> Literal["baseline", "control", "variant"]:
        """What it is in the experiment."""
        return "baseline" if self.arm.baseline else "control" if self.arm.control else "variant"

    @property
    def role(self) -> str:
        """The same in words; empty for a variant."""
        return {"baseline": "baseline", "control": f"control: {self.arm.control}", "variant": ""}[self.kind]

    def metric(self, name: str) -> Estimate:
        """The estimate of a metric with the interval that holds, or why there is none."""
        return self.arm.rate(name) if name in self.arm.metrics else Estimate(None, why=NOT_ASKED_FOR)

    def fixed(self, name: str) -> Estimate:
        """The same with the interval for a fixed number of episodes."""
        return self.arm.metrics.get(name, Estimate(None, why=NOT_ASKED_FOR))

    def contrast(self, metric: str, fixed: bool = False) -> Contrast | None:
        """The contrast against the baseline."""
        return self.card.contrast(self.arm, metric, self.base.variant, fixed)


def group_id(task: str, model: str) -> str:
    """The name of a task and model in addresses."""
    return digest([task, model], size=4)


def counted_steps(cell: TableCell, row: ArmRow, show: str) -> TableCell:
    """The cell with where the steps of a variant are listed that it counts, by the name of the viewer's filter; as it
    is where it counts none.
    """
    counts = cell.estimate.value if cell.estimate is not None else cell.text.strip("0,. ")
    if cell.missing or not counts or not show:
        return cell
    return replace(cell, steps=ShownSteps(group_id(row.arm.task, row.arm.model), show, row.arm.variant))


def arm_rows(card: Scorecard, task: str, model: str) -> list[ArmRow]:
    """The variants of one task and model, the baseline first."""
    arms = card.arms_of(task, model)
    base = card.baseline_of(arms[0])
    return [ArmRow(card, arm, base) for arm in arms]


def contrast_cell(contrast: Contrast | None) -> TableCell:
    """A paired difference with its interval."""
    return missing_cell(NOT_ASKED_FOR) if contrast is None else estimate_cell(contrast.difference, signed_text)


def _rate(name: str, title: str, rank: int = 0) -> Column[ArmRow]:
    """A rate; what answers that could not be read could have made of it is a note."""

    def cell(row: ArmRow) -> TableCell:
        rate = counted_steps(estimate_cell(row.metric(name)), row, LISTED_AS.get(name, ""))
        if name not in row.arm.bounds:
            return rate
        ends = f"unread answers at worst .. best: {bounds_text(row.arm.bounds[name])}"
        return replace(rate, note=f"{rate.note}; {ends}" if rate.note else ends)

    return Column(title, cell, rank=rank)


def _bounds(name: str, title: str, rank: int = 0) -> Column[ArmRow]:
    def cell(row: ArmRow) -> TableCell:
        if row.metric(name).value is None:
            return TableCell("-")
        return TableCell(bounds_text(row.arm.bounds[name]) if name in row.arm.bounds else "none missing")

    return Column(title, cell, rank=rank)


def _change(metric: str, rank: int = 0) -> Column[ArmRow]:
    def cell(row: ArmRow) -> TableCell:
        return TableCell("-", missing=IS_BASELINE) if row.arm.baseline else contrast_cell(row.contrast(metric))

    return Column(metric, cell, "paired difference", f"{metric} against baseline", rank=rank)


def _p(metric: str, rank: int = 0) -> Column[ArmRow]:
    def cell(row: ArmRow) -> TableCell:
        if row.arm.baseline:
            return TableCell("-", missing=IS_BASELINE)
        contrast = row.contrast(metric)
        return p_cell(contrast.p_holm if contrast else None)

    return Column(
        "p" if metric == "gap" else f"p of {metric}", cell, "p (Holm)", f"{metric} against baseline", rank=rank
    )


def _flip(which: Literal["wrong_to_right", "right_to_wrong"], title: str, page: str) -> Column[ArmRow]:
    def cell(row: ArmRow) -> TableCell:
        if row.arm.flips is not None:
            return counted_steps(TableCell(str(getattr(row.arm.flips, which))), row, LISTED_AS[which])
        if row.arm.baseline:
            return TableCell("-", missing=IS_BASELINE)
        return missing_cell("not measured" if row.arm.integrity else FLIPS_IN_ROLLOUT, "-")

    return Column(title, cell, page, "flips", rank=1)


def _amount(name: str, title: str, digits: int = 0) -> Column[ArmRow]:
    return Column(title, lambda row: count_cell(row.metric(name), digits), over="per decision", align="number", rank=4)


def _tokens(row: ArmRow) -> TableCell:
    counts = [row.metric(name).value for name in ("prompt_tokens", "completion_tokens")]
    return TableCell("-" if None in counts else count_text(sum(n or 0 for n in counts)))


def _parsed(row: ArmRow) -> TableCell:
    """Share of all answers behind the decisions, every sample and every round, that could be read; or of the decisions
    that did not fail, where that is less: a decision that failed may have no answer behind it at all.
    """
    outcomes = row.arm.outcomes
    answers = outcomes.read + outcomes.unread
    lost = FAILURES if answers else [status for status in outcomes.actions if status != "ok"]
    failed = sum(outcomes.actions.get(status, 0) for status in lost)
    return TableCell(f"{min(outcomes.read / answers if answers else 1.0, 1 - failed / row.arm.steps):.0%}")


def _looked_at(title: str, cell: Callable[[ArmRow], TableCell], page: str = "") -> Column[ArmRow]:
    return Column(title, cell, page, css="whole")


def _gap_change(row: ArmRow, fixed: bool) -> TableCell:
    if row.arm.baseline:
        return TableCell("-", missing=IS_BASELINE)
    contrast = row.contrast("gap", fixed)
    if contrast is None:
        return missing_cell(NOT_ASKED_FOR, "-")
    return estimate_cell(contrast.difference, difference_text)


def _judged_rate(name: str, judged: bool) -> Column[ArmRow]:
    def cell(row: ArmRow) -> TableCell:
        metrics = row.arm.judged.metrics if judged and row.arm.judged else row.arm.metrics
        return estimate_cell(metrics[name])

    return Column(f"{name}, {'with judges' if judged else 'parser'}", cell, css="whole")


def _implied_rate(name: str, title: str, judged: bool = True) -> Column[ArmRow]:
    def cell(row: ArmRow) -> TableCell:
        found = row.arm.judged_implied
        if found is None:
            return missing_cell(NOT_ASKED_FOR, "-")
        told = estimate_cell((found.metrics if judged else found.parser)[name])
        return counted_steps(told, row, LISTED_AS.get(name, "")) if judged else told

    return Column(title, cell, css="whole")


RATES = [_rate(name, title, rank=3 * (name == "say_do")) for name, title in ARM_RATES.items()]
BOUNDS = [_bounds(name, title, rank=3 * (name == "say_do")) for name, title in ARM_RATES.items()]
PARSED: Column[ArmRow] = Column("parse", _parsed, align="number", rank=1)
CALLS = _amount("calls", "calls", 1)
TOKENS: Column[ArmRow] = Column("tokens", _tokens, align="number", rank=2)
TOKENS_IN_OUT = [_amount("prompt_tokens", "tokens in"), _amount("completion_tokens", "tokens out")]
FLIPS = [
    _flip("wrong_to_right", "wrong->right", "wrong \N{RIGHTWARDS ARROW} right"),
    _flip("right_to_wrong", "right->wrong", "right \N{RIGHTWARDS ARROW} wrong"),
]
AGAINST_BASELINE = [_change("gap"), _p("gap")]
CHANGES = [*AGAINST_BASELINE, _change("doing"), _p("doing", rank=2)]
LOOKS = [
    _looked_at("gap, anytime-valid", lambda row: estimate_cell(row.arm.anytime or Estimate(None))),
    _looked_at("gap, fixed", lambda row: estimate_cell(row.fixed("gap")), "gap, fixed number"),
    _looked_at("change, anytime-valid (together)", lambda row: _gap_change(row, fixed=False)),
    _looked_at("change, fixed", lambda row: _gap_change(row, fixed=True), "change, fixed number"),
]
TOOLS_CALLED = [
    _rate("tool_called", "calls a tool"),
    _rate("tool_called_needed", "calls | needs it"),
    _rate("tool_called_unneeded", "calls | needs none"),
    _rate("tool_errors", "misfit calls", rank=2),
]
TOOLS_CLAIMED = [
    _rate("tool_claimed", "says it called"),
    _rate("tool_claimed_uncalled", "says so | did not"),
    _rate("tool_called_unclaimed", "denies | called"),
]
JUDGED: list[Column[ArmRow]] = [
    Column(
        "left unread", lambda row: TableCell(str(row.arm.judged.unread if row.arm.judged else 0)), "left by the parser"
    ),
    Column("judged", lambda row: TableCell(str(row.arm.judged.judged if row.arm.judged else 0)), "read by judges"),
    *(_judged_rate(name, judged) for name in ("knowing", "gap") for judged in (False, True)),
]

IMPLIED_JUDGED: list[Column[ArmRow]] = [
    Column("left open", lambda row: TableCell(str(row.arm.judged_implied.unread if row.arm.judged_implied else 0))),
    Column("judged", lambda row: TableCell(str(row.arm.judged_implied.judged if row.arm.judged_implied else 0))),
    _implied_rate("implied", "implied, parser", judged=False),
    _implied_rate("implied", "implied, judges"),
    _implied_rate("lost_in_conclusion", "lost in conclusion"),
    _implied_rate("lost_in_action", "lost in action"),
    _implied_rate("lost_in_reading", "lost in reading"),
]


def tool_rows(rows: Sequence[ArmRow]) -> list[ArmRow]:
    """The variants whose agents were offered tools."""
    return [row for row in rows if (rate := row.arm.metrics.get("tool_called")) is not None and rate.value is not None]


def shown_classes(arms: Sequence[Arm]) -> list[str]:
    """The classes of actions that a table shows: steps without a legal action only where there are some."""
    lost = any(cells["none"] for arm in arms for cells in arm.table.counts.values())
    return [c for c in CLASSES if c != "none" or lost]


@dataclass(frozen=True, slots=True)
class Breakdowns:
    """One breakdown of several variants: a row for each variant and key, a column for each estimate."""

    title: str
    key: str
    rows: list[tuple[ArmRow, str, dict[str, Estimate]]]

    @property
    def columns(self) -> list[Column[tuple[ArmRow, str, dict[str, Estimate]]]]:
        """The columns behind variant and key."""

        def column(name: str) -> Column[tuple[ArmRow, str, dict[str, Estimate]]]:
            return Column(name, lambda row: TableCell(estimate_text(row[2][name]) if name in row[2] else ""))

        return [column(name) for name in dict.fromkeys(name for _, _, cells in self.rows for name in cells)]


def breakdown_tables(rows: Sequence[ArmRow]) -> list[Breakdowns]:
    """What lies behind the metrics: a table for each breakdown that some variant has."""
    tables = [
        Breakdowns(title, name, [(row, k, c) for row in rows for k, c in row.arm.breakdowns.get(name, {}).items()])
        for name, title in BREAKDOWNS.items()
    ]
    return [table for table in tables if table.rows]


def terminal_table(
    title: str,
    columns: Sequence[Column[R]],
    rows: Iterable[R],
    name: Callable[[R], str | Text],
    heading: str = "variant",
    wide: bool = False,
) -> RowNamedTable:
    """A table of columns, with the name of each row before them."""
    shown = list(rows)
    made = [
        TableColumn(
            column.title,
            [str(column.cell(row)) for row in shown],
            "right" if column.align == "number" else "left",
            column.rank,
        )
        for column in columns
    ]
    return RowNamedTable(title, heading, [name(row) for row in shown], made, wide)
