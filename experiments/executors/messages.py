"""What driver and workers say to each other, and how it is gathered on its way.

A message is a tuple `(kind, ...)` of plain data and of values of this package.

driver -> worker   play(episode, arenas, answers)   play these; `answers` are those the ledger holds already
                   committed(number)                the batch of that number is safe
                   held(number, error)              money is set aside (error None), or why not
                   stop(reason)                     ask nothing new
                   listen(texts, level)             tell what happens from now on, at that level and above
                   end()                            close the models and go
worker -> driver   ready()                          assembled, and its models opened if that was asked for
                   commit(number, batch)            rows to enter in one transaction
                   hold(number, need)  again(number, hold, need)  settle(hold, paid)      see `lease`
                   ended(episode, reason, tally)    played to its end, or stopped by `reason`
                   event(event)                     something happened, if the driver listens
                   raised(error)                    a bug or bad input: the run cannot go on

Invariant: messages arrive in the order in which they were posted, each once, or not at all.
"""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable
from typing import Any, Protocol

from ...errors import AkrasiaError

__all__ = ["Connection", "ConnectionLost", "WireMessage", "BatchedSend", "portable"]

WireMessage = tuple[Any, ...]


class ConnectionLost(Exception):
    """The other end is gone."""


class Connection(Protocol):
    """One end of a connection."""

    def send(self, messages: list[WireMessage]) -> None:
        """Send without waiting; nothing is said if the other end is gone: `receive` does."""
        ...

    async def receive(self) -> list[WireMessage]:
        """Wait for what was sent since.

        Raises:
            Lost: nothing more will come.
        """
        ...


class BatchedSend:
    """Posts messages; all that are posted in one round of the event loop travel together."""

    def __init__(self, send: Callable[[list[WireMessage]], None]) -> None:
        self._send = send
        self._waiting: list[WireMessage] = []

    def post(self, *message: Any) -> None:
        """Send `message` with the next departure."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self.flush)
        self._waiting.append(message)

    def flush(self) -> None:
        """Send now what is waiting."""
        if self._waiting:
            messages, self._waiting = self._waiting, []
            self._send(messages)


def portable(error: BaseException) -> Exception:
    """The error as it is where it can travel, else what it says."""
    try:
        again = pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error if isinstance(error, Exception) and isinstance(again, AkrasiaError | type(error)) else RuntimeError(
        f"{type(error).__name__}: {error}"
    )  # fmt: skip
