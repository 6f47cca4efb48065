"""A breaker before a provider that is down: the run waits and tries with one call at a time, and then pauses.

States: *closed*, calls go through; *open* once `TRIP` different calls failed with nothing answered in between, nobody
calls; *half open*, one caller tries while all others wait. What it meets closes the circuit or opens it for twice as
long; after `PROBES` of them the run stops, with every answer kept. Different calls, since one that fails again and
again says something of itself and little of its provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..errors import ProviderDown
from ..events import CircuitClosed, CircuitOpened, Listener

__all__ = ["CircuitBreaker"]

TRIP = 12
OPEN_FOR, OPEN_FOR_AT_MOST = 5.0, 60.0
PROBES = 6


class CircuitBreaker:
    """The breaker of one model.

    Args:
        label: the model, for the message.
        rest: how to wait, in seconds; may raise to end the waiting.
        hear: is told when it opens and closes.
    """

    def __init__(self, label: str, rest: Callable[[float], Awaitable[None]], emit: Listener) -> None:
        self._label, self._rest, self._hear = label, rest, emit
        self._failed: set[str] = set()  # keys of calls
        self._probes, self._probing = 0, False
        self._reason: ProviderDown | None = None
        self._changed: list[asyncio.Future[None]] = []

    @property
    def closed(self) -> bool:
        """Whether calls go through."""
        return len(self._failed) < TRIP

    async def admit(self) -> bool:
        """Return when a call may go through: False while the circuit is closed, True for the one that probes it.

        Raises:
            ProviderDown: the provider has been probed often enough.
        """
        while not self.closed or self._reason:
            if self._reason is not None:
                raise self._reason
            if self._probing:
                change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._changed.append(change)
                await change
                continue
            self._probing = True
            try:
                await self._rest(min(OPEN_FOR * 2**self._probes, OPEN_FOR_AT_MOST))
            except BaseException:
                self.probed()
                raise
            return True
        return False

    def probed(self) -> None:
        """The caller that probed is through, whatever it met."""
        self._probing = False
        self._emit()

    def answered(self) -> None:
        """The provider answered a call, if only to refuse it."""
        if self._failed:
            if not self.closed:
                self._hear(CircuitClosed(self._label))
            self._failed.clear()
            self._probes = 0
            self._emit()

    def failed(self, key: str, said: str, probe: bool = False) -> None:
        """An attempt at the call `key` failed."""
        if probe:
            self._probes += 1
            if self._probes >= PROBES:
                self.broken(f"{self._label!r} does not answer", said.rstrip("."))
        else:
            was_closed = self.closed
            self._failed.add(key)
            if was_closed and not self.closed:
                self._hear(CircuitOpened(self._label, said))

    def broken(self, what: str, why: str) -> ProviderDown:
        """Let nobody through any more."""
        remedy = "Every answer so far is kept: resume the run when the provider is back."
        self._reason = self._reason or ProviderDown(what, why, remedy)
        self._emit()
        return self._reason

    def stop(self) -> None:
        """Let nobody wait any longer; who waits looks again."""
        self._emit()

    def _emit(self) -> None:
        changed, self._changed = self._changed, []
        for change in changed:
            if not change.done():
                change.set_result(None)
