"""By which reader a run's answers were read, and how often it errs on the rows of its table of the same kind."""

from __future__ import annotations

from dataclasses import dataclass

from ..ledger.provenance import UNKNOWN_READER
from ..records import READER_ERRORS, READER_VERSION, ReadingErrors
from .run_tables import RunTables


@dataclass(frozen=True, slots=True)
class HowRead:
    """How the answers of one kind were read.

    Attributes:
        kind: which answers (`akrasia.records.answer_kind`); tasks: those that ask for such.
        readers: the versions that the sessions of the run used, each once; "" is one that was not recorded.
        errors: of the version at hand on its table; None where it did not read them, or the table has no such rows.
    """

    kind: str
    tasks: tuple[str, ...]
    readers: tuple[str, ...]
    errors: ReadingErrors | None

    def __str__(self) -> str:
        versions = " and ".join(f"reader {reader or UNKNOWN_READER}" for reader in self.readers)
        who = f"{', '.join(self.tasks)}: read by {versions}"
        if self.errors is not None:
            return f"{who}; on {self.errors.rows} rows of its own table ({self.kind}): {self.errors.counts}"
        if self.readers != (READER_VERSION,):
            return f"{who}; the error rates at hand are those of reader {READER_VERSION} and say nothing of it"
        return f"{who}; its table holds no answers of this kind ({self.kind}), so its error rate is not measured"


def how_read(run: RunTables) -> tuple[HowRead, ...]:
    """One for each kind of answer; empty where no model answered, or the run keeps no record of its sessions."""
    read = run.steps.drop_nulls("answer_kind").select("answer_kind", "task").unique(maintain_order=True)
    readers = _readers(run)
    if not readers:
        return ()
    kinds: dict[str, list[str]] = {}
    for kind, task in read.iter_rows():
        kinds.setdefault(kind, []).append(task)
    own = readers == (READER_VERSION,)
    return tuple(
        HowRead(kind, tuple(tasks), readers, READER_ERRORS.get(kind) if own else None) for kind, tasks in kinds.items()
    )


def several_readers(run: RunTables) -> list[str]:
    """A warning where sessions of one run had different readers."""
    readers = _readers(run)
    if len(readers) < 2:
        return []
    named = ", ".join(reader or "not recorded" for reader in readers)
    return [
        f"the sessions of this run had different readers of answers ({named}): a difference between steps of different "
        "sessions may be theirs; play the run again in a new folder"
    ]


def _readers(run: RunTables) -> tuple[str, ...]:
    """The versions of the reader that the sessions of a run used, each once; "" is one that was not recorded."""
    if run.imported is not None:
        return (run.imported.reader,) if run.imported.reader else ()
    return tuple(dict.fromkeys(session.reader for session in run.sessions))
