"""The published table of the greedy agents, read both ways (Schmied et al. 2025, arXiv 2504.16078, Fig. 5).

Its six cells add up to 100 %: they are shares of *all* steps. What is quoted from it as "64 % greedy" is a share of the
steps with a correct rationale. This prints the two beside each other, so that neither is taken for the other.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...errors import BadOption
from ...options import real
from ..metrics.gap import GapTable

__all__ = ["COLUMNS", "PUBLISHED", "show_greedy_table", "six_cell_table"]

COLUMNS = ("greedy", "optimal", "other")
ROWS = {"knows": "correct rationale", "does not know": "wrong rationale"}
PUBLISHED = (58.1, 21.6, 10.6, 7.2, 0.6, 2.0)


def six_cell_table(cells: Sequence[float]) -> GapTable:
    """The table of six cells: greedy, optimal, other of correct rationales, then of wrong ones; counts or shares.

    Raises:
        BadOption: there are not six, one is negative or no number, or all are 0.
    """
    if len(cells) != len(PUBLISHED):
        raise BadOption(f"the table has {len(cells)} cells", remedy=_REMEDY)
    for cell in cells:
        real("a cell of the table", cell, 0, sys.float_info.max, remedy=_REMEDY)
    if not math.isfinite(sum(cells)):
        raise BadOption("the cells of the table add up to more than a number can hold", remedy=_REMEDY)
    if not sum(cells):
        raise BadOption("all cells of the table are 0", remedy=_REMEDY)
    halves = (cells[:3], cells[3:])
    return GapTable(
        {row: {**dict(zip(COLUMNS, half, strict=True)), "none": 0} for row, half in zip(ROWS, halves, strict=True)}
    )


def show_greedy_table(cells: Sequence[float] | None = None, console: Console | None = None) -> GapTable:
    """Print joint and conditional shares of six cells, by default the published ones; returns the table."""
    table = six_cell_table(PUBLISHED if cells is None else cells)
    console = console or Console()
    shown = Table(title="knowing and doing, in percent", title_justify="left")
    shown.add_column("rationale")
    for kind in ("of all steps", "of the row"):
        for column in COLUMNS:
            shown.add_column(f"{column}\n{kind}", justify="right")
    shown.add_column("row\nof all", justify="right")
    for row, name in ROWS.items():
        whole = sum(table.counts[row].values()) / table.total
        joint = [_percent(table.joint(row, c)) for c in COLUMNS]
        conditional = [_percent(table.conditional(row, c)) for c in COLUMNS]
        shown.add_row(name, *joint, *conditional, _percent(whole))
    console.print(shown)
    shares = [_percent(table.conditional("knows", c)) for c in COLUMNS]
    console.print(Text(f"the six cells add up to {table.total:.1f}"))
    console.print(Text(f"given a correct rationale: greedy {shares[0]}, optimal {shares[1]}, other {shares[2]}"))
    return table


_REMEDY = (
    "Give six: greedy, optimal, other of correct rationales, then of wrong ones, such as 58.1 21.6 10.6 7.2 0.6 2.0."
)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
