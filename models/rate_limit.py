"""How fast a model may be asked: calls at once, requests and tokens per minute, and pauses that a provider asks for.

Invariants
- What a provider asks to wait, every caller of that account waits.
- Calls at once adapt to what the provider bears: doubled while it answers everything, cut to 0.8 on a 429 (once per
  cooldown, since one overload is answered by many 429s), raised by a twentieth per round from then on; and only ever
  raised while the present limit is used. The same scheme as that of Inspect (UK AISI).
- In no minute are more requests sent than `rpm`, or more tokens than `tpm`. A request counts with an estimate until its
  answer says what it took.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from .base import ModelInfo

__all__ = ["Account", "RateLimitChange", "RateLimiter", "SlidingWindow"]

START = 20
CUT, COOLDOWN = 0.8, 15.0
SATURATED = 0.8
STEADY = 20  # a round of answers without a fault raises the limit by one in so many
MINUTE = 60.0

Clock = Callable[[], float]
Rest = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RateLimitChange:
    """The limit of calls at once became `limit`, `at` seconds after the start."""

    at: float
    model: str
    limit: int
    why: Literal["saturated", "rate limited"]


@dataclass(slots=True)
class Account:
    """Whom several models ask with one key: a pause holds for all of them."""

    resume_at: float = float("-inf")


class SlidingWindow:
    """The requests of the last minute, with the tokens of each."""

    def __init__(self, rpm: int | None = None, tpm: int | None = None) -> None:
        self.rpm, self.tpm = rpm, tpm
        self._sent: deque[list[float]] = deque()  # [when, tokens]
        self._tokens = 0.0

    def wait(self, now: float, tokens: float) -> float:
        """Seconds until one more request of `tokens` may be sent; one larger than `tpm` goes alone."""
        while self._sent and self._sent[0][0] <= now - MINUTE:
            self._tokens -= self._sent.popleft()[1]
        until = now
        if self.rpm is not None and len(self._sent) >= self.rpm:
            until = self._sent[len(self._sent) - self.rpm][0] + MINUTE
        if self.tpm is not None:
            over = self._tokens + tokens - self.tpm
            for when, freed in self._sent:
                if over <= 0:
                    break
                over -= freed
                until = max(until, when + MINUTE)
        return until - now

    def send(self, now: float, tokens: float) -> list[float]:
        """Count a request; what is returned lets `correct` say later what it really took."""
        sent = [now, tokens]
        self._sent.append(sent)
        self._tokens += tokens
        return sent

    def correct(self, sent: list[float], tokens: float) -> None:
        """Replace the estimate of a request by what it took."""
        if self._sent and sent[0] >= self._sent[0][0]:
            self._tokens += tokens - sent[1]
        sent[1] = tokens

    def forget(self, sent: list[float]) -> None:
        """A request was not sent after all."""
        kept = deque(s for s in self._sent if s is not sent)
        if len(kept) < len(self._sent):
            self._tokens -= sent[1]
        self._sent = kept


class RateLimiter:
    """The way to one model.

    Args:
        rest: how to wait, in seconds; may raise to end the waiting.
        tell: hears of every change of the limit.
    """

    def __init__(
        self, info: ModelInfo, account: Account, clock: Clock, rest: Rest, tell: Callable[[RateLimitChange], None]
    ) -> None:
        self.model, self.most = info.label, info.max_concurrency
        self.limit, self.inside = min(START, self.most), 0
        self._account, self._clock, self._rest, self._emit = account, clock, rest, tell
        self._minute = SlidingWindow(info.rpm, info.tpm) if info.rpm or info.tpm else None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._good, self._peak, self._fresh = 0, 0, True
        self._calm_at, self._began = float("-inf"), clock()

    @property
    def counts(self) -> bool:
        """Whether requests and tokens per minute are limited."""
        return self._minute is not None

    async def enter(self, tokens: float) -> list[float] | None:
        """Wait for a place, for the end of a pause and for the minute's limits; `leave` gives the place back."""
        await self._place()
        try:
            return await self.clear(tokens)
        except BaseException:
            self.leave()
            raise

    async def clear(self, tokens: float) -> list[float] | None:
        """Wait for the end of a pause and for the minute's limits, and count a request."""
        while (until := self._account.resume_at) > self._clock():
            await self._rest(until - self._clock())
            if self._account.resume_at <= until:
                break  # waited out; another 429 may have asked for more meanwhile
        if self._minute is None:
            return None
        while (wait := self._minute.wait(self._clock(), tokens)) > 0:
            await self._rest(wait)
        return self._minute.send(self._clock(), tokens)

    def forget(self, sent: list[float] | None) -> None:
        """Take back the count of a request that is not sent yet."""
        if self._minute is not None and sent is not None:
            self._minute.forget(sent)

    def leave(self) -> None:
        """Give the place to who waits longest."""
        self.inside -= 1
        self._call_in()

    def answered(self, sent: list[float] | None, tokens: float) -> None:
        """A call went well: after a round of them at a limit that was used, raise it."""
        if self._minute is not None and sent is not None and tokens:
            self._minute.correct(sent, tokens)
        self._good += 1
        if self._good < self.limit or self._clock() < self._calm_at:
            return
        if self._peak >= SATURATED * self.limit and self.limit < self.most:
            raised = 2 * self.limit if self._fresh else self.limit + max(1, self.limit // STEADY)
            self._set(min(raised, self.most), "saturated")
            self._call_in()
        self._good, self._peak = 0, self.inside

    def limited(self, wait: float | None) -> None:
        """The provider asked to slow down, and perhaps for how long."""
        now = self._clock()
        if wait is not None:
            self._account.resume_at = max(self._account.resume_at, now + wait)
        if now >= self._calm_at:
            self._calm_at = now + max(COOLDOWN, wait or 0.0)
            self._good, self._fresh = 0, False
            if self.limit > 1:
                self._set(max(1, int(self.limit * CUT)), "rate limited")

    def _set(self, limit: int, why: Literal["saturated", "rate limited"]) -> None:
        self.limit = limit
        self._emit(RateLimitChange(round(self._clock() - self._began, 3), self.model, limit, why))

    async def _place(self) -> None:
        if self.inside < self.limit and not self._waiting:
            self._take()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.leave()  # it was our turn just now
            raise

    def _take(self) -> None:
        self.inside += 1
        self._peak = max(self._peak, self.inside)

    def _call_in(self) -> None:
        while self._waiting and self.inside < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._take()
                turn.set_result(None)
