"""The local executor: episodes as asyncio tasks in this process.

Invariant: a run that has to stop (budget spent, provider down, interrupt) starts nothing new but lets episodes that are
under way go on until they need a new answer, so that answers already paid for are committed. Any other error is a bug
or bad input, and cancels everything at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from ...errors import AkrasiaError, Denied, RunStopped
from ...events import EventBus, StopBegan
from ...models.gateway import Gateway, RunUsage
from .base import Assignment, RunStore, Seen, cells, play_episode, spent
from .episode_cache import EpisodeCache

if TYPE_CHECKING:
    from ..runner import Experiment

__all__ = ["LocalExecutor", "first", "run_local", "stop_reason"]


class LocalExecutor:
    """Plays in this process.

    Args:
        offline: answer from the store only.
        sleep: how the gateway waits between attempts, in seconds.
    """

    def __init__(
        self, experiment: Experiment, *, offline: bool = False, sleep: Callable[[float], Any] = asyncio.sleep
    ) -> None:
        self._experiment, self._offline = experiment, offline
        self._gateway = Gateway(experiment.backends, budget=experiment.budget, sleep=sleep)
        self._store: RunStore | None = None
        self._shelf = EpisodeCache(_nowhere)
        self._seen: Seen | None = None

    @property
    def run_usage(self) -> RunUsage:
        return self._gateway.run_usage

    async def open(self) -> None:
        await self._gateway.open()

    def begin(self, store: RunStore, seen: Seen | None, emit: EventBus | None = None) -> None:
        self._store, self._seen = store, seen
        self._shelf = EpisodeCache(store.commit)
        self._gateway = self._gateway.with_store(
            self._shelf, spent=spent(self._experiment.budget, store), offline=self._offline, emit=emit
        )

    async def play(self, assignments: Iterable[Assignment]) -> RunStopped | Denied | None:
        return await run_local(self._jobs(assignments), self._experiment.at_once, self._stopping)

    def stop(self, reason: RunStopped) -> None:
        self._gateway.stop(reason)

    async def close(self) -> None:
        await self._gateway.close()

    def _stopping(self, reason: RunStopped | Denied) -> None:
        if self._gateway.emit is not None:
            self._gateway.emit(StopBegan(type(reason).__name__, str(reason)))

    def _jobs(self, assignments: Iterable[Assignment]) -> Iterator[Callable[[], Awaitable[None]]]:
        played = cells(self._experiment, self._gateway)
        for episode, numbers in assignments:
            for n in numbers:
                yield self._job(played[n], episode)

    def _job(self, cell: Any, episode: int) -> Callable[[], Awaitable[None]]:
        async def job() -> None:
            assert self._store is not None, "begin comes before play"
            number = self._experiment.number(episode)
            self._shelf.lay(number, self._store.answers(number))
            try:
                await play_episode(self._experiment, cell, episode, self._shelf, self._gateway, self._seen)
            finally:
                self._shelf.clear(number)

        return job


async def _nowhere(batch: Any) -> None:
    raise AssertionError("begin comes before play")


async def run_local(
    jobs: Iterable[Callable[[], Awaitable[None]]], concurrency: int, stopping: Callable[[RunStopped | Denied], None]
) -> RunStopped | Denied | None:
    """Run `jobs`, at most `concurrency` at a time, in order of their start; `stopping` hears of an early stop, once.

    Returns:
        Why the run stopped early, or None if every job ended.
    """
    waiting = iter(jobs)
    stopped: RunStopped | Denied | None = None

    async def worker() -> None:
        nonlocal stopped
        for job in waiting:
            if stopped is not None:
                return
            try:
                await job()
            except (AkrasiaError, ExceptionGroup) as error:
                reason = stop_reason(error)
                if reason is None:
                    raise
                if stopped is None:
                    stopped = reason
                    stopping(reason)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
    except ExceptionGroup as errors:
        raise first(errors) from None
    return stopped


def stop_reason(error: BaseException) -> RunStopped | Denied | None:
    """The error that ends a run in order, None for any other."""
    found = first(error)
    return found if isinstance(found, RunStopped | Denied) else None


def first(error: BaseException) -> BaseException:
    """The first error of a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
