"""What an executor is: where the episodes of an experiment are played, and by how many.

Invariant: an executor decides who plays an episode and when, never what is stored. The same experiment gives the same
records in this process, in several, and on several machines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ...errors import Denied, RunStopped
from ...events import EpisodeBegan, EpisodeEnded, EventBus
from ...ledger.tables import Batch, finished_rows, record_rows
from ...models.budget import Budget
from ...models.gateway import Gateway, ModelRoles, RunUsage
from ...records import Record, Spend
from ..design import DESIGNS, Cell
from .episode_cache import EpisodeCache

if TYPE_CHECKING:
    from ..runner import Experiment

__all__ = ["Assignment", "Executor", "Observer", "RunStore", "Seen", "cells", "play_episode", "spent"]

Seen = Callable[[Sequence[Record]], None]


class Assignment(NamedTuple):
    """One episode and the arenas (by their number in `cells`) in which it is to be played.

    All arenas of an episode go together: an answer that two of them share is named by the episode.
    """

    episode: int
    cells: tuple[int, ...]


class RunStore(Protocol):
    """Where a run is kept; `akrasia.ledger.Ledger` is the durable one."""

    async def commit(self, batch: Batch) -> None:
        """Enter rows in one transaction; return only once they are safe."""
        ...

    def answers(self, episode: int) -> list[tuple[str, bytes]]:
        """Keys and encoded responses of an episode, named as its draws name it."""
        ...

    def finished(self, task: str, model: str, episode: int) -> set[str]:
        """The variants whose records of an episode are all there."""
        ...

    def complete(self, variants: Sequence[str], episodes: int) -> dict[tuple[str, str], int]:
        """How many of the first `episodes` are finished by all of `variants`, per task and model."""
        ...

    def records_of(self, task: str, model: str, variant: str, episode: int) -> list[Record]:
        """The records of one episode of a variant."""
        ...

    def spent(self) -> Spend:
        """What counts against a budget so far."""
        ...

    def set_meta(self, key: str, value: str) -> None:
        """Store a setting."""
        ...


class Observer(Protocol):
    """Who watches a run; called after each group of records is safe."""

    def __call__(self, records: Sequence[Record], run_usage: RunUsage) -> None: ...


class Executor(Protocol):
    """Where episodes are played. Opened, begun, told to play any number of times, and closed."""

    @property
    def run_usage(self) -> RunUsage:
        """What was asked and paid so far in this session."""
        ...

    async def open(self) -> None:
        """Open every model now, so that what is missing is said before anything is written.

        Raises:
            UsageError, Denied: something cannot be used here.
        """
        ...

    def begin(self, store: RunStore, seen: Seen | None, emit: EventBus | None = None) -> None:
        """Take the store of the run, who is told of each group of records once it is safe, and who listens."""
        ...

    async def play(self, assignments: Iterable[Assignment]) -> RunStopped | Denied | None:
        """Play episodes; returns why it stopped early, or None if all are played."""
        ...

    def stop(self, reason: RunStopped) -> None:
        """Ask nothing new from now on, and let `play` end once calls under way have landed."""
        ...

    async def close(self) -> None:
        """Free what was opened; what is not committed by now is given up."""
        ...


def cells(experiment: Experiment, gateway: Gateway) -> list[Cell]:
    """Every task with every assignment of models, in a fixed order."""
    roles = {m.label: ModelRoles(gateway, {s: b.info.id for s, b in m.slots.items()}) for m in experiment.models}
    found: list[Cell] = []
    for label, task in zip(experiment.labels(), experiment.tasks, strict=True):
        here = {model: Cell(label, task, model, models, experiment.variants) for model, models in roles.items()}
        leader = here.get(experiment.leader)
        found += [a if leader in (None, a) else replace(a, leader=leader) for a in here.values()]
    return found


async def play_episode(
    experiment: Experiment, cell: Cell, episode: int, shelf: EpisodeCache, gateway: Gateway, seen: Seen | None = None
) -> None:
    """Play one episode in one arena; it counts as finished unless a call of it was given up."""
    number, emit, complete = experiment.number(episode), gateway.emit, False
    if emit is not None:
        emit(EpisodeBegan(cell.label, cell.model, episode))
    try:
        async for records in DESIGNS[experiment.design](cell, episode, number):
            await shelf.commit(record_rows(records))
            if seen is not None:
                seen(records)
        if number not in gateway.unanswered:
            await shelf.commit(finished_rows(cell.label, cell.model, [v.name for v in cell.variants], episode))
            complete = True
    finally:
        if emit is not None:
            emit(EpisodeEnded(cell.label, cell.model, episode, complete))


def spent(budget: Budget, store: RunStore) -> Spend:
    """What earlier sessions spent; not looked up where nothing is limited."""
    if budget == Budget():
        return Spend()
    return store.spent()
