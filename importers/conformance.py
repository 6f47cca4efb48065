"""The conformance kit of importers: what every importer makes of a source that is good, and of what was broken in it.

    from akrasia.importers.conformance import check_importer

    check_importer("mine", Path("good.jsonl"), tmp_path)      # raises, with one line per problem
    importer_problems("mine", Path("good.jsonl"), tmp_path)   # the same lines as a list

The checks, each on a copy of the source:

    good         it imports, each row is a record or told, and twice the same records come out
    packed       gzipped it gives the same records
    empty        an error, and no run folder is left
    no format    bytes of another format are an error, and no run folder is left
    half         the first half of the bytes: what is whole enters and the loss is told, or it is refused
    broken row   a row that is none is told by its number, and all others enter
    encoding     a row that is not UTF-8 is told by its number, and all others enter
    twice        every row twice: each enters as a further trial, or is told
    long cell    a text of 1 MB harms no other row
    secret       a key in a text does not reach the ledger

Invariant: the kit knows no format. It breaks CSV, JSON lines and JSON lists row by row; of any other source it checks
what needs no rows.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import AkrasiaError, UsageError
from ..ledger import holds_run, read_ledger
from ..ledger.imported import ImportedFrom
from .load import import_run

SECRET = "sk-proj-abcdefghij0123456789ABCDEFGHIJ"
LONG = 1 << 20
NO_FORMAT = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1"


class ImporterDefect(AkrasiaError, AssertionError):
    """An importer fails the conformance kit; the message has one line per problem."""


def check_importer(kind: str, source: Path, folder: Path, **options: Any) -> None:
    """Check a registered importer on a good source of its format.

    Args:
        source: a file, or a folder, of which every row can be imported.
        folder: where copies and runs are made.
        options: of the importer.

    Raises:
        ImporterDefect: it fails.
    """
    found = importer_problems(kind, source, folder, **options)
    if found:
        raise ImporterDefect(f"the importer {kind!r} fails the conformance kit", "\n" + "\n".join(found))


def importer_problems(kind: str, source: Path, folder: Path, **options: Any) -> list[str]:
    """What is wrong with an importer, one line per problem, each beginning with its check."""
    bench = _Bench(kind, source, folder, options)
    return [f"{name}: {problem}" for name, check in _CHECKS.items() for problem in check(bench)]


@dataclass(frozen=True)
class _Bench:
    """A source, and how variants of it are imported."""

    kind: str
    source: Path
    folder: Path
    options: dict[str, Any]

    @property
    def rows(self) -> list[bytes]:
        """The source as rows of bytes; none where it is no text of rows. Of CSV the header is no row."""
        if self.source.is_dir() or self.source.suffix not in (".csv", ".tsv", ".jsonl", ".json"):
            return []
        data = self.source.read_bytes()
        if self.source.suffix == ".json":
            try:
                value = json.loads(data)
            except ValueError:
                return []
            return [json.dumps(row).encode() for row in value] if isinstance(value, list) else []
        lines = data.splitlines()
        return lines[1:] if self.source.suffix in (".csv", ".tsv") else lines

    def joined(self, rows: Sequence[bytes]) -> bytes:
        """Rows as a source of the same kind."""
        if self.source.suffix == ".json":
            return b"[" + b",\n".join(rows) + b"]"
        head = [self.source.read_bytes().splitlines()[0]] if self.source.suffix in (".csv", ".tsv") else []
        return b"\n".join([*head, *rows]) + b"\n"

    def imported(self, name: str, data: bytes | None = None, suffix: str = "") -> tuple[ImportedFrom, list[bytes]]:
        """What comes of the source, or of other bytes under its name, with the stored records."""
        source, out = self.source, self.folder / f"run-{name}"
        shutil.rmtree(out, ignore_errors=True)
        if data is not None:
            source = self.folder / name / self.source.parent.name / f"{self.source.name}{suffix}"
            source.parent.mkdir(parents=True, exist_ok=True)
            source.write_bytes(data)
        imported = import_run(self.kind, source, out, **self.options)
        with read_ledger(out) as ledger:
            return imported, list(ledger.raw_records())

    def refused(self, name: str, data: bytes) -> Iterator[str]:
        """Problems of a source that must be refused."""
        try:
            self.imported(name, data)
        except UsageError:
            if holds_run(self.folder / f"run-{name}"):
                yield "it is refused, and a run is left"
        except Exception as error:  # whatever it is, it is not what a user can act on
            yield f"{type(error).__name__} instead of a UsageError: {error}"
        else:
            yield "it is imported"


def _good(bench: _Bench) -> Iterator[str]:
    imported, records = bench.imported("good")
    _, again = bench.imported("good again")
    if imported.left_out:
        yield f"the source is good, and rows were left out: {imported.left_out[0]}"
    if not records or imported.records != len(records):
        yield f"{imported.records} records are told and {len(records)} stored"
    if records != again:
        yield "two imports of one source differ"


def _packed(bench: _Bench) -> Iterator[str]:
    if bench.rows:
        _, plain = bench.imported("plain", bench.source.read_bytes())
        _, packed = bench.imported("packed", gzip.compress(bench.source.read_bytes()))
        if plain != packed:
            yield "gzipped it gives other records"


def _empty(bench: _Bench) -> Iterator[str]:
    if bench.source.is_file():
        yield from bench.refused("empty", b"")
        yield from bench.refused("blank", b" \n\n")


def _no_format(bench: _Bench) -> Iterator[str]:
    if bench.source.is_file():
        yield from bench.refused("no format", NO_FORMAT)


def _half(bench: _Bench) -> Iterator[str]:
    if not bench.source.is_file():
        return
    data = bench.source.read_bytes()
    try:
        imported, records = bench.imported("half", data[: len(data) // 2])
    except UsageError:
        if bench.rows and len(bench.rows) > 3:
            yield "it is refused, though some rows are whole"
        return
    if not imported.left_out and len(records) >= bench.imported("whole")[0].records:
        yield "the loss is not told"


def _broken(bench: _Bench, name: str, broken: bytes) -> Iterator[str]:
    """A row that is none in the midst of the others; in a JSON list what comes after it is lost with it."""
    rows = bench.rows
    if len(rows) < 2 or bench.source.suffix == ".json":
        return
    whole, _ = bench.imported("whole")
    imported, _ = bench.imported(name, bench.joined([rows[0], broken, *rows[1:]]))
    if imported.records != whole.records:
        yield f"{imported.records} of {whole.records} other records entered"
    if not any("row" in place for one in imported.left_out for place in one.first):
        yield "no row is named"


def _broken_row(bench: _Bench) -> Iterator[str]:
    yield from _broken(bench, "broken", b'{"half a row": ' if bench.source.suffix == ".jsonl" else b"one cell")


def _encoding(bench: _Bench) -> Iterator[str]:
    if bench.rows:
        yield from _broken(bench, "encoding", b"\xff\xfe" + bench.rows[-1])


def _twice(bench: _Bench) -> Iterator[str]:
    if not bench.rows:
        return
    once, _ = bench.imported("once")
    twice, _ = bench.imported("twice", bench.joined([*bench.rows, *bench.rows]))
    told = sum(one.rows for one in twice.left_out)
    if twice.records + told < 2 * once.records:
        yield f"of {2 * once.records} rows {twice.records} entered and {told} were told"


def _long_cell(bench: _Bench) -> Iterator[str]:
    yield from _with_text(bench, "long", "x" * LONG)


def _secret(bench: _Bench) -> Iterator[str]:
    yield from _with_text(bench, "secret", f"my key is {SECRET}")
    for path in (bench.folder / "run-secret").glob("ledger.sqlite*"):
        if SECRET.encode() in path.read_bytes():
            yield "a key that stands in a text is in the ledger"


def _with_text(bench: _Bench, name: str, text: str) -> Iterator[str]:
    """Every text of the last row replaced by another one: no other row may be lost."""
    rows = bench.rows
    if len(rows) < 2:
        return
    whole, _ = bench.imported("whole")
    longer = _replaced(rows[-1], text) if bench.source.suffix in (".json", ".jsonl") else rows[-1] + text.encode()
    imported, _ = bench.imported(name, bench.joined([*rows[:-1], longer]))
    per_row = whole.records / len(rows)
    if imported.records < whole.records - per_row:
        yield f"{imported.records} of {whole.records} records entered"


def _replaced(row: bytes, text: str) -> bytes:
    """A JSON row with a text in the place of its longest one."""
    value = json.loads(row)
    texts = list(_texts(value))
    if not texts:
        return row
    longest = max(texts, key=lambda held: len(held[0][held[1]]))
    longest[0][longest[1]] = text
    return json.dumps(value).encode()


def _texts(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in pairs:
        if isinstance(part, str):
            yield value, key
        else:
            yield from _texts(part)


_CHECKS: dict[str, Callable[[_Bench], Iterator[str]]] = {
    "good": _good,
    "packed": _packed,
    "empty": _empty,
    "no format": _no_format,
    "half": _half,
    "broken row": _broken_row,
    "encoding": _encoding,
    "twice": _twice,
    "long cell": _long_cell,
    "secret": _secret,
}
