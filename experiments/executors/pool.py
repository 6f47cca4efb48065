"""The driver of several workers: hands out episodes, owns the ledger and the purse, and replaces workers that die.

Invariants
- One writer: what workers make is committed here, in batches, and they go on only once they are told so.
- An episode is with one worker at a time. A worker that dies loses nothing that is committed: its episodes are played
  again by others, who are given every answer so far. What dies over and over ends the run.
- Which worker plays an episode, how many there are and where they are changes nothing that is stored.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Protocol

from ...errors import BadOption, Denied, RunStopped, WorkerLost
from ...events import EventBus, StopBegan, WorkerDied
from ...ledger.tables import Batch, booked_rows
from ...models.budget import BudgetTracker
from ...models.gateway import RunUsage
from ...options import whole
from ...records import Record, decode
from .base import Assignment, RunStore, Seen, spent
from .messages import BatchedSend, Connection, ConnectionLost, WireMessage
from .remote_budget import BudgetServer
from .worker import VERSION, WorkerSpec, share

if TYPE_CHECKING:
    from ..runner import Experiment

__all__ = ["WorkerPool", "WorkerHandle", "WorkerLauncher"]

AHEAD = 2  # episodes that a worker has at hand, as a multiple of those that it plays at once
DEATHS = 3  # of workers over one episode, or at their start, before the run is stopped

_OVER = "Every answer so far is kept: resume it with fewer workers or more memory."
_EARLY = (
    "See what the worker printed. A script that calls akrasia.run with workers needs the lines that do so under "
    '`if __name__ == "__main__":`.'
)


class WorkerHandle(Connection, Protocol):
    """The driver's end of the line to one worker."""

    def kill(self) -> None:
        """End the worker now."""
        ...

    async def gone(self) -> str:
        """Wait until the worker has ended; says how."""
        ...


class WorkerLauncher(Protocol):
    """Where workers come from."""

    def pack(self, value: Any) -> bytes:
        """A contract, or a part of one, as it travels; raises whatever says that it cannot."""
        ...

    async def hire(self, contract: bytes) -> WorkerHandle:
        """Start a worker."""
        ...

    def close(self) -> None:
        """Free what all workers share."""
        ...


@dataclass(eq=False)
class _Seat:
    """A worker, and what it has in hand."""

    place: int
    handle: WorkerHandle
    outbox: BatchedSend
    counter: BudgetServer
    ready: bool = False
    hands: dict[int, Assignment] = field(default_factory=dict)
    commits: set[asyncio.Task[None]] = field(default_factory=set)
    run_usage: RunUsage = field(default_factory=RunUsage)


class WorkerPool:
    """Plays in several workers.

    Args:
        workers: how many; fewer where the experiment or a limit of its models leaves some without work.
        offline: answer from the store only.

    Raises:
        BadOption: the number is none, or the experiment cannot be sent to a worker.
    """

    def __init__(self, experiment: Experiment, office: WorkerLauncher, workers: int, *, offline: bool = False) -> None:
        whole("workers", workers, 1)
        limits = [n for b in experiment.backends for n in (b.info.max_concurrency, b.info.rpm) if n]
        self._of = min(workers, experiment.at_once, experiment.episodes, *limits)
        self._experiment, self._office, self._offline = experiment, office, offline
        _portable(experiment, office)
        self._seats: dict[int, _Seat] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._store: RunStore | None = None
        self._seen: Seen | None = None
        self._listens: EventBus | None = None
        self._tracker = BudgetTracker(experiment.budget)
        self._coming: Iterator[Assignment] = iter(())
        self._again: deque[Assignment] = deque()
        self._deaths: Counter[int] = Counter()
        self._stillborn = 0
        self._stopped: RunStopped | Denied | None = None
        self._error: Exception | None = None
        self._past: list[RunUsage] = []
        self._over, self._closing = True, False
        self._changed = asyncio.Event()

    @property
    def run_usage(self) -> RunUsage:
        """All workers' together."""
        total = RunUsage()
        for run_usage in (*self._past, *(s.run_usage for s in self._seats.values())):
            for f in fields(RunUsage):
                setattr(total, f.name, getattr(total, f.name) + getattr(run_usage, f.name))
        return total

    async def open(self) -> None:
        await self._hire(open_now=True)
        while not any(s.ready for s in self._seats.values()):  # a cluster may have no room yet for all of them
            await self._change()

    def begin(self, store: RunStore, seen: Seen | None, emit: EventBus | None = None) -> None:
        self._store, self._seen, self._listens = store, seen, emit
        self._tracker = BudgetTracker(self._experiment.budget, spent(self._experiment.budget, store))
        for seat in self._seats.values():
            seat.counter = BudgetServer(self._tracker, seat.outbox)
            self._greet(seat)

    async def play(self, assignments: Iterable[Assignment]) -> RunStopped | Denied | None:
        self._coming, self._over = iter(assignments), self._stopped is not None
        first = self._next()
        if first is not None:  # what is complete needs no worker
            self._again.append(first)
            await self._hire()
            self._feed()
        while not self._over or self._again or any(s.hands for s in self._seats.values()):
            await self._change()
        return self._stopped

    def stop(self, reason: RunStopped) -> None:
        self._end(reason)

    async def close(self) -> None:
        """Workers that have nothing in hand close their models; others are killed."""
        self._closing = True
        seats = list(self._seats.values())
        for seat in seats:
            if seat.hands or not seat.ready:
                seat.handle.kill()
            else:
                seat.outbox.post("end")
                seat.outbox.flush()
        for seat in seats:
            try:
                await asyncio.wait_for(seat.handle.gone(), 10)
            except TimeoutError:
                seat.handle.kill()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._past += [s.run_usage for s in self._seats.values()]
        self._seats.clear()
        self._office.close()

    async def _hire(self, open_now: bool = False) -> None:
        vacant = [p for p in range(self._of) if p not in self._seats]
        await asyncio.gather(*(self._fill(p, open_now) for p in vacant))

    async def _fill(self, place: int, open_now: bool = False) -> None:
        contract = WorkerSpec(self._experiment, place, self._of, self._offline, open_now, VERSION)
        handle = await self._office.hire(self._office.pack(contract))
        outbox = BatchedSend(handle.send)
        seat = self._seats[place] = _Seat(place, handle, outbox, BudgetServer(self._tracker, outbox))
        self._greet(seat)
        if self._stopped is not None:
            outbox.post("stop", self._stopped)
        self._spawn(self._attend(seat))

    def _greet(self, seat: _Seat) -> None:
        if self._listens is not None:
            seat.outbox.post("listen", self._listens.texts, self._listens.level)

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        async def watched() -> None:
            try:
                await work
            except Exception as error:  # a fault of the ledger, of an observer, of starting a worker
                self._fail(error)

        task = asyncio.ensure_future(watched())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _change(self) -> None:
        """Wait until something has happened that the caller may wait for.

        Raises:
            AkrasiaError, Exception: what ends the run at once.
        """
        if self._error is None:
            self._changed.clear()
            await self._changed.wait()
        if self._error is not None:
            raise self._error

    def _fail(self, error: Exception) -> None:
        self._error = self._error or error
        self._changed.set()

    def _end(self, reason: RunStopped | Denied) -> None:
        """Nothing new is begun; what is under way ends when it needs a new answer."""
        if self._stopped is not None:
            return
        self._stopped, self._over = reason, True
        if self._listens is not None:
            self._listens(StopBegan(type(reason).__name__, str(reason)))
        self._again.clear()
        self._tracker.stop(reason)
        for seat in self._seats.values():
            seat.outbox.post("stop", reason)
        self._changed.set()

    def _feed(self) -> None:
        """Give every worker that has begun what it can have in hand."""
        for seat in self._seats.values():
            room = AHEAD * max(1, share(self._experiment.at_once, seat.place, self._of))
            while self._store is not None and seat.ready and len(seat.hands) < room:
                task = self._next()
                if task is None:
                    return
                seat.hands[task.episode] = task
                answers = dict(self._store.answers(self._experiment.number(task.episode)))
                seat.outbox.post("play", task.episode, task.cells, answers)

    def _next(self) -> Assignment | None:
        """What is to be played next; None once everything is, or the run is stopped."""
        if self._again:
            return self._again.popleft()
        task = None if self._over else next(self._coming, None)
        if task is None:
            self._over = True
            self._changed.set()
        return task

    async def _attend(self, seat: _Seat) -> None:
        while True:
            try:
                messages = await seat.handle.receive()
            except ConnectionLost:
                if not self._closing:
                    await self._bury(seat)
                return
            commits = [m[1:] for m in messages if m[0] == "commit"]
            if commits:
                task = self._spawn(self._commit(seat, commits))
                seat.commits.add(task)
                task.add_done_callback(seat.commits.discard)
            for kind, *what in messages:
                if kind != "commit":
                    self._hear(seat, kind, what)

    def _hear(self, seat: _Seat, kind: str, what: list[Any]) -> None:
        if kind == "ended":
            episode, reason, seat.run_usage = what
            seat.hands.pop(episode)
            self._deaths.pop(episode, None)
            if reason is not None:
                self._end(reason)
            self._feed()
            self._changed.set()
        elif kind == "ready":
            seat.ready, self._stillborn = True, 0
            self._feed()
            self._changed.set()
        elif kind == "event":
            if self._listens is not None:
                self._listens(what[0])
        elif kind == "raised":
            self._fail(what[0])
        else:
            getattr(seat.counter, kind)(*what)

    async def _commit(self, seat: _Seat, commits: list[WireMessage]) -> None:
        assert self._store is not None, "begin comes before play"
        batch: Batch = tuple(part for _, rows in commits for part in rows)
        await self._store.commit(batch)
        for number, _ in commits:
            seat.outbox.post("committed", number)
        if self._seen is not None:
            for table, rows in batch:
                if table == "records":
                    self._seen([decode(Record, row[-1]) for row in rows])

    async def _bury(self, seat: _Seat) -> None:
        """A worker has died: its episodes go to others, and its place to a new one."""
        began, seat.ready = seat.ready, False  # nothing more is given to it
        how = await seat.handle.gone()
        await asyncio.gather(*seat.commits)  # whoever plays its episodes next is given what it still had to say
        del self._seats[seat.place]
        self._past.append(seat.run_usage)
        booked = seat.counter.gone()
        if self._store is not None and booked:
            await self._store.commit(booked_rows(booked))
        self._deaths.update(list(seat.hands))
        self._stillborn += not began
        if self._listens is not None:
            self._listens(WorkerDied(seat.place, how, tuple(seat.hands)))
        if self._stillborn >= DEATHS:
            raise WorkerLost(f"{DEATHS} workers died before they could begin", f"the last one {how}", _EARLY)
        if any(self._deaths[episode] >= DEATHS for episode in seat.hands):
            self._end(WorkerLost(f"{DEATHS} workers died over one episode", f"the last one {how}", _OVER))
        if self._stopped is None:
            self._again.extend(seat.hands.values())
            self._feed()  # the others go on while a new one is sought
            self._spawn(self._fill(seat.place))
        self._changed.set()


def _portable(experiment: Experiment, office: WorkerLauncher) -> None:
    """See that every part can be sent, and name the one that cannot."""
    parts: list[tuple[str, Any]] = [
        *((f"the task {t.name!r}", t) for t in experiment.tasks),
        *((f"the model {b.info.label!r}", b) for b in experiment.backends),
        *((f"the variant {v.name!r}", v) for v in experiment.variants),
    ]
    for what, part in parts:
        try:
            office.pack(part)
        except Exception as error:
            raise BadOption(
                f"{what} cannot be sent to a worker", f"{type(error).__name__}: {error}",
                "Build it from registered names or from classes and functions of a module, or run with one process.",
            ) from None  # fmt: skip
