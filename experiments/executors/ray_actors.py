"""Workers as actors of a Ray cluster, on whichever machines it has.

Invariant: the driver stays the only owner of ledger, purse and plan; an actor holds nothing that its death could lose.
An actor is asked for what it has to say, and so says it only while its driver lives; Ray ends it with its driver.
"""

from __future__ import annotations

import asyncio
from typing import Any

from ...errors import BadOption, MissingExtra
from .messages import ConnectionLost, WireMessage
from .worker import unpacked, work

__all__ = ["RayExecutor"]


class _Actor:
    """A worker inside an actor: both ends of its line are the actor's methods."""

    def __init__(self, contract: bytes) -> None:
        self._contract = contract
        self._said: list[WireMessage] = []
        self._heard: asyncio.Queue[list[WireMessage]] = asyncio.Queue()
        self._news = asyncio.Event()
        self._over = False
        self._working: asyncio.Task[None] | None = None

    async def tell(self, messages: list[WireMessage]) -> None:
        """What the driver says."""
        self._heard.put_nowait(messages)

    async def emit(self) -> list[WireMessage] | None:
        """What the worker has to say, as soon as there is something; None once it has ended."""
        if self._working is None:
            self._working = asyncio.ensure_future(self._work())
        await self._news.wait()
        self._news.clear()
        said, self._said = self._said, []
        if self._over:
            self._news.set()
        return said if said or not self._over else None

    def send(self, messages: list[WireMessage]) -> None:
        self._said += messages
        self._news.set()

    async def receive(self) -> list[WireMessage]:
        return await self._heard.get()

    async def _work(self) -> None:
        try:
            await work(unpacked(self._contract), self)
        except Exception as error:
            self.send([("raised", error)])
        self._over = True
        self._news.set()


class _Remote:
    """The driver's end of an actor."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self._how = "ended"

    def send(self, messages: list[WireMessage]) -> None:
        self._actor.tell.remote(messages)

    async def receive(self) -> list[WireMessage]:
        try:
            messages: list[WireMessage] | None = await self._actor.emit.remote()
        except self._ray.exceptions.RayActorError as error:
            self._how = "was lost with its node or process: " + str(error).strip().partition("\n")[0]
            raise ConnectionLost from None
        if messages is None:
            self._ray.kill(self._actor)
            raise ConnectionLost
        return messages

    def kill(self) -> None:
        self._ray.kill(self._actor)

    async def gone(self) -> str:
        try:
            while await self._actor.emit.remote() is not None:
                pass
            self._ray.kill(self._actor)
        except self._ray.exceptions.RayActorError:
            pass
        return self._how


class RayExecutor:
    """An office that starts actors.

    Args:
        address: of the cluster; empty: the one this process is connected to, or a new one on this machine.

    Raises:
        MissingExtra: Ray is not installed.
        BadOption: there is no cluster at the address.
    """

    def __init__(self, address: str = "") -> None:
        try:
            import ray
        except ImportError:
            raise MissingExtra.of("ray", "ray") from None
        self._ray = ray
        self._ours = not ray.is_initialized()
        if self._ours:
            try:
                ray.init(address=address or None, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise BadOption(
                    f"there is no Ray cluster at {address!r}", str(error).partition("\n")[0],
                    "Give the address that `ray start --head` printed, or none for this machine alone.",
                ) from None  # fmt: skip
        # One CPU each; spread, so that a machine that is lost takes few workers along.
        self._actor = ray.remote(num_cpus=1, max_restarts=0, scheduling_strategy="SPREAD")(_Actor)

    def pack(self, value: Any) -> bytes:
        packed: bytes = self._ray.cloudpickle.dumps(value)
        return packed

    async def hire(self, contract: bytes) -> _Remote:
        return _Remote(self._ray, self._actor.options(max_concurrency=1000).remote(contract))

    def close(self) -> None:
        if self._ours and self._ray.is_initialized():
            self._ray.shutdown()
