"""A circuit breaker for a provider that is down: the run waits, tries with one call at a time, and then pauses.

States: *closed*, calls go through. *Open*, once `TRIP` different calls have failed and none was answered in between:
nobody calls. *Half open*, one call probes while all others wait: its answer closes the circuit, its failure opens it
for twice as long, and after `PROBES` failures the run stops with every answer kept. Different calls are counted, since
a single call that fails again and again says more about itself than about its provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ..errors import ProviderDown
from ..events import CircuitClosed, CircuitOpened, Listener

TRIP = 12
OPEN_FOR, OPEN_FOR_AT_MOST = 5.0, 60.0
PROBES = 6


class CircuitBreaker:
    """The circuit breaker of one model.

    Args:
        label: the model, for messages.
        sleep: how to wait, in seconds; may raise to end the waiting.
        emit: is handed an event when the circuit opens and closes.
    """

    def __init__(self, label: str, sleep: Callable[[float], Awaitable[None]], emit: Listener) -> None:
        self._label, self._sleep, self._emit = label, sleep, emit
        self._failed: set[str] = set()  # keys of calls
        self._failed_probes, self._probing = 0, False
        self._reason: ProviderDown | None = None
        self._waiting: list[asyncio.Future[None]] = []

    @property
    def closed(self) -> bool:
        """Whether calls go through."""
        return len(self._failed) < TRIP

    async def admit(self) -> bool:
        """Return when a call may go through: False while the circuit is closed, True for the call that probes it.

        Raises:
            ProviderDown: the provider is given up.
        """
        while not self.closed or self._reason:
            if self._reason is not None:
                raise self._reason
            if self._probing:
                change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
                self._waiting.append(change)
                await change
                continue
            self._probing = True
            try:
                await self._sleep(min(OPEN_FOR * 2**self._failed_probes, OPEN_FOR_AT_MOST))
            except BaseException:
                self.end_probe()
                raise
            return True
        return False

    def end_probe(self) -> None:
        """The call that probed has ended, in whatever way."""
        self._probing = False
        self.wake()

    def record_success(self) -> None:
        """The provider answered a call, even if only to refuse it."""
        if self._failed:
            if not self.closed:
                self._emit(CircuitClosed(self._label))
            self._failed.clear()
            self._failed_probes = 0
            self.wake()

    def record_failure(self, key: str, message: str, probe: bool = False) -> None:
        """An attempt at the call `key` failed with `message`."""
        if probe:
            self._failed_probes += 1
            if self._failed_probes >= PROBES:
                self.give_up(f"{self._label!r} does not answer", message.rstrip("."))
        else:
            was_closed = self.closed
            self._failed.add(key)
            if was_closed and not self.closed:
                self._emit(CircuitOpened(self._label, message))

    def give_up(self, what: str, why: str) -> ProviderDown:
        """Let no call through any more; returns the error that every caller gets."""
        remedy = "Every answer so far is kept: resume the run when the provider is back."
        self._reason = self._reason or ProviderDown(what, why, remedy)
        self.wake()
        return self._reason

    def wake(self) -> None:
        """Let those who wait look again whether they may go through."""
        waiting, self._waiting = self._waiting, []
        for change in waiting:
            if not change.done():
                change.set_result(None)
