"""The local executor: episodes as asyncio tasks in this process.

Invariant: a run that has to stop (budget spent, provider down, interrupt) starts nothing new but lets episodes that are
under way go on until they need a new answer, so that answers already paid for are committed. Any other error is a bug
or bad input, and cancels everything at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from ...errors import AkrasiaError, Denied, RunStopped

__all__ = ["run_local"]


async def run_local(jobs: Iterable[Callable[[], Awaitable[None]]], concurrency: int) -> RunStopped | Denied | None:
    """Run `jobs`, at most `concurrency` at a time, in order of their start.

    Returns:
        Why the run stopped early, or None if every job ended.
    """
    waiting = iter(jobs)
    stopped: RunStopped | Denied | None = None

    async def worker() -> None:
        nonlocal stopped
        for job in waiting:
            if stopped is not None:
                return
            try:
                await job()
            except (AkrasiaError, ExceptionGroup) as error:
                reason = _stop_reason(error)
                if reason is None:
                    raise
                stopped = stopped or reason

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(worker())
    except ExceptionGroup as errors:
        raise _first(errors) from None
    return stopped


def _stop_reason(error: BaseException) -> RunStopped | Denied | None:
    first = _first(error)
    return first if isinstance(first, RunStopped | Denied) else None


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
