"""The purse of a run: what it may spend, has spent, and has set aside for calls under way.

Invariant: paid and set aside together never exceed the budget, in any of its units, however many calls are under way
and whatever becomes of them. A call is paid for before it is made, by an upper bound, and settled after. An attempt
whose answer was lost counts with its whole bound, since the provider may have billed it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from ..errors import BudgetSpent
from ..options import real, whole
from ..records import Spent, plus
from ..records.messages import MOST_TOKENS

__all__ = ["Budget", "Reservation", "BudgetTracker"]


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one run; None means no limit.

    Args:
        calls: answers asked of providers, however many attempts each takes.
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
    """Sets aside and settles; whoever has to wait for others to settle is served in order."""

    def __init__(self, budget: Budget, spent: Spent = Spent()) -> None:  # noqa: B008  (frozen)
        self.budget, self.paid = budget, spent
        self._aside, self._holds = Spent(), 0
        self._waiting: deque[tuple[Spent, asyncio.Future[None]]] = deque()

    async def hold(self, need: Spent) -> Reservation:
        """Set `need` aside. While calls under way may still turn out cheaper than their bounds, wait for them.

        Raises:
            BudgetSpent: it does not fit any more.
        """
        await self._reserve(need)
        return Reservation(self, need)

    def stop(self, reason: Exception) -> None:
        """Let nobody wait any longer."""
        while self._waiting:
            _, turn = self._waiting.popleft()
            if not turn.done():
                turn.set_exception(reason)

    async def _reserve(self, need: Spent) -> None:
        if self._waiting or not self._fits(need):
            error = self._hopeless(need)
            if error is not None:
                raise error
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((need, turn))
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled() and turn.exception() is None:
                    self._settle(need, Spent())  # it was our turn just now
                raise
            return
        self._take(need)

    def _take(self, need: Spent) -> None:
        self._holds += 1
        self._aside = plus(self._aside, need)

    def _settle(self, held: Spent, paid: Spent) -> None:
        self._holds -= 1
        self.paid = plus(self.paid, paid)
        # Sums of floats do not come back to 0 by themselves.
        self._aside = plus(self._aside, Spent(-held.calls, -held.dollars, -held.tokens)) if self._holds else Spent()
        while self._waiting:
            need, turn = self._waiting[0]
            if turn.done():  # cancelled
                self._waiting.popleft()
            elif self._fits(need):
                self._waiting.popleft()
                self._take(need)
                turn.set_result(None)
            elif (error := self._hopeless(need)) is not None:
                self._waiting.popleft()
                turn.set_exception(error)
            else:
                break

    def _fits(self, need: Spent) -> bool:
        return all(
            limit is None or paid + aside + more <= limit
            for limit, paid, aside, more in zip(self._limits, self.paid, self._aside, need, strict=True)
        )

    @property
    def _limits(self) -> tuple[float | None, ...]:
        return self.budget.calls, self.budget.dollars, self.budget.tokens

    def _hopeless(self, need: Spent) -> BudgetSpent | None:
        """Why waiting does not help: every call under way counts as one, and where none is, nothing will be freed."""
        limit = self.budget
        remedy = "Raise it and resume the run."
        if limit.calls is not None and self.paid.calls + self._aside.calls + need.calls > limit.calls:
            return BudgetSpent(f"the budget of {limit.calls} calls is spent", remedy=remedy)
        if self._holds:
            return None
        if limit.dollars is not None and self.paid.dollars + need.dollars > limit.dollars:
            why = f"${self.paid.dollars:.4f} are paid and the next call may cost ${need.dollars:.4f}"
            return BudgetSpent(f"the budget of ${limit.dollars:g} would be exceeded", why, remedy)
        if limit.tokens is not None and self.paid.tokens + need.tokens > limit.tokens:
            why = f"{self.paid.tokens} are used and the next call may take {need.tokens}"
            return BudgetSpent(f"the budget of {limit.tokens} tokens would be exceeded", why, remedy)
        return None


class Reservation:
    """What is set aside for one call."""

    def __init__(self, tracker: BudgetTracker, need: Spent) -> None:
        self.need = need
        self._tracker, self._held = tracker, True

    async def again(self) -> None:
        """Book an attempt whose answer was lost with all that it may have cost, and set the same aside once more.

        Raises:
            BudgetSpent: another attempt does not fit any more.
        """
        self._held = False
        self._tracker._settle(self.need, self.need._replace(calls=0))
        await self._tracker._reserve(self.need)
        self._held = True

    def settle(self, paid: Spent) -> None:
        """Book what the call took, and free the rest."""
        if self._held:
            self._held = False
            self._tracker._settle(self.need, paid)
