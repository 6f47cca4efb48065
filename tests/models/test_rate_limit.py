"""How fast a model is asked and what a run may spend: held under every order of events, in simulated time."""

import asyncio
import heapq
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from akrasia.errors import BudgetSpent, Denied, RateLimited, Rejected, Unavailable
from akrasia.models import Budget, Gateway, MemoryStore, ModelInfo, Price
from akrasia.models.base import Backend
from akrasia.models.rate_limit import COOLDOWN, MINUTE, START
from akrasia.records import Draw, Message, Request, Response, Sampling, Spend, Usage


class Time:
    """Simulated time: `sleep` takes none of ours; sleepers wake in the order of their times, together where equal."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._number = 0

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(self._sleepers, (self.now + seconds, self._number, wake))
        await wake

    async def run(self, work: Awaitable[Any]) -> Any:
        """Let time pass whenever nobody can go on without it."""
        task = asyncio.ensure_future(work)
        while not task.done():
            for _ in range(40):
                await asyncio.sleep(0)
            while self._sleepers and self._sleepers[0][2].done():
                heapq.heappop(self._sleepers)
            if self._sleepers and not task.done():
                self.now = max(self.now, self._sleepers[0][0])
                while self._sleepers and self._sleepers[0][0] <= self.now:
                    wake = heapq.heappop(self._sleepers)[2]
                    if not wake.done():
                        wake.set_result(None)
        return task.result()


class Provider:
    """A backend in simulated time. `answer(number of the request)` is a response, or an error to raise."""

    def __init__(
        self, time: Time, answer: Callable[[int], Response | Exception], latency: float = 1.0, **card: Any
    ) -> None:
        self.info = ModelInfo(**{"id": "m", "label": "m", "price": Price(), "max_concurrency": 100, **card})
        self.time, self.answer, self.latency = time, answer, latency
        self.sent: list[float] = []
        self.inside = self.most_inside = 0

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        number = len(self.sent)
        self.sent.append(self.time.now)
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        await self.time.sleep(self.latency)
        said = self.answer(number)
        self.inside -= 1
        if isinstance(said, Exception):
            raise said
        return said


def request(model: str = "m", text: str = "hello", most: int = 10) -> Request:
    return Request(model, (Message("user", text),), Sampling(max_tokens=most))


def ask(time: Time, backends: list[Backend], calls: int, **options: Any) -> tuple[Gateway, list[Any]]:
    async def play() -> tuple[Gateway, list[Any]]:
        gateway = Gateway(backends, sleep=time.sleep, clock=time.time, **options)
        asking = [gateway.complete(request(b.info.id), Draw(i, 0)) for i in range(calls) for b in backends]
        return gateway, await time.run(asyncio.gather(*asking, return_exceptions=True))

    return asyncio.run(play())


def fine(_: int) -> Response:
    return Response("x", usage=Usage(5, 5))


def test_concurrency_starts_moderate_and_doubles_while_all_is_well_up_to_the_bound() -> None:
    time = Time()
    provider = Provider(time, fine)
    gateway, _ = ask(time, [provider], 1000)
    assert [c.limit for c in gateway.run_usage.changes] == [40, 80, 100]
    assert {c.why for c in gateway.run_usage.changes} == {"saturated"}
    assert provider.sent.count(0.0) == START
    assert provider.most_inside == 100


def test_a_limit_that_is_not_used_is_not_raised() -> None:
    time = Time()
    provider = Provider(time, fine)

    async def play() -> Gateway:
        gateway = Gateway([provider], sleep=time.sleep, clock=time.time)
        for i in range(100):  # one at a time
            await time.run(gateway.complete(request(), Draw(i, 0)))
        return gateway

    assert asyncio.run(play()).run_usage.changes == []


def test_one_overload_cuts_once_and_recovery_is_slow() -> None:
    """A provider that bears 30 at once: the limit is cut once per cooldown, then rises by steps and not by doubling."""
    time = Time()
    provider = Provider(time, lambda _: RateLimited("slow") if provider.inside > 30 else fine(0))
    gateway, said = ask(time, [provider], 1500)
    assert all(isinstance(s, Response) and s.status == "ok" for s in said)
    cuts = [c for c in gateway.run_usage.changes if c.why == "rate limited"]
    assert cuts and cuts[0].limit == 32  # 40 to 0.8
    assert all(later.at - earlier.at >= COOLDOWN for earlier, later in zip(cuts, cuts[1:], strict=False))
    after = [c.limit for c in gateway.run_usage.changes if c.at > cuts[0].at]
    limits = [cuts[0].limit, *after]
    assert all(new <= old + max(1, old // 20) for old, new in zip(limits, after, strict=False))


def test_what_a_provider_asks_to_wait_all_models_of_the_account_wait() -> None:
    time = Time()
    limited = Provider(
        time, lambda n: RateLimited("slow", retry_after=50.0) if n == 0 else fine(n), id="a", account="k"
    )
    beside = Provider(time, fine, id="b", account="k")
    other = Provider(time, fine, id="c", account="somebody else's")
    ask(time, [limited, beside, other], 200)
    for provider in (limited, beside):
        assert not [t for t in provider.sent if 1.0 < t < 51.0]
        assert [t for t in provider.sent if t >= 51.0]
    assert [t for t in other.sent if 1.0 < t < 51.0]


@settings(max_examples=12, deadline=None)
@given(
    rpm=st.one_of(st.none(), st.integers(1, 30)),
    tpm=st.one_of(st.none(), st.integers(12, 400)),
    calls=st.integers(1, 60),
    seed=st.integers(0, 2**31),
)
def test_no_minute_holds_more_requests_or_tokens_than_allowed(
    rpm: int | None, tpm: int | None, calls: int, seed: int
) -> None:
    """Answers take any time and any part of their tokens; the estimate of a call here is 1 + 10."""
    rng, time = random.Random(seed), Time()
    took: list[int] = []

    def answer(_: int) -> Response:
        took.append(rng.randint(1, 11))
        return Response("x", usage=Usage(0, took[-1]))

    provider = Provider(time, answer, latency=rng.choice([0.0, 0.5, 7.0]), rpm=rpm, tpm=tpm)
    _, said = ask(time, [provider], calls)
    assert len(provider.sent) == calls and all(isinstance(s, Response) for s in said)
    for i, start in enumerate(provider.sent):
        within = [k for k, t in enumerate(provider.sent) if start <= t < start + MINUTE - 1e-6 and k >= i]
        assert rpm is None or len(within) <= rpm
        assert tpm is None or sum(took[k] for k in within) <= tpm


@settings(max_examples=8, deadline=None)
@given(
    rpm=st.integers(1, 40), tpm=st.one_of(st.none(), st.integers(12, 400)), down=st.floats(0, 30),
    lasts=st.floats(10, 200),
)  # fmt: skip
@example(rpm=30, tpm=None, down=5.0, lasts=65.0)
def test_no_minute_holds_more_after_a_provider_was_down(rpm: int, tpm: int | None, down: float, lasts: float) -> None:
    """Calls that waited for the circuit to close count in the minute in which they are sent."""
    time = Time()

    def answer(_: int) -> Response | Exception:
        return Unavailable("down") if down <= time.now - 1 < down + lasts else Response("x", usage=Usage(5, 6))

    provider = Provider(time, answer, rpm=rpm, tpm=tpm)
    ask(time, [provider], 100)
    for i, start in enumerate(provider.sent):
        within = [t for t in provider.sent[i:] if t < start + MINUTE - 1e-6]
        assert len(within) <= (rpm if tpm is None else min(rpm, max(1, tpm // 11)))


@settings(max_examples=60, deadline=None)
@given(
    calls=st.one_of(st.none(), st.integers(1, 25)),
    tokens=st.one_of(st.none(), st.integers(1, 900)),
    cents=st.one_of(st.none(), st.floats(0.01, 5.0)),
    asked=st.integers(1, 60),
    seed=st.integers(0, 2**31),
)
def test_no_budget_is_exceeded_whatever_becomes_of_the_calls(
    calls: int | None, tokens: int | None, cents: float | None, asked: int, seed: int
) -> None:
    """Even if the provider billed every answer that got lost; and what is left over is less than one call's bound."""
    rng, time, price = random.Random(seed), Time(), Price(1e-5, 5e-5)
    billed = {"calls": 0, "tokens": 0, "dollars": 0.0}

    def answer(_: int) -> Response | Exception:
        usage = Usage(rng.randint(0, 21), rng.randint(0, 10))  # of at most 5 bytes + 16, and 10
        kind = rng.random()
        if kind < 0.1:
            return Unavailable("no")
        if kind < 0.15:
            return RateLimited("slow", retry_after=rng.choice([None, 0.5]))
        if kind < 0.2:
            return Rejected("no")
        if kind < 0.22:
            return Denied("no")
        billed["tokens"] += usage.prompt_tokens + usage.completion_tokens
        billed["dollars"] += price.of(usage)
        if kind < 0.4:
            return Unavailable("the answer was lost", lost=True)
        if kind < 0.5:
            return Response("x", reported={"usage": "not counted"})
        return Response("x", usage=usage)

    class Counting(MemoryStore):
        async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
            billed["calls"] += 1
            await super().put(key, request, draw, response)

    provider = Provider(time, answer, latency=rng.choice([0.0, 1.0]), price=price)
    budget = Budget(calls, None if cents is None else cents / 100, tokens)
    gateway, said = ask(time, [provider], asked, budget=budget, store=Counting())
    assert calls is None or billed["calls"] <= calls
    assert tokens is None or billed["tokens"] <= tokens
    assert cents is None or billed["dollars"] <= cents / 100 + 1e-12
    bounded = not (calls is None and tokens is None and cents is None)
    assert bounded or not any(isinstance(s, BudgetSpent) for s in said)
    assert len(said) == asked


@pytest.mark.parametrize("tokens", [0, -1, 1.5, True])
def test_a_budget_in_tokens_is_a_whole_number_above_zero(tokens: Any) -> None:
    from akrasia.errors import BadOption

    with pytest.raises(BadOption, match="budget in tokens"):
        Budget(tokens=tokens)


def test_a_budget_in_tokens_is_used_up_and_what_earlier_sessions_took_counts() -> None:
    """Bound of a call: 5 bytes + 16 + 10 = 31; it takes 10. With 100: 7 calls, for the eighth might take 101."""
    time = Time()
    gateway, said = ask(time, [Provider(time, fine)], 20, budget=Budget(tokens=100))
    assert sum(isinstance(s, Response) for s in said) == 7
    assert sum(isinstance(s, BudgetSpent) for s in said) == 13
    _, said = ask(time, [Provider(time, fine)], 20, budget=Budget(tokens=100), spent=Spend(7, 0.0, 70))
    assert not any(isinstance(s, Response) for s in said)
