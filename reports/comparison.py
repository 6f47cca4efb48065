"""The paired table of two arms in a terminal: what each shows, how they differ, and the sentence that this licenses."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from ..evals.compare import Comparison, MetricComparison
from .tables import Column, terminal_table
from .text import TableCell, difference_text, estimate_cell, marked_name, p_cell, signed_rate_text

FIXED = (
    "Intervals are 95 % over items (episodes, where each is about its own); p: paired sign-flip test, then corrected "
    "over the metrics of this table by Holm and by Benjamini and Hochberg. d_z: difference in standard deviations "
    "between items; h: Cohen's h."
)
LOOKED = (
    "The run was looked at while it went on: intervals of b - a are anytime-valid, 95 % together over the metrics of "
    "this table; those of a and of b are for a fixed number of episodes and are not; no p survives being looked at."
)


def show_comparison(comparisons: Sequence[Comparison], console: Console, wide: bool = False) -> None:
    """Print comparisons, one table a task and model; `wide`: every column, whatever the width."""
    for one in comparisons:
        console.print(Text(_head(one), style="bold"))
        a, b = (marked_name(name, leaks) for name, leaks in zip((one.a, one.b), one.leaks, strict=True))
        console.print(Text(f"a: {a}\nb: {b}"))
        columns = _columns(with_mcnemar=any(line.contrast.p_mcnemar is not None for line in one.lines))
        console.print(terminal_table("", columns, one.lines, lambda line: line.metric, "metric", wide))
        for note in _notes(one):
            console.print(Text(note))
        console.print(Text(one.sentence, style="bold"))


def _head(one: Comparison) -> str:
    a, b = one.models
    who = a if a == b else f"{a} (a) against {b} (b)"
    played = f"{one.episodes} episodes" if one.items == one.episodes else f"{one.items} items, {one.episodes} episodes"
    return f"{who} on {one.task}: {one.steps} steps in {played}, paired by {one.pairing}"


def _columns(with_mcnemar: bool) -> list[Column[MetricComparison]]:
    mcnemar: list[Column[MetricComparison]] = [
        Column("McNemar", lambda m: p_cell(m.contrast.p_mcnemar), align="number", rank=4)
    ]
    return [
        Column("a", lambda m: estimate_cell(m.a)),
        Column("b", lambda m: estimate_cell(m.b)),
        Column("b - a", lambda m: estimate_cell(m.contrast.difference, difference_text)),
        Column("p", lambda m: p_cell(m.contrast.p), align="number", rank=3),
        *(mcnemar if with_mcnemar else []),
        Column("p Holm", lambda m: p_cell(m.contrast.p_holm), align="number"),
        Column("p BH", lambda m: p_cell(m.contrast.p_bh), align="number", rank=5),
        Column("d_z", lambda m: _size(m.contrast.d_z), align="number", rank=6),
        Column("h", lambda m: _size(m.contrast.h), align="number", rank=7),
        Column("missing: worst .. best", _missing, rank=2),
    ]


def _size(size: float | None) -> TableCell:
    return TableCell("-" if size is None else f"{size:+.2f}")


def _missing(line: MetricComparison) -> TableCell:
    """The range that missing outcomes leave to the difference: its worst and its best case."""
    if line.contrast.difference.value is None:
        return TableCell("-")
    if line.missing is None:
        return TableCell("not told")
    bounds = line.bounds
    if bounds is None or bounds.low.value is None or bounds.high.value is None:
        return TableCell("none")
    low, high = signed_rate_text(bounds.low.value), signed_rate_text(bounds.high.value)
    return TableCell(f"{bounds.missing or 0:.0%}: {low} .. {high}")


def _notes(one: Comparison) -> list[str]:
    lost: dict[str, list[str]] = {}
    for line in one.lines:
        if line.contrast.difference.value is None:
            lost.setdefault(line.contrast.difference.why, []).append(line.metric)
    notes = [f"{one.imported[0].upper()}{one.imported[1:]}."] if one.imported else []
    notes += [f"Not compared in {', '.join(metrics)}: {why}." for why, metrics in lost.items()]
    if one.flips is not None:
        f = one.flips
        notes.append(
            f"From a to b, by what was done: {f.wrong_to_right} wrong -> right, {f.right_to_wrong} right -> wrong, "
            f"{f.unchanged} as before."
        )
    if one.calls is not None:
        tokens = "" if one.tokens is None else f" and {one.tokens:.2f}x tokens"
        notes.append(f"b takes {one.calls:.2f}x calls{tokens} per decision.")
    if one.left_out:
        notes.append(f"{one.left_out} episodes are held by one arm alone and left out.")
    if one.incomplete:
        notes.append(f"! {one.incomplete}.")
    notes.append(LOOKED if one.anytime else FIXED)
    notes.append("Missing: what answers that could not be read could have made of the difference.")
    return notes
