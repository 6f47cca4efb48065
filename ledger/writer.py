"""The one thread that writes into a ledger.

What is handed in during one turn of the event loop goes to the thread together, and what waits there enters in one
transaction: a commit costs several switches between the two threads, however few rows it enters.

Invariants
- `commit` returns only once its rows are on the disk, or raises.
- After a failure nothing is written any more: everyone who waits, and everyone who comes, hears of it.
- What was handed in before `close` is written, whether anybody still waits for it or not.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from .tables import INTO, Batch

__all__ = ["Writer"]


class Writer:
    """Writes until it is closed, on a thread of its own.

    Args:
        connection: is used by that thread alone; its owner closes it.
        unwritable: makes of a failure what those who wait are told.
    """

    def __init__(self, connection: sqlite3.Connection, unwritable: Callable[[Exception], Exception]) -> None:
        self._connection, self._unwritable = connection, unwritable
        self._gathering: _Group | None = None
        self._handed: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
        self._broken: Exception | None = None
        self._closed = False
        self._lock = threading.Lock()  # over what is gathered: askers may have event loops in several threads
        self._thread = threading.Thread(target=self._write, name="ledger", daemon=True)
        self._thread.start()

    async def commit(self, batch: Batch) -> None:
        """Enter rows in one transaction; returns once they are committed."""
        if self._broken is not None:
            raise self._unwritable(self._broken)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._closed:
                raise self._unwritable(ValueError("it is closed"))
            group = self._gathering
            if group is None or group.loop is not loop:
                self._hand(group)
                group = self._gathering = _Group(loop)
                loop.call_soon(self._hand_over, group)
            group.batches.append(batch)
            group.waiting.append(done)
        await done

    def close(self) -> None:
        """Write what is waiting, and end."""
        with self._lock:
            self._hand(self._gathering)
            self._closed = True
            self._handed.put(None)
        self._thread.join()

    def _hand_over(self, group: _Group) -> None:
        with self._lock:
            self._hand(group)

    def _hand(self, group: _Group | None) -> None:
        if group is not None and group is self._gathering:
            self._gathering = None
            self._handed.put(group)

    def _write(self) -> None:
        at_work = True
        while at_work:
            groups = [self._handed.get()]
            while not self._handed.empty():
                groups.append(self._handed.get())
            at_work = None not in groups
            todo = [g for g in groups if g is not None]
            error = self._broken or self._transaction([b for g in todo for b in g.batches])
            for group in todo:
                with suppress(RuntimeError):  # its loop is closed: nobody waits any more
                    group.loop.call_soon_threadsafe(self._resolve, group, error)

    def _resolve(self, group: _Group, error: Exception | None) -> None:
        for future in group.waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(self._unwritable(error))

    def _transaction(self, batches: list[Batch]) -> Exception | None:
        if not batches:
            return None
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for table, rows in _merged(batches):
                self._connection.executemany(INTO[table], rows)
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  (whatever it is, everyone must hear of it)
            self._broken = error
            with suppress(sqlite3.Error):  # it is undone at the latest when the file is opened again
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            return error
        return None


def _merged(batches: Iterable[Batch]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """The rows of each table together: one statement each."""
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for table, some in (part for batch in batches for part in batch):
        rows.setdefault(table, []).extend(some)
    return iter(rows.items())


@dataclass(slots=True)
class _Group:
    """What is handed in during one turn of an event loop."""

    loop: asyncio.AbstractEventLoop
    batches: list[Batch] = field(default_factory=list)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
