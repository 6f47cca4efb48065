"""The ledger: one SQLite file that holds every answer and every record of a run, open for writing.

Invariants
- An answer is committed before it is used: `put` returns only then. All writes go through one thread (`writer.py`).
- A group of records (all variants at one situation) enters whole or not at all, so the stored pairs are complete.
- A variant's episode is marked as finished once all its records are in and no call that it needs was given up. A
  resumed run need not play it again.
- Beside each record, in a table of its own, lies the line that scoring needs of it (`step_rows.py`). Both enter in
  one transaction, and `meta` says which code made the lines.
- To resume is to replay: an episode that is not finished starts again, and every answered draw comes from here.
- One process writes. It holds a lock on the run folder, which the operating system releases however the process dies.

Which file is a ledger, and of which format: `file.py`. How it is read: `reader.py`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from ..records import Draw, Record, Request, Response, Spend, encode
from .checksums import register
from .file import FILE, SET_META, lock_folder, open_checked, prepare, write_error
from .provenance import RunSession, begin_session, utc_now
from .reader import SESSIONS, LedgerReader
from .tables import Batch, answer_rows, booked_rows, record_rows
from .writer import Writer


class Ledger(LedgerReader):
    """A run's ledger, open for writing.

    Args:
        folder: the run folder; made if it is absent.
        settings: enter together with the empty tables, where there is no ledger yet.
        fresh: remove the run that is there.

    Raises:
        RunFolderError: the folder cannot be written, or another process is using it.
        LedgerError: there is a ledger, but it cannot be used.
    """

    def __init__(self, folder: Path | str, settings: Mapping[str, str] | None = None, fresh: bool = False) -> None:
        self.folder = Path(folder)
        self._lock = lock_folder(self.folder)
        try:
            path = self.folder / FILE
            if path.exists() and path.stat().st_size:
                open_checked(path, thorough=True).close()
            for name in (FILE, f"{FILE}-wal", f"{FILE}-shm") if fresh else ():
                (self.folder / name).unlink(missing_ok=True)
            self._writing = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            try:
                prepare(self._writing, path, settings or {})
                super().__init__(path, register(sqlite3.connect(path, isolation_level=None)))
            except BaseException as error:
                self._writing.close()
                if isinstance(error, sqlite3.Error):
                    raise write_error(self.folder, error) from None
                raise
        except BaseException:
            self._lock.release()
            raise
        self._writer = Writer(self._writing, partial(write_error, self.folder))

    async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
        """Store an answer; returns once it is committed."""
        await self.commit(answer_rows(key, request, draw, response))

    async def book(self, spend: Spend) -> None:
        """Store what calls may have cost whose answer was lost; returns once it is committed."""
        await self.commit(booked_rows(spend))

    async def record(self, records: Sequence[Record]) -> None:
        """Store a group of records, all or none; returns once they are committed."""
        await self.commit(record_rows(records))

    async def commit(self, batch: Batch) -> None:
        """Enter rows in one transaction; returns once they are committed."""
        await self._writer.commit(batch)

    def set_meta(self, key: str, value: str) -> None:
        """Store a setting, while no answer and no record is being written."""
        try:
            self._writing.execute(SET_META, (key, value))
        except sqlite3.Error as error:
            raise write_error(self.folder, error) from None

    def begin_session(self) -> None:
        """Store that the run is played from now on: where, when and by what."""
        self._keep_sessions([*self.sessions(), begin_session()])

    def end_session(self, end: str) -> None:
        """Store how the session that was begun last has ended.

        Args:
            end: "complete", or why it is not.
        """
        *before, last = self._stored_sessions()
        self._keep_sessions([*before, replace(last, ended=utc_now(), end=end, models=self.reported())])

    def _keep_sessions(self, sessions: Sequence[RunSession]) -> None:
        self.set_meta(SESSIONS, encode(sessions).decode())

    def close(self) -> None:
        """Commit what is waiting, and release the folder."""
        self._writer.close()
        super().close()
        self._writing.close()
        self._lock.release()
