"""The gateway: the one place where a model is asked.

Invariants
- The same (request, draw) is asked at most once per run, whoever asks and however many ask at a time: answers come
  from the store first, and concurrent askers of one key wait for one call (single-flight).
- An answer is committed to the store before anyone sees it.
- The gateway is the only owner of retries. A call that failed for good becomes a `Response` with a status; only wrong
  credentials, a spent budget, an offline miss and a dead provider raise.
- What failed in passing is not committed, so a resumed run asks again; until then it stays failed, so that variants
  which share a draw share its fate. What is refused for good is committed.
- A call's price is reserved, from an upper bound of its tokens, before it is made: paid and reserved together never
  exceed the budget, however many calls are under way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from ..errors import (
    BadOption,
    BudgetSpent,
    ModelError,
    OfflineMiss,
    ProviderDown,
    RateLimited,
    Rejected,
    RunStopped,
    Unavailable,
)
from ..records import Draw, Message, Request, Response, Sampling, Status, Usage, digest
from ..streams import stream
from .base import Backend, Card

__all__ = ["Budget", "Desk", "Gateway", "MemoryStore", "Store", "Tally", "key_of"]

ATTEMPTS = 6
BACKOFF = 0.5
BACKOFF_CEILING = 60.0
LONGEST_WAIT = 900.0  # a provider that asks for more is down for this run
FAILURES_IN_A_ROW = 12
TOKENS_AROUND_A_MESSAGE = 16
FAILED = "failed"  # the finish reason of a call that was given up


def key_of(request: Request, draw: Draw) -> str:
    """The identity of an answer: a hash of model, messages, sampling, mode and draw."""
    return digest({"request": request, "draw": draw})


class Store(Protocol):
    """Where answers are kept; `akrasia.experiments.ledger` is the durable one."""

    def get(self, key: str) -> Response | None: ...

    async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
        """Return only once the answer is safe."""
        ...


class MemoryStore:
    """A store that lives as long as the process."""

    def __init__(self) -> None:
        self.responses: dict[str, Response] = {}

    def get(self, key: str) -> Response | None:
        return self.responses.get(key)

    async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
        self.responses[key] = response


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of one run; None means no limit. Dollars are US dollars at nominal prices."""

    calls: int | None = None
    dollars: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("calls", self.calls), ("dollars", self.dollars)):
            kinds = int if name == "calls" else int | float
            if value is not None and (isinstance(value, bool) or not isinstance(value, kinds) or not value > 0):
                remedy = f"Use {'a whole number' if name == 'calls' else 'a number'} above 0, or leave it out."
                raise BadOption(f"the budget in {name} is {value!r}", remedy=remedy)


@dataclass(slots=True)
class Tally:
    """What a run asked for and what it paid.

    Attributes:
        asked: every request.
        made: requests sent to a provider, however many attempts each took.
        shared: requests answered without a call: shared between variants, or replayed from the ledger.
        failed: calls given up.
        usage, dollars: what the calls of this session took, in tokens and nominal US dollars.
    """

    asked: int = 0
    made: int = 0
    shared: int = 0
    failed: int = 0
    usage: Usage = field(default_factory=Usage)
    dollars: float = 0.0

    def __str__(self) -> str:
        return (
            f"Answers asked for: {self.asked}; calls made: {self.made}; shared or replayed: {self.shared}; "
            f"failed for good: {self.failed}; paid: ${self.dollars:.4f}."
        )


class Gateway:
    """Ask models, once per (request, draw).

    Args:
        backends: the models of the run.
        store: where answers are kept.
        budget: limits over the whole run.
        spent: calls and dollars already paid by earlier sessions of this run.
        offline: answer from the store only, and fail loudly on a miss.
        sleep: how to wait between attempts, in seconds.
    """

    def __init__(
        self,
        backends: list[Backend],
        store: Store | None = None,
        budget: Budget = Budget(),  # noqa: B008  (frozen)
        spent: tuple[int, float] = (0, 0.0),
        offline: bool = False,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self.store: Store = MemoryStore() if store is None else store
        self.tally = Tally()
        self._backends = {b.card.id: b for b in backends}
        self._budget, self._offline, self._sleep = budget, offline, sleep
        self._calls, self._dollars = spent
        self._reserved_calls, self._reserved_dollars = 0, 0.0
        self._flights: dict[str, asyncio.Future[Response]] = {}
        self._given_up: dict[str, Response] = {}
        self.unanswered: set[int] = set()  # episodes, as draws name them, with a call that was given up
        self._limits = {i: asyncio.Semaphore(b.card.max_concurrency) for i, b in self._backends.items()}
        self._opened: dict[str, asyncio.Task[None]] = {}
        self._failures = dict.fromkeys(self._backends, 0)
        self._stopped: RunStopped | None = None
        self._halted = asyncio.Event()
        self._settled = asyncio.Event()

    def on(self, store: Store, spent: tuple[int, float] = (0, 0.0), offline: bool = False) -> Gateway:
        """The same opened models over another store."""
        gateway = Gateway(list(self._backends.values()), store, self._budget, spent, offline, self._sleep)
        gateway._opened = self._opened
        return gateway

    def card(self, model: str) -> Card:
        """The card of a model by its id."""
        return self._backends[model].card

    async def complete(self, request: Request, draw: Draw) -> Response:
        """The answer to `request` in `draw`.

        Raises:
            Denied, BudgetSpent, OfflineMiss, ProviderDown: the run cannot go on.
        """
        self.tally.asked += 1
        key = key_of(request, draw)
        kept = self.store.get(key) or self._given_up.get(key)
        if kept is not None:
            self.tally.shared += 1
            return kept
        flight = self._flights.get(key)
        if flight is not None:
            response = await asyncio.shield(flight)
            self.tally.shared += 1
            return response
        # A task of its own: an asker that is cancelled does not lose an answer that is being paid for.
        flight = asyncio.ensure_future(self._fly(key, request, draw))
        self._flights[key] = flight
        flight.add_done_callback(lambda f: self._landed(key, f))
        return await asyncio.shield(flight)

    def _landed(self, key: str, flight: asyncio.Future[Response]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # seen: every asker may have gone

    async def open(self) -> None:
        """Open every model now, so that what is missing is said before anything is written.

        Raises:
            UsageError, Denied: a model cannot be used here.
        """
        for model in self._backends:
            await self._open(model)

    def stop(self, reason: RunStopped) -> None:
        """Ask nothing new from now on: every further request that is not in the store raises `reason`."""
        self._stopped = reason
        self._halted.set()

    async def close(self) -> None:
        """Let calls under way land and be committed, then close every backend that was opened."""
        await asyncio.gather(*self._flights.values(), return_exceptions=True)
        for model, opening in self._opened.items():
            if opening.done() and not opening.cancelled() and opening.exception() is None:
                await self._backends[model].close()
        self._opened.clear()

    async def _fly(self, key: str, request: Request, draw: Draw) -> Response:
        self._raise_if_stopped()
        if self._offline:
            raise OfflineMiss(
                "an answer is not in the ledger",
                f"{request.model} was asked at episode {draw.episode}, step {draw.step}, sample {draw.sample}",
                "Run without --offline to ask for it.",
            )
        backend = self._backends[request.model]
        await self._open(request.model)
        price = backend.card.price
        bound = 0.0 if price is None else price.of(_bound(request))
        async with self._limits[request.model]:
            self._raise_if_stopped()
            await self._reserve(bound)
            response: Response | None = None
            try:
                self.tally.made += 1
                response = await self._attempts(backend, request, draw)
                if response.cost is None and price is not None:
                    response = replace(response, cost=price.of(response.usage))
            finally:
                self._settle(bound, response)
        self.tally.usage += response.usage
        self.tally.dollars += response.cost or 0.0
        if response.finish_reason == FAILED:
            self._given_up[key] = response
            self.unanswered.add(draw.episode)
            self.tally.failed += 1
            self._failures[request.model] += 1
            if self._failures[request.model] >= FAILURES_IN_A_ROW:
                raise ProviderDown(
                    f"{FAILURES_IN_A_ROW} calls in a row to {backend.card.label!r} failed",
                    response.attempts[-1],
                    "Every answer so far is kept: resume the run when the provider is back.",
                )
        else:
            self._failures[request.model] = 0
            await self.store.put(key, request, draw, response)
        return response

    async def _open(self, model: str) -> None:
        backend = self._backends[model]
        if model not in self._opened:
            self._opened[model] = asyncio.ensure_future(backend.open())
        await asyncio.shield(self._opened[model])
        if self._budget.dollars is not None and backend.card.price is None:
            raise BadOption(
                f"no price is known for {backend.card.label!r}, so a budget in dollars cannot be kept",
                remedy="Give it price = { prompt = ..., completion = ... } (dollars per million tokens), or "
                "budget in calls.",
            )

    def _raise_if_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped

    async def _reserve(self, dollars: float) -> None:
        """Set aside what a call may cost at most; while calls under way may still turn out cheaper, wait for them."""
        limit = self._budget
        if limit.calls is not None and self._calls + self._reserved_calls + 1 > limit.calls:
            raise BudgetSpent(f"the budget of {limit.calls} calls is spent", remedy="Raise it and resume the run.")
        while limit.dollars is not None and self._dollars + self._reserved_dollars + dollars > limit.dollars:
            if not self._reserved_calls:
                raise BudgetSpent(
                    f"the budget of ${limit.dollars:g} would be exceeded",
                    f"${self._dollars:.4f} are paid and the next call may cost ${dollars:.4f}",
                    "Raise it and resume the run.",
                )
            self._settled.clear()
            await self._settled.wait()
            self._raise_if_stopped()
        self._reserved_calls += 1
        self._reserved_dollars += dollars

    def _settle(self, reserved: float, response: Response | None) -> None:
        self._reserved_calls -= 1
        self._reserved_dollars -= reserved
        if response is not None:
            self._calls += 1
            self._dollars += response.cost or 0.0
        self._settled.set()

    async def _rest(self, seconds: float) -> None:
        """Wait, but no longer than until the run is stopped."""
        waits = {asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._halted.wait())}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        for wait in done:
            wait.result()

    async def _attempts(self, backend: Backend, request: Request, draw: Draw) -> Response:
        said: list[str] = []
        began = time.monotonic()

        def ended(response: Response) -> Response:
            return replace(response, attempts=tuple(said), latency=round(time.monotonic() - began, 4))

        for attempt in range(ATTEMPTS):
            try:
                return ended(await backend.generate(request, draw))
            except Rejected as error:
                status: Status = "refused" if error.refusal else "error"
                return ended(Response("", status, "rejected", error=str(error)))
            except (RateLimited, Unavailable) as error:
                said.append(str(error))
                pause = _pause(error, attempt, key_of(request, draw))
            if attempt + 1 == ATTEMPTS or pause > LONGEST_WAIT:
                break
            self._raise_if_stopped()
            await self._rest(pause)
            self._raise_if_stopped()
        return ended(Response("", "error", FAILED, error=said[-1]))


def _pause(error: ModelError, attempt: int, key: str) -> float:
    """Seconds to wait: what the provider asked for, else exponential back-off with jitter from a named stream."""
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return max(error.retry_after, 0.0)
    jitter = 0.5 + float(stream(0, "backoff", key, attempt).random())
    return float(min(BACKOFF * 2**attempt * jitter, BACKOFF_CEILING))


def _bound(request: Request) -> Usage:
    """An upper bound of a call's tokens: no tokeniser makes more tokens of a text than it has bytes."""
    written = sum(len(m.content.encode()) + TOKENS_AROUND_A_MESSAGE for m in request.messages)
    return Usage(written, request.sampling.max_tokens)


@dataclass(frozen=True)
class Desk:
    """Which model sits in which slot: what an agent may ask, without knowing any model.

    A slot that is not named is served by the slot "default".
    """

    gateway: Gateway
    slots: Mapping[str, str]

    def card(self, slot: str) -> Card:
        """The card of the model in a slot."""
        return self.gateway.card(self._model(slot))

    async def ask(
        self, slot: str, messages: tuple[Message, ...], sampling: Sampling, draw: Draw
    ) -> tuple[str, Response]:
        """Ask the model in `slot`: (key of the answer, the answer)."""
        card = self.card(slot)
        request = Request(card.id, messages, sampling, card.style)
        return key_of(request, draw), await self.gateway.complete(request, draw)

    def _model(self, slot: str) -> str:
        return self.slots.get(slot) or self.slots["default"]
