"""The way to one model: attempts at a call until there is an answer or an outcome.

Invariants
- A call is tried again only when its last attempt is known to have ended without an answer: refused, reset, timed out
  on our side, or unreadable. No two attempts of one call are ever under way at once.
- One case cannot be avoided by anyone: an answer that got lost on its way back (a reset, a time-out, a body that broke
  off). The provider may have served, and billed, that attempt. It is counted (`RunUsage.lost`), booked against the
  budget with all that it may have cost, and every attempt carries the call's key as `Idempotency-Key`, by which a
  server that knows the header serves it once.
- What becomes of an attempt never depends on who asked; what was said is kept, oldest first, in `Response.attempts`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from ..errors import ModelError, RateLimited, Rejected, Unavailable
from ..events import AttemptFailed, Listener
from ..records import Draw, Request, Response, Spent, Status, Usage
from ..rng import named_rng
from .base import Backend, Price
from .budget import Reservation
from .circuit_breaker import CircuitBreaker
from .providers.openai_format import UNCOUNTED
from .rate_limit import RateLimitChange, RateLimiter

__all__ = ["ATTEMPTS", "FAILED", "RunUsage", "RetryPolicy"]

ATTEMPTS = 6
BACKOFF = 0.5
BACKOFF_CEILING = 60.0
LONGEST_WAIT = 900.0  # a provider that asks for more is down for this run
BYTES_PER_TOKEN = 3  # of usual text, for limits per minute; budgets count every byte as a token
FAILED = "failed"  # the finish reason of a call that was given up


@dataclass(slots=True)
class RunUsage:
    """What a run asked for and what it paid.

    Attributes:
        asked: every request.
        made: requests sent to a provider, however many attempts each took.
        shared: requests answered without a call: shared between variants, or replayed from the ledger.
        failed: calls given up.
        usage, dollars: what the calls of this session took, in tokens and nominal US dollars.
        retried: attempts that failed and were tried again; lost: those of them that the provider may have served, and
            billed, without our hearing of it.
        changes: how many calls at once each model was found to bear, as it changed.
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


class RetryPolicy:
    """Attempts, in order, at calls to one backend.

    Args:
        rest: how to wait, in seconds; raises once the run is stopped, and `rest(0)` only looks.
        tally: where attempts are counted.
        hear: is told of attempts that failed.
        book: keeps what a lost attempt may have cost, for later sessions of the run.
    """

    def __init__(
        self,
        backend: Backend,
        lane: RateLimiter,
        circuit: CircuitBreaker,
        rest: Callable[[float], Awaitable[None]],
        run_usage: RunUsage,
        emit: Listener,
        book: Callable[[Spent], Awaitable[None]],
    ) -> None:
        self.circuit = circuit
        self._backend, self._lane, self._rest, self._tally, self._hear = backend, lane, rest, run_usage, emit
        self._book = book

    async def answer(self, hold: Reservation, key: str, request: Request, draw: Draw, price: Price | None) -> Response:
        """The answer, or the outcome of the last attempt; at `price`, unless the backend says what it billed.

        Raises:
            ProviderDown, RunStopped, BudgetSpent: before, between or after attempts.
            Denied: the provider refuses everything.
        """
        said: list[str] = []
        failed = 0
        began: float | None = None
        tokens = _estimate(request) if self._lane.counts else 0
        while True:
            error: ModelError
            sent = await self._lane.enter(tokens)
            probe = False
            try:
                while not (probe or self.circuit.closed):  # counted where it is sent, not where it began to wait
                    self._lane.forget(sent)
                    probe = await self.circuit.admit()
                    sent = await self._lane.clear(tokens)
                if not probe:
                    await self.circuit.admit()
                await self._rest(0)
                if began is None:
                    began = time.monotonic()
                    self._tally.made += 1
                response = await self._backend.generate(request, draw)
                self.circuit.answered()
                self._lane.answered(sent, response.usage.prompt_tokens + response.usage.completion_tokens)
                return self._ended(response, said, began, price)
            except Rejected as rejected:
                self.circuit.answered()
                status: Status = "refused" if rejected.refusal else "error"
                return self._ended(Response("", status, "rejected", error=str(rejected)), said, began, price)
            except RateLimited as limited:
                error = limited
                self._slow_down(limited)
                if probe:
                    self.circuit.failed(key, str(limited), probe)
            except Unavailable as unavailable:
                error = unavailable
                self.circuit.failed(key, str(unavailable), probe)
            finally:
                if probe:
                    self.circuit.probed()
                self._lane.leave()
            said.append(f"{error.fault}: {error}")
            failed += self.circuit.closed  # while it is open, the provider is what fails, not this call
            lost = isinstance(error, Unavailable) and error.lost
            self._tally.lost += lost
            again = failed < ATTEMPTS
            label = self._backend.info.label
            self._hear(AttemptFailed(key, label, len(said), error.fault, str(error), again, lost))
            if not again:
                if lost:
                    await self._book(hold.need._replace(calls=0))
                    hold.settle(hold.need)
                self.circuit.failed(key, said[-1])
                return self._ended(Response("", "error", FAILED, error=said[-1]), said, began, price)
            self._tally.retried += 1
            if lost:
                await self._book(hold.need._replace(calls=0))
                await hold.again()
            if self.circuit.closed and not (isinstance(error, RateLimited) and error.retry_after is not None):
                await self._rest(_pause(failed - 1, key))

    def _slow_down(self, limited: RateLimited) -> None:
        if limited.retry_after is not None and limited.retry_after > LONGEST_WAIT:
            why = f"it asks to wait {limited.retry_after:.0f} s"
            raise self.circuit.broken(limited.what, why) from None
        self._lane.limited(limited.retry_after)

    def _ended(self, response: Response, said: list[str], began: float | None, price: Price | None) -> Response:
        cost = response.cost
        if cost is None and price is not None and not UNCOUNTED.items() <= response.reported.items():
            cost = price.of(response.usage)
        latency = 0.0 if began is None else round(time.monotonic() - began, 4)
        return replace(response, cost=cost, attempts=tuple(said), latency=latency)


def _pause(attempt: int, key: str) -> float:
    """Seconds to wait where the provider did not say: exponential back-off with jitter from a named stream."""
    jitter = 0.5 + float(named_rng(0, "backoff", key, attempt).random())
    return float(min(BACKOFF * 2**attempt * jitter, BACKOFF_CEILING))


def _estimate(request: Request) -> int:
    """Tokens that a call is likely to take at most."""
    return sum(len(m.content.encode()) for m in request.messages) // BYTES_PER_TOKEN + request.sampling.max_tokens
