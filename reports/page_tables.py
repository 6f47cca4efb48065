"""Tables of the HTML report as values: rows and columns in, a table with its spanned cells and headings out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from .arm_rows import ArmRow
from .page_values import Line, PageTable, Spanned
from .tables import Column
from .text import TableCell

R = TypeVar("R")


def table_of(
    label: str,
    columns: Sequence[Column[R]],
    rows: Iterable[R],
    name: Callable[[R], str],
    heading: str = "variant",
    key: str = "",
    keys: Callable[[R], str] | None = None,
    kind: Callable[[R], str] = lambda row: "",
) -> PageTable:
    """A table of any rows.

    Args:
        key: heading of a second name of each row; keys: that name. kind: what kind of arm a row belongs to.
    """
    chosen: list[Column[R]] = list(columns)
    if keys is not None:
        second = keys
        chosen.insert(0, Column(key, lambda row: TableCell(second(row)), css="left"))
    lines = [Line(name(row), _spanned(chosen, row), kind(row)) for row in rows]
    return PageTable(label, heading, list(chosen), _overs(chosen), lines)


def arm_table(label: str, columns: Sequence[Column[ArmRow]], rows: Sequence[ArmRow], roles: bool = False) -> PageTable:
    """A table of variants, with their roles behind the names where that is asked for."""
    lines = [
        Line(row.name, _spanned(columns, row), row.kind if roles else "", row.role if roles else "") for row in rows
    ]
    return PageTable(label, "variant", list(columns), _overs(columns), lines)


def metric_table(metrics: Sequence[str], columns: Sequence[Column[str]]) -> PageTable:
    """A table whose rows are metrics."""
    return table_of("Two models by two variants", columns, metrics, str, "metric")


def _overs(columns: Sequence[Column[R]]) -> list[tuple[str, list[Column[Any]]]]:
    overs: list[tuple[str, list[Column[Any]]]] = []
    for column in columns:
        if overs and column.over and overs[-1][0] == column.over:
            overs[-1][1].append(column)
        else:
            overs.append((column.over, [column]))
    return overs


def _spanned(columns: Sequence[Column[R]], row: R) -> list[Spanned]:
    """The cells of a row; neighbours under one heading that are missing for the same reason are one cell."""
    cells: list[Spanned] = []
    for _, group in _overs(columns):
        made = [column.cell(row) for column in group]
        if len(made) > 1 and made[0].missing and len({cell.missing for cell in made}) == 1:
            cells.append(Spanned(made[0], group[0].css, len(made)))
        else:
            cells += [Spanned(cell, column.css) for column, cell in zip(group, made, strict=True)]
    return cells
