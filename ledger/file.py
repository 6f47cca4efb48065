"""The file of a ledger: its format and tables, whether it is sound, and who holds it.

Invariant: a file that is newer, damaged or of another program is refused with the remedy, and not touched. A ledger of
an older format, or with lines that other code made, is brought up to date in one transaction when it is opened for
writing, and is left as it is when it is opened for reading.
"""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import LedgerDamaged, LedgerError, RunFolderError
from .checksums import ALL, CHECKSUMS, HASHED, damaged, first_misfit, register
from .step_rows import code_fingerprint, csv_line

if TYPE_CHECKING:
    from filelock import BaseFileLock

FILE, LOCK = "ledger.sqlite", "lock"
PATIENCE = 0.3  # seconds; long enough to see that the process of a marker is gone
APPLICATION = 0x616B7261  # "akra"
VERSION = 5  # 1 had no lines, 2 no marks of finished episodes, 3 no sums, 4 no tools
UNREADABLE = (sqlite3.Error, UnicodeDecodeError)  # what a damaged file makes the sqlite3 module raise
LINES = "lines"  # the setting that says which code made the lines
_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL, checksum INTEGER) WITHOUT ROWID;
CREATE TABLE responses (
  key TEXT NOT NULL PRIMARY KEY, model TEXT NOT NULL, episode INTEGER NOT NULL, step INTEGER NOT NULL,
  sample INTEGER NOT NULL,
  request BLOB NOT NULL, response BLOB NOT NULL, cost REAL, checksum INTEGER
);
CREATE TABLE records (
  task TEXT NOT NULL, model TEXT NOT NULL, variant TEXT NOT NULL, episode INTEGER NOT NULL, step INTEGER NOT NULL,
  record BLOB NOT NULL, checksum INTEGER, PRIMARY KEY (task, model, variant, episode, step)
);
"""
# Large rows: as tables WITHOUT ROWID each would lie on overflow pages of its own, in a file 2.5 times the size.
_SCHEMA_LINES = """
CREATE TABLE lines (
  task TEXT NOT NULL, model TEXT NOT NULL, variant TEXT NOT NULL, episode INTEGER NOT NULL, step INTEGER NOT NULL,
  line BLOB NOT NULL, checksum INTEGER, PRIMARY KEY (task, model, variant, episode, step)
) WITHOUT ROWID
"""
_SCHEMA_FINISHED = """
CREATE TABLE IF NOT EXISTS finished (
  task TEXT NOT NULL, model TEXT NOT NULL, episode INTEGER NOT NULL, variant TEXT NOT NULL,
  checksum INTEGER, PRIMARY KEY (task, model, episode, variant)
) WITHOUT ROWID
"""
_INDEX = "CREATE INDEX IF NOT EXISTS answers_of_episode ON responses (episode)"
ORDER = "task, model, variant, episode, step"
_HOLDS_SETTING = "SELECT 1 FROM meta WHERE key = ? AND value = ?"
SET_META = "INSERT OR REPLACE INTO meta VALUES (?1, ?2, checksum(?1, ?2))"
_MAKE_LINES = f"""
INSERT INTO lines SELECT {ORDER}, line, row_checksum('lines', {ORDER}, line)
FROM (SELECT {ORDER}, csv_line(record) AS line FROM records)
"""
_LATER_TABLES = ("lines", "finished")  # of format 2 and 3


def write_error(folder: Path, error: Exception) -> LedgerError:
    """The error of a failure to write."""
    return LedgerError(
        f"the ledger in {str(folder)!r} could not be written",
        str(error),
        "What was committed is safe: free the disk or the file and resume the run.",
    )


def lock_folder(folder: Path) -> BaseFileLock:
    """Make the folder and take its lock, which ends with its process. `release` ends it before.

    Raises:
        RunFolderError: the folder cannot be written, or another process holds it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # where a Python has no file locks, which `akrasia doctor` says
        from filelock import FileLock, Timeout

    lock = FileLock(folder / LOCK, thread_local=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a system without locks: a marker with the process in it
            lock.acquire(timeout=PATIENCE)
    except Timeout:
        raise RunFolderError(
            f"the run folder {str(folder)!r} is in use by another process", remedy="Wait for it, or choose another."
        ) from None
    except OSError as error:
        raise RunFolderError(
            f"the run folder {str(folder)!r} cannot be written", error.strerror or str(error), "Choose another --out."
        ) from None
    return lock


def prepare(connection: sqlite3.Connection, path: Path, settings: Mapping[str, str]) -> None:
    """Give an empty file its tables and first settings, or bring an older ledger up to date, in one transaction.

    Raises:
        LedgerDamaged: a record of which lines are to be made does not fit its checksum.
    """
    register(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 10000")
    version = format_version(connection)
    if version == VERSION and connection.execute(_HOLDS_SETTING, (LINES, code_fingerprint())).fetchone():
        return
    connection.execute("BEGIN IMMEDIATE")
    if not version:
        for statement in filter(None, map(str.strip, _SCHEMA.split(";"))):
            connection.execute(statement)
        connection.executemany(SET_META, [*settings.items(), (CHECKSUMS, ALL)])
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
    for statement in ("DROP TABLE IF EXISTS lines", _SCHEMA_LINES, _SCHEMA_FINISHED, _INDEX):
        connection.execute(statement)
    for table in HASHED:
        if not has_checksums(connection, table):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN checksum INTEGER")
    connection.create_function("csv_line", 1, csv_line, deterministic=True)
    if misfit := first_misfit(connection, "records", strict=False):
        raise damaged(path, "records", misfit)
    connection.execute(_MAKE_LINES)
    connection.execute(SET_META, (LINES, code_fingerprint()))
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def open_checked(path: Path, thorough: bool = False) -> sqlite3.Connection:
    """A read-only connection to a file that was checked to be a ledger, of a format that is known here.

    Args:
        thorough: read the whole file to see that it is sound, before something is written into it.

    Raises:
        LedgerError: it is none, or cannot be opened.
    """
    try:
        connection = _connect(path)
    except UNREADABLE as error:
        raise read_error(path, error) from None
    try:
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = format_version(connection)
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        flaw = connection.execute("PRAGMA quick_check(1)").fetchone()[0] if thorough else "ok"
        if flaw != "ok":
            raise sqlite3.DatabaseError(flaw)
    except UNREADABLE as error:
        connection.close()
        raise read_error(path, error) from None
    problem = ""
    if application != APPLICATION and (version or application or tables):
        problem = "it was written by another program"
    elif version > VERSION:
        problem = f"it has format {version}, this akrasia knows {VERSION}"
    elif version < 0 or (not version and tables):
        problem = "its format is not told: the file is damaged"
    elif version and not tables >= {"meta", "responses", "records", *_LATER_TABLES[: max(version - 1, 0)]}:
        problem = "it lacks some of its tables"
    if problem:
        connection.close()
        raise LedgerError(f"{str(path)!r} cannot be used", problem, "Use the version that wrote it, or a new folder.")
    return connection


def format_version(connection: sqlite3.Connection) -> int:
    """The format of a ledger; 0 where it has no tables yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def has_checksums(connection: sqlite3.Connection, table: str) -> bool:
    """Whether there is a table of that name whose rows can hold checksums."""
    return "checksum" in columns_of(connection, table)


def columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    """The names of a table's columns; empty where there is no such table."""
    return [name for _, name, *_ in connection.execute(f"PRAGMA table_info({table})")]


def _connect(path: Path) -> sqlite3.Connection:
    """A read-only connection, also where nothing can be written beside the file, such as on a read-only disk."""
    address = f"{path.resolve().as_uri()}?mode=ro"
    connection = register(sqlite3.connect(address, uri=True, isolation_level=None))
    try:
        format_version(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        if _kind(error) not in ("CANTOPEN", "READONLY") or path.with_name(f"{FILE}-wal").exists():
            raise
        connection = register(sqlite3.connect(f"{address}&immutable=1", uri=True, isolation_level=None))
    return connection


def _kind(error: Exception) -> str:
    """SQLite's own name for an error, such as BUSY or CORRUPT."""
    return str(getattr(error, "sqlite_errorname", "")).removeprefix("SQLITE_").partition("_")[0]


def read_error(path: Path, error: Exception) -> LedgerError:
    """The error of a failure to read, by SQLite's own kind of it."""
    what, remedy = {
        "BUSY": ("is locked by another program", "Wait until that has ended, or end it."),
        "LOCKED": ("is locked by another program", "Wait until that has ended, or end it."),
        "CANTOPEN": ("cannot be opened", "See that you may read the file and its folder."),
        "READONLY": ("cannot be opened", "See that you may read the file and write into its folder."),
        "PERM": ("cannot be opened", "See that you may read the file and its folder."),
        "IOERR": ("cannot be read", "See that the disk is there and has room."),
    }.get(_kind(error), ("is damaged or is not a ledger", "Restore it from a copy, or start a new run."))
    kind = LedgerDamaged if what.startswith("is damaged") else LedgerError
    return kind(f"{str(path)!r} {what}", str(error), remedy)
