"""Workers as actors of a Ray cluster, on whichever machines it has.

Invariant: the driver stays the only owner of ledger, budget and plan; the death of an actor loses nothing. An actor's
messages are fetched by its driver, so it sends only while the driver lives; Ray ends it with its driver.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from ...errors import BadOption, MissingExtra
from .messages import ConnectionLost, Failed, ToDriver, ToWorker
from .worker import run_worker, unpack_spec


class _Actor:
    """A worker inside an actor, whose methods are the driver's end of the connection."""

    def __init__(self, spec: bytes) -> None:
        self._spec = spec
        self._outgoing: list[ToDriver] = []
        self._incoming: asyncio.Queue[Sequence[ToWorker]] = asyncio.Queue()
        self._wake = asyncio.Event()
        self._over = False
        self._working: asyncio.Task[None] | None = None

    async def deliver(self, messages: Sequence[ToWorker]) -> None:
        """Take messages of the driver."""
        self._incoming.put_nowait(messages)

    async def fetch(self) -> list[ToDriver] | None:
        """Wait for messages of the worker; None once it has ended."""
        if self._working is None:
            self._working = asyncio.ensure_future(self._work())
        await self._wake.wait()
        self._wake.clear()
        messages, self._outgoing = self._outgoing, []
        if self._over:
            self._wake.set()
        return messages if messages or not self._over else None

    def send(self, messages: Sequence[ToDriver]) -> None:
        self._outgoing += messages
        self._wake.set()

    async def receive(self) -> Sequence[ToWorker]:
        return await self._incoming.get()

    async def _work(self) -> None:
        try:
            await run_worker(unpack_spec(self._spec), self)
        except Exception as error:
            self.send([Failed(error)])
        self._over = True
        self._wake.set()


class _ActorHandle:
    """The driver's end of the connection to an actor."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self._how = "ended"

    def send(self, messages: Sequence[ToWorker]) -> None:
        self._actor.deliver.remote(messages)

    async def receive(self) -> Sequence[ToDriver]:
        try:
            messages: list[ToDriver] | None = await self._actor.fetch.remote()
        except self._ray.exceptions.RayActorError as error:
            self._how = "was lost with its node or process: " + str(error).strip().partition("\n")[0]
            raise ConnectionLost from None
        if messages is None:
            self._ray.kill(self._actor)
            raise ConnectionLost
        return messages

    def kill(self) -> None:
        self._ray.kill(self._actor)

    async def wait(self) -> str:
        try:
            while await self._actor.fetch.remote() is not None:
                pass
            self._ray.kill(self._actor)
        except self._ray.exceptions.RayActorError:
            pass
        return self._how


class RayLauncher:
    """Starts workers as actors; connects to the cluster when the first one starts.

    Args:
        address: of the cluster; empty: the one this process is connected to, or a new one on this machine.

    Raises:
        MissingExtra: Ray is not installed.
    """

    def __init__(self, address: str = "") -> None:
        try:
            import ray
        except ImportError:
            raise MissingExtra.of("ray", "ray") from None
        self._ray, self._address = ray, address
        self._owns_connection = False
        self._actor: Any = None

    def serialize(self, value: Any) -> bytes:
        data: bytes = self._ray.cloudpickle.dumps(value)
        return data

    async def start(self, spec: bytes) -> _ActorHandle:
        """Start an actor.

        Raises:
            BadOption: there is no cluster at the address.
        """
        if self._actor is None:
            self._actor = self._connect()
        return _ActorHandle(self._ray, self._actor.options(max_concurrency=1000).remote(spec))

    def close(self) -> None:
        if self._owns_connection and self._ray.is_initialized():
            self._ray.shutdown()

    def _connect(self) -> Any:
        ray = self._ray
        if not ray.is_initialized():
            try:
                ray.init(address=self._address or None, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise BadOption(
                    f"there is no Ray cluster at {self._address!r}",
                    str(error).partition("\n")[0],
                    "Give the address that `ray start --head` printed, or none for this machine alone.",
                ) from None
            self._owns_connection = True
        # One CPU each; spread, so that a machine that is lost takes few workers along.
        return ray.remote(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")(_Actor)
