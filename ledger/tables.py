"""What is kept of a run as rows of its ledger's tables: made where an episode is played, entered where the ledger is.

Invariant: a batch is plain data (text, bytes and numbers), complete, and enters in one transaction; whoever made it
uses what is in it only once it is committed.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from ..records import Draw, Record, Request, Response, Spend, encode
from .step_rows import line

__all__ = ["BOOKED", "INTO", "Batch", "of_answer", "of_booked", "of_finished", "of_records"]

Batch = tuple[tuple[str, list[tuple[Any, ...]]], ...]
"""Per table, the rows to enter."""

BOOKED = ("booked calls", "booked dollars", "booked tokens")
"""The settings that hold what was booked against the budget and stands in no answer."""

_ABANDONED = (
    "DELETE FROM {0} WHERE task = ?1 AND model = ?2 AND variant = ?3 AND episode = ?4 AND step > ?5 AND NOT EXISTS "
    "(SELECT 1 FROM finished WHERE task = ?1 AND model = ?2 AND variant = ?3 AND episode = ?4)"
)

INTO = {
    "abandoned records": _ABANDONED.format("records"),
    "abandoned lines": _ABANDONED.format("lines"),
    "responses": "INSERT OR IGNORE INTO responses VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    "records": "INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?, ?)",
    "lines": "INSERT OR REPLACE INTO lines VALUES (?, ?, ?, ?, ?, ?)",
    "finished": "INSERT OR REPLACE INTO finished VALUES (?, ?, ?, ?)",
    "booked": "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = value + excluded.value",
}
"""The statement of each table. The first answer stands; of a record the last, which differs only where a call that was
given up is asked again. An episode that is played again may then take another course: what lies behind the step that is
entered belongs to the course that was abandoned.
"""


def of_answer(key: str, request: Request, draw: Draw, response: Response) -> Batch:
    """An answer under its key, with what was asked."""
    asked = zlib.compress(encode(request), 1)
    row = (key, request.model, draw.episode, draw.step, draw.sample, asked, encode(response), response.cost)
    return (("responses", [row]),)


def of_records(records: Sequence[Record]) -> Batch:
    """A group of records, each with the line that scoring needs of it."""
    keys = [(r.task, r.model, r.variant, r.episode, r.step) for r in records]
    coded = [encode(r) for r in records]
    last: dict[tuple[Any, ...], int] = {}
    for r in records:
        arm = (r.task, r.model, r.variant, r.episode)
        last[arm] = max(r.step, last.get(arm, 0))
    behind = [(*arm, step) for arm, step in last.items()]
    return (
        ("abandoned records", behind),
        ("abandoned lines", behind),
        ("records", [(*key, record) for key, record in zip(keys, coded, strict=True)]),
        ("lines", [(*key, line(record)) for key, record in zip(keys, coded, strict=True)]),
    )


def of_finished(task: str, model: str, variants: Sequence[str], episode: int) -> Batch:
    """The mark that all records of an episode are in."""
    return (("finished", [(task, model, episode, variant) for variant in variants]),)


def of_booked(spend: Spend) -> Batch:
    """What calls may have cost of which no answer tells: it is added to what is booked already."""
    return (("booked", list(zip(BOOKED, (spend.calls, spend.dollars, spend.tokens), strict=True))),)
