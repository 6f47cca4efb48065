"""The columns of the tables about variants, declared once for terminal and report, and which stand in which table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, get_args

from ..evals.inference import Contrast, Estimate
from ..evals.scorecard import Outcomes
from ..records import FAILURES, Status
from .arm_rows import NOT_ASKED_FOR, ArmRow, counted_steps
from .tables import Column
from .text import (
    TableCell,
    bounds_text,
    count_cell,
    count_text,
    difference_text,
    estimate_cell,
    missing_cell,
    p_cell,
    signed_text,
)

ARM_RATES = {"knowing": "knowing", "doing": "doing", "gap": "gap", "say_do": "say-do"}
LISTED_AS = {
    "knowing": "knows", "doing": "does", "gap": "gap", "wrong_to_right": "improved", "right_to_wrong": "worsened-all",
    "lost_in_conclusion": "lost-conclusion", "lost_in_action": "lost-action", "lost_in_reading": "lost-reading",
}  # fmt: skip
"""What counts steps -> the viewer's filter that lists them."""
STATUSES: tuple[str, ...] = get_args(Status)
IS_BASELINE = "is the baseline"
SPLIT_LISTS = {
    "all": "all", "untried left": "untried", "all tried": "tried", "valid only": "valid", "no legal action": "illegal",
    "stated only": "stated",
}  # fmt: skip
"""Which filter of the viewer lists the steps of a split."""
FLIPS_IN_ROLLOUT = "in a rollout the variants meet different situations"


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

NUMBERS = [*RATES, *FLIPS, CALLS, *TOKENS_IN_OUT, *AGAINST_BASELINE]
"""The report's table of numbers per variant."""
RATES_IN_TERMINAL = [*RATES, PARSED, CALLS, TOKENS]
CHANGES_IN_TERMINAL = [*CHANGES, *FLIPS]
"""The terminal's two tables in their place."""
TOOLS = [*TOOLS_CALLED, *TOOLS_CLAIMED]
CONTRASTS: list[Column[Contrast]] = [
    Column("in", lambda c: TableCell(c.metric), css="left"),
    Column("paired difference", contrast_cell),
    Column("p", lambda c: p_cell(c.p)),
    Column("p (Holm)", lambda c: p_cell(c.p_holm)),
    Column("p (BH)", lambda c: p_cell(c.p_bh)),
]


def split_columns(split: str) -> list[Column[ArmRow]]:
    """The columns of a subset of steps."""

    def steps(row: ArmRow) -> TableCell:
        return counted_steps(TableCell(count_text(row.arm.splits[split]["doing"].n)), row, SPLIT_LISTS.get(split, ""))

    def rate(metric: str) -> Column[ArmRow]:
        return Column(metric, lambda row: estimate_cell(row.arm.splits[split][metric]))

    return [Column("steps", steps), *map(rate, ("knowing", "doing", "gap"))]


def outcome_columns(rows: Sequence[ArmRow]) -> list[Column[ArmRow]]:
    """What became of the answers of every variant: one column per status that occurs."""
    outcomes = [row.arm.outcomes for row in rows]
    return [
        *_status_columns("actions", outcomes),
        Column("not ok", _actions_lost, over="actions", css="whole"),
        *_status_columns("rationales", outcomes),
        Column("not ok", _rationales_lost, over="rationales", css="whole"),
    ]


def _status_columns(what: Literal["actions", "rationales"], outcomes: Sequence[Outcomes]) -> list[Column[ArmRow]]:
    occurring = {status for one in outcomes for status in getattr(one, what)}
    statuses = [s for s in STATUSES if s in occurring] + sorted(occurring - set(STATUSES))

    def column(status: str) -> Column[ArmRow]:
        title = "not asked" if what == "rationales" and status == "absent" else status

        def cell(row: ArmRow) -> TableCell:
            count = TableCell(str(getattr(row.arm.outcomes, what).get(status, 0)))
            return counted_steps(count, row, f"{what.removesuffix('s')}-{status}")

        return Column(title, cell, over=what)

    return [column(status) for status in statuses]


def _actions_lost(row: ArmRow) -> TableCell:
    """How many steps of a variant have no action."""
    return TableCell(f"{row.arm.steps - row.arm.outcomes.actions.get('ok', 0):,} of {row.arm.steps:,}")


def _rationales_lost(row: ArmRow) -> TableCell:
    """How many of the rationales that were asked for could not be read."""
    rationales = row.arm.outcomes.rationales
    asked = sum(n for status, n in rationales.items() if status != "absent")
    return TableCell(f"{asked - rationales.get('ok', 0):,} of {asked:,}" if asked else "none asked for")
