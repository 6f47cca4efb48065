"""The runs below `runs/`, newest first: when each began, how it stands, what played and what it cost.

Invariant: a run that cannot be read is a row that says so; it hides no other run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import AkrasiaError
from ..evals.completeness import MissingEpisodes, stored_missing
from ..ledger import LedgerReader, read_ledger
from ..ledger.file import FILE
from ..ledger.provenance import ended_sentence
from ..reports.text import marked_name

RUNS = Path("runs")


def run_rows() -> Iterator[tuple[str, ...]]:
    """(folder, start, state, models, tasks, cost, episodes, answers, variants) of each run."""
    folders = [path.parent for path in RUNS.glob(f"*/{FILE}")]
    yield from sorted(map(_row, sorted(folders)), key=lambda row: row[1], reverse=True)


def _row(folder: Path) -> tuple[str, ...]:
    try:
        with read_ledger(folder) as ledger:
            return (str(folder), *_cells(ledger))
    except AkrasiaError as error:
        return (str(folder), "", f"cannot be read: {error.what}", *[""] * 6)


def _cells(ledger: LedgerReader) -> tuple[str, ...]:
    stored: dict[str, Any] = ledger.stored("experiment") or {}
    paid, sessions, imported = ledger.paid(), ledger.sessions(reported=False), ledger.imported()
    state = _state(stored_missing(ledger), ended_sentence(sessions))
    started = sessions[0].started if sessions else ""
    if imported is not None:
        state, started = f"imported: {imported.kind}", imported.at
    names = [marked_name(n, "leaks" in v) for n, v in stored.get("variants", {}).items()]
    return (
        started[:16].replace("T", " "),
        state,
        ", ".join(stored.get("labels", ())),
        ", ".join(stored.get("task_labels", ())),
        "" if imported else "unknown" if paid.dollars is None else f"${paid.dollars:.4f}",
        str(stored.get("episodes", "")),
        "" if imported else f"{paid.calls:,.0f}",
        "; ".join(names),
    )


def _state(lacks: Sequence[MissingEpisodes], ended: str) -> str:
    """How a run stands: complete, or how many episodes it lacks, and why."""
    if not lacks:
        return ended or "complete"
    counts = sorted({m.missing for m in lacks})
    most = f" to {counts[-1]:,}" if len(counts) > 1 else ""
    return f"lacks {counts[0]:,}{most} of {lacks[0].planned:,} episodes{f' ({ended})' if ended else ''}"
