"""What driver and workers send each other, and how it is gathered on its way.

Every kind of message is a class, and each end handles its kinds in one `match`, which the type checker sees to be
complete. Fields are plain data and values of this package, so that messages can be pickled.

Invariant: messages arrive in the order in which they were posted, each once, or not at all.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from ...errors import AkrasiaError, EndsRun
from ...events import Event, Level
from ...ledger.tables import Batch
from ...models.retry import RunUsage
from ...records import Spend


class Play(NamedTuple):
    """Play an episode in these cells; `answers` are those that the ledger holds already."""

    episode: int
    cells: tuple[int, ...]
    answers: Mapping[str, bytes]


class Committed(NamedTuple):
    """The batch of that number is safe."""

    number: int


class Reserved(NamedTuple):
    """The reservation of that number is made (no error), or why it is not."""

    number: int
    error: Exception | None


class Drain(NamedTuple):
    """Begin nothing new. Episodes under way go on until they need an answer that the budget does not pay for."""

    reason: EndsRun


class Stop(NamedTuple):
    """Begin nothing new, and send no request from now on."""

    reason: EndsRun


class Subscribe(NamedTuple):
    """Send events from now on: of that level and above, with or without texts."""

    texts: bool
    level: Level


class Shutdown(NamedTuple):
    """Close the models and end."""


class Ready(NamedTuple):
    """The worker is assembled, and its models are open if that was asked for."""


class Commit(NamedTuple):
    """Rows to enter in one transaction."""

    number: int
    batch: Batch


class Reserve(NamedTuple):
    """Set money aside for a call."""

    number: int
    need: Spend


class Renew(NamedTuple):
    """Book a lost attempt with all that was set aside, and set the same aside again."""

    number: int
    need: Spend


class Settle(NamedTuple):
    """Book what a call took, and free the rest."""

    number: int
    paid: Spend


class EpisodeDone(NamedTuple):
    """An episode was played to its end, or ended early by `reason`; `run_usage` is all that the worker used so far."""

    episode: int
    reason: EndsRun | None
    run_usage: RunUsage


class Emitted(NamedTuple):
    """Something happened."""

    event: Event


class Failed(NamedTuple):
    """A bug or bad input: the run cannot go on."""

    error: Exception


ToWorker = Play | Committed | Reserved | Drain | Stop | Subscribe | Shutdown
ToDriver = Ready | Commit | Reserve | Renew | Settle | EpisodeDone | Emitted | Failed

Out = TypeVar("Out", contravariant=True)
In = TypeVar("In", covariant=True)
Posted = TypeVar("Posted")


class ConnectionLost(Exception):
    """The other end is gone."""


class Connection(Protocol[Out, In]):
    """One end of a connection: sends messages of one direction and receives those of the other."""

    def send(self, messages: Sequence[Out]) -> None:
        """Send without waiting. If the other end is gone nothing is raised here; `receive` raises."""
        ...

    async def receive(self) -> Sequence[In]:
        """Wait for the messages that were sent since.

        Raises:
            ConnectionLost: nothing more will come.
        """
        ...


class BatchedSend(Generic[Posted]):
    """Posts messages; all that are posted in one round of the event loop travel together."""

    def __init__(self, send: Callable[[list[Posted]], None]) -> None:
        self._send = send
        self._waiting: list[Posted] = []

    def post(self, message: Posted) -> None:
        """Send `message` with the next batch."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(message)

    def flush(self) -> None:
        """Send now what is waiting."""
        if self._waiting:
            messages, self._waiting = self._waiting, []
            self._send(messages)


def portable(error: BaseException) -> Exception:
    """The error itself if it can travel between processes, else a `RuntimeError` with its text."""
    text_only = RuntimeError(f"{type(error).__name__}: {error}")
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:
        return text_only
    if isinstance(error, Exception) and isinstance(copy, AkrasiaError | type(error)):
        return error
    return text_only
