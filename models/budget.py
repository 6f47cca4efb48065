"""The budget of a run: what it may spend, what it has paid, and what is reserved for calls under way.

Invariant: what is paid and what is reserved never exceed the budget together, in any of its units, however many calls
are under way and however they end. An upper bound of a call's cost is reserved before the call; after it, the call is
settled for what it took. An attempt whose answer was lost is paid with its whole bound, since the provider may have
billed it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, replace

from ..errors import BudgetSpent
from ..options import real, whole
from ..records import Spend
from ..records.messages import MOST_TOKENS


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one run; None means no limit.

    Args:
        calls: answers that providers are asked for, however many attempts each takes.
        dollars: US dollars at nominal prices.
        tokens: of prompts and answers together, as the providers count them.
    """

    calls: int | None = None
    dollars: float | None = None
    tokens: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("calls", self.calls), ("tokens", self.tokens)):
            if value is not None:
                remedy = "Use a whole number above 0, or leave it out."
                whole(f"the budget in {name}", value, 1, MOST_TOKENS, remedy=remedy)
        if self.dollars is not None:
            real("the budget in dollars", self.dollars, above=0, remedy="Use a number above 0, or leave it out.")


class BudgetTracker:
    """Reserves and settles. Those who must wait until others have settled are served in order.

    Attributes:
        paid: by calls that have ended, those of earlier sessions included.
        reserved: for calls under way.
    """

    def __init__(self, budget: Budget, spent: Spend = Spend()) -> None:  # noqa: B008  (frozen)
        self.budget, self.paid, self.reserved = budget, spent, Spend()
        self._reservations = 0
        self._waiting: deque[tuple[Spend, asyncio.Future[None]]] = deque()

    async def reserve(self, bound: Spend) -> Reservation:
        """Reserve `bound`. If it does not fit, wait while calls under way may turn out cheaper than their bounds.

        Raises:
            BudgetSpent: it does not fit any more.
        """
        await self._reserve(bound)
        return Reservation(self, bound)

    def stop(self, reason: Exception) -> None:
        """End the waiting of everybody with `reason`."""
        while self._waiting:
            _, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(reason)

    async def _reserve(self, bound: Spend) -> None:
        if not self._waiting and self._fits(bound):
            self._take(bound)
            return
        error = self._why_never(bound)
        if error is not None:
            raise error
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((bound, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._settle(bound, Spend())  # it was reserved at the same moment
            raise

    def _take(self, bound: Spend) -> None:
        self._reservations += 1
        self.reserved += bound

    def _settle(self, bound: Spend, paid: Spend) -> None:
        self._reservations -= 1
        self.paid += paid
        # The sum of floats does not come back to 0 by itself.
        self.reserved = self.reserved - bound if self._reservations else Spend()
        while self._waiting:
            next_bound, turn = self._waiting[0]
            if turn.done():  # cancelled
                self._waiting.popleft()
            elif self._fits(next_bound):
                self._waiting.popleft()
                self._take(next_bound)
                turn.set_result(None)
            elif (error := self._why_never(next_bound)) is not None:
                self._waiting.popleft()
                turn.set_exception(error)
            else:
                break

    def _fits(self, bound: Spend) -> bool:
        limit, total = self.budget, self.paid + self.reserved + bound
        return (
            (limit.calls is None or total.calls <= limit.calls)
            and (limit.dollars is None or total.dollars <= limit.dollars)
            and (limit.tokens is None or total.tokens <= limit.tokens)
        )

    def _why_never(self, bound: Spend) -> BudgetSpent | None:
        """Why waiting does not help, if it does not: a call under way will count as one call, whatever it costs; and
        where no call is under way, nothing will be freed.
        """
        limit = self.budget
        remedy = "Raise it and resume the run."
        if limit.calls is not None and self.paid.calls + self.reserved.calls + bound.calls > limit.calls:
            return BudgetSpent(f"the budget of {limit.calls} calls is spent", remedy=remedy)
        if self._reservations:
            return None
        if limit.dollars is not None and self.paid.dollars + bound.dollars > limit.dollars:
            why = f"${self.paid.dollars:.4f} are paid and the next call may cost ${bound.dollars:.4f}"
            return BudgetSpent(f"the budget of ${limit.dollars:g} would be exceeded", why, remedy)
        if limit.tokens is not None and self.paid.tokens + bound.tokens > limit.tokens:
            why = f"{self.paid.tokens} are used and the next call may take {bound.tokens}"
            return BudgetSpent(f"the budget of {limit.tokens} tokens would be exceeded", why, remedy)
        return None


class Reservation:
    """What is reserved for one call: its upper bound. It is settled once; settling it again does nothing."""

    def __init__(self, tracker: BudgetTracker, bound: Spend) -> None:
        self.bound = bound
        self._tracker, self._open = tracker, True

    async def renew(self) -> None:
        """Pay the whole bound for an attempt whose answer was lost, and reserve it once more for the next attempt.

        Raises:
            BudgetSpent: another attempt does not fit any more.
        """
        self._open = False
        self._tracker._settle(self.bound, replace(self.bound, calls=0))
        await self._tracker._reserve(self.bound)
        self._open = True

    def settle(self, paid: Spend) -> None:
        """Count what the call took as paid, and free the rest."""
        if self._open:
            self._open = False
            self._tracker._settle(self.bound, paid)
