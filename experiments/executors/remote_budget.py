"""One budget for many gateways: the driver tracks it, and a worker's gateway asks the driver before every call.

Invariant: what is set aside for all workers together never exceeds the budget, since one tracker sets it aside. If a
worker dies, its calls under way are booked with all that they may have cost: the provider may have billed them.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import count
from typing import Any

from ...models.budget import Budget, BudgetTracker, Reservation
from ...records import Spend
from .messages import BatchedSend, Renew, Reserve, Reserved, Settle


class RemoteBudget(BudgetTracker):
    """A worker's end: a budget tracker that asks the driver's."""

    def __init__(self, outbox: BatchedSend[Any]) -> None:
        super().__init__(Budget())
        self._outbox = outbox
        self._numbers = count()
        self._replies: dict[int, asyncio.Future[None]] = {}

    async def reserve(self, bound: Spend) -> Reservation:
        number = next(self._numbers)
        await self._request(Reserve(number, bound))
        return RemoteReservation(self, bound, number)

    def stop(self, reason: Exception) -> None:
        for reply in self._replies.values():
            if not reply.done():
                reply.set_exception(reason)

    def on_reserved(self, number: int, error: Exception | None) -> None:
        """Take the driver's reply."""
        reply = self._replies.pop(number)
        if reply.done():  # the call that waited for it is gone
            if error is None:
                self.settle(number, Spend())
        elif error is None:
            reply.set_result(None)
        else:
            reply.set_exception(error)

    async def renew(self, number: int, need: Spend) -> None:
        """Book a reservation in full, and set the same aside once more."""
        await self._request(Renew(number, need))

    def settle(self, number: int, paid: Spend) -> None:
        """Book what a reserved call took."""
        self._outbox.post(Settle(number, paid))

    async def _request(self, message: Reserve | Renew) -> None:
        reply = self._replies[message.number] = asyncio.get_running_loop().create_future()
        self._outbox.post(message)
        await reply


class RemoteReservation(Reservation):
    """What is set aside at the driver for one call of a worker."""

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
    """The driver's end for one worker: makes its reservations in the one tracker of the run."""

    def __init__(self, tracker: BudgetTracker, outbox: BatchedSend[Any]) -> None:
        self._tracker, self._outbox = tracker, outbox
        self._reservations: dict[int, Reservation] = {}
        self._pending: set[asyncio.Task[None]] = set()
        self._closed = False

    def handle(self, message: Reserve | Renew | Settle) -> None:
        """Do what a worker's budget asks for."""
        match message:
            case Reserve(number, need):
                self._begin(number, need)
            case Renew(number, need):
                self._reservations.pop(number).settle(replace(need, calls=0))
                self._begin(number, need)
            case Settle(number, paid):
                self._reservations.pop(number).settle(paid)

    def close(self) -> Spend:
        """The worker has died: book its calls under way, which may have been billed; returns what was booked."""
        self._closed = True
        booked = Spend()
        for task in self._pending:
            task.cancel()
        for reservation in self._reservations.values():
            reservation.settle(reservation.bound)
            booked += reservation.bound
        self._reservations.clear()
        return booked

    def _begin(self, number: int, need: Spend) -> None:
        task = asyncio.ensure_future(self._reply(number, need))
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _reply(self, number: int, need: Spend) -> None:
        try:
            reservation = await self._tracker.reserve(need)
        except Exception as error:
            self._outbox.post(Reserved(number, error))
            return
        if self._closed:
            reservation.settle(Spend())
        else:
            self._reservations[number] = reservation
            self._outbox.post(Reserved(number, None))
