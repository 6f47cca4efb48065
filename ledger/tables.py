"""The rows of a ledger's tables: made where an episode is played, entered where the ledger is.

Invariant: a batch is plain data (text, bytes and numbers), complete, and enters in one transaction. Whoever made it
uses what is in it only once it is committed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from ..records import Draw, Record, Request, Response, Spend, encode
from .checksums import checksum, with_contents
from .step_rows import csv_line

Batch = tuple[tuple[str, list[tuple[Any, ...]]], ...]
"""The rows to enter, per statement of `STATEMENTS`."""

RECORD = 5  # where its JSON stands in a row of the statement "records"
BOOKED = ("booked calls", "booked dollars", "booked tokens")
"""The settings that hold what counts against the budget though no answer is stored for it."""

_ABANDONED = (
    "DELETE FROM {0} WHERE task = ?1 AND model = ?2 AND variant = ?3 AND episode = ?4 AND step > ?5 AND NOT EXISTS "
    "(SELECT 1 FROM finished WHERE task = ?1 AND model = ?2 AND variant = ?3 AND episode = ?4)"
)

STATEMENTS = {
    "abandoned records": _ABANDONED.format("records"),
    "abandoned lines": _ABANDONED.format("lines"),
    "responses": "INSERT OR IGNORE INTO responses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "records": "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?, ?)",
    "lines": "INSERT OR REPLACE INTO lines VALUES (?, ?, ?, ?, ?, ?, ?)",
    "finished": "INSERT OR REPLACE INTO finished VALUES (?, ?, ?, ?, ?)",
    "note": (
        "INSERT INTO meta VALUES (?1, ?2, checksum(?1, ?2)) ON CONFLICT (key) DO UPDATE "
        "SET value = excluded.value, checksum = excluded.checksum"
    ),
    "booked": (
        "INSERT INTO meta VALUES (?1, CAST(?2 AS TEXT), checksum(?1, CAST(?2 AS TEXT))) ON CONFLICT (key) DO UPDATE "
        "SET value = value + excluded.value, checksum = checksum(key, CAST(value + excluded.value AS TEXT))"
    ),
}
"""How rows enter. Of two answers under one key the first stands. Of two records of one step the last stands; they
differ only where a call that was given up is asked again. The episode may then go another way: its stored steps after
the one that enters belong to the abandoned way, and are deleted.
"""


def answer_rows(key: str, request: Request, draw: Draw, response: Response) -> Batch:
    """An answer under its key, with its request."""
    compressed = zlib.compress(encode(request), 1)
    names, answer = (key, request.model, draw.episode, draw.step, draw.sample), encode(response)
    cost = None if response.cost is None else float(response.cost)
    total = checksum(*names, cost, compressed, answer)
    return (("responses", [(*names, compressed, answer, cost, total)]),)


def record_rows(records: Sequence[Record]) -> Batch:
    """A group of records, each with the line that scoring needs of it."""
    keys = [(r.task, r.model, r.variant, r.episode, r.step) for r in records]
    rows = [_record_row(key, encode(r)) for key, r in zip(keys, records, strict=True)]
    last_step: dict[tuple[Any, ...], int] = {}
    for r in records:
        episode = (r.task, r.model, r.variant, r.episode)
        last_step[episode] = max(r.step, last_step.get(episode, 0))
    abandoned = [(*episode, step) for episode, step in last_step.items()]
    return (
        ("abandoned records", abandoned),
        ("abandoned lines", abandoned),
        ("records", [record for record, _ in rows]),
        ("lines", [line for _, line in rows]),
    )


def _record_row(key: tuple[Any, ...], record: bytes) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The rows of a record and of its line."""
    line = csv_line(record)
    return (*key, record, checksum(*key, record)), (*key, line, with_contents(0, line))


def finished_rows(task: str, model: str, variant: str, episode: int) -> Batch:
    """The mark that all records of a variant's episode are stored."""
    row = (task, model, episode, variant)
    return (("finished", [(*row, checksum(*row))]),)


def booked_rows(spend: Spend) -> Batch:
    """What calls may have cost whose answer was lost; added to what is booked already."""
    return (("booked", list(zip(BOOKED, (spend.calls, spend.dollars, spend.tokens), strict=True))),)
