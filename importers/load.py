"""A source made a run: read, written whole or not at all, and marked as imported.

Invariants: a run folder that exists is left as it is unless it is to be replaced; the ledger appears under its name
only once every row is in it; two rows of one arm that claim the same trial of the same item do not both enter.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..errors import BadOption, RunFolderError
from ..files import replacing
from ..ledger import holds_run
from ..ledger.checksums import names_checksum, with_contents
from ..ledger.file import FILE, SET_META, lock_folder, prepare, write_error
from ..ledger.imported import IMPORTED, ImportedFrom
from ..ledger.provenance import utc_now
from ..ledger.tables import STATEMENTS, answer_rows
from ..records import READER_VERSION, encode
from .base import ARM, IMPORTERS, UNNAMED, Importer, Intake, SourceRow
from .records import MadeRow, RecordMaker, StoredResponse

AT_ONCE = 5_000  # records that are written together
TOLD = 3  # reasons that an error names
DETAILS = ("calls", "tokens", "dollars", "time", "what the rationale recommends", "the answers' texts")


def import_run(
    kind: str,
    source: Path | str,
    out: Path | str,
    *,
    fresh: bool = False,
    task: str = "",
    model: str = "",
    variant: str = "",
    baseline: str = "",
    confirm: Callable[[Sequence[tuple[str, str, str, bool]]], None] | None = None,
    **options: Any,
) -> ImportedFrom:
    """Import a source of the format `kind` into the run folder `out`; returns what came of it.

    Args:
        fresh: replace the run that the folder holds.
        task, model, variant: of rows that name none.
        baseline: the variant that others are compared with; by default the first that comes.
        confirm: is shown what was guessed, see `Intake`.
        options: of the importer.

    Raises:
        UnknownName: there is no such format, or it has no such option.
        BadOption: the source is not of that format, or no row of it can be read.
        RunFolderError: the folder holds a run, or cannot be written.
    """
    importer, path = IMPORTERS.make(kind, **options), Path(source)
    name = path.name.partition(".")[0] or kind
    intake = Intake(name, options={k: str(v) for k, v in options.items()}, confirm=confirm)
    maker = RecordMaker(kind, task or name, model or UNNAMED, variant or ARM, baseline)
    return import_rows(kind, importer, path, Path(out), intake, maker, fresh, named=bool(task))


def import_rows(
    kind: str,
    importer: Importer,
    source: Path,
    out: Path,
    intake: Intake,
    maker: RecordMaker,
    fresh: bool = False,
    named: bool = False,
) -> ImportedFrom:
    """What `import_run` does, with everything made.

    Args:
        named: the task's name was given, so the source's own does not replace it.
    """
    if holds_run(out) and not fresh:
        raise RunFolderError(
            f"{str(out)!r} holds a run already", remedy="Choose another --out, or replace it: --fresh."
        )
    created = not out.exists()
    lock = lock_folder(out)
    try:
        with replacing(out / FILE) as part:
            imported = _write(kind, importer.read(source, intake), part, out, intake, maker, named)
        for suffix in ("-wal", "-shm"):  # of the run that was replaced
            (out / f"{FILE}{suffix}").unlink(missing_ok=True)
    except BaseException:
        lock.release()
        if created:
            _remove_empty(out)
        raise
    lock.release()
    return imported


def guess_kind(source: Path) -> list[str]:
    """The formats that a source looks like, by its beginning."""
    return [name for name in IMPORTERS if name != "table" and _recognised(name, source)]


def _recognised(name: str, source: Path) -> bool:
    try:
        return IMPORTERS.make(name).recognises(source)
    except Exception:  # a stranger's importer may raise anything, and an extra may be missing
        return False


def _write(
    kind: str,
    rows: Iterator[SourceRow],
    part: Path,
    out: Path,
    intake: Intake,
    maker: RecordMaker,
    named: bool,
) -> ImportedFrom:
    connection = sqlite3.connect(part, isolation_level=None)
    try:
        prepare(connection, part, {})
        connection.execute("PRAGMA journal_mode = MEMORY")  # the file has no name yet: nobody reads it, and it is
        connection.execute("PRAGMA synchronous = OFF")  # made durable as a whole when it gets one
        writer = _Writer(connection, intake)
        connection.execute("BEGIN")
        for row in rows:
            if not named and intake.name != maker.task and not writer.records:
                maker.task = intake.name
            writer.add(maker.made(row), row.where)
        writer.flush()
        imported = _imported(kind, intake, maker, writer)
        if not writer.records:
            raise _nothing(kind, intake, imported)
        for key, value in (
            (IMPORTED, encode(imported).decode()),
            ("experiment", json.dumps(_experiment(intake, maker, writer))),
        ):
            connection.execute(SET_META, (key, value))
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise write_error(out, error) from None
    finally:
        connection.close()
    return imported


@dataclass
class _Writer:
    """Writes records in groups, and sees that no arm holds a trial twice."""

    connection: sqlite3.Connection
    intake: Intake
    records: int = 0
    arms: dict[tuple[str, str, str], bytearray] = field(default_factory=dict)
    read_here: int = 0
    leaks: dict[str, str] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _records: list[tuple[Any, ...]] = field(default_factory=list)
    _lines: list[tuple[Any, ...]] = field(default_factory=list)
    _answers: list[StoredResponse] = field(default_factory=list)
    _more_steps: set[tuple[str, str, str, int, int]] = field(default_factory=set)

    def add(self, made: MadeRow, where: str) -> None:
        """Take a record, unless its arm holds that trial already."""
        if not self._is_new(made.key):
            trial = f" in trial {made.trial}" if made.trial else ""
            self.intake.leave_out(where, f"its arm holds another row of the same item{trial}")
            return
        task, _, variant, _, step = made.key
        self.records += 1
        self.read_here += made.read_here
        self.steps[task] = max(self.steps[task], step + 1)
        if made.leaks:
            self.leaks[variant] = made.leaks
        self._records.append((*made.key, made.data, with_contents(names_checksum(made.key), made.data)))
        self._lines.append((*made.key, made.line, with_contents(0, made.line)))
        if made.stored is not None:
            self._answers.append(made.stored)
        if len(self._records) >= AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what was taken."""
        self.connection.executemany(STATEMENTS["records"], self._records)
        self.connection.executemany(STATEMENTS["lines"], self._lines)
        for one in self._answers:
            for name, rows in answer_rows(one.key, one.request, one.draw, one.response):
                self.connection.executemany(STATEMENTS[name], rows)
        for group in (self._records, self._lines, self._answers):
            group.clear()

    def _is_new(self, key: tuple[str, str, str, int, int]) -> bool:
        *arm, episode, step = key
        if step:
            known = key in self._more_steps
            self._more_steps.add(key)
            return not known
        held = self.arms.setdefault((arm[0], arm[1], arm[2]), bytearray())
        if episode >= len(held):
            held.extend(bytes(episode + 1 - len(held) + len(held) // 2))
        known = bool(held[episode])
        held[episode] = 1
        return not known


def _imported(kind: str, intake: Intake, maker: RecordMaker, writer: _Writer) -> ImportedFrom:
    if maker.secrets:
        intake.note(f"{maker.secrets:,} keys in its texts were replaced by [key]")
    return ImportedFrom(
        kind=kind,
        akrasia=_version(),
        at=utc_now(),
        files=tuple(intake.files),
        rows=intake.rows,
        records=writer.records,
        tool=intake.tool,
        options=dict(intake.options),
        absent=tuple(what for what in DETAILS if what not in maker.present),
        notes=tuple(intake.notes),
        left_out=intake.left_out,
        doubted=intake.doubted,
        reader=READER_VERSION if writer.read_here else "",
    )


def _experiment(intake: Intake, maker: RecordMaker, writer: _Writer) -> Mapping[str, Any]:
    """The settings that surfaces read of a run, as far as an imported one has them."""
    tasks, models, variants = (list(dict.fromkeys(arm[i] for arm in writer.arms)) for i in range(3))
    return {
        "name": intake.name,
        "imported": maker.kind,
        "task": [{"name": t} for t in tasks],
        "task_labels": tasks,
        "models": [{"default": {"id": m, "label": m, "note": ""}} for m in models],
        "labels": models,
        "variants": {
            v: {"plan": v, "calls": "?", "depth": "?", **({"leaks": writer.leaks[v]} if v in writer.leaks else {})}
            for v in sorted(variants, key=lambda v: v != maker.baseline)
        },
        "decisions": dict(writer.steps),
        "design": "fork",
    }


def _nothing(kind: str, intake: Intake, imported: ImportedFrom) -> BadOption:
    reasons = "; ".join(str(one) for one in imported.left_out[:TOLD]) or "it holds no row"
    files = ", ".join(f.name for f in imported.files[:TOLD]) or intake.name
    return BadOption(
        f"no row of {files!r} can be imported as {kind}",
        reasons,
        "Give the format that it is, or say which column is what: akrasia import table FILE --map item=...,right=...",
    )


def _version() -> str:
    try:
        return version("akrasia")
    except PackageNotFoundError:
        return "unknown"


def _remove_empty(folder: Path) -> None:
    """Remove a folder that this import made and left without a run."""
    for path in folder.glob("*") if folder.is_dir() else ():
        if path.name == "lock":
            path.unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError:
        return
