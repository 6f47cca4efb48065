"""One purse for many gateways: the driver holds it, a worker's gateway asks for every call.

Invariant: what is set aside for all workers together never exceeds the budget, since one purse sets it aside. A worker
that dies is booked with all that its calls under way may have cost: the provider may have billed them.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count

from ...models.budget import Budget, BudgetTracker, Reservation
from ...records import Spend
from .messages import BatchedSend

__all__ = ["BudgetServer", "RemoteBudget"]


class RemoteBudget(BudgetTracker):
    """A worker's end: has the interface of a purse, and asks the driver's."""

    def __init__(self, outbox: BatchedSend) -> None:
        super().__init__(Budget())
        self._outbox = outbox
        self._numbers = count()
        self._asked: dict[int, asyncio.Future[None]] = {}

    async def reserve(self, bound: Spend) -> Reservation:
        number = next(self._numbers)
        await self._ask(number, "hold", number, bound)
        return RemoteReservation(self, bound, number)

    def stop(self, reason: Exception) -> None:
        for waiting in self._asked.values():
            if not waiting.done():
                waiting.set_exception(reason)

    def held(self, number: int, error: Exception | None) -> None:
        """The driver's answer."""
        waiting = self._asked.pop(number)
        if waiting.done():  # who asked has gone
            if error is None:
                self.settle(number, Spend())
        elif error is None:
            waiting.set_result(None)
        else:
            waiting.set_exception(error)

    async def renew(self, number: int, need: Spend) -> None:
        """Book the hold with all of it, and set the same aside once more."""
        await self._ask(number, "again", number, need)

    def settle(self, number: int, paid: Spend) -> None:
        """Book what a hold took."""
        self._outbox.post("settle", number, paid)

    async def _ask(self, number: int, *message: object) -> None:
        self._asked[number] = asyncio.get_running_loop().create_future()
        self._outbox.post(*message)
        await self._asked[number]


class RemoteReservation(Reservation):
    def __init__(self, remote: RemoteBudget, need: Spend, number: int) -> None:
        super().__init__(remote, need)
        self._remote, self._number = remote, number

    async def renew(self) -> None:
        self._open = False
        await self._remote.renew(self._number, self.bound)
        self._open = True

    def settle(self, paid: Spend) -> None:
        if self._open:
            self._open = False
            self._remote.settle(self._number, paid)


class BudgetServer:
    """The driver's end for one worker."""

    def __init__(self, tracker: BudgetTracker, outbox: BatchedSend) -> None:
        self._tracker, self._outbox = tracker, outbox
        self._holds: dict[int, Reservation] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._gone = False

    def hold(self, number: int, need: Spend) -> None:
        """Set money aside for a worker's call, and say so."""
        self._begin(number, self._tracker.reserve(need))

    def again(self, number: int, need: Spend) -> None:
        """Book a lost attempt in full, and set the same aside once more."""
        self._holds.pop(number).settle(replace(need, calls=0))
        self._begin(number, self._tracker.reserve(need))

    def settle(self, number: int, paid: Spend) -> None:
        """Book what a call took."""
        self._holds.pop(number).settle(paid)

    def gone(self) -> Spend:
        """The worker has died: its calls under way may have been billed; returns what they are booked with."""
        self._gone = True
        booked = Spend()
        for task in self._asking:
            task.cancel()
        for hold in self._holds.values():
            hold.settle(hold.bound)
            booked += hold.bound
        self._holds.clear()
        return booked

    def _begin(self, number: int, holding: object) -> None:
        task = asyncio.ensure_future(self._answer(number, holding))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _answer(self, number: int, holding: object) -> None:
        try:
            hold: Reservation = await holding  # type: ignore[misc]
        except Exception as error:
            self._outbox.post("held", number, error)
            return
        if self._gone:
            hold.settle(Spend())
        else:
            self._holds[number] = hold
            self._outbox.post("held", number, None)
