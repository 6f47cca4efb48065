"""The one thread that writes into a ledger.

Batches that arrive during one turn of the event loop go to the thread as one group, and all groups that wait there
enter in one transaction: a commit costs several switches between the two threads, however few rows it enters.

Invariants
- `commit` returns only once its rows are on the disk, or raises.
- After a failure nothing more is written: everyone who waits, and everyone who comes later, gets the error.
- What arrived before `close` is written, whether anybody still waits for it or not.
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

from .tables import STATEMENTS, Batch


class Writer:
    """Writes until it is closed, on a thread of its own.

    Args:
        connection: is used by that thread alone; its owner closes it.
        write_error: turns the cause of a failure into the error that waiting callers get.
    """

    def __init__(self, connection: sqlite3.Connection, write_error: Callable[[Exception], Exception]) -> None:
        self._connection, self._write_error = connection, write_error
        self._open_group: _Group | None = None
        self._queue: queue.SimpleQueue[_Group | None] = queue.SimpleQueue()
        self._failure: Exception | None = None
        self._closed = False
        self._lock = threading.Lock()  # over the open group: callers may have event loops in several threads
        self._thread = threading.Thread(target=self._write, name="ledger", daemon=True)
        self._thread.start()

    async def commit(self, batch: Batch) -> None:
        """Enter rows in one transaction; returns once they are committed."""
        if self._failure is not None:
            raise self._write_error(self._failure)
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._closed:
                raise self._write_error(ValueError("it is closed"))
            group = self._open_group
            if group is None or group.loop is not loop:
                self._submit(group)
                group = self._open_group = _Group(loop)
                loop.call_soon(self._submit_later, group)
            group.batches.append(batch)
            group.waiting.append(done)
        await done

    def close(self) -> None:
        """Write what is waiting, and end."""
        with self._lock:
            self._submit(self._open_group)
            self._closed = True
            self._queue.put(None)
        self._thread.join()

    def _submit_later(self, group: _Group) -> None:
        with self._lock:
            self._submit(group)

    def _submit(self, group: _Group | None) -> None:
        """Send the open group to the thread; a group that was sent already is left alone."""
        if group is not None and group is self._open_group:
            self._open_group = None
            self._queue.put(group)

    def _write(self) -> None:
        open_ended = True
        while open_ended:
            entries = [self._queue.get()]
            while not self._queue.empty():
                entries.append(self._queue.get())
            open_ended = None not in entries
            groups = [g for g in entries if g is not None]
            error = self._failure or self._transaction([b for g in groups for b in g.batches])
            for group in groups:
                with suppress(RuntimeError):  # its loop is closed: nobody waits any more
                    group.loop.call_soon_threadsafe(self._resolve, group, error)

    def _resolve(self, group: _Group, error: Exception | None) -> None:
        for future in group.waiting:
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(self._write_error(error))

    def _transaction(self, batches: list[Batch]) -> Exception | None:
        if not batches:
            return None
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            for name, rows in _merged(batches):
                self._connection.executemany(STATEMENTS[name], rows)
            self._connection.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  (whatever it is, everyone who waits must get it)
            self._failure = error
            with suppress(sqlite3.Error):  # it is rolled back at the latest when the file is opened again
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            return error
        return None


def _merged(batches: Iterable[Batch]) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    """The rows of each statement together, so that each statement runs once."""
    merged: dict[str, list[tuple[Any, ...]]] = {}
    for name, rows in (part for batch in batches for part in batch):
        merged.setdefault(name, []).extend(rows)
    return iter(merged.items())


@dataclass(slots=True)
class _Group:
    """The batches of one turn of an event loop, with the futures of those who wait for them."""

    loop: asyncio.AbstractEventLoop
    batches: list[Batch] = field(default_factory=list)
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
