"""Calls to one model: attempts, one after the other, until there is an answer or an outcome.

Invariants
- A call is tried again only when its last attempt is known to have ended without an answer: refused, reset, timed out
  on our side, or unreadable. No two attempts of one call are ever under way at once.
- One case nobody can avoid: an answer that is lost on its way back (a reset, a time-out, a body that broke off). The
  provider may have served and billed that attempt. It is counted (`RunUsage.lost`) and paid with all that it may have
  cost (`payment.py`), and every attempt carries the call's key as `Idempotency-Key`, by which a server that knows the
  header serves it once.
- What becomes of an attempt never depends on who asked. Every failure's message is kept, oldest first, in
  `Response.attempts`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from ..errors import RateLimited, Rejected, Unavailable
from ..events import AttemptFailed, Listener
from ..records import Draw, Request, Response, Usage
from ..rng import named_rng
from .base import FAILED, Backend, Price, is_uncounted
from .circuit_breaker import CircuitBreaker
from .payment import Payment
from .rate_limit import RateLimitChange, RateLimiter, SentRequest
from .refusals import REJECTED

ATTEMPTS = 6
BACKOFF = 0.5
BACKOFF_CEILING = 60.0
LONGEST_WAIT = 900.0  # a provider that asks for a longer pause is down for this run
BYTES_PER_TOKEN = 3  # of usual text, for limits per minute; budgets count every byte as a token


@dataclass(slots=True)
class RunUsage:
    """What a run asked for and what it paid.

    Attributes:
        asked: every request.
        made: requests sent to a provider, however many attempts each took.
        shared: requests answered without a call: shared between variants, or replayed from the ledger.
        failed: calls given up.
        usage, dollars: what the calls of this session took, in tokens and nominal US dollars.
        retried: attempts that failed and were tried again.
        lost: attempts that failed although the provider may have served, and billed, them.
        changes: the limit of calls at once of each model, as it changed.
    """

    asked: int = 0
    made: int = 0
    shared: int = 0
    failed: int = 0
    usage: Usage = field(default_factory=Usage)
    dollars: float = 0.0
    retried: int = 0
    lost: int = 0
    changes: list[RateLimitChange] = field(default_factory=list)

    def __str__(self) -> str:
        return (
            f"Answers asked for: {self.asked}; calls made: {self.made}; shared or replayed: {self.shared}; "
            f"failed for good: {self.failed}; paid: ${self.dollars:.4f}."
        )


@dataclass(slots=True)
class _Call:
    """A call under way.

    Attributes:
        failures: the message of each failed attempt, oldest first.
        counted: how many of them count against `ATTEMPTS`.
        began: when the first attempt was sent.
    """

    key: str
    request: Request
    draw: Draw
    failures: list[str] = field(default_factory=list)
    counted: int = 0
    began: float | None = None

    def ended(self, response: Response, price: Price | None) -> Response:
        """The response as it is kept: with its cost, the failures before it, and how long all of it took."""
        cost = response.cost
        if cost is None and price is not None and not is_uncounted(response):
            cost = price.of_response(response)
        latency = 0.0 if self.began is None else round(time.monotonic() - self.began, 4)
        return replace(response, cost=cost, attempts=tuple(self.failures), latency=latency)


class RetryPolicy:
    """Makes calls to one backend.

    Args:
        sleep: how to wait, in seconds; raises once the run is stopped, even for `sleep(0)`.
        run_usage: where calls and attempts are counted.
        emit: is handed an event for each attempt that failed.
    """

    def __init__(
        self,
        backend: Backend,
        limiter: RateLimiter,
        circuit: CircuitBreaker,
        sleep: Callable[[float], Awaitable[None]],
        run_usage: RunUsage,
        emit: Listener,
    ) -> None:
        self.circuit = circuit
        self._backend, self._limiter, self._sleep, self._emit = backend, limiter, sleep, emit
        self._run_usage = run_usage

    async def call(self, key: str, request: Request, draw: Draw, price: Price | None, payment: Payment) -> Response:
        """The answer, or the outcome of the last attempt; at `price`, unless the backend says what it billed.

        Raises:
            ProviderDown, RunStopped, BudgetSpent: before, between or after attempts.
            Denied: the provider refuses everything.
        """
        call = _Call(key, request, draw)
        while True:
            result = await self._attempt(call)
            if isinstance(result, Response):
                return call.ended(result, price)
            lost = isinstance(result, Unavailable) and result.lost
            again = self._record(call, result, lost)
            if lost:
                await payment.attempt_lost(again)
            if not again:
                message = call.failures[-1]
                self.circuit.record_failure(key, message)
                return call.ended(Response("", "error", FAILED, error=message), price)
            await self._back_off(call, result)

    async def _attempt(self, call: _Call) -> Response | RateLimited | Unavailable:
        """Make one attempt, once it may be sent: returns its response, or the passing fault that ended it."""
        tokens = _estimate(call.request) if self._limiter.counts_tokens else 0
        sent = await self._limiter.acquire(tokens)
        probe = False
        try:
            while not (probe or self.circuit.closed):  # counted in the minute of its sending, not of its waiting
                self._limiter.not_sent(sent)
                probe = await self.circuit.admit()
                sent = await self._limiter.wait_for_window(tokens)
            if not probe:
                await self.circuit.admit()
            await self._sleep(0)
            return await self._sent(call, sent, probe)
        finally:
            if probe:
                self.circuit.end_probe()
            self._limiter.release()

    async def _sent(self, call: _Call, sent: SentRequest | None, probe: bool) -> Response | RateLimited | Unavailable:
        """What comes back of an attempt.

        Args:
            sent: how it is counted in the minute; probe: whether it probes the circuit.
        """
        if call.began is None:
            call.began = time.monotonic()
            self._run_usage.made += 1
        try:
            response = await self._backend.generate(call.request, call.draw, call.key)
        except Rejected as error:
            self.circuit.record_success()
            return Response("", "refused" if error.refusal else "error", REJECTED, error=str(error))
        except RateLimited as error:
            self._slow_down(error)
            if probe:
                self.circuit.record_failure(call.key, str(error), probe)
            return error
        except Unavailable as error:
            self.circuit.record_failure(call.key, str(error), probe)
            return error
        self.circuit.record_success()
        self._limiter.record_success(sent, response.usage.prompt_tokens + response.usage.completion_tokens)
        return response

    def _record(self, call: _Call, error: RateLimited | Unavailable, lost: bool) -> bool:
        """Take note of a failed attempt: returns whether the call is tried again."""
        call.failures.append(f"{error.fault}: {error}")
        call.counted += self.circuit.closed  # while it is open, the provider fails and not this call
        again = call.counted < ATTEMPTS
        self._run_usage.lost += lost
        self._run_usage.retried += again
        label = self._backend.info.label
        self._emit(AttemptFailed(call.key, label, len(call.failures), error.fault, str(error), again, lost))
        return again

    def _slow_down(self, error: RateLimited) -> None:
        if error.retry_after is not None and error.retry_after > LONGEST_WAIT:
            raise self.circuit.give_up(error.what, f"it asks to wait {error.retry_after:.0f} s") from None
        self._limiter.record_rate_limit(error.retry_after)

    async def _back_off(self, call: _Call, error: RateLimited | Unavailable) -> None:
        """Wait before the next attempt, unless the rate limiter or the circuit breaker makes it wait anyway."""
        limiter_waits = isinstance(error, RateLimited) and error.retry_after is not None
        if self.circuit.closed and not limiter_waits:
            await self._sleep(_back_off_seconds(call.counted - 1, call.key))


def _back_off_seconds(attempt: int, key: str) -> float:
    """Exponential back-off with jitter from a named stream."""
    jitter = 0.5 + float(named_rng(0, "backoff", key, attempt).random())
    return float(min(BACKOFF * 2**attempt * jitter, BACKOFF_CEILING))


def _estimate(request: Request) -> int:
    """The tokens that a call is likely to take at most."""
    return sum(len(text.encode()) for text in request.texts) // BYTES_PER_TOKEN + request.sampling.most_tokens
