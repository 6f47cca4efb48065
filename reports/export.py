"""Records out of a run, in a format that is known by name: as stored (JSON lines), or as the table (Parquet, CSV).

An exporter is a function of a run to the bytes of a file. It is asked for by its name, or by a file that ends in it;
third parties register theirs in the entry-point group `akrasia.exporters`.

Invariant: a file is written whole or not at all.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import polars as pl

from ..errors import BadOption
from ..evals.completeness import missing_sentence
from ..evals.run_tables import RunTables
from ..files import write_file
from ..ledger import read_ledger
from ..ledger.provenance import ended_sentence
from ..records import encode
from ..registry import Registry

__all__ = ["EXPORTERS", "Exporter", "RecordSource", "export_records", "write_provenance"]


@dataclass(frozen=True, slots=True)
class RecordSource:
    """The records of a run.

    Attributes:
        folder: the run folder.
        table: one row per step of a variant (columns: `akrasia.evals.frame`).
    """

    folder: Path
    table: pl.DataFrame

    def lines(self) -> list[bytes]:
        """Every record in canonical JSON, ordered by task, model, variant, episode and step."""
        with read_ledger(self.folder) as ledger:
            return list(ledger.raw_records())

    def answers(self) -> list[bytes]:
        """Every answer that the records refer to, in their order: its key, who spoke, request and response as JSON."""
        found: dict[str, bytes] = {}
        with read_ledger(self.folder) as ledger:
            for record in ledger.records():
                for turn in record.decision.turns:
                    answer = ledger.answer(turn.key) if turn.key and turn.key not in found else None
                    if answer is not None:
                        said = {"request": answer.request, "response": answer.response}
                        found[turn.key] = encode({"key": turn.key, "role": turn.role, "model": record.model, **said})
        return list(found.values())


Exporter: TypeAlias = Callable[[RecordSource], bytes]
EXPORTERS: Registry[Exporter] = Registry("export format", "akrasia.exporters")


def _jsonl() -> Exporter:
    """One record a line, as stored: two runs with the same answers give the same bytes."""
    return lambda run: b"".join(line + b"\n" for line in run.lines())


def _parquet() -> Exporter:
    """The table of records, as Parquet."""

    def write(run: RecordSource) -> bytes:
        buffer = io.BytesIO()
        run.table.write_parquet(buffer)
        return buffer.getvalue()

    return write


def _csv() -> Exporter:
    """The table of records, as comma-separated values."""

    def write(run: RecordSource) -> bytes:
        buffer = io.BytesIO()
        run.table.write_csv(buffer)
        return buffer.getvalue()

    return write


def _answers() -> Exporter:
    """Every answer behind the records, once each, one a line: what was asked, what was answered, what was thought."""
    return lambda run: b"".join(line + b"\n" for line in run.answers())


for _name, _factory in (("jsonl", _jsonl), ("parquet", _parquet), ("csv", _csv), ("answers", _answers)):
    EXPORTERS.register(_name, _factory)


def export_records(run: RecordSource, path: Path, form: str | None = None) -> Path:
    """Write a run's records to `path`.

    Args:
        form: name of the format; by default the file's ending.

    Raises:
        UnknownName: there is no format of that name.
        BadOption: no format is named, and the file has no ending.
        RunFolderError: the file cannot be written.
    """
    name = path.suffix.removeprefix(".") if form is None else form
    if not name:
        raise BadOption(
            f"the export format of {str(path)!r} is unknown",
            "the file has no ending",
            f"Name one of {', '.join(EXPORTERS)}.",
        )
    return write_file(path, EXPORTERS.make(name)(run))


def write_provenance(run: RunTables, exported: Path) -> Path:
    """Write what must be known of exported records beside them, as `NAME.provenance.json`; returns its path.

    Raises:
        RunFolderError: the file cannot be written.
    """
    leaking = run.steps.filter(pl.col("leaks").is_not_null())["variant"].unique(maintain_order=True)
    known = {
        "missing": run.missing,
        "not_complete": missing_sentence(run.missing, ended_sentence(run.sessions)),
        "told_by_the_oracle": list(leaking),
        "checksummed": run.checksummed,
        "sessions": run.sessions,
        **({} if run.imported is None else {"imported": run.imported}),
    }
    return write_file(exported.with_name(f"{exported.name}.provenance.json"), encode(known) + b"\n")
