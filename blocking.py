"""Running asynchronous work to its end from ordinary code, also inside a notebook."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from typing import Any, TypeVar

T = TypeVar("T")


def blocking(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, also where the caller's thread has an event loop (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    box: list[T | BaseException] = []
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = []

    async def noted() -> T:
        running.append((asyncio.get_running_loop(), asyncio.current_task()))
        return await work()

    def inside() -> None:
        try:
            box.append(asyncio.run(noted()))
        except BaseException as error:  # handed to the caller's thread below
            box.append(error)

    # With the caller's context, as `asyncio.run` has it: callbacks of LangChain that are in force stay so.
    thread = threading.Thread(target=copy_context().run, args=(inside,), name="akrasia")
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        for loop, task in running:
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if isinstance(box[0], BaseException):
        raise box[0]
    return box[0]
