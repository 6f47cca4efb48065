"""What is known by name, from tasks to export formats, and this folder's runs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..agents.base import AGENTS
from ..agents.protocols import PROTOCOLS
from ..errors import AkrasiaError, UnknownName
from ..evals.completeness import MissingEpisodes, stored_missing
from ..evals.evaluator import EVALUATORS, select_evaluators
from ..evals.measuring import select_metrics
from ..evals.metrics import table_read
from ..experiments.executors.registry import EXECUTORS
from ..graphs.reason_act import GRAPHS
from ..importers import IMPORTERS
from ..interventions.base import INTERVENTIONS
from ..ledger import read_ledger
from ..ledger.file import FILE
from ..ledger.provenance import ended_sentence
from ..models.resolve import LITELLM_NAMES, MODELS
from ..registry import Registry
from ..reports.export import EXPORTERS
from ..reports.text import marked_name
from ..tasks.base import TASKS

__all__ = ["KINDS", "show_list"]

Rows = Iterator[tuple[str, ...]]


def show_list(kind: str, console: Console) -> None:
    """Print one kind of name as a table.

    Raises:
        UnknownName: there is no such kind.
    """
    if kind not in KINDS:
        raise UnknownName.among("list", kind, KINDS)
    headings, rows = KINDS[kind]
    table = Table(*headings, title=kind, title_justify="left")
    for row in rows():
        table.add_row(*row)
    console.print(table)


def _registered(registry: Registry[Any]) -> Callable[[], Rows]:
    return lambda: ((name, registry.about(name)) for name in registry)


def _interventions() -> Rows:
    for name in INTERVENTIONS:
        made = INTERVENTIONS.make(name)
        yield marked_name(name, made.leaks), made.mechanism, made.changes, made.source


def _graphs() -> Rows:
    for name in GRAPHS:
        try:
            leaks = GRAPHS.make(name).leaks
        except AkrasiaError:  # it takes options without which it cannot be made
            leaks = False
        yield marked_name(name, leaks), GRAPHS.about(name)


def _agents() -> Rows:
    for name in AGENTS:
        yield marked_name(name, bool(getattr(AGENTS.factory(name), "leaks", False))), AGENTS.about(name)


def _metrics() -> Rows:
    for name, made in select_metrics(None).items():
        yield name, table_read(made), getattr(made, "unit", ""), getattr(made, "source", "")


def _models() -> Rows:
    yield from _registered(MODELS)()
    yield LITELLM_NAMES


def _evaluators() -> Rows:
    for made in select_evaluators(EVALUATORS.names()):
        yield made.name, made.of, made.unit, made.source


def _runs() -> Rows:
    for path in sorted(Path("runs").glob(f"*/{FILE}")):
        with read_ledger(path.parent) as ledger:
            stored = json.loads(ledger.meta("experiment") or "{}")
            paid, ended = ledger.paid(), ended_sentence(ledger.sessions())
            lacks, imported = stored_missing(ledger), ledger.imported()
        dollars = "unknown" if paid.dollars is None else f"{paid.dollars:.4f}"
        names = [marked_name(n, "leaks" in v) for n, v in stored.get("variants", {}).items()]
        if imported is not None:
            yield str(path.parent), ", ".join(names), "imported", "-", f"made elsewhere: {imported.kind}"
            continue
        yield str(path.parent), ", ".join(names), str(paid.calls), dollars, _lacking(lacks, ended)


def _lacking(lacks: Sequence[MissingEpisodes], ended: str) -> str:
    """How many episodes a run lacks, and why; "-" where none is missing or it is not known."""
    if not lacks:
        return "-"
    counts = sorted({m.missing for m in lacks})
    most = f" to {counts[-1]:,}" if len(counts) > 1 else ""
    return f"{counts[0]:,}{most} of {lacks[0].planned:,}{f' ({ended})' if ended else ''}"


KINDS: dict[str, tuple[tuple[str, ...], Callable[[], Rows]]] = {
    "tasks": (("task", "what is decided"), _registered(TASKS)),
    "graphs": (("graph", "how it decides"), _graphs),
    "agents": (("role", "what it does"), _agents),
    "interventions": (("intervention", "mechanism", "what it changes", "source"), _interventions),
    "metrics": (("metric", "reads", "unit", "definition"), _metrics),
    "evaluators": (("evaluator", "judges each", "unit", "definition"), _evaluators),
    "models": (("model", "what it is"), _models),
    "executors": (("executor", "where episodes are played"), _registered(EXECUTORS)),
    "protocols": (("decision protocol", "how a debate is decided"), _registered(PROTOCOLS)),
    "importers": (("format", "what it reads"), _registered(IMPORTERS)),
    "exporters": (("format", "what it writes"), _registered(EXPORTERS)),
    "runs": (("run", "variants", "answers", "US dollars", "episodes missing"), _runs),
}
