"""What the ledger keeps beside each record, so that a long run is scored without decoding it: its row as a CSV line.

Invariant: `table(line(encode(r)) for r in records)` equals `frame(records)`. A line is as good as the code that made
it, so lines are kept under a `fingerprint` of that code; lines with another fingerprint are not read, but made anew
from the records when the run is next written to. A change of no consequence costs time there, never a wrong number.

A text is always quoted, so that an empty one differs from none, and a line break inside it from the end of the line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from hashlib import blake2b
from importlib.resources import files
from itertools import islice
from typing import Any

import orjson
import polars as pl

from ..records import ARM_RULES
from .frame import COLUMNS, _row, without_probes

__all__ = ["fingerprint", "line", "table"]

AT_ONCE = 100_000  # lines that are parsed together: some 20 MB
_HEAD = ",".join(COLUMNS).encode()


@cache
def fingerprint() -> str:
    """Names what a line says: a hash of the source that derives a row and writes it."""
    here = files(__package__)
    sources = [(here / name).read_bytes() for name in ("frame.py", "lines.py")]
    return blake2b(b"\0".join([*sources, repr(ARM_RULES).encode()]), digest_size=16).hexdigest()


def line(record: bytes) -> bytes:
    """The row of one record, given as canonical JSON."""
    row = _row(orjson.loads(record))
    return ",".join([_cell(row[name]) for name in COLUMNS]).encode()


def table(lines: Iterable[bytes]) -> pl.DataFrame:
    """The table of records, as `frame` makes it."""
    parts = [pl.DataFrame(schema=COLUMNS)]
    parts += [pl.read_csv(part, schema=COLUMNS) for part in _parts(iter(lines))]
    return without_probes(pl.concat(parts, rechunk=False))


def _parts(lines: Iterator[bytes]) -> Iterator[bytes]:
    while some := list(islice(lines, AT_ONCE)):
        yield b"\n".join([_HEAD, *some])


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return _WORDS[value] if value is None or isinstance(value, bool) else repr(value)


_WORDS = {None: "", False: "false", True: "true"}
