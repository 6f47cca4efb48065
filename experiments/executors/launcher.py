"""What a worker pool needs of the place where its workers run: something that starts them, and a handle on each.

Invariant: a worker ends with its driver, however the driver ends, and its connection is lost only once it has ended.
"""

from __future__ import annotations

from typing import Any, Protocol

from .messages import Connection, ToDriver, ToWorker

__all__ = ["WorkerHandle", "WorkerLauncher"]


class WorkerHandle(Connection[ToWorker, ToDriver], Protocol):
    """The driver's end of the connection to one worker."""

    def kill(self) -> None:
        """End the worker now."""
        ...

    async def wait(self) -> str:
        """Wait until the worker has ended; returns how, as words that follow "a worker"."""
        ...


class WorkerLauncher(Protocol):
    """Starts workers: as processes, or as actors of a cluster."""

    def serialize(self, value: Any) -> bytes:
        """A `WorkerSpec`, or a part of one, as it travels; raises what says that it cannot."""
        ...

    async def start(self, spec: bytes) -> WorkerHandle:
        """Start a worker."""
        ...

    def close(self) -> None:
        """Free what all workers share."""
        ...
