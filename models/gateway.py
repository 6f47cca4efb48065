"""The gateway: the one place where a model is asked.

Invariants
- The same (request, draw) is asked at most once per run, whoever asks and however many ask at a time: answers come from
  the store first, and concurrent callers of one key wait for one call (single-flight).
- An answer is committed to the store before anyone sees it.
- The gateway is the only owner of retries (`retry.py`). A call that failed for good becomes a `Response` with a status;
  only wrong credentials, a spent budget, an offline miss and a provider that is down raise.
- No key is sent in a prompt or kept in an answer (`secrets.py`).
- A passing fault is not committed, so a resumed run asks again; until then the call stays failed, so that variants
  which share a draw share its fate. What a provider rejects for good is committed once the model has answered another
  request (`refusals.py`): until then it may be the model that is rejected, and not the request.
- An upper bound of a call's cost is reserved before it is made (`budget.py`, `payment.py`). `rate_limit.py` decides how
  many calls are made at once and per minute, `circuit_breaker.py` what happens when nothing is answered any more.
- The key of an answer is computed once, by whoever asks.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from ..errors import BadOption, BudgetSpent, Denied, EndsRun, OfflineMiss
from ..events import (
    AnswerShared,
    CallAnswered,
    CallBegan,
    CallGivenUp,
    CallStopped,
    Event,
    EventBus,
    RateChanged,
    WaitBegan,
    Where,
)
from ..records import Draw, Request, Response, Spend
from .base import FAILED, Backend, ModelInfo, key_of
from .budget import Budget, BudgetTracker
from .circuit_breaker import CircuitBreaker
from .model_pool import ModelPool
from .payment import Payment, upper_bound
from .rate_limit import Account, Clock, RateLimitChange, RateLimiter
from .refusals import REJECTED, HeldAnswer, Refusals
from .retry import RetryPolicy, RunUsage
from .secrets import refuse_keys, without_keys
from .store import MemoryStore, Store
from .unfinished import Played, UnfinishedEpisodes


class Gateway:
    """Asks models, once per (request, draw).

    Args:
        backends: the models of the run, or a pool of them that other gateways share.
        store: where answers are kept.
        budget: limits over the whole run.
        spent: what earlier sessions of this run have paid: calls, dollars and tokens.
        offline: answer from the store only, and raise on a miss.
        sleep: how to wait, in seconds.
        clock: the time in seconds, by which waits are reckoned.
        tracker: takes the place of `budget` and `spent` where several gateways share one budget.
        emit: is handed what happens; may be set later.

    Attributes:
        run_usage: what was asked and paid through this gateway.
        unanswered: the episodes with a call that was given up, by who played them and as draws name them.
        stopped: why no call is begun any more; None while calls are.
    """

    def __init__(
        self,
        backends: Sequence[Backend] | ModelPool,
        store: Store | None = None,
        budget: Budget = Budget(),  # noqa: B008  (frozen)
        spent: Spend = Spend(),  # noqa: B008  (frozen)
        offline: bool = False,
        sleep: Callable[[float], Any] = asyncio.sleep,
        clock: Clock = time.monotonic,
        tracker: BudgetTracker | None = None,
        emit: EventBus | None = None,
    ) -> None:
        self.emit = emit
        self.store: Store = MemoryStore() if store is None else store
        self.run_usage = RunUsage()
        self._episodes = UnfinishedEpisodes()
        self.unanswered = self._episodes.unanswered
        self._models = backends if isinstance(backends, ModelPool) else ModelPool(backends)
        self._budget, self._offline, self._plain_sleep, self._clock = budget, offline, sleep, clock
        self._tracker = BudgetTracker(budget, spent) if tracker is None else tracker
        self._in_flight: dict[str, asyncio.Future[Response]] = {}
        self._given_up: dict[str, Response] = {}
        self._refusals = {model: Refusals(self._models.info(model).label) for model in self._models}
        self._accounts: dict[str, Account] = {}
        self._policies = {model: self._policy(self._models.backend(model)) for model in self._models}
        self.stopped: EndsRun | None = None
        self._interrupted = asyncio.Event()

    def with_store(
        self,
        store: Store,
        spent: Spend = Spend(),  # noqa: B008  (frozen)
        offline: bool = False,
        emit: EventBus | None = None,
    ) -> Gateway:
        """A gateway to the same open models over another store."""
        return Gateway(self._models, store, self._budget, spent, offline, self._plain_sleep, self._clock, emit=emit)

    def info(self, model: str) -> ModelInfo:
        """The `ModelInfo` of a model, by its id."""
        return self._models.info(model)

    async def complete(
        self,
        request: Request,
        draw: Draw,
        where: Where | None = None,
        key: str | None = None,
        player: tuple[str, ...] = (),
    ) -> Response:
        """The answer to `request` in `draw`.

        Args:
            where: the decision that asks, for events.
            key: the answer's key, where the caller has it, and the request its room to think.
            player: who plays the episode: an answer that is missing leaves this one unfinished, and nobody else's.

        Raises:
            Denied, BudgetSpent, OfflineMiss, ProviderDown: the run cannot go on.
        """
        self.run_usage.asked += 1
        if key is None:
            request = self.info(request.model).completed(request)
            key = key_of(request, draw)
        response = await self._answer(key, request, draw, where)
        if response.finish_reason == FAILED:
            self.unanswered.add((player, draw.episode))
        elif response.finish_reason == REJECTED and key in self._given_up:
            self._episodes.hold((player, draw.episode), key)
        return response

    async def keep(self, key: str, request: Request, draw: Draw, make: Callable[[], Awaitable[Response]]) -> Response:
        """What `make` gives, once for each key: a kept one, one under way, or a new one, committed before it is used.

        For what is no answer of a model and costs nothing, such as what a tool returned.

        Raises:
            OfflineMiss: it is not kept, and nothing is made any more.
        """
        kept = self.store.get(key)
        if kept is not None:
            return kept
        making = self._in_flight.get(key)
        if making is None:
            making = asyncio.ensure_future(self._made(key, request, draw, make))
            self._in_flight[key] = making
            making.add_done_callback(lambda c: self._on_landed(key, c))
        return await asyncio.shield(making)

    async def _made(self, key: str, request: Request, draw: Draw, make: Callable[[], Awaitable[Response]]) -> Response:
        if self._offline:
            raise _missing(request, draw)
        response = without_keys(await make(), self._models.keys)
        await self.store.put(key, request, draw, response)
        return response

    async def _answer(self, key: str, request: Request, draw: Draw, where: Where | None) -> Response:
        """The answer under a key: a kept one, one under way, or a new one."""
        kept = self.store.get(key) or self._given_up.get(key)
        if kept is not None:
            if kept.finish_reason not in (FAILED, REJECTED):
                self._refusals[request.model].answered = True
            self._count_shared(key, request, where)
            return kept
        call = self._in_flight.get(key)
        if call is not None:
            response = await asyncio.shield(call)
            self._count_shared(key, request, where)
            return response
        # A task of its own: a caller that is cancelled does not lose an answer that is being paid for.
        call = asyncio.ensure_future(self._call(key, request, draw, where))
        self._in_flight[key] = call
        call.add_done_callback(lambda c: self._on_landed(key, c))
        return await asyncio.shield(call)

    def _on_landed(self, key: str, call: asyncio.Future[Response]) -> None:
        del self._in_flight[key]
        if not call.cancelled():
            call.exception()  # marks it as retrieved: every caller may have gone

    def _count_shared(self, key: str, request: Request, where: Where | None) -> None:
        self.run_usage.shared += 1
        if self.emit is not None:
            self.emit(AnswerShared(key, self.info(request.model).label, where))

    async def open(self) -> None:
        """Open every model now, so that what is missing is reported before anything is written.

        Raises:
            UsageError, Denied: a model cannot be used here.
        """
        for model in self._models:
            await self._models.check(model)
            await self._open(model)

    def stop(self, reason: EndsRun) -> None:
        """Begin no call from now on: every request that is not in the store raises `reason`.

        Calls under way end: those that wait, for their turn or between attempts, with `reason`. A spent budget is no
        reason to end them: their cost is reserved, so they are made.
        """
        self.stopped = reason
        self._tracker.stop(reason)
        if not isinstance(reason, BudgetSpent):
            self._interrupted.set()
            for model in self._models:
                interrupt = getattr(self._models.backend(model), "interrupt", None)
                if interrupt is not None:
                    interrupt(reason)
            for policy in self._policies.values():
                policy.circuit.wake()

    async def land(self) -> None:
        """Wait until every call under way has ended and its answer is committed."""
        await asyncio.gather(*self._in_flight.values(), return_exceptions=True)

    async def mark_finished(self, played: frozenset[Played], mark: Callable[[], Awaitable[None]]) -> bool:
        """Run `mark`, which marks an episode as finished, once every answer of it is stored.

        Args:
            played: all who played it, each with the episode as draws name it.

        Returns:
            Whether it has run. It never runs if a call of the episode was given up, and runs later, if at all, where a
            rejection of the episode is held back.
        """
        return await self._episodes.mark(played, mark)

    async def settle(self) -> None:
        """Wait for the calls under way, and store rejections that are held back, if the model does answer others."""
        await self.land()
        if self.stopped is None:
            for refusals in self._refusals.values():
                await self._keep(refusals.rest())

    async def close(self) -> None:
        """Let calls under way land, then close every backend that was opened."""
        await self.settle()
        await self._models.close()

    async def _keep(self, held: Sequence[HeldAnswer]) -> None:
        for answer in held:
            await self.store.put(answer.key, answer.request, answer.draw, answer.response)
            self._given_up.pop(answer.key, None)
            self._episodes.stored(answer.key)
        if held:
            await self._episodes.mark_ready()

    async def _call(self, key: str, request: Request, draw: Draw, where: Where | None) -> Response:
        refusals = self._refusals[request.model]
        began = refusals.begin()
        try:
            response = await self._response(key, request, draw, where)
        finally:
            refusals.end(began)
        if response.finish_reason == FAILED:
            self._given_up[key] = response
            self.run_usage.failed += 1
        elif response.finish_reason == REJECTED:
            await self._on_rejected(HeldAnswer(key, request, draw, response))
        else:
            await self.store.put(key, request, draw, response)
            await self._keep(refusals.release(began))
        if self.emit is not None:
            self.emit(self._ended(key, request, response, self.emit.texts))
        return response

    async def _response(self, key: str, request: Request, draw: Draw, where: Where | None) -> Response:
        """Make the call and pay for it."""
        reason = self.stopped or self._refusals[request.model].reason
        if reason is not None:
            raise reason
        if self._offline:
            raise _missing(request, draw)
        price = (await self._open(request.model)).price
        refuse_keys(request.texts, self._models.keys, f"a prompt for {request.model}")
        payment = await Payment.reserve(self._tracker, upper_bound(request, price), self.store.book)
        if self.emit is not None:
            self.emit(self._began(key, request, draw, where, self.emit.texts))
        try:
            response = await self._policies[request.model].call(key, request, draw, price, payment)
            response = without_keys(response, self._models.keys)
        except BaseException as error:
            payment.release()
            self._emit(CallStopped(key, self.info(request.model).label, type(error).__name__))
            raise
        await payment.settle(response)
        self.run_usage.usage += response.usage
        self.run_usage.dollars += response.cost or 0.0
        return response

    async def _on_rejected(self, answer: HeldAnswer) -> None:
        """Store a rejection, or hold it back.

        Raises:
            Denied: every request of this model is rejected alike.
        """
        refusals = self._refusals[answer.request.model]
        try:
            held = refusals.hold(answer)
        except Denied as reason:
            self._given_up[answer.key] = answer.response
            self._emit(CallStopped(answer.key, refusals.label, type(reason).__name__))
            raise
        if held:
            self._given_up[answer.key] = answer.response
        else:
            await self.store.put(answer.key, answer.request, answer.draw, answer.response)

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
        """For rare events, which are made whether anybody listens or not."""
        if self.emit is not None:
            self.emit(event)

    def _on_limit_changed(self, change: RateLimitChange) -> None:
        self.run_usage.changes.append(change)
        self._emit(RateChanged(change.model, change.limit, change.why))

    async def _open(self, model: str) -> ModelInfo:
        info = await self._models.open(model)
        if self._budget.dollars is not None and info.price is None:
            raise BadOption(
                f"no price is known for {info.label!r}, so a budget in dollars cannot be kept",
                remedy="Give it price = { prompt = ..., completion = ... } (dollars per million tokens), or "
                "budget in calls.",
            )
        return info

    def _policy(self, backend: Backend) -> RetryPolicy:
        info = backend.info
        account = self._accounts.setdefault(info.account or info.id, Account())
        on_wait = partial(self._on_wait, info.label)
        limiter = RateLimiter(info, account, self._clock, self._sleep, self._on_limit_changed, on_wait)
        circuit = CircuitBreaker(info.label, self._sleep, self._emit)
        return RetryPolicy(backend, limiter, circuit, self._sleep, self.run_usage, self._emit)

    def _on_wait(self, model: str, seconds: float, why: str) -> None:
        self._emit(WaitBegan(model, round(seconds, 1), why))

    def _raise_if_interrupted(self) -> None:
        if self._interrupted.is_set():
            assert self.stopped is not None
            raise self.stopped

    async def _sleep(self, seconds: float) -> None:
        """Wait, but no longer than until the run is interrupted, which raises."""
        self._raise_if_interrupted()
        if not seconds > 0:
            return
        waits = {asyncio.ensure_future(self._plain_sleep(seconds)), asyncio.ensure_future(self._interrupted.wait())}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        for wait in done:
            wait.result()
        self._raise_if_interrupted()


def _missing(request: Request, draw: Draw) -> OfflineMiss:
    return OfflineMiss(
        "an answer is not in the ledger",
        f"{request.model} was asked at episode {draw.episode}, step {draw.step}, sample {draw.sample}",
        "Run without --offline to ask for it.",
    )
