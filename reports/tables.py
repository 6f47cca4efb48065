"""Columns of tables in a terminal and on a page, and tables of a terminal that stay readable at any width.

Invariants
- A column is a title and a function from a row to a cell, and nothing else decides what stands in it.
- The names of the rows of a terminal's table never vanish and are never cut. One that is wider than the terminal leaves
  out its columns of the highest rank and says which; with `wide` it shows them all, in further tables beside the names
  again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar, cast

from rich import box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from .text import TableCell

NARROWEST = 14  # the least width of the names of rows
SPACE = 2  # between two columns: one of padding, and one where other tables draw a line
PROSE = 26  # a width in which sentences can be read
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


@dataclass(frozen=True)
class TableColumn:
    """A column behind the names of the rows.

    Attributes:
        cells: a text per row.
        rank: 0 for what the table is about; the higher, the sooner the column is left out where room is short.
        wraps: the width down to which its cells may be wrapped into several lines; 0 where they never are.
    """

    title: str
    cells: Sequence[str | Text]
    align: str = "left"
    rank: int = 0
    wraps: int = 0

    @property
    def least(self) -> int:
        """The least width in which it can be read."""
        lines = [line for cell in (self.title, *self.cells) for line in str(cell).splitlines()]
        widest = max(map(cell_len, lines), default=0)
        return min(widest, self.wraps) if self.wraps else widest


@dataclass(frozen=True)
class RowNamedTable:
    """A table whose rows have names.

    Attributes:
        heading: what the names are names of.
        wide: show every column, in further tables below where they do not fit.
    """

    title: str
    heading: str
    names: Sequence[str | Text]
    columns: Sequence[TableColumn]
    wide: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        names = [Text(n) if isinstance(n, str) else n for n in self.names]
        longest = max((n.cell_len for n in names), default=0)
        own = min(max(longest, len(self.heading)), max(options.max_width // 3, NARROWEST))
        room = options.max_width - own
        shown, left_out = (list(self.columns), []) if self.wide else _fitting(self.columns, room)
        for number, part in enumerate(_parts(shown, room)):
            title = f"{self.title} (continued)" if number else self.title
            yield self._table(title, names, part, own, options.max_width)
        if left_out:
            yield Text(
                f"  not shown at this width: {', '.join(' '.join(c.title.split()) for c in left_out)} (--wide)",
                style="dim",
            )

    def _table(self, title: str, names: Sequence[Text], part: Sequence[TableColumn], own: int, width: int) -> Table:
        table = Table(
            title=title or None,
            title_justify="left",
            title_style="bold",
            box=box.SIMPLE_HEAD,
            padding=(0, SPACE - 1, 0, 0),
        )
        table.show_edge, table.pad_edge = False, False
        left = width - sum(c.least + SPACE for c in part if not c.wraps) - SPACE
        prose = [c for c in part if c.wraps]
        widest = max((n.cell_len for n in names), default=0)
        fits = widest + sum(c.least + SPACE for c in prose) <= left
        table.add_column(self.heading, overflow="fold", no_wrap=fits, min_width=None if fits else own)
        for c in part:
            justify = cast(Any, c.align)
            table.add_column(c.title, no_wrap=not c.wraps, overflow="fold", justify=justify, min_width=c.least)
        for row, name in enumerate(names):
            table.add_row(name, *(c.cells[row] for c in part))
        return table


def _fitting(columns: Sequence[TableColumn], room: int) -> tuple[list[TableColumn], list[TableColumn]]:
    """(the columns that fit into the room, or are of rank 0; those that are left out), both in their order."""
    kept = list(range(len(columns)))
    droppable = sorted((i for i in kept if columns[i].rank), key=lambda i: (-columns[i].rank, -i))
    while droppable and sum(columns[i].least + SPACE for i in kept) > room - SPACE:
        kept.remove(droppable.pop(0))
    return [columns[i] for i in kept], [c for i, c in enumerate(columns) if i not in kept]


def _parts(columns: Sequence[TableColumn], room: int) -> list[list[TableColumn]]:
    """The columns in as few groups as fit beside the names; a group has at least one."""
    parts: list[list[TableColumn]] = [[]]
    used = SPACE
    for column in columns:
        if parts[-1] and used + column.least + SPACE > room:
            parts.append([])
            used = SPACE
        parts[-1].append(column)
        used += column.least + SPACE
    return parts


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
