"""What one call costs: reserved before it, settled after it, and booked where no answer tells of it.

Invariant: only here is a reservation settled, and only here is anything booked. A stored answer tells what it cost. All
else that counts against the budget is booked in the store, so that it counts in later sessions of the run too: lost
attempts, calls that were given up, and the part of the bound that an answer without token counts does not tell.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from ..records import Request, Response, Spend, Usage
from .base import FAILED, Price, is_uncounted
from .budget import BudgetTracker, Reservation

TOKENS_AROUND_A_MESSAGE = 16
TOKENS_AROUND_A_TOOL = 512  # a provider's own words around its tools: several hundred for the first
TOKENS_OF_AN_IMAGE = 6_000  # more than any provider's guide counts for one


class Payment:
    """The payment for one call under way.

    Args:
        book: keeps a cost that no stored answer tells; returns once it is safe.
    """

    def __init__(self, reservation: Reservation, book: Callable[[Spend], Awaitable[None]]) -> None:
        self._reservation, self._book = reservation, book

    @classmethod
    async def reserve(cls, tracker: BudgetTracker, bound: Spend, book: Callable[[Spend], Awaitable[None]]) -> Payment:
        """Reserve the upper bound of a call's cost.

        Raises:
            BudgetSpent: it does not fit any more.
        """
        return cls(await tracker.reserve(bound), book)

    async def attempt_lost(self, again: bool) -> None:
        """Pay the whole bound for an attempt whose answer was lost; if the call is tried `again`, reserve once more.

        Raises:
            BudgetSpent: another attempt does not fit any more.
        """
        await self._book(replace(self._reservation.bound, calls=0))
        if again:
            await self._reservation.renew()
        else:
            self._reservation.settle(self._reservation.bound)

    async def settle(self, response: Response) -> None:
        """The call has ended with `response`: pay what it took, and book what the stored answer does not tell."""
        stored = Spend(1, response.cost or 0.0, response.usage.prompt_tokens + response.usage.completion_tokens)
        paid = self._reservation.bound if is_uncounted(response) else stored
        self._reservation.settle(paid)
        booked = paid if response.finish_reason == FAILED else paid - stored  # a call that was given up is not stored
        if booked:
            await self._book(booked)

    def release(self) -> None:
        """The call has ended without a response: what is still reserved is free."""
        self._reservation.settle(Spend())


def upper_bound(request: Request, price: Price | None) -> Spend:
    """The most that one attempt can cost: no tokeniser makes more tokens of a text than it has bytes."""
    prompt = sum(len(text.encode()) for text in request.texts) + TOKENS_AROUND_A_MESSAGE * len(request.messages)
    prompt += TOKENS_AROUND_A_TOOL * len(request.tools)
    prompt += TOKENS_OF_AN_IMAGE * sum(p.type == "image" for m in request.messages for p in m.parts)
    usage = Usage(prompt, request.sampling.most_tokens)
    return Spend(1, 0.0 if price is None else price.most(usage), usage.prompt_tokens + usage.completion_tokens)
