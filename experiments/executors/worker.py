"""A worker: plays the episodes that the driver sends, with its own models and compiled graphs, and no ledger.

Invariants
- An answer is used, and a group of records counts, only once the driver says that it is committed.
- A worker has a share of every limit: calls at once and per minute of all workers add up to the model's. The driver's
  budget is asked before every call (`remote_budget`).
- An episode that ended early is reported only once the calls it began have landed, so none is lost or uncounted.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Coroutine, Mapping
from copy import copy
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import count
from typing import Any, assert_never

from ...errors import BadOption, EndsRun, ends_run, first_error
from ...events import LEVELS, Event, EventBus, Level
from ...ledger.tables import Batch
from ...models.base import Backend, ModelInfo
from ...models.budget import Budget
from ...models.gateway import Gateway
from ...records import Draw, Request, Response
from ..experiment import Experiment
from .base import build_cells, play_episode
from .episode_cache import EpisodeCache
from .messages import (
    BatchedSend,
    Commit,
    Committed,
    Connection,
    Drain,
    Emitted,
    EpisodeDone,
    Failed,
    Play,
    Ready,
    Reserved,
    Shutdown,
    Stop,
    Subscribe,
    ToDriver,
    ToWorker,
    portable,
)
from .remote_budget import RemoteBudget

VERSION = version("akrasia")


@dataclass(frozen=True)
class WorkerSpec:
    """What a worker is made from.

    Attributes:
        index, count: which of how many workers it is: decides its share of every limit.
        open_models: open the models before sending `Ready`.
        version: the akrasia of the driver; another one in the worker is refused.
    """

    experiment: Experiment
    index: int
    count: int
    offline: bool
    open_models: bool
    version: str


def unpack_spec(data: bytes) -> WorkerSpec:
    """The spec that a driver serialized.

    Raises:
        BadOption: a part of it cannot be imported here, or the versions differ.
    """
    try:
        spec: WorkerSpec = pickle.loads(data)
    except Exception as error:
        raise BadOption(
            "the experiment cannot be rebuilt in a worker",
            f"{type(error).__name__}: {error}",
            "Put its classes and functions into a module that the worker can import, or run with one process.",
        ) from None
    if spec.version != VERSION:
        raise BadOption(
            f"a worker has akrasia {VERSION}, its driver {spec.version}", remedy="Install the same everywhere."
        )
    return spec


def share_of(total: int, index: int, count: int) -> int:
    """The part of `total` that worker `index` of `count` gets; the parts add up to `total`."""
    return total // count + (index < total % count)


@dataclass(frozen=True)
class _LimitedBackend:
    """A backend with one worker's share of its limits."""

    backend: Backend
    index: int
    count: int

    @property
    def info(self) -> ModelInfo:
        info = self.backend.info
        return replace(
            info,
            max_concurrency=max(1, share_of(info.max_concurrency, self.index, self.count)),
            rpm=info.rpm and max(1, share_of(info.rpm, self.index, self.count)),
            tpm=info.tpm and max(1, share_of(info.tpm, self.index, self.count)),
        )

    async def check(self) -> None:
        check = getattr(self.backend, "check", None)
        if check is not None:
            await check()

    async def open(self) -> None:
        await self.backend.open()

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        return await self.backend.generate(request, draw, key)

    async def close(self) -> None:
        await self.backend.close()


async def run_worker(spec: WorkerSpec, connection: Connection[ToDriver, ToWorker]) -> None:
    """Play until the driver sends `Shutdown`.

    Raises:
        ConnectionLost: the driver is gone.
    """
    worker = _Worker(spec, connection)
    try:
        if spec.open_models:
            await worker.gateway.open()
    except Exception as error:
        worker.outbox.post(Failed(portable(error)))
    else:
        worker.outbox.post(Ready())
    receiving = asyncio.ensure_future(worker.receive())
    try:
        await _until(worker.shutdown.wait(), receiving)
        # Calls that nobody waits for may still be under way: while they land, the driver's replies are received.
        await _until(worker.gateway.close(), receiving)
        worker.outbox.flush()
    finally:
        for task in (receiving, *worker.players):
            task.cancel()
        await asyncio.gather(receiving, *worker.players, return_exceptions=True)


async def _until(work: Coroutine[Any, Any, Any], receiving: asyncio.Future[None]) -> None:
    """Await `work` while messages are received; raises what ends the receiving."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait((task, receiving), return_when=asyncio.FIRST_COMPLETED)
        if receiving.done():
            receiving.result()
        await task
    finally:
        task.cancel()


@dataclass(frozen=True)
class _SendEvents:
    """A listener that sends events of `level` and above to the driver."""

    outbox: BatchedSend[ToDriver]
    texts: bool
    level: Level

    def __call__(self, event: Event) -> None:
        if LEVELS.index(event.level) >= LEVELS.index(self.level):
            self.outbox.post(Emitted(event))


class _Worker:
    def __init__(self, spec: WorkerSpec, connection: Connection[ToDriver, ToWorker]) -> None:
        self._experiment, self._connection = spec.experiment, connection
        self.outbox: BatchedSend[ToDriver] = BatchedSend(connection.send)
        self.shutdown = asyncio.Event()
        self._budget = RemoteBudget(self.outbox)
        self._cache = EpisodeCache(self._commit)
        self.gateway = Gateway(
            [_LimitedBackend(b, spec.index, spec.count) for b in self._experiment.backends],
            self._cache,
            self._experiment.budget,
            offline=spec.offline,
            tracker=None if self._experiment.budget == Budget() else self._budget,
        )
        self._cells = build_cells(self._experiment, self.gateway)
        self._numbers = count()
        self._uncommitted: dict[int, asyncio.Future[None]] = {}
        self._queue: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        self._cells_left: dict[int, int] = {}  # of each episode
        self._ended: EndsRun | None = None
        at_once = max(1, share_of(self._experiment.at_once, spec.index, spec.count))
        self.players = [asyncio.ensure_future(self._play_queue()) for _ in range(at_once)]

    async def receive(self) -> None:
        """Do what the driver sends, until it is gone."""
        while True:
            for message in await self._connection.receive():
                self._handle(message)

    def _handle(self, message: ToWorker) -> None:
        match message:
            case Play(episode, cells, answers):
                self._on_play(episode, cells, answers)
            case Committed(number):
                committed = self._uncommitted.pop(number)
                if not committed.done():
                    committed.set_result(None)
            case Reserved(number, error):
                self._budget.on_reserved(number, error)
            case Subscribe(texts, level):
                self.gateway.emit = EventBus([_SendEvents(self.outbox, texts, level)])
            case Drain(reason):
                self._ended = self._ended or reason
            case Stop(reason):
                self._ended = self._ended or reason
                self.gateway.stop(reason)
            case Shutdown():
                self.shutdown.set()
            case _:
                assert_never(message)

    def _on_play(self, episode: int, cells: tuple[int, ...], answers: Mapping[str, bytes]) -> None:
        self._cache.load(self._experiment.episode_seed(episode), answers.items())
        self._cells_left[episode] = len(cells)
        for n in cells:
            self._queue.put_nowait((episode, n))

    async def _commit(self, batch: Batch) -> None:
        number = next(self._numbers)
        committed = self._uncommitted[number] = asyncio.get_running_loop().create_future()
        self.outbox.post(Commit(number, batch))
        await committed

    async def _play_queue(self) -> None:
        while True:
            episode, n = await self._queue.get()
            if self._ended is None:
                try:
                    await play_episode(self._experiment, self._cells[n], episode, self._cache, self.gateway)
                except Exception as error:
                    reason = ends_run(error)
                    if reason is None:
                        self.outbox.post(Failed(portable(first_error(error))))
                    self._ended = self._ended or reason
                    await self.gateway.land()
            self._cells_left[episode] -= 1
            if not self._cells_left[episode]:
                del self._cells_left[episode]
                self._cache.evict(self._experiment.episode_seed(episode))
                self.outbox.post(EpisodeDone(episode, self._ended, copy(self.gateway.run_usage)))
