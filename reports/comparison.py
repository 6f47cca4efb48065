"""The paired table of two arms in a terminal: what each shows, how they differ, and the sentence that this licenses."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..evals.compare import Comparison, Line
from .text import difference, p_value, share, signed_span

__all__ = ["show_comparison"]

FIXED = (
    "Intervals are 95 % over episodes; p: paired sign-flip test, then corrected over the metrics of this table by Holm "
    "and by Benjamini and Hochberg. d_z: difference in standard deviations between episodes; h: Cohen's h."
)
LOOKED = (
    "The run was looked at while it went on: intervals of b - a are anytime-valid, 95 % together over the metrics of "
    "this table; those of a and of b are for a fixed number of episodes and are not; no p survives being looked at."
)


def show_comparison(found: Sequence[Comparison], console: Console) -> None:
    """Print comparisons, one table a task and model."""
    for one in found:
        console.print(Text(_head(one), style="bold"), soft_wrap=True)
        console.print(Text(f"a: {one.a}\nb: {one.b}"), soft_wrap=True)
        console.print(_table(one))
        for said in _notes(one):
            console.print(Text(said), soft_wrap=True)
        console.print(Text(one.sentence, style="bold"), soft_wrap=True)


def _head(one: Comparison) -> str:
    a, b = one.models
    who = a if a == b else f"{a} (a) against {b} (b)"
    return f"{who} on {one.task}: {one.steps} steps in {one.episodes} episodes, paired by {one.pairing}"


def _table(one: Comparison) -> Table:
    tested = any(line.contrast.p_mcnemar is not None for line in one.lines)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("metric", no_wrap=True)
    for heading in ("a", "b", "b - a"):
        table.add_column(heading, no_wrap=True)
    numbers = ["p", *(["McNemar"] if tested else []), "p Holm", "p BH", "d_z", "h"]
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("missing: worst .. best", no_wrap=True)
    for line in one.lines:
        table.add_row(*_cells(line, tested))
    return table


def _cells(line: Line, tested: bool) -> list[str]:
    c = line.contrast
    if c.difference.value is None:
        return [line.metric, share(line.a), share(line.b), "not measured", *["-"] * (6 + tested)]
    sizes = ["-" if x is None else f"{x:+.2f}" for x in (c.d_z, c.h)]
    ps = [c.p, *([c.p_mcnemar] if tested else []), c.p_holm, c.p_bh]
    return [line.metric, share(line.a), share(line.b), difference(c.difference), *map(p_value, ps), *sizes, _open(line)]


def _open(line: Line) -> str:
    """The range that missing outcomes leave to the difference: its worst and its best case."""
    b = line.bounds
    if line.missing is None:
        return "not told"
    if b is None or b.low.value is None or b.high.value is None:
        return "none"
    low, high = (signed_span(e.value or 0.0, None, None).partition(" ")[0] for e in (b.low, b.high))
    return f"{b.missing or 0:.0%}: {low} .. {high}"


def _notes(one: Comparison) -> list[str]:
    lost = [line for line in one.lines if line.contrast.difference.value is None]
    said = [f"{line.metric} is not measured in both: {line.contrast.difference.why}." for line in lost]
    if one.flips is not None:
        f = one.flips
        said.append(
            f"From a to b, by what was done: {f.wrong_to_right} wrong -> right, {f.right_to_wrong} right -> wrong, "
            f"{f.unchanged} as before."
        )
    if one.calls is not None:
        tokens = "" if one.tokens is None else f" and {one.tokens:.2f}x tokens"
        said.append(f"b takes {one.calls:.2f}x calls{tokens} per decision.")
    if one.left_out:
        said.append(f"{one.left_out} episodes are held by one arm alone and left out.")
    said.append(LOOKED if one.anytime else FIXED)
    said.append("Missing: what answers that could not be read could have made of the difference.")
    return said
