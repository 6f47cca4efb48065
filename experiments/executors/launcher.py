"""What a worker pool needs of the place where its workers run: something that starts them, and a handle on each.

Invariant: a worker ends with its driver, however the driver ends, and its connection is lost only once it has ended.
"""

from __future__ import annotations

from typing import Any, Protocol

from ...errors import BadOption
from ..experiment import Experiment
from .messages import Connection, ToDriver, ToWorker


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


def check_portable(experiment: Experiment, launcher: WorkerLauncher) -> None:
    """Refuse an experiment of which a part cannot be sent to a worker, and name that part."""
    parts: list[tuple[str, Any]] = [
        *((f"the task {t.name!r}", t) for t in experiment.tasks),
        *((f"the model {b.info.label!r}", b) for b in experiment.backends),
        *((f"the variant {v.name!r}", v) for v in experiment.variants),
    ]
    for name, part in parts:
        try:
            launcher.serialize(part)
        except Exception as error:
            raise BadOption(
                f"{name} cannot be sent to a worker",
                f"{type(error).__name__}: {error}",
                "Build it from registered names or from classes and functions of a module, or run with one process.",
            ) from None
