"""Reading a ledger, whether a run is still writing it or not.

Invariant: reading changes nothing, and a reader sees whole transactions only. Every failure of SQLite is told as a
`LedgerError` that says what to do.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self, TypeVar

import orjson

from ..errors import BadOption, LedgerDamaged, RunFolderError
from ..files import is_file
from ..records import Draw, Record, Request, Response, Spend, decode
from .checksums import ALL, CHECKSUMS, HASHED, damaged, first_misfit, ill_formed, row_checksum, with_contents
from .costs import CallCosts
from .file import FILE, LINES, ORDER, UNREADABLE, columns_of, format_version, has_checksums, open_checked, read_error
from .imported import IMPORTED, ImportedFrom
from .provenance import RunSession
from .step_rows import code_fingerprint
from .tables import BOOKED

_DOLLARS = "CASE WHEN COUNT({0}) = COUNT(*) THEN TOTAL({0}) END"
_PAID = f"""
SELECT COUNT(*), {_DOLLARS.format("cost")}, COALESCE(SUM(json_extract(answer, '$.usage.prompt_tokens')), 0),
  COALESCE(SUM(json_extract(answer, '$.usage.completion_tokens')), 0)
FROM (SELECT cost, CAST(response AS TEXT) AS answer FROM responses WHERE model NOT LIKE 'tool/%')
"""
_SPENT = """
SELECT COUNT(*), TOTAL(cost), COALESCE(SUM(json_extract(answer, '$.usage.prompt_tokens')), 0)
  + COALESCE(SUM(json_extract(answer, '$.usage.completion_tokens')), 0)
FROM (SELECT cost, CAST(response AS TEXT) AS answer FROM responses WHERE model NOT LIKE 'tool/%')
"""
_ALONE = f"""
WITH whole AS (SELECT task, model, variant, CAST(record AS TEXT) AS json FROM records),
draws AS (
  SELECT task, model, variant, json FROM whole
  UNION ALL
  SELECT task, model, variant, trial.value FROM whole, json_each(whole.json, '$.trials') AS trial
  WHERE instr(whole.json, '"trials":[{{') > 0
)
SELECT task, model, variant, SUM(json_extract(json, '$.calls')),
  {_DOLLARS.format("json_extract(json, '$.cost')")},
  SUM(json_extract(json, '$.usage.prompt_tokens')), SUM(json_extract(json, '$.usage.completion_tokens'))
FROM draws GROUP BY task, model, variant
"""
_COMPLETE = """
SELECT task, model, COUNT(*) FROM (
  SELECT task, model FROM finished WHERE episode < ?1 AND variant IN (SELECT value FROM json_each(?2))
  GROUP BY task, model, episode HAVING COUNT(*) = json_array_length(?2)
) GROUP BY task, model
"""
_REPORTED = """
SELECT DISTINCT json_extract(answer, '$.reported') AS said FROM (SELECT CAST(response AS TEXT) AS answer FROM responses)
ORDER BY said
"""
_FINISHED = "SELECT task, model, variant, COUNT(*) FROM finished WHERE episode < ? GROUP BY task, model, variant"
SESSIONS = "sessions"  # the setting that holds the sessions of the run
_BEYOND_SQLITE = 2**63
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """A stored answer, with the request and the draw that it answers."""

    request: Request
    draw: Draw
    response: Response


class LedgerReader:
    """A ledger, open for reading; a context manager that closes it."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._reading = path, connection
        self._sound: set[str] = set()
        self._verified: set[str] = set()
        try:
            self._hashed = {table for table in HASHED if has_checksums(connection, table)}
        except UNREADABLE as error:
            raise read_error(path, error) from None
        self.checksummed = False
        self.checksummed = self.meta(CHECKSUMS) == ALL
        self._verify("meta")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop using the file."""
        self._reading.close()

    def get(self, key: str) -> Response | None:
        """The answer stored under `key`, if there is one."""
        row = next(self._rows("responses", "WHERE key = ?", (key,), whole=False), None)
        return None if row is None else self._read(Response, row[-1])

    def answer(self, key: str) -> StoredAnswer | None:
        """The answer stored under `key`, with its request and draw."""
        row = next(self._rows("responses", "WHERE key = ?", (key,), whole=False), None)
        if row is None:
            return None
        _, _, *draw, _, request, response = row
        try:
            asked = zlib.decompress(request)
        except zlib.error as error:  # of a ledger without checksums
            raise self._unreadable(Request, error) from None
        return StoredAnswer(self._read(Request, asked), Draw(*draw), self._read(Response, response))

    def raw_answers(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Key, compressed request and response of every stored answer, as they are stored; reads every answer."""
        for key, *_, request, response in self._rows("responses"):
            yield key, request, response

    def answers(self, episode: int) -> list[tuple[str, bytes]]:
        """Keys and encoded responses of an episode, by the number that its draws hold."""
        return [(row[0], row[-1]) for row in self._rows("responses", "WHERE episode = ?", (episode,), whole=False)]

    def meta(self, key: str) -> str | None:
        """A stored setting."""
        row = next(self._rows("meta", "WHERE key = ?", (key,)), None)
        return None if row is None else str(row[-1])

    def stored(self, key: str) -> Any:
        """A setting that is stored as JSON, as plain data; None where it is not stored."""
        return json.loads(self.meta(key) or "null")

    def imported(self) -> ImportedFrom | None:
        """Where the run was imported from; None where it was played."""
        stored = self.meta(IMPORTED)
        return None if stored is None else self._read(ImportedFrom, stored.encode())

    def sessions(self, reported: bool = True) -> list[RunSession]:
        """The sessions of the run, oldest first; empty where an older akrasia wrote it.

        Args:
            reported: one that has not ended holds what was reported of the models so far, which reads every answer.
        """
        sessions = self._stored_sessions()
        if reported and sessions and not sessions[-1].models:
            sessions[-1] = replace(sessions[-1], models=self.reported())
        return sessions

    def _stored_sessions(self) -> list[RunSession]:
        """The sessions as they are stored."""
        return [RunSession.of(one) for one in self.stored(SESSIONS) or ()]

    def reported(self) -> tuple[dict[str, str], ...]:
        """What providers said of the models behind the stored answers, each once; reads every answer."""
        self._verify("responses")
        return tuple(json.loads(said) for (said,) in self._all(_REPORTED) if said)

    def records(self, episode: int | None = None, step: int | None = None) -> Iterator[Record]:
        """The stored records, ordered by task, model, variant, episode and step."""
        for data in self.raw_records(episode, step):
            yield self._read(Record, data)

    def raw_steps(self) -> Iterator[tuple[str, str, str, int, int, bytes]]:
        """(task, model, variant, episode, step, record as canonical JSON) of every stored record."""
        yield from self._rows("records")

    def raw_records(self, episode: int | None = None, step: int | None = None) -> Iterator[bytes]:
        """The stored records as canonical JSON, in the same order."""
        if any(n is not None and abs(n) >= _BEYOND_SQLITE for n in (episode, step)):
            return
        wanted = f"WHERE (?1 IS NULL OR episode = ?1) AND (?2 IS NULL OR step = ?2) ORDER BY {ORDER}"
        for row in self._rows("records", wanted, (episode, step)):
            yield row[-1]

    def records_of(self, task: str, model: str, variant: str, episode: int) -> list[Record]:
        """The stored records of one episode of a variant, in the order of their steps."""
        wanted = "WHERE task = ? AND model = ? AND variant = ? AND episode = ? ORDER BY step"
        rows = self._rows("records", wanted, (task, model, variant, episode), whole=False)
        return [self._read(Record, row[-1]) for row in rows]

    def count_records(self) -> int:
        """How many records are stored."""
        return int(self._one("SELECT COUNT(*) FROM records")[0])

    def step_record(self, task: str, model: str, variant: str, episode: int, step: int) -> Record | None:
        """One stored record, if there is one; reads no other."""
        if any(abs(n) >= _BEYOND_SQLITE for n in (episode, step)):
            return None
        wanted = "WHERE task = ? AND model = ? AND variant = ? AND episode = ? AND step = ?"
        row = next(self._rows("records", wanted, (task, model, variant, episode, step), whole=False), None)
        return None if row is None else self._read(Record, row[-1])

    def csv_lines(self) -> Iterator[bytes] | None:
        """The CSV line of every record, in the same order; None where there are none, or other code made them."""
        if self.meta(LINES) != code_fingerprint():
            return None
        return self._lines()

    def _lines(self) -> Iterator[bytes]:
        """As `_rows` hands them out, without their names: there are millions of them in a long run."""
        self._look_through("lines")
        for line, total in self._all(f"SELECT line, checksum FROM lines ORDER BY {ORDER}"):
            if type(line) is not bytes or total != with_contents(0, line):
                self._verify("lines")
            yield line

    def arms(self) -> list[tuple[str, str, str]]:
        """Every (task, model, variant) that has a record."""
        self._look_through("records")
        return list(self._all("SELECT DISTINCT task, model, variant FROM records"))

    def finished(self, task: str, model: str, episode: int) -> set[str]:
        """The variants that have finished an episode: all their records are stored, and it need not be played again."""
        wanted = "WHERE task = ? AND model = ? AND episode = ?"
        return {row[-1] for row in self._rows("finished", wanted, (task, model, episode), whole=False)}

    def finished_episodes(self) -> dict[tuple[str, str, str], frozenset[int]]:
        """The episodes that each (task, model, variant) has finished, see `finished`."""
        episodes: dict[tuple[str, str, str], set[int]] = {}
        for task, model, variant, episode in self._all("SELECT task, model, variant, episode FROM finished"):
            episodes.setdefault((task, model, variant), set()).add(episode)
        return {arm: frozenset(numbers) for arm, numbers in episodes.items()}

    def complete(self, variants: Sequence[str], episodes: int) -> dict[tuple[str, str], int]:
        """How many of the first `episodes` all of `variants` have finished, per task and model; 0 is left out."""
        self._verify("finished")
        rows = self._all(_COMPLETE, (episodes, json.dumps(list(variants))))
        return {(task, model): count for task, model, count in rows}

    def finished_counts(self, episodes: int) -> dict[tuple[str, str, str], int] | None:
        """How many of the first `episodes` each task, model and variant has finished, 0 left out; None where the ledger
        is of a format that does not tell.
        """
        if not columns_of(self._reading, "finished"):
            return None
        self._verify("finished")
        return {(task, model, variant): count for task, model, variant, count in self._all(_FINISHED, (episodes,))}

    def paid(self) -> CallCosts:
        """What the stored answers cost; reads every answer."""
        self._verify("responses")
        return CallCosts(*self._one(_PAID))

    def spent(self) -> Spend:
        """What counts against a budget: the stored answers, and what was booked for calls whose answer was lost."""
        self._verify("responses")
        calls, dollars, tokens = (float(self.meta(key) or 0) for key in BOOKED)
        return Spend(*self._one(_SPENT)) + Spend(int(calls), dollars, int(tokens))

    def alone(self) -> dict[tuple[str, str, str], CallCosts]:
        """What each (task, model, variant) would have paid alone, with no answer shared; reads every record."""
        self._verify("records")
        return {(task, model, variant): CallCosts(*costs) for task, model, variant, *costs in self._all(_ALONE)}

    def latencies(self) -> dict[str, float]:
        """Seconds from the first attempt to the answer, by the key of the answer."""
        rows = self._rows("responses")
        return {str(key): float(orjson.loads(response)["latency"]) for key, *_, response in rows}

    def _rows(
        self, table: str, rest: str = "", values: Sequence[Any] = (), whole: bool = True
    ) -> Iterator[tuple[Any, ...]]:
        """Rows of a table as `HASHED` lists their columns; each is checked before it is handed out.

        Args:
            whole: see first that the table is well formed, so that no row is missing; few rows by their key need not.

        Raises:
            LedgerDamaged: a row does not fit its checksum, or the table's structure is broken.
        """
        if whole:
            self._look_through(table)
        columns = ", ".join(HASHED[table])
        if table not in self._hashed:
            yield from self._all(f"SELECT {columns} FROM {table} {rest}", values)
            return
        strict = self.checksummed
        for *columns_of_row, total in self._all(f"SELECT {columns}, checksum FROM {table} {rest}", values):
            row = tuple(columns_of_row)
            if total != row_checksum(table, row) and (strict or total is not None):
                raise damaged(self._path, table, row)
            yield row

    def _verify(self, table: str) -> None:
        """See once that every row of a table fits its checksum, for queries that add rows up.

        Raises:
            LedgerDamaged: one does not, or the table's structure is broken.
        """
        if table in self._verified:
            return
        self._look_through(table)
        if table in self._hashed:
            try:
                misfit = first_misfit(self._reading, table, self.checksummed)
            except UNREADABLE as error:
                raise read_error(self._path, error) from None
            if misfit is not None:
                raise damaged(self._path, table, misfit)
        self._verified.add(table)

    def _look_through(self, table: str) -> None:
        """Let SQLite see once that a table and its index are well formed, so that no row is missing or out of place."""
        if table in self._sound:
            return
        flaw = str(self._one(f"PRAGMA integrity_check({table})")[0])
        if flaw != "ok":
            raise ill_formed(self._path, table, flaw, int(self._one("PRAGMA page_size")[0]))
        self._sound.add(table)

    def _read(self, kind: type[T], data: bytes) -> T:
        try:
            return decode(kind, data)
        except BadOption as error:
            raise self._unreadable(kind, error) from None

    def _unreadable(self, kind: type[Any], error: Exception) -> LedgerDamaged:
        name = kind.__name__.lower()
        return LedgerDamaged(f"a {name} in {str(self._path)!r} cannot be read", str(error), "Restore it from a copy.")

    def _all(self, query: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        try:
            yield from self._reading.execute(query, values)
        except UNREADABLE as error:
            raise read_error(self._path, error) from None

    def _one(self, query: str, values: Sequence[Any] = ()) -> Any:
        return next(self._all(query, values), None)


def read_ledger(folder: Path | str) -> LedgerReader:
    """A run's ledger, open for reading until its `with` block ends; another process may be writing it meanwhile.

    Raises:
        RunFolderError: the folder holds no run.
        LedgerError: the file is damaged, newer or not a ledger.
    """
    path = Path(folder) / FILE
    if not is_file(path):
        raise RunFolderError(
            f"{str(folder)!r} holds no run", f"there is no {FILE} in it", "Give the folder that a run wrote."
        )
    connection = open_checked(path)
    if not format_version(connection):
        connection.close()
        raise RunFolderError(
            f"{str(folder)!r} holds no run",
            "the one that was started there ended before anything was kept",
            "Start it again, without --resume.",
        )
    try:
        return LedgerReader(path, connection)
    except BaseException:
        connection.close()
        raise


def holds_run(folder: Path | str) -> bool:
    """Whether a folder holds a run; not where one ended before its ledger had its tables.

    Raises:
        LedgerError: the file is damaged, newer or not a ledger.
    """
    path = Path(folder) / FILE
    if not is_file(path):
        return False
    connection = open_checked(path)
    try:
        return bool(format_version(connection))
    finally:
        connection.close()
