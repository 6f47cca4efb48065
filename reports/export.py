"""Records out of a run, in a format that is known by name: whole (JSON lines), or as the table (Parquet, CSV).

An exporter is a function of a run to the bytes of a file, or of several files by their names, which go into a folder.
It is asked for by its name, or by a file that ends in it; third parties register theirs in the entry-point group
`akrasia.exporters`.

Invariants: a file is written whole or not at all; two runs with the same answers give the same bytes. What was not
asked for is null: the prompt of an agent that asked nobody, and what a variant knew where nobody was asked.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import polars as pl

from ..errors import BadOption
from ..evals.completeness import missing_sentence
from ..evals.run_tables import RunTables
from ..files import write_file
from ..ledger import LedgerReader, read_ledger
from ..ledger.provenance import ended_sentence
from ..records import encode
from ..registry import Registry

OF_A_RECOMMENDATION = ("knows", "follows", "stated_valid")


@dataclass(frozen=True, slots=True)
class RecordSource:
    """The records of a run.

    Attributes:
        folder: the run folder.
        table: one row per step of a variant (columns: `akrasia.evals.step_table`).
    """

    folder: Path
    table: pl.DataFrame

    def lines(self) -> list[bytes]:
        """Every record in canonical JSON, ordered by task, model, variant, episode and step.

        `prompts` holds, for each of `decision.turns`, the messages that it was asked with; null where it asked nobody.
        """
        return [encode({**record, "prompts": [p and p["prompt"] for p in asked]}) for record, asked in self._asked()]

    def frame(self) -> pl.DataFrame:
        """The table with a last column `prompts`: who was asked what, and said what, as JSON; null where nobody was.

        Where no recommendation was asked for, `knows`, `follows` and `stated_valid` are null. Questions that probe what
        is known have no rows of their own; their prompts are in `lines`.
        """
        told = []
        for record, asked in self._asked():
            if "probe" in record["tags"]:
                continue
            answered = [turn for turn in asked if turn is not None]
            told.append(encode(answered).decode() if answered else None)
        unasked = [pl.when("asked").then(pl.col(name)).alias(name) for name in OF_A_RECOMMENDATION]
        return self.table.with_columns(*unasked, pl.Series("prompts", told, pl.String))

    def _asked(self) -> Iterator[tuple[dict[str, Any], list[dict[str, Any] | None]]]:
        """Each record, and for each of its turns who was asked what and what was said; None where it asked nobody."""
        prompts: dict[str, list[dict[str, Any]]] = {}
        episode = None
        with read_ledger(self.folder) as ledger:
            for line in ledger.raw_records():
                record = orjson.loads(line)
                if record["episode"] != episode:  # variants share the answers of an episode; not all fit in memory
                    episode, prompts = record["episode"], {}
                yield record, [_told(turn, prompts, ledger) for turn in record["decision"]["turns"]]

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


def _told(turn: dict[str, Any], prompts: dict[str, Any], ledger: LedgerReader) -> dict[str, Any] | None:
    key = turn["key"]
    if not key:
        return None
    if key not in prompts:
        answer = ledger.answer(key)
        prompts[key] = None if answer is None else orjson.loads(encode(answer.request.messages))
    if prompts[key] is None:
        return None
    return {"agent": turn["agent"], "lane": turn["lane"], "prompt": prompts[key], "text": turn["text"]}


Exporter: TypeAlias = Callable[[RecordSource], bytes | Mapping[str, bytes]]
EXPORTERS: Registry[Exporter] = Registry("export format", "akrasia.exporters")


def _exporter(name: str) -> Callable[[Exporter], Exporter]:
    """Register a function as the format of a name; its docstring says what it writes."""

    def register(write: Exporter) -> Exporter:
        def make() -> Exporter:
            return write

        make.__qualname__, make.__doc__ = name, write.__doc__
        EXPORTERS.register(name, make)
        return write

    return register


@_exporter("jsonl")
def _jsonl(run: RecordSource) -> bytes:
    """One record a line, with the prompts of its turns: two runs with the same answers give the same bytes."""
    return b"".join(line + b"\n" for line in run.lines())


@_exporter("answers")
def _answers(run: RecordSource) -> bytes:
    """Every answer behind the records, once each, one a line: what was asked, what was answered, what was thought."""
    return b"".join(line + b"\n" for line in run.answers())


@_exporter("parquet")
def _parquet(run: RecordSource) -> bytes:
    """The table of records with their prompts, as Parquet."""
    buffer = io.BytesIO()
    run.frame().write_parquet(buffer)
    return buffer.getvalue()


@_exporter("csv")
def _csv(run: RecordSource) -> bytes:
    """The table of records with their prompts, as comma-separated values."""
    return run.frame().write_csv().encode()


@_exporter("inspect")
def _inspect(run: RecordSource) -> Mapping[str, bytes]:
    """Logs of Inspect, one for each arm, into a folder (extra: inspect)."""
    from .inspect_log import inspect_logs

    return inspect_logs(run.folder, run.table)


def export_records(run: RecordSource, path: Path, form: str | None = None) -> Path:
    """Write a run's records to `path`; a format of several files writes them into a folder of that name.

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
    made = EXPORTERS.make(name)(run)
    if isinstance(made, bytes):
        return write_file(path, made)
    if path.suffix and len(made) == 1:
        return write_file(path, *made.values())
    if path.suffix or path.is_file():
        raise BadOption(
            f"{str(path)!r} is one file, and the format {name} makes {len(made)} of this run",
            "it makes one for each task, model and variant",
            "Name a folder.",
        )
    for file, data in made.items():
        write_file(path / file, data)
    return path


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
