"""Checksums: each stored row holds one over all of its columns, and what was damaged is found and named.

SQLite guards the structure of its file and none of its contents. So a reader has SQLite check each table that it reads,
with its index, once; and each row that it takes is checked by its own CRC-32, which tells every damage of up to 32 bits
in a row. Rows that were stored before there were checksums hold none, and are read as they are.

Invariant: a row is used only after its checksum was seen to fit. What does not fit raises, with the row, the file, the
place in it, and what to do.
"""

from __future__ import annotations

import mmap
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson

from ..errors import LedgerDamaged

CHECKSUMS, ALL = "checksums", "every row"  # the setting of a ledger whose every row has a checksum, and its value
HASHED = {
    "meta": ("key", "value"),
    "responses": ("key", "model", "episode", "step", "sample", "cost", "request", "response"),
    "records": ("task", "model", "variant", "episode", "step", "record"),
    "lines": ("task", "model", "variant", "episode", "step", "line"),
    "finished": ("task", "model", "episode", "variant"),
}
"""The columns of each table: names and numbers first, and then contents."""

NAMES = {"meta": 2, "responses": 6, "records": 5, "lines": 5, "finished": 4}
"""How many of them are names and numbers. The checksum of a line covers its contents alone, which repeat its names."""

_NOUNS = {
    "meta": "the setting",
    "responses": "the answer",
    "records": "the record",
    "lines": "the scoring line of the record",
    "finished": "the mark of a finished episode",
}
_REMEDY = "Restore the file from a copy, or play the run again: akrasia run --fresh."
WINDOW = 128  # bytes of a row that are looked for in the file


def checksum(*values: Any) -> int:
    """CRC-32 of the values of a row, as they are stored: names and numbers first, then contents."""
    named = len(values)
    while named and type(values[named - 1]) is bytes:
        named -= 1
    return with_contents(names_checksum(values[:named]), *values[named:])


def row_checksum(table: str, row: tuple[Any, ...]) -> int:
    """The checksum of a row of `table`, given as its columns in `HASHED`; 0 where they are not of their kind."""
    named = NAMES[table]
    try:
        return with_contents(0 if table == "lines" else names_checksum(row[:named]), *row[named:])
    except TypeError:
        return 0


def names_checksum(names: tuple[Any, ...]) -> int:
    """Of the names and numbers alone: rows of several tables share them."""
    try:
        return crc32(orjson.dumps(names))
    except TypeError:  # what no row can hold, which the database refuses
        return 0


def with_contents(total: int, *contents: bytes) -> int:
    """The checksum of a row, from that of its names and its contents."""
    for content in contents:
        total = crc32(content, total)
    return total


def register(connection: sqlite3.Connection) -> sqlite3.Connection:
    """Let statements of this connection call `checksum` and `row_checksum`."""
    connection.create_function("checksum", -1, checksum, deterministic=True)
    connection.create_function("row_checksum", -1, lambda table, *row: row_checksum(table, row), deterministic=True)
    return connection


def fits(table: str, strict: bool) -> str:
    """Whether a stored row of `table` fits its checksum, as an SQL expression.

    Args:
        strict: a row without a checksum does not.
    """
    same = f"checksum IS row_checksum('{table}', {', '.join(HASHED[table])})"
    return same if strict else f"(checksum IS NULL OR {same})"


def first_misfit(connection: sqlite3.Connection, table: str, strict: bool) -> tuple[Any, ...] | None:
    """The first row of a table that does not fit its checksum; reads every row."""
    columns = ", ".join(HASHED[table])
    query = f"SELECT {columns} FROM {table} WHERE NOT ({fits(table, strict)}) LIMIT 1"
    row: tuple[Any, ...] | None = connection.execute(query).fetchone()
    return row


def damaged(path: Path, table: str, row: tuple[Any, ...]) -> LedgerDamaged:
    """The error of a row whose checksum does not fit.

    Args:
        row: its columns, as in `HASHED`.
    """
    named = zip(HASHED[table], row, strict=True)
    name = ", ".join(f"{column} {value}" for column, value in named if not isinstance(value, bytes | float | None))
    if table == "meta":
        name = f"{row[0]}"
    elif table == "responses":
        name = f"{row[0]} (episode {row[2]}, step {row[3]}, sample {row[4]})"
    return LedgerDamaged(
        f"{_NOUNS[table]} {name} in {str(path)!r} is damaged",
        f"its bytes do not fit its checksum; {_place(path, row)}",
        _REMEDY,
    )


def ill_formed(path: Path, table: str, flaw: str, page_size: int) -> LedgerDamaged:
    """The error of a table whose structure SQLite finds broken.

    Args:
        flaw: what SQLite says of it.
    """
    page = re.search(r"page (\d+)", flaw)
    place = f"byte {(int(page[1]) - 1) * page_size:,} of the file" if page else "somewhere in the file"
    said = " ".join(flaw.replace("*** in database main ***", "").split())
    return LedgerDamaged(f"the table {table!r} in {str(path)!r} is damaged", f"{said}; at {place}", _REMEDY)


def _place(path: Path, row: tuple[Any, ...]) -> str:
    """Where in the file a row stands, by the first of its pieces that occurs there once."""
    pieces = [p for value in row for p in _pieces(value)]
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            for piece in pieces:
                at = data.find(piece)
                if at >= 0 and data.rfind(piece) == at:
                    return f"it stands near byte {at:,} of the file"
    except (OSError, ValueError):
        pass
    return "its place in the file is not known"


def _pieces(value: Any) -> Iterator[bytes]:
    """Pieces of a value to look for, short enough to lie on one page."""
    data = value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else b""
    for start in range(0, len(data), WINDOW):
        if len(piece := data[start : start + WINDOW]) >= 16:
            yield piece
