"""What is known by name, from tasks to export formats, and this folder's runs.

Invariant: only the room of the kind that is asked for is imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import AkrasiaError, UnknownName
from ..reports.tables import PROSE
from ..reports.text import marked_name
from .examples import example_rows
from .run_rows import run_rows

if TYPE_CHECKING:
    from ..registry import Registry

Rows = Iterator[tuple[str, ...]]


@dataclass(frozen=True)
class ListedKind:
    """One kind of name, as a table.

    Attributes:
        headings: of the columns, the name first.
        rows: makes the rows.
        ranks: of the columns behind the name, see `TableColumn`.
        wraps: by heading, the least width of columns that may be wrapped; numbers: headings of columns of numbers.
    """

    headings: tuple[str, ...]
    rows: Callable[[], Rows]
    ranks: tuple[int, ...] = ()
    wraps: Mapping[str, int] = field(default_factory=dict)
    numbers: tuple[str, ...] = ()


def entries(kind: str) -> list[tuple[str, ...]]:
    """The rows of one kind, the name of each first.

    Raises:
        UnknownName: there is no such kind.
    """
    if kind not in KINDS:
        raise UnknownName.among("list", kind, KINDS)
    return list(KINDS[kind].rows())


def _registered(registry: Registry[Any]) -> Rows:
    return ((name, registry.about(name)) for name in registry)


def _tasks() -> Rows:
    from ..tasks.base import TASK_SOURCES, TASKS

    for name, about in _registered(TASKS):
        yield name, about, TASK_SOURCES.get(name, "")


def _executors() -> Rows:
    from ..experiments.executors.registry import EXECUTORS

    yield from _registered(EXECUTORS)


def _protocols() -> Rows:
    from ..agents.protocols import PROTOCOLS

    yield from _registered(PROTOCOLS)


def _importers() -> Rows:
    from ..importers import IMPORTERS

    yield from _registered(IMPORTERS)


def _exporters() -> Rows:
    from ..reports.export import EXPORTERS

    yield from _registered(EXPORTERS)


def _interventions() -> Rows:
    from ..interventions.base import INTERVENTIONS
    from ..interventions.controls import placebo_note

    for name in INTERVENTIONS:
        made = INTERVENTIONS.make(name)
        yield marked_name(name, made.leaks), made.mechanism, made.changes, made.source, placebo_note(name)


def _graphs() -> Rows:
    from ..graphs.reason_act import GRAPHS

    for name in GRAPHS:
        try:
            leaks = GRAPHS.make(name).leaks
        except AkrasiaError:  # it takes options without which it cannot be made
            leaks = False
        yield marked_name(name, leaks), GRAPHS.about(name)


def _agents() -> Rows:
    from ..agents.base import AGENTS

    for name in AGENTS:
        yield marked_name(name, bool(getattr(AGENTS.factory(name), "leaks", False))), AGENTS.about(name)


def _metrics() -> Rows:
    from ..evals.measuring import select_metrics
    from ..evals.metrics import table_read

    for name, made in select_metrics(None).items():
        yield name, table_read(made), getattr(made, "unit", ""), getattr(made, "source", "")


def _models() -> Rows:
    from ..models.resolve import LITELLM_NAMES, MODELS
    from ..models.tried_models import TRIED, accepted_settings

    yield from _registered(MODELS)
    form, about = LITELLM_NAMES
    yield form, f"{about}. Those below were tried with their defaults; of each is said what it takes."
    for name in TRIED:
        yield name, accepted_settings(name)


def _evaluators() -> Rows:
    from ..evals.evaluator import EVALUATORS, select_evaluators

    for made in select_evaluators(EVALUATORS.names()):
        yield made.name, made.of, made.unit, made.source


def _described(heading: str, about: str, rows: Callable[[], Rows]) -> ListedKind:
    return ListedKind((heading, about), rows, wraps={about: PROSE})


KINDS: dict[str, ListedKind] = {
    "tasks": ListedKind(
        ("task", "what is decided", "source"), _tasks, ranks=(0, 1), wraps={"what is decided": PROSE, "source": PROSE}
    ),
    "graphs": _described("graph", "how it decides", _graphs),
    "agents": _described("role", "what it does", _agents),
    "interventions": ListedKind(
        ("intervention", "mechanism", "what it changes", "source", "placebo"),
        _interventions,
        ranks=(1, 0, 3, 2),
        wraps={"what it changes": PROSE, "source": PROSE, "placebo": PROSE},
    ),
    "metrics": ListedKind(
        ("metric", "reads", "unit", "definition"), _metrics, ranks=(2, 1, 0), wraps={"definition": PROSE, "unit": 12}
    ),
    "evaluators": ListedKind(
        ("evaluator", "judges each", "unit", "definition"),
        _evaluators,
        ranks=(1, 1, 0),
        wraps={"definition": PROSE, "unit": 12},
    ),
    "models": _described("model", "what it is", _models),
    "executors": _described("executor", "where episodes are played", _executors),
    "protocols": _described("decision protocol", "how a debate is decided", _protocols),
    "importers": _described("format", "what it reads", _importers),
    "exporters": _described("format", "what it writes", _exporters),
    "examples": ListedKind(("example", "about"), example_rows, wraps={"about": PROSE}),
    "runs": ListedKind(
        ("run", "started (UTC)", "state", "model", "task", "cost", "episodes", "answers", "variants"),
        run_rows,
        ranks=(0, 0, 0, 1, 0, 3, 4, 5),
        wraps={"state": 16, "model": 14, "task": 8, "variants": PROSE},
        numbers=("episodes", "answers", "cost"),
    ),
}
