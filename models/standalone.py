"""A model that answers outside of a run, for graphs that are served, tested or shown by themselves.

It has an event loop of its own, in a thread, since the connections of a model belong to one loop and callers come from
any. Every call is a new draw. The connections are closed when nobody holds the model any more.

Invariant: what it is asked and what it answers is what a run would ask and read: the same gateway, the same forms.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from concurrent.futures import Future
from itertools import count

from ..errors import BadOption
from ..records import Draw, Message, Response
from .base import Backend, ModelInfo
from .gateway import Gateway
from .langchain_calls import Asked
from .roles import ModelRoles

PATIENCE = 5.0  # seconds for connections to close


class Standalone:
    """One model with a gateway of its own.

    Args:
        backend: the model.
    """

    def __init__(self, backend: Backend) -> None:
        self.info: ModelInfo = backend.info
        self._samples = count()
        self._lock = threading.Lock()
        self._own = _OwnLoop(backend)
        weakref.finalize(self, self._own.close)

    def ask(self, messages: tuple[Message, ...], asked: Asked) -> Future[list[Response]]:
        """The answers to one call, asked at once on the model's own loop.

        Raises:
            BadOption: the model is known not to take a setting that the call sets.
        """
        required = {name: getattr(asked.sampling, name) for name in asked.sampling.required}
        why, remedy = self.info.why_not(required)
        if why:
            raise BadOption(f"{self.info.label} cannot be asked like this", why, remedy)
        with self._lock:
            draws = [Draw(0, 0, next(self._samples)) for _ in range(asked.samples)]
        return self._own.ask(messages, asked, draws)


class _OwnLoop:
    """The event loop of one model, and the gateway that lives on it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._models: ModelRoles | None = None

    def ask(self, messages: tuple[Message, ...], asked: Asked, draws: list[Draw]) -> Future[list[Response]]:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._run, args=(self._loop,), daemon=True)
                self._thread.start()
        return asyncio.run_coroutine_threadsafe(self._answers(messages, asked, draws), self._loop)

    async def _answers(self, messages: tuple[Message, ...], asked: Asked, draws: list[Draw]) -> list[Response]:
        if self._models is None:
            self._models = ModelRoles(Gateway([self._backend]), {"default": self._backend.info.id})
        ask = self._models.ask
        calls = (ask("default", messages, asked.sampling, draw, asked.offer) for draw in draws)
        return [response for _, response in await asyncio.gather(*calls)]

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()

    def close(self) -> None:
        """Close the connections and end the thread."""
        if self._loop is None or self._thread is None:
            return
        asyncio.run_coroutine_threadsafe(self._end(self._loop), self._loop)
        if threading.current_thread() is not self._thread:
            self._thread.join(PATIENCE)

    async def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            if self._models is not None:
                await self._models.gateway.close()
        finally:
            loop.stop()
