"""Workers without processes: tasks of the driver's own event loop, which may die or be held up at any message."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any

import pytest

from akrasia.experiments.executors.messages import ConnectionLost, ToDriver, ToWorker
from akrasia.experiments.executors.worker import run_worker

HERE: ContextVar["InProcessWorker"] = ContextVar("worker")


class InProcessWorker:
    """One worker, and both ends of its connection. What it sends after its death is lost."""

    def __init__(self, spec: Any, deliver: Callable[[Any, Sequence[ToWorker]], Sequence[ToWorker]]) -> None:
        self.index = spec.index
        self._deliver, self._dead = deliver, False
        self._to_worker: asyncio.Queue[Sequence[ToWorker]] = asyncio.Queue()
        self._to_driver: asyncio.Queue[Sequence[ToDriver] | None] = asyncio.Queue()
        self._task = asyncio.ensure_future(self._work(spec))

    def send(self, messages: Sequence[ToWorker]) -> None:
        delivered = self._deliver(self, messages)
        if delivered:
            self._to_worker.put_nowait(delivered)

    async def receive(self) -> Sequence[ToDriver]:
        messages = await self._to_driver.get()
        if messages is None:
            self._to_driver.put_nowait(None)
            raise ConnectionLost
        return messages

    def kill(self) -> None:
        if not self._dead:
            self._dead = True
            self._task.cancel()
            self._to_driver.put_nowait(None)

    async def wait(self) -> str:
        await asyncio.wait({self._task})
        return "was killed"

    async def _work(self, spec: Any) -> None:
        HERE.set(self)
        try:
            await run_worker(spec, _WorkerEnd(self))
        finally:
            self.kill()


class _WorkerEnd:
    def __init__(self, worker: InProcessWorker) -> None:
        self._worker = worker

    def send(self, messages: Sequence[ToDriver]) -> None:
        if not self._worker._dead:
            self._worker._to_driver.put_nowait(list(messages))

    async def receive(self) -> Sequence[ToWorker]:
        return await self._worker._to_worker.get()


class InProcessLauncher:
    """Starts them.

    Attributes:
        deliver: what of the messages to a worker arrives now; by default all.
    """

    def __init__(self) -> None:
        self.deliver: Callable[[InProcessWorker, Sequence[ToWorker]], Sequence[ToWorker]] = lambda _, messages: messages
        self.started: list[InProcessWorker] = []
        self._specs: list[Any] = []

    def serialize(self, value: Any) -> bytes:
        self._specs.append(value)
        return str(len(self._specs) - 1).encode()

    async def start(self, spec: bytes) -> InProcessWorker:
        self.started.append(InProcessWorker(self._specs[int(spec)], self.deliver))
        return self.started[-1]

    def close(self) -> None:
        """Nothing is shared."""

    @staticmethod
    def here() -> InProcessWorker:
        """The worker that plays where this is called."""
        return HERE.get()


@pytest.fixture
def launcher() -> InProcessLauncher:
    return InProcessLauncher()
