"""A worker: plays the episodes it is given, with models and compiled graphs of its own and a ledger that is elsewhere.

Invariants
- An answer is used, and a group of records counts, only once the driver says that it is committed.
- A worker holds a share of every limit: calls at once and per minute of all workers add up to the model's, and money is
  asked for call by call of the driver's purse (`lease`).
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import count
from typing import TYPE_CHECKING

from ...errors import BadOption, RunStopped
from ...events import LEVELS, Event, EventBus, Level
from ...ledger.tables import Batch
from ...models.base import Backend, ModelInfo
from ...models.budget import Budget
from ...models.gateway import Gateway
from ...records import Draw, Request, Response
from .base import cells, play_episode
from .episode_cache import EpisodeCache
from .local import first, stop_reason
from .messages import BatchedSend, Connection, portable
from .remote_budget import RemoteBudget

if TYPE_CHECKING:
    from ..runner import Experiment

__all__ = ["VERSION", "WorkerSpec", "share", "unpacked", "work"]

VERSION = version("akrasia")


@dataclass(frozen=True)
class WorkerSpec:
    """What a worker is told at its start.

    Attributes:
        place, of: which of how many workers it is: decides its share of every limit.
        open_now: open the models before saying `ready`.
        version: the akrasia of the driver; another one in the worker is refused.
    """

    experiment: Experiment
    place: int
    of: int
    offline: bool
    open_now: bool
    version: str


def unpacked(contract: bytes) -> WorkerSpec:
    """The contract that a driver packed.

    Raises:
        BadOption: something of it is not found here, or the versions differ.
    """
    try:
        found: WorkerSpec = pickle.loads(contract)
    except Exception as error:
        raise BadOption(
            "the experiment cannot be rebuilt in a worker", f"{type(error).__name__}: {error}",
            "Put its classes and functions into a module that the worker can import, or run with one process.",
        ) from None  # fmt: skip
    if found.version != VERSION:
        raise BadOption(
            f"a worker has akrasia {VERSION}, its driver {found.version}", remedy="Install the same everywhere."
        )
    return found


def share(total: int, place: int, of: int) -> int:
    """The part of `total` that falls to one of `of`; the parts add up to `total`."""
    return total // of + (place < total % of)


@dataclass(frozen=True)
class _Part:
    """A backend with a share of its limits."""

    whole: Backend
    place: int
    of: int

    @property
    def info(self) -> ModelInfo:
        info = self.whole.info
        return replace(
            info,
            max_concurrency=max(1, share(info.max_concurrency, self.place, self.of)),
            rpm=info.rpm and max(1, share(info.rpm, self.place, self.of)),
            tpm=info.tpm and max(1, share(info.tpm, self.place, self.of)),
        )

    async def open(self) -> None:
        await self.whole.open()

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        return await self.whole.generate(request, draw, key)

    async def close(self) -> None:
        await self.whole.close()


async def work(contract: WorkerSpec, line: Connection) -> None:
    """Play until the driver says `end`.

    Raises:
        Lost: the driver is gone.
    """
    worker = _Worker(contract, line)
    try:
        if contract.open_now:
            await worker.gateway.open()
    except Exception as error:
        worker.outbox.post("raised", portable(error))
    else:
        worker.outbox.post("ready")
    try:
        while await worker.obey():
            pass
    finally:
        for task in worker.tasks:
            task.cancel()
    await asyncio.gather(*worker.tasks, return_exceptions=True)
    await worker.gateway.close()
    worker.outbox.flush()


@dataclass(frozen=True)
class _Forward:
    """Hears for the driver, whom nothing below `level` is sent."""

    outbox: BatchedSend
    texts: bool
    level: Level

    def __call__(self, event: Event) -> None:
        if LEVELS.index(event.level) >= LEVELS.index(self.level):
            self.outbox.post("event", event)


class _Worker:
    def __init__(self, contract: WorkerSpec, line: Connection) -> None:
        self._experiment, self._line = contract.experiment, line
        self.outbox = BatchedSend(line.send)
        self._tracker = RemoteBudget(self.outbox)
        self._shelf = EpisodeCache(self._commit)
        place, of = contract.place, contract.of
        self.gateway = Gateway(
            [_Part(b, place, of) for b in self._experiment.backends],
            self._shelf,
            self._experiment.budget,
            offline=contract.offline,
            tracker=None if self._experiment.budget == Budget() else self._tracker,
        )
        self._arenas = cells(self._experiment, self.gateway)
        self._numbers = count()
        self._uncommitted: dict[int, asyncio.Future[None]] = {}
        self._todo: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        self._left: dict[int, int] = {}
        self._stopped: Exception | None = None
        at_once = max(1, share(self._experiment.at_once, place, of))
        self.tasks = [asyncio.ensure_future(self._play()) for _ in range(at_once)]

    async def obey(self) -> bool:
        """Do what the driver says next; False once it says `end`."""
        for kind, *what in await self._line.receive():
            if kind == "end":
                return False
            getattr(self, f"on_{kind}")(*what)
        return True

    def on_play(self, episode: int, numbers: tuple[int, ...], answers: Mapping[str, bytes]) -> None:
        self._shelf.lay(self._experiment.number(episode), answers.items())
        self._left[episode] = len(numbers)
        for n in numbers:
            self._todo.put_nowait((episode, n))

    def on_committed(self, number: int) -> None:
        done = self._uncommitted.pop(number)
        if not done.done():
            done.set_result(None)

    def on_held(self, number: int, error: Exception | None) -> None:
        self._tracker.held(number, error)

    def on_listen(self, texts: bool, level: Level) -> None:
        self.gateway.emit = EventBus([_Forward(self.outbox, texts, level)])

    def on_stop(self, reason: RunStopped) -> None:
        self._stopped = self._stopped or reason
        self.gateway.stop(reason)

    async def _commit(self, batch: Batch) -> None:
        number = next(self._numbers)
        done = self._uncommitted[number] = asyncio.get_running_loop().create_future()
        self.outbox.post("commit", number, batch)
        await done

    async def _play(self) -> None:
        while True:
            episode, n = await self._todo.get()
            if self._stopped is None:
                try:
                    await play_episode(self._experiment, self._arenas[n], episode, self._shelf, self.gateway)
                except Exception as error:
                    reason = stop_reason(error)
                    if reason is None:
                        self.outbox.post("raised", portable(first(error)))
                    self._stopped = self._stopped or reason
            if self._stopped is not None:
                await self.gateway.land()  # "ended" tells of every call, and no answer comes after "end"
            self._left[episode] -= 1
            if not self._left[episode]:
                del self._left[episode]
                self._shelf.clear(self._experiment.number(episode))
                self.outbox.post("ended", episode, self._stopped, copy(self.gateway.run_usage))
