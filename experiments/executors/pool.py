"""The driver of several workers: hands out episodes, owns ledger and budget, and replaces workers that die.

Invariants
- One writer: what workers make is committed here, in batches, and they go on only once they are told so.
- An episode is with one worker at a time. A worker that dies loses nothing that is committed: its episodes are played
  again by others, who are given every answer so far. Workers that keep dying end the run.
- A call that the budget has paid for is made, whichever worker finds the budget spent.
- Which worker plays an episode, how many there are and where they are changes nothing that is stored.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Coroutine, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, fields
from typing import Any, assert_never

from ...errors import BadOption, BudgetSpent, EndsRun, RunStopped, WorkerLost
from ...events import EventBus, StopBegan, WorkerDied
from ...ledger.store import RunStore
from ...ledger.tables import RECORD, Batch, booked_rows
from ...models.budget import BudgetTracker
from ...models.retry import RunUsage
from ...records import Record, decode
from ..experiment import Experiment
from .base import Assignment, Executor, emit_stored, spent_before
from .launcher import WorkerHandle, WorkerLauncher, check_portable
from .messages import (
    BatchedSend,
    Commit,
    Committed,
    ConnectionLost,
    Drain,
    Emitted,
    EpisodeDone,
    Failed,
    Play,
    Ready,
    Renew,
    Reserve,
    Settle,
    Shutdown,
    Stop,
    Subscribe,
    ToDriver,
    ToWorker,
)
from .remote_budget import BudgetServer
from .worker import VERSION, WorkerSpec, share_of

AHEAD = 2  # episodes that a worker has in flight, as a multiple of those that it plays at once
DEATHS = 3  # of workers over one episode, or at their start, before the run is stopped

_RESUME = "Every answer so far is kept: resume it with fewer workers or more memory."
_FAILED_START = (
    "See what the worker printed. A script that calls akrasia.run with workers needs the lines that do so under "
    '`if __name__ == "__main__":`.'
)


@dataclass(eq=False)
class _WorkerState:
    """What the driver knows of one worker."""

    index: int
    handle: WorkerHandle
    outbox: BatchedSend[ToWorker]
    ready: bool = False
    in_flight: dict[int, Assignment] = field(default_factory=dict)
    commits: set[asyncio.Task[None]] = field(default_factory=set)
    run_usage: RunUsage = field(default_factory=RunUsage)


class WorkerPool(Executor):
    """Plays in several workers.

    Args:
        workers: how many; fewer if the experiment or a limit of its models leaves some without work.
        offline: answer from the store only.

    Raises:
        BadOption: the number is none, or the experiment cannot be sent to a worker.
    """

    def __init__(
        self, experiment: Experiment, launcher: WorkerLauncher, workers: int, *, offline: bool = False
    ) -> None:
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
            raise BadOption(f"workers is {workers!r}", remedy="Use an integer of at least 1.")
        limits = [n for b in experiment.backends for n in (b.info.max_concurrency, b.info.rpm) if n]
        self.count = min(workers, experiment.at_once, experiment.episodes, *limits)
        self.experiment, self._launcher, self._offline = experiment, launcher, offline
        check_portable(experiment, launcher)
        self.workers: dict[int, _WorkerState] = {}
        self._session: _PoolSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._failed_starts = 0
        self._error: Exception | None = None
        self._past_usage: list[RunUsage] = []
        self._closing = False
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def run_usage(self) -> RunUsage:
        """All workers' together."""
        total = RunUsage()
        for usage in (*self._past_usage, *(w.run_usage for w in self.workers.values())):
            for f in fields(RunUsage):
                setattr(total, f.name, getattr(total, f.name) + getattr(usage, f.name))
        return total

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        try:
            await self.start_missing(open_models=True)
            while not any(w.ready for w in self.workers.values()):  # a cluster may not have room for all of them yet
                await self.change()
            yield
        finally:
            await self._close()

    @asynccontextmanager
    async def running(self, store: RunStore, emit: EventBus | None = None) -> AsyncIterator[_PoolSession]:
        self._session = session = _PoolSession(self, store, emit)
        try:
            for worker in self.workers.values():
                session.welcome(worker)
            yield session
        finally:
            await self._close()

    async def start_missing(self, open_models: bool = False) -> None:
        """Start the workers that are not there."""
        missing = [index for index in range(self.count) if index not in self.workers]
        await asyncio.gather(*(self._start(index, open_models) for index in missing))

    async def change(self) -> None:
        """Wait until something has happened that the caller may wait for.

        Raises:
            AkrasiaError, Exception: what ends the run at once.
        """
        if self._error is None:
            self._changed.clear()
            await self._changed.wait()
        if self._error is not None:
            raise self._error

    def notify(self) -> None:
        """Wake whoever waits for a change."""
        self._changed.set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run `work` beside the caller; an error of it ends the run at once."""

        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # of the ledger, of starting a worker
                self._fail(error)

        task = asyncio.ensure_future(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _start(self, index: int, open_models: bool = False) -> None:
        spec = WorkerSpec(self.experiment, index, self.count, self._offline, open_models, VERSION)
        handle = await self._launcher.start(self._launcher.serialize(spec))
        worker = self.workers[index] = _WorkerState(index, handle, BatchedSend(handle.send))
        if self._session is not None:
            self._session.welcome(worker)
        self.spawn(self._receive(worker))

    async def _receive(self, worker: _WorkerState) -> None:
        while True:
            try:
                messages = await worker.handle.receive()
            except ConnectionLost:
                if not self._closing:
                    await self._on_worker_lost(worker)
                return
            commits: list[Commit] = []
            for message in messages:
                match message:
                    case Ready():
                        worker.ready, self._failed_starts = True, 0
                        self.notify()
                    case Failed(error):
                        self._fail(error)
                    case Commit():
                        commits.append(message)
            if self._session is not None:  # without one, a worker has nothing else to send
                self._session.receive(worker, messages, commits)

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self.notify()

    async def _on_worker_lost(self, worker: _WorkerState) -> None:
        """Give the episodes of a worker that died to others, and its place to a new worker."""
        started, worker.ready = worker.ready, False  # no more episodes for it
        how = await worker.handle.wait()
        await asyncio.gather(*worker.commits)  # whoever plays its episodes next gets all that it still had to send
        del self.workers[worker.index]
        self._past_usage.append(worker.run_usage)
        self._failed_starts += not started
        if self._session is not None:
            await self._session.book_lost(worker, how)
        if self._failed_starts >= DEATHS:
            raise WorkerLost(f"{DEATHS} workers died before they could begin", f"the last one {how}", _FAILED_START)
        if self._session is None or self._session.reassign(worker, how):
            self.spawn(self._start(worker.index))
        self.notify()

    async def _close(self) -> None:
        """Let workers without episodes close their models, and kill the others."""
        if self._closed:
            return
        self._closing = True
        try:
            await self._end_workers()
        finally:  # a caller that is cancelled meanwhile leaves no worker behind
            for worker in self.workers.values():
                with suppress(Exception):  # it has ended already
                    worker.handle.kill()
            self._past_usage += [w.run_usage for w in self.workers.values()]
            self.workers.clear()
            self._closed = True
            self._launcher.close()

    async def _end_workers(self) -> None:
        workers = list(self.workers.values())
        for worker in workers:
            if worker.in_flight or not worker.ready:
                worker.handle.kill()
            else:
                worker.outbox.post(Shutdown())
                worker.outbox.flush()
        for worker in workers:
            try:
                await asyncio.wait_for(worker.handle.wait(), 10)
            except TimeoutError:
                worker.handle.kill()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _PoolSession:
    """A pool at work on one store."""

    def __init__(self, pool: WorkerPool, store: RunStore, emit: EventBus | None) -> None:
        self._pool, self._store, self._emit = pool, store, emit
        self._experiment = pool.experiment
        budget = self._experiment.budget
        self._tracker = BudgetTracker(budget, spent_before(budget, store))
        self._budgets: dict[_WorkerState, BudgetServer] = {}
        self._coming: Iterator[Assignment] = iter(())
        self._requeued: deque[Assignment] = deque()
        self._exhausted = True
        self._deaths: Counter[int] = Counter()  # of workers over each episode
        self._stopped: EndsRun | None = None

    @property
    def run_usage(self) -> RunUsage:
        return self._pool.run_usage

    async def __call__(self, assignments: Iterable[Assignment]) -> EndsRun | None:
        self._coming, self._exhausted = iter(assignments), self._stopped is not None
        first = self._next()
        if first is not None:  # what is complete needs no worker
            self._requeued.append(first)
            await self._pool.start_missing()
            self._feed()
        while not self._exhausted or self._requeued or any(w.in_flight for w in self._pool.workers.values()):
            await self._pool.change()
        return self._stopped

    def stop(self, reason: RunStopped) -> None:
        self._end(reason)

    def welcome(self, worker: _WorkerState) -> None:
        """Tell a worker what the others know already."""
        self._budgets[worker] = BudgetServer(self._tracker, worker.outbox)
        if self._emit is not None:
            worker.outbox.post(Subscribe(self._emit.texts, self._emit.level))
        if self._stopped is not None:
            worker.outbox.post(_ending(self._stopped))

    def receive(self, worker: _WorkerState, messages: Iterable[ToDriver], commits: list[Commit]) -> None:
        """Do what a worker sent; its commits enter together."""
        if commits:
            task = self._pool.spawn(self._commit(worker, commits))
            worker.commits.add(task)
            task.add_done_callback(worker.commits.discard)
        for message in messages:
            match message:
                case EpisodeDone():
                    self._on_episode_done(worker, message)
                case Emitted(event):
                    if self._emit is not None:
                        self._emit(event)
                case Reserve() | Renew() | Settle():
                    self._budgets[worker].handle(message)
                case Ready():
                    self._feed()
                case Commit() | Failed():
                    pass
                case _:
                    assert_never(message)

    async def book_lost(self, worker: _WorkerState, how: str) -> None:
        """Book what the calls of a worker that died may have cost, and report its death."""
        booked = self._budgets.pop(worker).close()
        if booked:
            await self._store.commit(booked_rows(booked))
        self._deaths.update(list(worker.in_flight))
        if self._emit is not None:
            self._emit(WorkerDied(worker.index, how, tuple(worker.in_flight)))

    def reassign(self, worker: _WorkerState, how: str) -> bool:
        """Give the episodes of a worker that died to others; False if the run ends instead."""
        if any(self._deaths[episode] >= DEATHS for episode in worker.in_flight):
            self._end(WorkerLost(f"{DEATHS} workers died over one episode", f"the last one {how}", _RESUME))
        if self._stopped is not None:
            return False
        self._requeued.extend(worker.in_flight.values())
        self._feed()  # the others go on while a new worker starts
        return True

    def _on_episode_done(self, worker: _WorkerState, message: EpisodeDone) -> None:
        worker.run_usage = message.run_usage
        worker.in_flight.pop(message.episode)
        self._deaths.pop(message.episode, None)
        if message.reason is not None:
            self._end(message.reason)
        self._feed()
        self._pool.notify()

    def _end(self, reason: EndsRun) -> None:
        """Begin nothing new; episodes under way end when they need an answer that they cannot have."""
        if self._stopped is not None:
            return
        self._stopped, self._exhausted = reason, True
        if self._emit is not None:
            self._emit(StopBegan(type(reason).__name__, str(reason)))
        self._requeued.clear()
        ending = _ending(reason)
        if isinstance(ending, Stop):
            self._tracker.stop(reason)
        for worker in self._pool.workers.values():
            worker.outbox.post(ending)
        self._pool.notify()

    def _feed(self) -> None:
        """Give every worker that is ready as many episodes as it may have in flight."""
        for worker in self._pool.workers.values():
            room = AHEAD * max(1, share_of(self._experiment.at_once, worker.index, self._pool.count))
            while worker.ready and len(worker.in_flight) < room:
                task = self._next()
                if task is None:
                    return
                worker.in_flight[task.episode] = task
                answers = dict(self._store.answers(self._experiment.episode_seed(task.episode)))
                worker.outbox.post(Play(task.episode, task.cells, answers))

    def _next(self) -> Assignment | None:
        """What is to be played next; None once everything is, or the run ends."""
        if self._requeued:
            return self._requeued.popleft()
        task = None if self._exhausted else next(self._coming, None)
        if task is None:
            self._exhausted = True
            self._pool.notify()
        return task

    async def _commit(self, worker: _WorkerState, commits: list[Commit]) -> None:
        batch: Batch = tuple(part for commit in commits for part in commit.batch)
        await self._store.commit(batch)
        for commit in commits:
            worker.outbox.post(Committed(commit.number))
        if self._emit is not None and self._emit.records:
            for table, rows in batch:
                if table == "records":
                    emit_stored(self._emit, [decode(Record, row[RECORD]) for row in rows], self.run_usage)


def _ending(reason: EndsRun) -> Drain | Stop:
    """How workers are told: after a spent budget, calls that it has paid for already are still made."""
    return Drain(reason) if isinstance(reason, BudgetSpent) else Stop(reason)
