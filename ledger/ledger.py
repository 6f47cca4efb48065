"""The ledger: one SQLite file that holds every answer and every record of a run.

Invariants
- An answer is committed before it is used; `put` returns only then. All writes go through one thread (`writer.py`).
- A group of records (all variants at one situation) enters whole or not at all, so what is stored are complete pairs.
- An episode is marked as finished once all its records are in and no call of it was given up: a resumed run need not
  play it again.
- Beside each record, in a table of its own, lies the line that scoring needs of it (`step_rows.py`). Both enter in
  one transaction, and `meta` says which code made the lines.
- Resume is replay: what is not finished starts again, and every answered draw comes from here.
- One process writes: a lock on the run folder, which the operating system releases when the process dies however it
  dies. Which file is a ledger, and of which format: `ledger_file.py`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from ..errors import RunFolderError
from ..records import Draw, Record, Request, Response, Spend, decode
from .file import FILE, LINES, META, ORDER, checked, format_of, locked, prepare, unreadable, unwritable
from .step_rows import fingerprint
from .tables import BOOKED, Batch, of_answer, of_booked, of_records
from .writer import Writer

__all__ = ["StoredAnswer", "Ledger", "CallCosts", "Reader", "begun", "read_ledger"]

_DOLLARS = "CASE WHEN COUNT({0}) = COUNT(*) THEN TOTAL({0}) END"
_PAID = f"""
SELECT COUNT(*), {_DOLLARS.format("cost")}, COALESCE(SUM(json_extract(said, '$.usage.prompt_tokens')), 0),
  COALESCE(SUM(json_extract(said, '$.usage.completion_tokens')), 0)
FROM (SELECT cost, CAST(response AS TEXT) AS said FROM responses)
"""
_SPENT = """
SELECT COUNT(*), TOTAL(cost), COALESCE(SUM(json_extract(said, '$.usage.prompt_tokens')), 0)
  + COALESCE(SUM(json_extract(said, '$.usage.completion_tokens')), 0)
FROM (SELECT cost, CAST(response AS TEXT) AS said FROM responses)
"""
_ALONE = f"""
SELECT task, model, variant, SUM(json_extract(said, '$.calls')),
  {_DOLLARS.format("json_extract(said, '$.cost')")},
  SUM(json_extract(said, '$.usage.prompt_tokens')), SUM(json_extract(said, '$.usage.completion_tokens'))
FROM (SELECT task, model, variant, CAST(record AS TEXT) AS said FROM records) GROUP BY task, model, variant
"""
_COMPLETE = """
SELECT task, model, COUNT(*) FROM (
  SELECT task, model FROM finished WHERE episode < ?1 AND variant IN (SELECT value FROM json_each(?2))
  GROUP BY task, model, episode HAVING COUNT(*) = json_array_length(?2)
) GROUP BY task, model
"""


@dataclass(frozen=True, slots=True)
class CallCosts:
    """What answers took; dollars are nominal US dollars, None where a price is unknown."""

    calls: int = 0
    dollars: float | None = 0.0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: CallCosts) -> CallCosts:
        return CallCosts(
            self.calls + other.calls,
            None if self.dollars is None or other.dollars is None else self.dollars + other.dollars,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """One stored answer with what was asked."""

    request: Request
    draw: Draw
    response: Response


class Reader:
    """Reading a ledger; shared by the live one and the read-only one."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self._path, self._reading = path, connection

    def _all(self, query: str, given: Sequence[Any] = ()) -> Iterator[Any]:
        try:
            yield from self._reading.execute(query, given)
        except sqlite3.Error as error:
            raise unreadable(self._path, error) from None

    def _one(self, query: str, given: Sequence[Any] = ()) -> Any:
        return next(self._all(query, given), None)

    def get(self, key: str) -> Response | None:
        """The answer kept under `key`, if there is one."""
        row = self._one("SELECT response FROM responses WHERE key = ?", (key,))
        return None if row is None else decode(Response, row[0])

    def answer(self, key: str) -> StoredAnswer | None:
        """The answer kept under `key`, with its request and draw."""
        row = self._one("SELECT request, response, episode, step, sample FROM responses WHERE key = ?", (key,))
        if row is None:
            return None
        return StoredAnswer(decode(Request, zlib.decompress(row[0])), Draw(*row[2:]), decode(Response, row[1]))

    def meta(self, key: str) -> str | None:
        """A stored setting."""
        row = self._one("SELECT value FROM meta WHERE key = ?", (key,))
        return None if row is None else str(row[0])

    def records(self, episode: int | None = None, step: int | None = None) -> Iterator[Record]:
        """The stored records, ordered by task, model, variant, episode and step."""
        for data in self.raw_records(episode, step):
            yield decode(Record, data)

    def raw_records(self, episode: int | None = None, step: int | None = None) -> Iterator[bytes]:
        """The stored records as canonical JSON, in the same order."""
        if any(n is not None and abs(n) >= 2**63 for n in (episode, step)):
            return
        rows = self._all(
            "SELECT record FROM records WHERE (?1 IS NULL OR episode = ?1) AND (?2 IS NULL OR step = ?2) "
            f"ORDER BY {ORDER}",
            (episode, step),
        )
        for row in rows:
            yield row[0]

    def arms(self) -> list[tuple[str, str, str]]:
        """Every (task, model, variant) that holds a record."""
        return list(self._all("SELECT DISTINCT task, model, variant FROM records"))

    def lines(self) -> Iterator[bytes] | None:
        """The line of every record, in the same order; None where they are absent or made by other code."""
        if self.meta(LINES) != fingerprint():
            return None
        return (row[0] for row in self._all(f"SELECT line FROM lines ORDER BY {ORDER}"))

    def latencies(self) -> dict[str, float]:
        """Seconds from the first attempt to the answer, of every answer that is kept, by its key."""
        rows = self._all("SELECT key, response FROM responses")
        return {str(key): float(orjson.loads(response)["latency"]) for key, response in rows}

    def paid(self) -> CallCosts:
        """What the stored answers took; reads every answer."""
        return CallCosts(*self._one(_PAID))

    def spent(self) -> Spend:
        """What counts against a budget: the answers, and what was booked of calls that no answer tells of."""
        calls, dollars, tokens = (float(self.meta(key) or 0) for key in BOOKED)
        return Spend(*self._one(_SPENT)) + Spend(int(calls), dollars, int(tokens))

    def alone(self) -> dict[tuple[str, str, str], CallCosts]:
        """What each (task, model, variant) would have paid alone, without any answer shared; reads every record."""
        return {tuple(row[:3]): CallCosts(*row[3:]) for row in self._all(_ALONE)}

    def answers(self, episode: int) -> list[tuple[str, bytes]]:
        """Keys and encoded responses of an episode, named as its draws name it."""
        return list(self._all("SELECT key, response FROM responses WHERE episode = ?", (episode,)))

    def finished(self, task: str, model: str, episode: int) -> set[str]:
        """The variants whose records of an episode are all stored, and need not be played again."""
        rows = self._all(
            "SELECT variant FROM finished WHERE task = ? AND model = ? AND episode = ?", (task, model, episode)
        )
        return {variant for (variant,) in rows}

    def complete(self, variants: Sequence[str], episodes: int) -> dict[tuple[str, str], int]:
        """How many of the first `episodes` are finished by all of `variants`, per task and model; 0 is left out."""
        rows = self._all(_COMPLETE, (episodes, json.dumps(list(variants))))
        return {(task, model): count for task, model, count in rows}

    def records_of(self, task: str, model: str, variant: str, episode: int) -> list[Record]:
        """The stored records of one episode of a variant, in the order of their steps."""
        rows = self._all(
            "SELECT record FROM records WHERE task = ? AND model = ? AND variant = ? AND episode = ? ORDER BY step",
            (task, model, variant, episode),
        )
        return [decode(Record, row[0]) for row in rows]

    def close(self) -> None:
        """Stop using the file."""
        self._reading.close()


def read_ledger(folder: Path | str) -> Reader:
    """Open a run's ledger for reading; a run may be going on in another process meanwhile.

    Raises:
        RunFolderError: the folder holds no run.
        LedgerError: the file is damaged, newer or not a ledger.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise RunFolderError(
            f"{str(folder)!r} holds no run", f"there is no {FILE} in it", "Give the folder that a run wrote."
        )
    connection = checked(path)
    if not format_of(connection):
        connection.close()
        raise RunFolderError(
            f"{str(folder)!r} holds no run", "the one that was started there ended before anything was kept",
            "Start it again, without --resume.",
        )  # fmt: skip
    return Reader(path, connection)


def begun(folder: Path | str) -> bool:
    """Whether a folder holds a run; not where one ended before its ledger had its tables.

    Raises:
        LedgerError: the file is damaged, newer or not a ledger.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        return False
    connection = checked(path)
    try:
        return bool(format_of(connection))
    finally:
        connection.close()


class Ledger(Reader):
    """A run's ledger, open for writing.

    Args:
        folder: the run folder; made if it is absent.
        first: settings that enter together with the empty tables, where there is no ledger yet.
        fresh: remove the run that is there.

    Raises:
        RunFolderError: the folder cannot be written, or another process is using it.
        LedgerError: there is a ledger, but it cannot be used.
    """

    def __init__(self, folder: Path | str, first: Mapping[str, str] | None = None, fresh: bool = False) -> None:
        self.folder = Path(folder)
        self._lock = locked(self.folder)
        try:
            path = self.folder / FILE
            if path.exists() and path.stat().st_size:
                checked(path, whole=True).close()
            for name in (FILE, f"{FILE}-wal", f"{FILE}-shm") if fresh else ():
                (self.folder / name).unlink(missing_ok=True)
            self._writing = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            try:
                prepare(self._writing, first or {})
                super().__init__(path, sqlite3.connect(path, isolation_level=None))
            except sqlite3.Error as error:
                self._writing.close()
                raise unwritable(self.folder, error) from None
        except BaseException:
            os.close(self._lock)
            raise
        self._writer = Writer(self._writing, partial(unwritable, self.folder))

    async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
        """Keep an answer; returns once it is committed."""
        await self.commit(of_answer(key, request, draw, response))

    async def book(self, spend: Spend) -> None:
        """Keep what calls may have cost of which no answer tells; returns once it is committed."""
        await self.commit(of_booked(spend))

    async def record(self, records: Sequence[Record]) -> None:
        """Keep a group of records, all or none; returns once they are committed."""
        await self.commit(of_records(records))

    async def commit(self, batch: Batch) -> None:
        """Enter rows in one transaction; returns once they are committed."""
        await self._writer.commit(batch)

    def set_meta(self, key: str, value: str) -> None:
        """Store a setting, while no answer and no record is being written."""
        try:
            self._writing.execute(META, (key, value))
        except sqlite3.Error as error:
            raise unwritable(self.folder, error) from None

    def close(self) -> None:
        """Commit what is waiting, and release the folder."""
        self._writer.close()
        super().close()
        self._writing.close()
        os.close(self._lock)
