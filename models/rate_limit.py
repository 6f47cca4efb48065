"""How fast a model may be asked: calls at once, requests and tokens per minute, and pauses that a provider asks for.

Invariants
- A pause that a provider asks for holds for every caller of that account.
- The limit of calls at once adapts to the provider: it doubles while every call is answered, is cut to 0.8 on a 429
  (once per cooldown, since one overload is answered by many 429s), and from then on rises by a twentieth per round. It
  rises only while it is used. This is the scheme of Inspect (UK AISI).
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

START = 20
CUT, COOLDOWN = 0.8, 15.0
SATURATED = 0.8  # the share of the limit that must have been used before it is raised
STEADY = 20  # after the first 429, a round of answers raises the limit by one in so many
MINUTE = 60.0
SAME_WAIT = 0.5  # seconds by which two waits may end apart and still be told of as one

Clock = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RateLimitChange:
    """The limit of calls at once became `limit`, `at` seconds after the start."""

    at: float
    model: str
    limit: int
    why: Literal["saturated", "rate limited"]


@dataclass(slots=True)
class Account:
    """A provider's account, which several models may share: a pause holds for all of them."""

    resume_at: float = float("-inf")


@dataclass(slots=True, eq=False)
class SentRequest:
    """A request in a sliding window: when it was sent, and with how many tokens it counts."""

    at: float
    tokens: float


class SlidingWindow:
    """The requests of the last minute, with the tokens of each."""

    def __init__(self, rpm: int | None = None, tpm: int | None = None) -> None:
        self.rpm, self.tpm = rpm, tpm
        self._sent: deque[SentRequest] = deque()
        self._tokens = 0.0

    def wait(self, now: float, tokens: float) -> float:
        """Seconds until one more request of `tokens` may be sent; a request larger than `tpm` is sent alone."""
        while self._sent and self._sent[0].at <= now - MINUTE:
            self._tokens -= self._sent.popleft().tokens
        until = now
        if self.rpm is not None and len(self._sent) >= self.rpm:
            until = self._sent[len(self._sent) - self.rpm].at + MINUTE
        if self.tpm is not None:
            excess = self._tokens + tokens - self.tpm
            for sent in self._sent:
                if excess <= 0:
                    break
                excess -= sent.tokens
                until = max(until, sent.at + MINUTE)
        return until - now

    def add(self, now: float, tokens: float) -> SentRequest:
        """Count a request."""
        sent = SentRequest(now, tokens)
        self._sent.append(sent)
        self._tokens += tokens
        return sent

    def correct(self, sent: SentRequest, tokens: float) -> None:
        """Replace the estimate of a request by what it took."""
        if self._sent and sent.at >= self._sent[0].at:
            self._tokens += tokens - sent.tokens
        sent.tokens = tokens

    def remove(self, sent: SentRequest) -> None:
        """Count a request no longer: it was not sent after all."""
        others = deque(s for s in self._sent if s is not sent)
        if len(others) < len(self._sent):
            self._tokens -= sent.tokens
        self._sent = others


class RateLimiter:
    """Limits the calls to one model.

    Args:
        sleep: how to wait, in seconds; may raise to end the waiting.
        emit: is handed every change of the limit.
        on_wait: is handed the seconds of a wait, and why, once for each moment that calls wait for.

    Attributes:
        limit: the most calls at once, at present.
        in_flight: calls that hold a slot.
    """

    def __init__(
        self,
        info: ModelInfo,
        account: Account,
        clock: Clock,
        sleep: Sleep,
        emit: Callable[[RateLimitChange], None],
        on_wait: Callable[[float, str], None] = lambda seconds, why: None,
    ) -> None:
        self.limit, self.in_flight = info.max_concurrency if info.batched else min(START, info.max_concurrency), 0
        self._label, self._max_limit = info.label, info.max_concurrency
        self._account, self._clock, self._sleep, self._emit, self._on_wait = account, clock, sleep, emit, on_wait
        self._told_until = float("-inf")
        self._window = SlidingWindow(info.rpm, info.tpm) if info.rpm or info.tpm else None
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._answers, self._peak = 0, 0  # of the present round
        self._doubling = True
        self._cool_at, self._began = float("-inf"), clock()

    @property
    def counts_tokens(self) -> bool:
        """Whether requests and tokens per minute are limited."""
        return self._window is not None

    async def acquire(self, tokens: float) -> SentRequest | None:
        """Wait for a slot, for the end of a pause and for room in the last minute; `release` gives the slot back.

        Returns:
            The request as it is counted in the minute, None where no minute is limited.
        """
        await self._acquire_slot()
        try:
            return await self.wait_for_window(tokens)
        except BaseException:
            self.release()
            raise

    async def wait_for_window(self, tokens: float) -> SentRequest | None:
        """Wait for the end of a pause and for room in the last minute, and count a request."""
        while (until := self._account.resume_at) > self._clock():
            self._tell(until - self._clock(), "the provider asks to wait")
            await self._sleep(until - self._clock())
            if self._account.resume_at <= until:
                break  # the pause is over, unless another 429 has prolonged it meanwhile
        if self._window is None:
            return None
        while (wait := self._window.wait(self._clock(), tokens)) > 0:
            self._tell(wait, "its requests or tokens per minute are used up")
            await self._sleep(wait)
        return self._window.add(self._clock(), tokens)

    def _tell(self, seconds: float, why: str) -> None:
        """Tell of a wait, unless it was told of that nothing is sent before its end."""
        until = self._clock() + seconds
        if until > self._told_until + SAME_WAIT:
            self._told_until = until
            self._on_wait(seconds, why)

    def not_sent(self, sent: SentRequest | None) -> None:
        """Take back the count of a request that has not been sent yet."""
        if self._window is not None and sent is not None:
            self._window.remove(sent)

    def release(self) -> None:
        """Give the slot to the caller that has waited longest."""
        self.in_flight -= 1
        self._fill_slots()

    def record_success(self, sent: SentRequest | None, tokens: float) -> None:
        """A call was answered, and took `tokens`. Raise the limit after a round of answers in which it was used."""
        if self._window is not None and sent is not None and tokens:
            self._window.correct(sent, tokens)
        self._answers += 1
        if self._answers < self.limit or self._clock() < self._cool_at:
            return
        if self._peak >= SATURATED * self.limit and self.limit < self._max_limit:
            raised = 2 * self.limit if self._doubling else self.limit + max(1, self.limit // STEADY)
            self._set_limit(min(raised, self._max_limit), "saturated")
            self._fill_slots()
        self._answers, self._peak = 0, self.in_flight

    def record_rate_limit(self, wait: float | None) -> None:
        """The provider asked to slow down, and perhaps to wait for so many seconds."""
        now = self._clock()
        if wait is not None:
            self._account.resume_at = max(self._account.resume_at, now + wait)
        if now >= self._cool_at:
            self._cool_at = now + max(COOLDOWN, wait or 0.0)
            self._answers, self._doubling = 0, False
            if self.limit > 1:
                self._set_limit(max(1, int(self.limit * CUT)), "rate limited")

    def _set_limit(self, limit: int, why: Literal["saturated", "rate limited"]) -> None:
        self.limit = limit
        self._emit(RateLimitChange(round(self._clock() - self._began, 3), self._label, limit, why))

    async def _acquire_slot(self) -> None:
        if self.in_flight < self.limit and not self._waiting:
            self._take_slot()
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # the slot was given at the same moment
            raise

    def _take_slot(self) -> None:
        self.in_flight += 1
        self._peak = max(self._peak, self.in_flight)

    def _fill_slots(self) -> None:
        while self._waiting and self.in_flight < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._take_slot()
                turn.set_result(None)
