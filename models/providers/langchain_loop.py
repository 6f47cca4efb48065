"""One event loop for all calls of LangChain models, for as long as the process lives.

A chat model keeps its HTTP client, and the client keeps connections that belong to the event loop in which they were
made. Each run has an event loop of its own, so a second run in the same process would find connections whose loop is
closed. So the calls are made here.

Invariant: a call is made outside of the context of who asks. The run reports it to LangChain's callbacks (`traced`),
so it is heard once.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class _LastingLoop:
    """A thread with an event loop; begun at the first call, and once more in a process that was forked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0

    def get(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None or self._process != os.getpid():
                self._loop, self._process = asyncio.new_event_loop(), os.getpid()
                threading.Thread(target=self._loop.run_forever, name="akrasia-langchain", daemon=True).start()
            return self._loop


_LASTING = _LastingLoop()


async def in_lasting_loop(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """The result of a coroutine that runs in the lasting loop; a caller that is cancelled cancels it."""
    loop = _LASTING.get()
    result: Future[T] = Future()
    task: list[asyncio.Task[T]] = []

    def begin() -> None:
        if result.set_running_or_notify_cancel():
            task.append(loop.create_task(work(), context=Context()))
            task[0].add_done_callback(end)

    def end(done: asyncio.Task[T]) -> None:
        if done.cancelled():
            result.set_exception(asyncio.CancelledError())
        elif (error := done.exception()) is not None:
            result.set_exception(error)
        else:
            result.set_result(done.result())

    loop.call_soon_threadsafe(begin, context=Context())
    try:
        return await asyncio.shield(asyncio.wrap_future(result))
    except asyncio.CancelledError:
        loop.call_soon_threadsafe(lambda: [t.cancel() for t in task])
        raise
