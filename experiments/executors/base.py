"""What an executor is: where the episodes of an experiment are played, and by how many.

Invariant: an executor decides who plays an episode and when, never what is stored. The same experiment gives the same
records in this process, in several, and on several machines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol

from ...errors import ArmFailed, EndsRun, RunStopped
from ...events import EpisodeBegan, EpisodeEnded, EventBus, RecordsStored
from ...ledger.store import RunStore
from ...ledger.tables import finished_rows, record_rows
from ...models.budget import Budget
from ...models.gateway import Gateway
from ...models.retry import RunUsage
from ...models.roles import ModelRoles
from ...records import Record, Spend
from ..design import DESIGNS, Cell
from ..experiment import Experiment
from .episode_cache import EpisodeCache


class Assignment(NamedTuple):
    """One episode and the cells, by their number in `build_cells`, in which it is to be played.

    All cells of an episode go together: an answer that two of them share is named by the episode.
    """

    episode: int
    cells: tuple[int, ...]


class Session(Protocol):
    """An executor at work on one store: called with assignments any number of times, until its context is left."""

    @property
    def run_usage(self) -> RunUsage:
        """What was asked and paid so far in this session."""
        ...

    async def __call__(self, assignments: Iterable[Assignment]) -> EndsRun | None:
        """Play episodes; returns why it ended early, or None if all are played."""
        ...

    def stop(self, reason: RunStopped) -> None:
        """Ask nothing new from now on; what is under way ends once its calls have landed. May be called at any time."""
        ...


class Executor(Protocol):
    """Where episodes are played. Another package's executor inherits from this class, and is registered by name."""

    def opened(self) -> AbstractAsyncContextManager[None]:
        """A context in which every model is open, so that what is missing is said before anything is written.

        Without it, a model opens at the first request.

        Raises:
            UsageError, Denied: something cannot be used here.
        """
        return nullcontext()

    def running(self, store: RunStore, emit: EventBus | None = None) -> AbstractAsyncContextManager[Session]:
        """A context that plays into a store: `async with executor.running(store) as play: await play(assignments)`.

        On leaving it, calls under way land and are committed, and everything that was opened is closed.
        """
        ...


def build_cells(experiment: Experiment, gateway: Gateway) -> list[Cell]:
    """Every task with every assignment of models, in a fixed order."""
    roles = {m.label: ModelRoles(gateway, {s: b.info.id for s, b in m.slots.items()}) for m in experiment.models}
    cells: list[Cell] = []
    for label, task in zip(experiment.labels(), experiment.tasks, strict=True):
        row = {
            model: Cell(
                label,
                task,
                model,
                replace(models, player=(label, model)),
                experiment.variants,
                trials=experiment.trials,
            )
            for model, models in roles.items()
        }
        leader = row.get(experiment.leader)
        cells += [cell if leader in (None, cell) else replace(cell, leader=leader) for cell in row.values()]
    return cells


async def play_episode(experiment: Experiment, cell: Cell, episode: int, cache: EpisodeCache, gateway: Gateway) -> None:
    """Play one episode in one cell; each variant has finished it once every answer that it needs is stored."""
    seed, emit, complete = experiment.episode_seed(episode), gateway.emit, False
    if emit is not None:
        emit(EpisodeBegan(cell.label, cell.model, episode))
    try:
        async for records in DESIGNS[experiment.design](cell, episode, seed):
            await cache.commit(record_rows(records))
            if isinstance(gateway.stopped, ArmFailed):  # also where nothing is asked any more
                raise gateway.stopped
            if emit is not None and emit.records:
                emit_stored(emit, records, gateway.run_usage)
        marks = (
            gateway.mark_finished(
                frozenset((player, seed) for player in cell.players(variant, experiment.design)),
                partial(cache.commit, finished_rows(cell.label, cell.model, variant.name, episode)),
            )
            for variant in cell.variants
        )
        complete = all(await asyncio.gather(*marks))
    finally:
        if emit is not None:
            emit(EpisodeEnded(cell.label, cell.model, episode, complete))


def emit_stored(emit: EventBus, records: Sequence[Record], usage: RunUsage) -> None:
    """Tell the listeners that ask for records of a group that is stored."""
    u, tokens = usage, usage.usage
    counts = u.asked, u.made, u.shared, u.failed, u.retried, u.lost, u.dollars
    emit(RecordsStored(tuple(records), *counts, tokens.prompt_tokens, tokens.completion_tokens))


def spent_before(budget: Budget, store: RunStore) -> Spend:
    """What earlier sessions spent; not looked up if nothing is limited."""
    if budget == Budget():
        return Spend()
    return store.spent()
