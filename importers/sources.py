"""Opening sources: files as they lie, gzipped or not, row by row with the place of each, whatever is broken in between.

Invariants: a file is read from its beginning to its end without being held whole, unless it is one JSON object; a row
that cannot be read is left out with its number and the rest goes on; nothing is guessed of bytes that are no text.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import orjson

from ..errors import BadOption
from ..ledger.imported import ImportedFile
from .base import Intake

HEAD = 65_536  # bytes from which a format is guessed
CHUNK = 1 << 20
LONGEST_CELL = 1 << 30
NOT_UTF8 = "it is not in UTF-8"
_GZIP = b"\x1f\x8b"
_PART = re.compile(
    r"(?:^|[^a-z])(?:part|shard|chunk|batch|run|trial|seed|epoch|attempt|repeat|rollout|draw|sample|page)s?[-_ ]?\d+"
    r"(?:-of-\d+)?$|^[\d_-]+$",
    re.IGNORECASE,
)
_ENDING = re.compile(r"(?:\.(?:csv|tsv|json|jsonl|ndjson|parquet|xlsx|xls|ods|txt|gz))+$", re.IGNORECASE)
_UNDECODED = re.compile("[\udc80-\udcff]")  # bytes that are no UTF-8, as Python carries them


def files_of(source: Path, suffixes: Sequence[str], intake: Intake | None = None) -> list[Path]:
    """The files of a source: itself, or those below a folder with these endings, by their names; entered in `intake`.

    Raises:
        BadOption: there is no such file, the folder holds none, or one cannot be read.
    """
    if source.is_dir():
        found = sorted(p for p in source.rglob("*") if p.is_file() and _ends(p, suffixes) and ".git" not in p.parts)
        if not found:
            raise BadOption(
                f"the folder {str(source)!r} holds nothing to import",
                f"no file in it ends in {' or '.join(suffixes)}",
                "Give the file itself.",
            )
    elif source.is_file():
        found = [source]
    else:
        raise BadOption(f"there is no file {str(source)!r}", remedy="Give the path of what is to be imported.")
    for path in found if intake is not None else ():
        intake.files.append(_hashed(path, source))  # type: ignore[union-attr]
    return found


def arms_of_files(files: Sequence[Path], source: Path) -> dict[Path, str]:
    """Of several files, the arm that each may be: its place below the source, without its ending.

    "" for a single file, and where all are named like parts or repeats of one: `part-00001`, `run_2`.
    """
    names = {p: _ENDING.sub("", p.relative_to(source).as_posix() if p != source else p.name) for p in files}
    one = len(files) == 1 or all(map(_PART.search, names.values()))
    return dict.fromkeys(files, "") if one else names


def refuse_empty(path: Path) -> None:
    """Refuse a file without a byte that says something.

    Raises:
        BadOption: it is empty.
    """
    if not beginning(path).strip():
        raise BadOption(f"{str(path)!r} is empty", "there is no row in it", "Give the file that holds the rows.")


def beginning(path: Path) -> bytes:
    """The first bytes of a file, unpacked where it is gzipped; none of what cannot be read."""
    try:
        with opened(path) as file:
            return file.read(HEAD)
    except (OSError, EOFError, zlib.error, BadOption):
        return b""


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file's bytes, unpacked where it is gzipped, in UTF-8 where it begins with the mark of UTF-16.

    Raises:
        BadOption: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            mark = file.read(2)
            file.seek(0)
            if mark == _GZIP:
                with gzip.open(file) as unpacked:
                    yield unpacked  # type: ignore[misc]
            elif mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
                yield io.BytesIO(file.read().decode("utf-16", "replace").encode())
            else:
                yield file
    except OSError as error:
        if isinstance(error, gzip.BadGzipFile):
            raise BadOption(f"{str(path)!r} cannot be unpacked", str(error), "Pack it again with gzip.") from None
        why = error.strerror or str(error)
        raise BadOption(f"{str(path)!r} cannot be read", why, "See that you may read it.") from None


def table_rows(path: Path, intake: Intake, delimiter: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    """(place, cells by column) of each row of a CSV or TSV file with a header.

    Raises:
        BadOption: it has no header, or names a column twice.
    """
    with opened(path) as file, _long_cells():
        text = io.TextIOWrapper(file, "utf-8-sig", errors="surrogateescape", newline="")
        head = beginning(path).decode("utf-8-sig", "replace").partition("\n")[0]
        rows = csv.reader(text, delimiter=delimiter or _delimiter(head), strict=True)
        header: list[str] = []
        number = 0
        while True:
            number += 1
            begun = rows.line_num + 1
            try:
                cells = next(rows)
            except StopIteration:
                break
            except csv.Error as error:
                place = f"{path.name}, row {number} (line {begun})"
                intake.rows += 1
                intake.leave_out(place, f"it is no row of a table: {error}")
                continue
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                intake.rows += 1
                intake.leave_out(f"{path.name}, from row {number} on", f"the file ends too early: {error}")
                break
            if not header:
                header = _header(cells, path)
                continue
            if not any(cell.strip() for cell in cells):
                continue
            intake.rows += 1
            if len(cells) != len(header):
                place = f"{path.name}, row {number} (line {begun})"
                intake.leave_out(place, f"it has {len(cells)} cells instead of {len(header)}")
                continue
            if any(not cell.isascii() and _UNDECODED.search(cell) for cell in cells):
                intake.leave_out(f"{path.name}, row {number}", NOT_UTF8)
                continue
            yield f"{path.name}, row {number}", dict(zip(header, cells, strict=True))
    if not header:
        raise BadOption(f"{str(path)!r} holds no row", "it is empty", "Give a table with a header.")


def json_rows(
    path: Path,
    intake: Intake,
    keys: Sequence[str] = (),
    split: Callable[[dict[str, Any], Sequence[str], Intake], Sequence[Any]] | None = None,
) -> Iterator[tuple[str, Any]]:
    """(place, value) of each element of a JSON list, or of each line of JSON lines.

    Args:
        keys: of one JSON object, the first of these fields that holds a list is the list of rows.
        split: makes rows of one JSON object, given these fields.
    """
    with opened(path) as file:
        first = _first_sign(file)
    if first == b"[":
        yield from _elements(path, intake)
        return
    one = _sole_object(path) if first == b"{" else None
    if one is not None:
        held = next((one[k] for k in keys if isinstance(one.get(k), list)), [one])
        for number, row in enumerate(split(one, keys, intake) if split else held, 1):
            intake.rows += 1
            yield f"{path.name}, row {number}", row
        return
    yield from _lines(path, intake)


def whole_json(path: Path) -> Any:
    """A file as one JSON value.

    Raises:
        BadOption: it is none.
    """
    with opened(path) as file:
        try:
            return orjson.loads(file.read().removeprefix(codecs.BOM_UTF8))
        except (ValueError, EOFError, zlib.error) as error:
            why = str(error)
    raise BadOption(f"{str(path)!r} is no JSON", why, "Give a JSON file in UTF-8.")


def _lines(path: Path, intake: Intake) -> Iterator[tuple[str, Any]]:
    with opened(path) as file:
        number = 0
        while True:
            number += 1
            try:
                line = file.readline()
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                intake.rows += 1
                intake.leave_out(f"{path.name}, from row {number} on", f"the file ends too early: {error}")
                return
            if not line:
                return
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if not line.strip():
                continue
            intake.rows += 1
            try:
                value = _loaded(line)
            except ValueError as error:
                intake.leave_out(f"{path.name}, row {number}", _no_json(line, error))
                continue
            yield f"{path.name}, row {number}", value


def _loaded(data: bytes) -> Any:
    """JSON, also with the NaN and Infinity that Python writes, which become null."""
    try:
        return orjson.loads(data)
    except ValueError:
        return json.loads(data.decode("utf-8"), parse_constant=lambda _: None)


def _no_json(line: bytes, error: ValueError) -> str:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return NOT_UTF8
    return "it is no JSON" if isinstance(error, json.JSONDecodeError) else f"it is no JSON: {error}"


def _elements(path: Path, intake: Intake) -> Iterator[tuple[str, Any]]:
    """The elements of a JSON list, read piece by piece."""
    decoder = json.JSONDecoder(parse_constant=lambda _: None)
    with opened(path) as file:
        decode = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape").decode
        text, place, number, ended, chunk = "", 0, 0, False, CHUNK
        cut = ""
        begun = False
        while True:
            while place < len(text) and text[place] in " \t\r\n,":
                place += 1
            if not begun and place < len(text):
                begun, place = True, place + 1  # the bracket that opens the list
                continue
            if place < len(text) and text[place] == "]":
                return
            if place < len(text):
                try:
                    value, end = decoder.raw_decode(text, place)
                    whole = end < len(text) or ended
                except (ValueError, RecursionError) as error:
                    whole = False
                    if ended:
                        cut = cut or str(error)
                        break
                if whole:
                    number, start, place, chunk = number + 1, place, end, CHUNK
                    intake.rows += 1
                    if _UNDECODED.search(text, start, end):
                        intake.leave_out(f"{path.name}, row {number}", NOT_UTF8)
                    else:
                        yield f"{path.name}, row {number}", value
                    continue
            if ended:
                cut = cut or "it has no closing bracket"
                break
            try:
                data = file.read(chunk)
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                data, cut = b"", str(error)
            ended = not data
            chunk *= 2
            text, place = text[place:] + decode(data, final=ended), 0
    intake.rows += 1
    intake.leave_out(f"{path.name}, from row {number + 1} on", f"the list is not whole: {cut}")


def _sole_object(path: Path) -> dict[str, Any] | None:
    """The one object that a file is; None where its first line is an object of its own and more follow."""
    with opened(path) as file:
        try:
            first = file.readline().removeprefix(codecs.BOM_UTF8)
            rest = file.read(HEAD).strip()
        except (EOFError, zlib.error):
            return None
    try:
        orjson.loads(first)
        if rest:
            return None
    except ValueError:
        pass
    try:
        with opened(path) as file:
            value = _loaded(file.read().removeprefix(codecs.BOM_UTF8))
    except (ValueError, EOFError, zlib.error):
        return None
    return value if isinstance(value, dict) else None


def _first_sign(file: IO[bytes]) -> bytes:
    try:
        return file.read(HEAD).removeprefix(codecs.BOM_UTF8).lstrip()[:1]
    except (EOFError, zlib.error):
        return b""


def _header(cells: Sequence[str], path: Path) -> list[str]:
    names = [cell.strip() or f"column {n}" for n, cell in enumerate(cells, 1)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadOption(
            f"{str(path)!r} names a column twice", ", ".join(map(repr, twice)), "Give each column a name of its own."
        )
    return names


def _delimiter(head: str) -> str:
    return max(("\t", ",", ";", "|"), key=lambda sign: (head.count(sign), sign == ","))


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let cells of any length pass: Python's own limit is 128 KiB, and holds for the whole process."""
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _ends(path: Path, suffixes: Sequence[str]) -> bool:
    name = path.name.lower().removesuffix(".gz")
    return not path.name.startswith(".") and any(name.endswith(s) for s in suffixes)


def _hashed(path: Path, source: Path) -> ImportedFile:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = path.stat().st_size
    except OSError as error:
        why = error.strerror or str(error)
        raise BadOption(f"{str(path)!r} cannot be read", why, "See that you may read it.") from None
    name = path.relative_to(source).as_posix() if path != source else path.name
    return ImportedFile(name, size, digest)
