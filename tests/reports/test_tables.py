"""Tables of a terminal at any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from akrasia.reports.tables import PROSE, RowNamedTable, TableColumn

NAMES = ["reason_act (baseline)", "a long variant | self_consistency(n=5) | critique(rounds=2)"]


def printed(table: RowNamedTable, width: int) -> str:
    buffer = io.StringIO()
    Console(file=buffer, width=width).print(table)
    text = buffer.getvalue()
    assert max(map(len, text.splitlines())) <= width
    return text


def columns(count: int, ranked: bool) -> list[TableColumn]:
    return [TableColumn(f"column {i}", [f".{i}0 [.1{i}, .2{i}]"] * 2, rank=i if ranked else 0) for i in range(count)]


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_wide_shows_every_column_beside_the_names_of_the_rows(width: int) -> None:
    text = printed(RowNamedTable("Rates", "variant", NAMES, columns(7, ranked=True), wide=True), width)
    for i in range(7):
        assert text.count(f"column {i}") == 1 and text.count(f".{i}0 [.1{i}, .2{i}]") == 2
    assert "".join(text.split()).count("baseline") == 1 + text.count("(continued)")  # once in every part


@pytest.mark.parametrize("width", [40, 80, 120, 200])
def test_a_narrow_table_leaves_out_columns_of_the_highest_rank_and_names_them(width: int) -> None:
    text = printed(RowNamedTable("Rates", "variant", NAMES, columns(7, ranked=True)), width)
    shown = [i for i in range(7) if f".{i}0 [.1{i}, .2{i}]" in text]
    assert shown == list(range(len(shown))) and shown  # the lowest ranks stay
    assert "".join(text.split()).count("reason_act(baseline)") == 1
    note = text.partition("not shown at this width:")[2]
    assert all(f"column {i}" in note for i in range(7) if i not in shown)
    assert bool(note) == (len(shown) < 7)


def test_sentences_wrap_beside_the_names_of_their_rows() -> None:
    prose = TableColumn("what it is", ["a sentence that is longer than any terminal is wide " * 3] * 2, wraps=PROSE)
    text = printed(RowNamedTable("", "name", ["short", "name"], [prose]), 60)
    assert [line.split()[0] for line in text.splitlines() if line[:1] not in (" ", "─")] == ["name", "short", "name"]
