"""The gateway: the one place where a model is asked.

Invariants
- The same (request, draw) is asked at most once per run, whoever asks and however many ask at a time: answers come
  from the store first, and concurrent askers of one key wait for one call (single-flight).
- An answer is committed to the store before anyone sees it.
- The gateway is the only owner of retries (`way.py`). A call that failed for good becomes a `Response` with a status;
  only wrong credentials, a spent budget, an offline miss and a provider that is down raise.
- No key is sent in a prompt, or kept in an answer (`secrets.py`).
- What failed in passing is not committed, so a resumed run asks again; until then it stays failed, so that variants
  which share a draw share its fate. What is refused for good is committed.
- A call's price is set aside, from an upper bound of its tokens, before it is made (`budget.py`); how many are made at
  once and per minute is `rate.py`'s, and what happens when nothing is answered any more `circuit.py`'s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import BadOption, EndsRun, OfflineMiss
from ..events import (
    AnswerShared,
    CallAnswered,
    CallBegan,
    CallGivenUp,
    CallStopped,
    Event,
    EventBus,
    RateChanged,
    Where,
)
from ..records import Draw, Message, Request, Response, Sampling, Spent, Usage, minus
from .base import Backend, ModelInfo, key_of
from .budget import Budget, BudgetTracker
from .circuit_breaker import CircuitBreaker
from .providers.openai_format import UNCOUNTED
from .rate_limit import Account, Clock, RateLimitChange, RateLimiter
from .retry import FAILED, RetryPolicy, RunUsage
from .secrets import keys, refuse_keys, without_keys

__all__ = ["Budget", "ModelRoles", "Gateway", "MemoryStore", "Store", "RunUsage", "key_of"]

TOKENS_AROUND_A_MESSAGE = 16


class Store(Protocol):
    """Where answers are kept; `akrasia.ledger` is the durable one."""

    def get(self, key: str) -> Response | None: ...

    async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
        """Return only once the answer is safe."""
        ...

    async def book(self, spent: Spent) -> None:
        """Keep what counts against the budget beside the answers; return only once it is safe."""
        ...


class MemoryStore:
    """A store that lives as long as the process."""

    def __init__(self) -> None:
        self.responses: dict[str, Response] = {}

    def get(self, key: str) -> Response | None:
        return self.responses.get(key)

    async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
        self.responses[key] = response

    async def book(self, spent: Spent) -> None:
        """Nothing outlives this store."""


class Gateway:
    """Ask models, once per (request, draw).

    Args:
        backends: the models of the run.
        store: where answers are kept.
        budget: limits over the whole run.
        spent: calls, dollars and tokens already paid by earlier sessions of this run.
        offline: answer from the store only, and fail loudly on a miss.
        purse: what is spent from, in the place of `budget` and `spent`, where several gateways share one.
        hear: who listens to what happens; may be set later.
        sleep: how to wait, in seconds, and `clock`: the time in seconds by which it is known how long.
    """

    def __init__(
        self,
        backends: list[Backend],
        store: Store | None = None,
        budget: Budget = Budget(),  # noqa: B008  (frozen)
        spent: tuple[int, float] | tuple[int, float, int] = (0, 0.0),
        offline: bool = False,
        sleep: Callable[[float], Any] = asyncio.sleep,
        clock: Clock = time.monotonic,
        tracker: BudgetTracker | None = None,
        emit: EventBus | None = None,
    ) -> None:
        self.emit = emit
        self.store: Store = MemoryStore() if store is None else store
        self.run_usage = RunUsage()
        self._backends = {b.info.id: b for b in backends}
        self._budget, self._offline, self._sleep, self._clock = budget, offline, sleep, clock
        self._tracker = BudgetTracker(budget, Spent(*spent)) if tracker is None else tracker
        self._flights: dict[str, asyncio.Future[Response]] = {}
        self._given_up: dict[str, Response] = {}
        self.unanswered: set[int] = set()  # episodes, as draws name them, with a call that was given up
        self._accounts: dict[str, Account] = {}
        self._ways = {model: self._way(b) for model, b in self._backends.items()}
        self._opened: dict[str, asyncio.Task[None]] = {}
        self._infos: dict[str, ModelInfo] = {}
        self._keys: dict[str, str] = {}
        self._stopped: EndsRun | None = None
        self._halted = asyncio.Event()

    def on(
        self,
        store: Store,
        spent: tuple[int, float] | tuple[int, float, int] = (0, 0.0),
        offline: bool = False,
        emit: EventBus | None = None,
    ) -> Gateway:
        """The same opened models over another store."""
        gateway = Gateway(list(self._backends.values()), store, self._budget, spent, offline, self._sleep, self._clock)
        gateway._opened, gateway._infos, gateway._keys = self._opened, self._infos, self._keys
        gateway.emit = emit
        return gateway

    def info(self, model: str) -> ModelInfo:
        """The `ModelInfo` of a model, by its id."""
        return self._infos.get(model) or self._backends[model].info

    async def complete(self, request: Request, draw: Draw, where: Where | None = None) -> Response:
        """The answer to `request` in `draw`; `where` names the decision that asks, for whoever listens.

        Raises:
            Denied, BudgetSpent, OfflineMiss, ProviderDown: the run cannot go on.
        """
        self.run_usage.asked += 1
        key = key_of(request, draw)
        kept = self.store.get(key) or self._given_up.get(key)
        if kept is not None:
            self._share(key, request, where)
            return kept
        flight = self._flights.get(key)
        if flight is not None:
            response = await asyncio.shield(flight)
            self._share(key, request, where)
            return response
        # A task of its own: an asker that is cancelled does not lose an answer that is being paid for.
        flight = asyncio.ensure_future(self._fly(key, request, draw, where))
        self._flights[key] = flight
        flight.add_done_callback(lambda f: self._landed(key, f))
        return await asyncio.shield(flight)

    def _landed(self, key: str, flight: asyncio.Future[Response]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # seen: every asker may have gone

    def _share(self, key: str, request: Request, where: Where | None) -> None:
        self.run_usage.shared += 1
        if self.emit is not None:
            self.emit(AnswerShared(key, self.info(request.model).label, where))

    async def open(self) -> None:
        """Open every model now, so that what is missing is said before anything is written.

        Raises:
            UsageError, Denied: a model cannot be used here.
        """
        for model in self._backends:
            await self._open(model)

    def stop(self, reason: EndsRun) -> None:
        """Ask nothing new from now on: every further request that is not in the store raises `reason`."""
        self._stopped = reason
        self._halted.set()
        self._tracker.stop(reason)
        for way in self._ways.values():
            way.circuit.stop()

    async def landed(self) -> None:
        """Wait until the calls under way now have landed and are committed, or have failed."""
        await asyncio.gather(*self._flights.values(), return_exceptions=True)

    async def close(self) -> None:
        """Let calls under way land and be committed, then close every backend that was opened."""
        await self.landed()
        for model, opening in self._opened.items():
            if opening.done() and not opening.cancelled() and opening.exception() is None:
                await self._backends[model].close()
        self._opened.clear()
        self._infos.clear()

    async def _fly(self, key: str, request: Request, draw: Draw, where: Where | None) -> Response:
        self._raise_if_stopped()
        if self._offline:
            raise OfflineMiss(
                "an answer is not in the ledger",
                f"{request.model} was asked at episode {draw.episode}, step {draw.step}, sample {draw.sample}",
                "Run without --offline to ask for it.",
            )
        if request.model not in self._infos:
            await self._open(request.model)
        refuse_keys((m.content for m in request.messages), self._keys, f"a prompt for {request.model}")
        price = self._infos[request.model].price
        bound = _bound(request)
        need = Spent(1, 0.0 if price is None else price.of(bound), bound.prompt_tokens + bound.completion_tokens)
        hold = await self._tracker.hold(need)
        paid = Spent()
        if self.emit is not None:
            self.emit(self._began(key, request, draw, where, self.emit.texts))
        try:
            response = await self._ways[request.model].answer(hold, key, request, draw, price)
            response = without_keys(response, self._keys)
            paid = _paid(response, need)
        except BaseException as error:
            self._emit(CallStopped(key, self.info(request.model).label, type(error).__name__))
            raise
        finally:
            hold.settle(paid)
        booked = paid if response.finish_reason == FAILED else minus(paid, _told(response))
        if any(booked):
            await self.store.book(booked)
        self.run_usage.usage += response.usage
        self.run_usage.dollars += response.cost or 0.0
        if response.finish_reason == FAILED:
            self._given_up[key] = response
            self.unanswered.add(draw.episode)
            self.run_usage.failed += 1
        else:
            await self.store.put(key, request, draw, response)
        if self.emit is not None:
            self.emit(self._ended(key, request, response, self.emit.texts))
        return response

    def _began(self, key: str, request: Request, draw: Draw, where: Where | None, texts: bool) -> CallBegan:
        sampling, messages = request.sampling, request.messages if texts else None
        label = self.info(request.model).label
        return CallBegan(key, label, draw.sample, where, sampling.temperature, sampling.max_tokens, messages)

    def _ended(self, key: str, request: Request, response: Response, texts: bool) -> CallAnswered | CallGivenUp:
        r, label = response, self.info(request.model).label
        if r.finish_reason == FAILED:
            return CallGivenUp(key, label, len(r.attempts), r.error)
        attempts, text = len(r.attempts) + 1, r.text if texts else None
        return CallAnswered(key, label, r.status, r.finish_reason, r.usage, r.cost, r.latency, attempts, text)

    def _emit(self, event: Event) -> None:
        """For what is rare: an event that is made whether anybody listens or not."""
        if self.emit is not None:
            self.emit(event)

    def _changed(self, change: RateLimitChange) -> None:
        self.run_usage.changes.append(change)
        self._emit(RateChanged(change.model, change.limit, change.why))

    async def _open(self, model: str) -> None:
        backend = self._backends[model]
        if model not in self._opened:
            self._opened[model] = asyncio.ensure_future(backend.open())
        await asyncio.shield(self._opened[model])
        if self._budget.dollars is not None and backend.info.price is None:
            raise BadOption(
                f"no price is known for {backend.info.label!r}, so a budget in dollars cannot be kept",
                remedy="Give it price = { prompt = ..., completion = ... } (dollars per million tokens), or "
                "budget in calls.",
            )
        self._infos[model] = backend.info
        self._keys.update(keys())

    def _way(self, backend: Backend) -> RetryPolicy:
        info = backend.info
        account = self._accounts.setdefault(info.account or info.id, Account())
        lane = RateLimiter(info, account, self._clock, self._rest, self._changed)
        circuit = CircuitBreaker(info.label, self._rest, self._emit)
        return RetryPolicy(backend, lane, circuit, self._rest, self.run_usage, self._emit, self._book)

    async def _book(self, spent: Spent) -> None:
        await self.store.book(spent)

    def _raise_if_stopped(self) -> None:
        if self._stopped is not None:
            raise self._stopped

    async def _rest(self, seconds: float) -> None:
        """Wait, but no longer than until the run is stopped, which raises."""
        self._raise_if_stopped()
        if not seconds > 0:
            return
        waits = {asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._halted.wait())}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        for wait in done:
            wait.result()
        self._raise_if_stopped()


def _bound(request: Request) -> Usage:
    """An upper bound of a call's tokens: no tokeniser makes more tokens of a text than it has bytes."""
    written = sum(len(m.content.encode()) + TOKENS_AROUND_A_MESSAGE for m in request.messages)
    return Usage(written, request.sampling.max_tokens)


def _paid(response: Response, need: Spent) -> Spent:
    """What an answer took; all that it may have taken, where its tokens were not counted."""
    if UNCOUNTED.items() <= response.reported.items():
        return need
    return _told(response)


def _told(response: Response) -> Spent:
    """What an answer itself says it took."""
    return Spent(1, response.cost or 0.0, response.usage.prompt_tokens + response.usage.completion_tokens)


@dataclass(frozen=True)
class ModelRoles:
    """Which model sits in which slot: what an agent may ask, without knowing any model.

    A slot that is not named is served by the slot "default". `where` names the decision that asks, if anybody listens.
    """

    gateway: Gateway
    slots: Mapping[str, str]
    where: Where | None = None

    def info(self, slot: str) -> ModelInfo:
        """The `ModelInfo` of the model in a slot."""
        return self.gateway.info(self._model(slot))

    async def ask(
        self, slot: str, messages: tuple[Message, ...], sampling: Sampling, draw: Draw
    ) -> tuple[str, Response]:
        """Ask the model in `slot`: (key of the answer, the answer)."""
        info = self.info(slot)
        request = Request(info.id, messages, sampling, info.mode)
        return key_of(request, draw), await self.gateway.complete(request, draw, self.where)

    def _model(self, slot: str) -> str:
        return self.slots.get(slot) or self.slots["default"]
