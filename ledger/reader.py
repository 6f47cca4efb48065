"""Reading a ledger, whether a run is still writing it or not.

Invariant: reading changes nothing, and a reader sees whole transactions only. Every failure of SQLite is told as a
`LedgerError` that says what to do.
"""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import orjson

from ..errors import RunFolderError
from ..records import Draw, Record, Request, Response, Spend, decode
from .costs import CallCosts
from .file import FILE, LINES, ORDER, format_version, open_checked, read_error
from .step_rows import code_fingerprint
from .tables import BOOKED

__all__ = ["LedgerReader", "StoredAnswer", "holds_run", "read_ledger"]

_DOLLARS = "CASE WHEN COUNT({0}) = COUNT(*) THEN TOTAL({0}) END"
_PAID = f"""
SELECT COUNT(*), {_DOLLARS.format("cost")}, COALESCE(SUM(json_extract(answer, '$.usage.prompt_tokens')), 0),
  COALESCE(SUM(json_extract(answer, '$.usage.completion_tokens')), 0)
FROM (SELECT cost, CAST(response AS TEXT) AS answer FROM responses)
"""
_SPENT = """
SELECT COUNT(*), TOTAL(cost), COALESCE(SUM(json_extract(answer, '$.usage.prompt_tokens')), 0)
  + COALESCE(SUM(json_extract(answer, '$.usage.completion_tokens')), 0)
FROM (SELECT cost, CAST(response AS TEXT) AS answer FROM responses)
"""
_ALONE = f"""
SELECT task, model, variant, SUM(json_extract(json, '$.calls')),
  {_DOLLARS.format("json_extract(json, '$.cost')")},
  SUM(json_extract(json, '$.usage.prompt_tokens')), SUM(json_extract(json, '$.usage.completion_tokens'))
FROM (SELECT task, model, variant, CAST(record AS TEXT) AS json FROM records) GROUP BY task, model, variant
"""
_COMPLETE = """
SELECT task, model, COUNT(*) FROM (
  SELECT task, model FROM finished WHERE episode < ?1 AND variant IN (SELECT value FROM json_each(?2))
  GROUP BY task, model, episode HAVING COUNT(*) = json_array_length(?2)
) GROUP BY task, model
"""
_BEYOND_SQLITE = 2**63


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

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop using the file."""
        self._reading.close()

    def get(self, key: str) -> Response | None:
        """The answer stored under `key`, if there is one."""
        row = self._one("SELECT response FROM responses WHERE key = ?", (key,))
        return None if row is None else decode(Response, row[0])

    def answer(self, key: str) -> StoredAnswer | None:
        """The answer stored under `key`, with its request and draw."""
        row = self._one("SELECT request, response, episode, step, sample FROM responses WHERE key = ?", (key,))
        if row is None:
            return None
        request, response, *draw = row
        return StoredAnswer(decode(Request, zlib.decompress(request)), Draw(*draw), decode(Response, response))

    def answers(self, episode: int) -> list[tuple[str, bytes]]:
        """Keys and encoded responses of an episode, by the number that its draws hold."""
        return list(self._all("SELECT key, response FROM responses WHERE episode = ?", (episode,)))

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
        if any(n is not None and abs(n) >= _BEYOND_SQLITE for n in (episode, step)):
            return
        rows = self._all(
            "SELECT record FROM records WHERE (?1 IS NULL OR episode = ?1) AND (?2 IS NULL OR step = ?2) "
            f"ORDER BY {ORDER}",
            (episode, step),
        )
        for (record,) in rows:
            yield record

    def records_of(self, task: str, model: str, variant: str, episode: int) -> list[Record]:
        """The stored records of one episode of a variant, in the order of their steps."""
        rows = self._all(
            "SELECT record FROM records WHERE task = ? AND model = ? AND variant = ? AND episode = ? ORDER BY step",
            (task, model, variant, episode),
        )
        return [decode(Record, record) for (record,) in rows]

    def csv_lines(self) -> Iterator[bytes] | None:
        """The CSV line of every record, in the same order; None where there are none, or other code made them."""
        if self.meta(LINES) != code_fingerprint():
            return None
        return (line for (line,) in self._all(f"SELECT line FROM lines ORDER BY {ORDER}"))

    def arms(self) -> list[tuple[str, str, str]]:
        """Every (task, model, variant) that has a record."""
        return list(self._all("SELECT DISTINCT task, model, variant FROM records"))

    def finished(self, task: str, model: str, episode: int) -> set[str]:
        """The variants that have finished an episode: all their records are stored, and it need not be played again."""
        rows = self._all(
            "SELECT variant FROM finished WHERE task = ? AND model = ? AND episode = ?", (task, model, episode)
        )
        return {variant for (variant,) in rows}

    def finished_episodes(self) -> dict[tuple[str, str, str], frozenset[int]]:
        """The episodes that each (task, model, variant) has finished, see `finished`."""
        episodes: dict[tuple[str, str, str], set[int]] = {}
        for task, model, variant, episode in self._all("SELECT task, model, variant, episode FROM finished"):
            episodes.setdefault((task, model, variant), set()).add(episode)
        return {arm: frozenset(numbers) for arm, numbers in episodes.items()}

    def complete(self, variants: Sequence[str], episodes: int) -> dict[tuple[str, str], int]:
        """How many of the first `episodes` all of `variants` have finished, per task and model; 0 is left out."""
        rows = self._all(_COMPLETE, (episodes, json.dumps(list(variants))))
        return {(task, model): count for task, model, count in rows}

    def paid(self) -> CallCosts:
        """What the stored answers cost; reads every answer."""
        return CallCosts(*self._one(_PAID))

    def spent(self) -> Spend:
        """What counts against a budget: the stored answers, and what was booked for calls whose answer was lost."""
        calls, dollars, tokens = (float(self.meta(key) or 0) for key in BOOKED)
        return Spend(*self._one(_SPENT)) + Spend(int(calls), dollars, int(tokens))

    def alone(self) -> dict[tuple[str, str, str], CallCosts]:
        """What each (task, model, variant) would have paid alone, with no answer shared; reads every record."""
        return {(task, model, variant): CallCosts(*costs) for task, model, variant, *costs in self._all(_ALONE)}

    def latencies(self) -> dict[str, float]:
        """Seconds from the first attempt to the answer, by the key of the answer."""
        rows = self._all("SELECT key, response FROM responses")
        return {str(key): float(orjson.loads(response)["latency"]) for key, response in rows}

    def _all(self, query: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        try:
            yield from self._reading.execute(query, values)
        except sqlite3.Error as error:
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
    if not path.is_file():
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
    return LedgerReader(path, connection)


def holds_run(folder: Path | str) -> bool:
    """Whether a folder holds a run; not where one ended before its ledger had its tables.

    Raises:
        LedgerError: the file is damaged, newer or not a ledger.
    """
    path = Path(folder) / FILE
    if not path.is_file():
        return False
    connection = open_checked(path)
    try:
        return bool(format_version(connection))
    finally:
        connection.close()
