"""The local executor: episodes as asyncio tasks in this process.

Invariant: a run that has to end (budget spent, provider down, interrupt) starts nothing new but lets episodes under way
go on until they need a new answer, so that answers already paid for are committed. Any other error is a bug or bad
input, and cancels everything at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

from ...errors import AkrasiaError, BadOption, EndsRun, RunStopped, ends_run, first_error
from ...events import EventBus, StopBegan
from ...ledger.batch_notes import LedgerNotes
from ...ledger.store import RunStore
from ...models.gateway import Gateway
from ...models.retry import RunUsage
from ..design import Cell
from ..experiment import Experiment
from .base import Assignment, Executor, build_cells, play_episode, spent_before
from .collecting import rare_collections
from .episode_cache import EpisodeCache


class LocalExecutor(Executor):
    """Plays in this process.

    Args:
        offline: answer from the store only.
        sleep: how the gateway waits between attempts, in seconds.

    Raises:
        BadOption: the experiment asks for several workers.
    """

    def __init__(
        self, experiment: Experiment, *, offline: bool = False, sleep: Callable[[float], Any] = asyncio.sleep
    ) -> None:
        if experiment.workers > 1:
            raise BadOption(
                "the executor 'local' has one process", remedy="Use executor = 'processes', or workers = 1."
            )
        self._experiment, self._offline = experiment, offline
        self._models = Gateway(experiment.backends, budget=experiment.budget, sleep=sleep)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        try:
            await self._models.open()
            yield
        finally:
            await self._models.close()

    @asynccontextmanager
    async def running(self, store: RunStore, emit: EventBus | None = None) -> AsyncIterator[_LocalSession]:
        cache = EpisodeCache(store.commit)
        spent = spent_before(self._experiment.budget, store)
        for backend in self._experiment.backends:
            if backend.info.batched and not self._offline:
                cast(Any, backend).note_in(LedgerNotes(store))
        gateway = self._models.with_store(cache, spent=spent, offline=self._offline, emit=emit)
        try:
            with rare_collections():
                yield _LocalSession(self._experiment, store, cache, gateway)
        finally:
            await gateway.close()


class _LocalSession:
    def __init__(self, experiment: Experiment, store: RunStore, cache: EpisodeCache, gateway: Gateway) -> None:
        self._experiment, self._store, self._cache, self._gateway = experiment, store, cache, gateway
        self._cells = build_cells(experiment, gateway)
        self._stopping: EndsRun | None = None
        self._left_out = False  # an episode was not begun because the run is to stop

    @property
    def run_usage(self) -> RunUsage:
        return self._gateway.run_usage

    async def __call__(self, assignments: Iterable[Assignment]) -> EndsRun | None:
        stopped = await _run_jobs(self._jobs(assignments), self._experiment.at_once, self._on_stop)
        return self._stopping if stopped is None and self._left_out else stopped

    def stop(self, reason: RunStopped) -> None:
        if self._stopping is None:
            self._stopping = reason
            self._gateway.stop(reason)

    def _on_stop(self, reason: EndsRun) -> None:
        if self._gateway.emit is not None:
            self._gateway.emit(StopBegan(type(reason).__name__, str(reason)))

    def _jobs(self, assignments: Iterable[Assignment]) -> Iterator[Callable[[], Awaitable[None]]]:
        for episode, numbers in assignments:
            for n in numbers:
                if self._stopping is not None:
                    self._left_out = True
                    return
                yield self._job(self._cells[n], episode)

    def _job(self, cell: Cell, episode: int) -> Callable[[], Awaitable[None]]:
        async def job() -> None:
            seed = self._experiment.episode_seed(episode)
            self._cache.load(seed, self._store.answers(seed))
            try:
                await play_episode(self._experiment, cell, episode, self._cache, self._gateway)
            finally:
                self._cache.evict(seed)

        return job


async def _run_jobs(
    jobs: Iterable[Callable[[], Awaitable[None]]], concurrency: int, on_stop: Callable[[EndsRun], None]
) -> EndsRun | None:
    """Run `jobs`, at most `concurrency` at a time, in order of their start.

    Returns:
        Why the run ended early, of which `on_stop` is told once; None if every job ended.
    """
    waiting = iter(jobs)
    stopped: EndsRun | None = None

    async def work() -> None:
        nonlocal stopped
        for job in waiting:
            if stopped is not None:
                return
            try:
                await job()
            except (AkrasiaError, ExceptionGroup) as error:
                reason = ends_run(error)
                if reason is None:
                    raise
                if stopped is None:
                    stopped = reason
                    on_stop(reason)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(work())
    except ExceptionGroup as errors:
        raise first_error(errors) from None
    return stopped
