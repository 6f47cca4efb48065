"""The gateway asks once, keeps before it tells, retries as asked, never overspends, and loses no answer paid for."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from akrasia.errors import (
    AkrasiaError,
    BadOption,
    BudgetSpent,
    Denied,
    OfflineMiss,
    ProviderDown,
    RateLimited,
    Rejected,
    RunStopped,
    Unavailable,
)
from akrasia.ledger import Ledger, read_ledger
from akrasia.models import Budget, Gateway, MemoryStore, ModelRoles, Price, Scripted, Simulated, key_of
from akrasia.models.budget import BudgetTracker
from akrasia.models.circuit_breaker import OPEN_FOR, PROBES, TRIP
from akrasia.models.retry import ATTEMPTS
from akrasia.records import Draw, Message, Request, Response, Sampling, Spend, Usage

FREE = Price()


class Model:
    """A scripted model that says how often it was asked, and can be held back."""

    def __init__(self, *script: str | Response | Exception, price: Price | None = FREE, at_once: int = 64) -> None:
        self.script, self.asked = script, 0
        self.inside = self.most_inside = 0
        self.go = asyncio.Event()
        self.go.set()
        self.opened = self.closed = 0
        self.info = Scripted(lambda request, draw: "", price=price, max_concurrency=at_once).info

    async def open(self) -> None:
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        said = self.script[min(self.asked, len(self.script) - 1)] if self.script else f"answer {draw.sample}"
        self.asked += 1
        self.inside += 1
        self.most_inside = max(self.most_inside, self.inside)
        try:
            await self.go.wait()
            await asyncio.sleep(0)
        finally:
            self.inside -= 1
        if isinstance(said, Exception):
            raise said
        return said if isinstance(said, Response) else Response(said, usage=Usage(10, 5))

    def request(self, text: str = "hello", **sampling: int) -> Request:
        return Request(self.info.id, (Message("user", text),), Sampling(**sampling))


class Clock:
    """Stands for time and sleeping: notes how long, and takes no time of ours."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.now = 100.0

    async def __call__(self, seconds: float) -> None:
        self.slept.append(round(seconds, 6))
        self.now += seconds

    def time(self) -> float:
        return self.now


def draw(sample: int = 0) -> Draw:
    return Draw(7, 0, sample)


async def outcomes(gateway: Gateway, request: Request, samples: range) -> list[Response | BaseException]:
    asking = (gateway.complete(request, draw(i)) for i in samples)
    return await asyncio.gather(*asking, return_exceptions=True)


async def settle(until: Callable[[], bool]) -> None:
    """Let other tasks run until something holds."""
    for _ in range(10_000):
        if until():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to hold")


async def test_concurrent_askers_of_one_draw_share_one_call() -> None:
    model = Model()
    gateway = Gateway([model])
    answers = await asyncio.gather(*(gateway.complete(model.request(), draw()) for _ in range(50)))
    assert model.asked == 1
    assert len({id(a) for a in answers}) == 1
    assert (gateway.run_usage.asked, gateway.run_usage.made, gateway.run_usage.shared) == (50, 1, 49)
    assert gateway.run_usage.usage == Usage(10, 5)


async def test_another_sample_episode_step_or_setting_is_another_call() -> None:
    model = Model()
    gateway = Gateway([model])
    asked = [
        (model.request(), Draw(7, 0, 0)),
        (model.request(), Draw(7, 0, 1)),
        (model.request(), Draw(7, 1, 0)),
        (model.request(), Draw(8, 0, 0)),
        (model.request("hi"), Draw(7, 0, 0)),
        (model.request(max_tokens=9), Draw(7, 0, 0)),
    ]
    for _ in range(2):
        await asyncio.gather(*(gateway.complete(r, d) for r, d in asked))
    assert model.asked == len(asked)


async def test_what_the_store_holds_is_not_asked_for() -> None:
    model, store = Model(), MemoryStore()
    first = await Gateway([model], store).complete(model.request(), draw())
    again = Gateway([model], store)
    assert await again.complete(model.request(), draw()) == first
    assert (model.asked, model.opened, again.run_usage.made, again.run_usage.shared) == (1, 1, 0, 1)


async def test_an_answer_is_committed_before_its_asker_sees_it(tmp_path: Path) -> None:
    model, ledger = Model(), Ledger(tmp_path)
    gateway = Gateway([model], ledger)
    try:
        for sample in range(20):
            said = await gateway.complete(model.request(), draw(sample))
            with read_ledger(tmp_path) as other_process:
                assert other_process.get(key_of(model.request(), draw(sample))) == said
    finally:
        ledger.close()


async def test_an_answer_that_cannot_be_kept_is_not_shown() -> None:
    class Full(MemoryStore):
        async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        await Gateway([Model()], Full()).complete(Model().request(), draw())


async def test_rate_limit_is_waited_out_exactly_and_recorded() -> None:
    model = Model(RateLimited("slow down", retry_after=7.25), RateLimited("slower", retry_after=120.0), "there")
    clock = Clock()
    said = await Gateway([model], sleep=clock, clock=clock.time).complete(model.request(), draw())
    assert clock.slept == [7.25, 120.0]
    assert (said.text, said.status) == ("there", "ok")
    assert said.attempts == ("rate limit: slow down.", "rate limit: slower.")
    assert model.asked == 3


async def test_a_provider_that_asks_for_hours_pauses_the_run() -> None:
    """No outcome of a step: a resumed run asks again."""
    model, clock, store = Model(RateLimited("daily limit", retry_after=86_400.0)), Clock(), MemoryStore()
    gateway = Gateway([model], store, sleep=clock)
    for sample in range(2):
        with pytest.raises(ProviderDown, match="asks to wait 86400 s.*resume"):
            await gateway.complete(model.request(), draw(sample))
    assert (clock.slept, model.asked, store.responses) == ([], 1, {})


async def test_back_off_grows_and_stays_bounded() -> None:
    model, clock = Model(Unavailable("down")), Clock()
    await Gateway([model], sleep=clock).complete(model.request(), draw())
    assert len(clock.slept) == ATTEMPTS - 1
    assert all(0 < s <= 60 for s in clock.slept)
    assert clock.slept[-1] > 4 * clock.slept[0]


async def test_what_stays_down_becomes_an_outcome_that_is_not_kept() -> None:
    model, store = Model(Unavailable("down", "connection reset")), MemoryStore()
    gateway = Gateway([model], store, sleep=Clock())
    said = await gateway.complete(model.request(), draw())
    assert (said.text, said.status) == ("", "error")
    assert said.attempts == ("unavailable: down: connection reset.",) * ATTEMPTS
    assert said.error == said.attempts[-1]
    assert store.responses == {}
    assert gateway.run_usage.failed == 1


async def test_variants_that_share_a_draw_share_its_failure_and_a_resumed_run_asks_again() -> None:
    model, store = Model(*[Unavailable("down")] * ATTEMPTS, "up again"), MemoryStore()
    gateway = Gateway([model], store, sleep=Clock())
    first = await gateway.complete(model.request(), draw())
    assert await gateway.complete(model.request(), draw()) == first
    assert model.asked == ATTEMPTS
    resumed = await Gateway([model], store).complete(model.request(), draw())
    assert (resumed.status, resumed.text) == ("ok", "up again")


@pytest.mark.parametrize(("refusal", "status"), [(True, "refused"), (False, "error")])
async def test_what_is_refused_is_kept_and_not_tried_again(refusal: bool, status: str) -> None:
    """Also after a passing fault, which stays on record."""
    model, store = Model("yes", Unavailable("hiccup"), Rejected("prompt is too long", refusal=refusal)), MemoryStore()
    gateway = Gateway([model], store, sleep=Clock())
    await gateway.complete(model.request("first"), draw())
    store.responses.clear()
    said = await gateway.complete(model.request(), draw())
    assert (said.status, said.error, said.attempts) == (status, "prompt is too long.", ("unavailable: hiccup.",))
    assert list(store.responses.values()) == [said]
    assert await gateway.complete(model.request(), draw()) == said
    assert (model.asked, gateway.run_usage.failed) == (3, 0)


@pytest.mark.parametrize("lost", [0, 1, ATTEMPTS])
async def test_a_call_given_up_is_booked_with_all_that_its_lost_attempts_may_have_cost(lost: int) -> None:
    """The last attempts are lost. A call's bound: 5 bytes, 16 around the message, 10 of the answer."""
    away = [Unavailable("no"), Unavailable("no answer", fault="timeout", lost=True)]
    model = Model(*(away[i >= ATTEMPTS - lost] for i in range(ATTEMPTS)), price=Price(1.0, 1.0))
    tracker = BudgetTracker(Budget(tokens=10_000))
    gateway = Gateway([model], tracker=tracker, sleep=Clock())
    said = await gateway.complete(model.request(max_tokens=10), draw())
    assert (said.status, gateway.run_usage.lost, gateway.run_usage.failed) == ("error", lost, 1)
    assert tracker.paid == Spend(1, 31.0 * lost, 31 * lost)


@pytest.mark.parametrize("then", [Denied("wrong key"), RateLimited("slow", retry_after=10_000.0)])
async def test_a_lost_attempt_is_booked_whatever_ends_the_call(then: Exception) -> None:
    model = Model(Unavailable("no answer", fault="timeout", lost=True), then)
    tracker = BudgetTracker(Budget(tokens=10_000))
    with pytest.raises(AkrasiaError):
        await Gateway([model], tracker=tracker, sleep=Clock()).complete(model.request(max_tokens=10), draw())
    assert tracker.paid == Spend(0, 0.0, 31)


async def test_wrong_credentials_stop_the_run_at_once() -> None:
    model, store = Model(Denied("wrong key")), MemoryStore()
    with pytest.raises(Denied):
        await Gateway([model], store, sleep=Clock()).complete(model.request(), draw())
    assert (model.asked, store.responses) == (1, {})


async def test_a_dead_provider_is_probed_ever_less_often_and_then_pauses_the_run() -> None:
    """Fifty calls at once: no more attempts than it takes to see that it is dead, and no step pays for it."""
    model, clock, store = Model(Unavailable("down", "connection refused")), Clock(), MemoryStore()
    gateway = Gateway([model], store, sleep=clock, clock=clock.time)
    said = await outcomes(gateway, model.request(), range(50))
    assert all(isinstance(s, ProviderDown) for s in said)
    assert "does not answer: down: connection refused. Every answer so far is kept: resume" in str(said[0])
    assert model.asked <= TRIP + 20 + PROBES  # twenty may be under way when it trips
    assert [s for s in clock.slept if s >= OPEN_FOR] == [5, 10, 20, 40, 60, 60]
    assert store.responses == {}
    with pytest.raises(ProviderDown):
        await gateway.complete(model.request(), draw(99))


async def test_a_provider_that_comes_back_is_found_by_one_call_and_nothing_is_lost() -> None:
    model, clock = Model(*[Unavailable("down")] * (TRIP + 3), "up"), Clock()
    gateway = Gateway([model], sleep=clock, clock=clock.time)
    said = await outcomes(gateway, model.request(), range(TRIP))
    assert [s.status for s in said if isinstance(s, Response)] == ["ok"] * TRIP
    assert (gateway.run_usage.failed, gateway.run_usage.retried) == (0, TRIP + 3)
    assert [s for s in clock.slept if s >= OPEN_FOR] == [5, 10, 20, 40]


async def test_one_answer_in_between_and_the_provider_is_not_down() -> None:
    script = ([*[Unavailable("down")] * ATTEMPTS * (TRIP - 1), "up"]) * 3
    model = Model(*script)
    gateway = Gateway([model], sleep=Clock())
    said = [(await gateway.complete(model.request(), draw(i))).status for i in range(3 * TRIP)]
    assert said.count("ok") == 3


async def test_a_call_that_fails_by_itself_is_an_outcome_and_the_provider_is_not_down() -> None:
    class Picky(Model):
        async def generate(self, request: Request, draw: Draw, key: str) -> Response:
            if "poison" in request.messages[0].content:
                raise Unavailable("boom")
            return await super().generate(request, draw, key)

    model = Picky()
    gateway = Gateway([model], sleep=Clock())
    said = await outcomes(gateway, model.request("poison"), range(TRIP - 1))
    assert [s.status for s in said if isinstance(s, Response)] == ["error"] * (TRIP - 1)
    assert (await gateway.complete(model.request(), draw())).status == "ok"


async def test_rate_limits_that_do_not_end_pause_the_run() -> None:
    model, clock = Model(RateLimited("slow down", retry_after=1.0)), Clock()
    gateway = Gateway([model], sleep=clock, clock=clock.time)
    for i in range(TRIP):
        assert (await gateway.complete(model.request(), draw(i))).status == "error"
    with pytest.raises(ProviderDown, match="does not answer: slow down"):
        await gateway.complete(model.request(), draw(99))


@settings(max_examples=40, deadline=None)
@given(
    limit=st.integers(1, 30),
    already=st.integers(0, 10),
    askers=st.integers(1, 100),
    at_once=st.integers(1, 64),
)
def test_calls_never_exceed_their_budget(limit: int, already: int, askers: int, at_once: int) -> None:
    async def play() -> tuple[Model, list[Response | BaseException]]:
        model = Model(at_once=at_once)
        gateway = Gateway([model], budget=Budget(calls=limit), spent=Spend(already))
        return model, await outcomes(gateway, model.request(), range(askers))

    model, said = asyncio.run(play())
    assert model.asked == min(askers, max(0, limit - already))
    assert model.most_inside <= at_once
    assert sum(isinstance(s, BudgetSpent) for s in said) == askers - model.asked


@settings(max_examples=40, deadline=None)
@given(
    cents=st.floats(0.01, 20.0),
    text=st.text(max_size=60),
    share=st.floats(0, 1),
    waves=st.lists(st.integers(1, 50), min_size=1, max_size=3),
)
@example(cents=1.0, text="é" * 60, share=1.0, waves=[50])
def test_dollars_never_exceed_their_budget(cents: float, text: str, share: float, waves: list[int]) -> None:
    """Whatever part of the tokens that a request allows the answers take, with one token per byte at worst."""
    price = Price(1e-5, 4e-5)

    async def play() -> tuple[Gateway, Model]:
        used = Usage(int(share * len(text.encode())), int(share * 64))
        model = Model(Response("x", usage=used), price=price)
        gateway = Gateway([model], budget=Budget(dollars=cents / 100))
        request, asked = model.request(text, max_tokens=64), 0
        for wave in waves:
            await outcomes(gateway, request, range(asked, asked + wave))
            asked += wave
        assert gateway.run_usage.dollars == pytest.approx(model.asked * price.of(used))
        return gateway, model

    gateway, _ = asyncio.run(play())
    assert gateway.run_usage.dollars <= cents / 100


async def test_what_a_call_did_not_use_of_its_reservation_is_free_for_the_next() -> None:
    """Each call may cost a hundred times what it does: asked one after the other, the budget is used up by cost."""
    model = Model(Response("x", usage=Usage(0, 10)), price=Price(0, 1e-3))
    gateway = Gateway([model], budget=Budget(dollars=2.005))
    request, answered = model.request(max_tokens=1000), 0
    with pytest.raises(BudgetSpent, match="may cost"):
        for sample in range(1000):
            await gateway.complete(request, draw(sample))
            answered += 1
    assert answered == 101  # with 1.01 paid, the next might bring it to 2.01
    assert gateway.run_usage.dollars == pytest.approx(1.01)


async def test_a_dollar_budget_waits_for_calls_that_may_turn_out_cheaper() -> None:
    """Each may cost $5 and costs $0.01."""
    model = Model(Response("x", usage=Usage(1, 1)), price=Price(0.0, 0.01), at_once=16)
    gateway = Gateway([model], budget=Budget(dollars=6.0))
    responses = await outcomes(gateway, model.request(max_tokens=500), range(20))
    assert all(isinstance(r, Response) for r in responses) and gateway.run_usage.dollars == pytest.approx(0.2)
    with pytest.raises(BudgetSpent, match=r"\$0.2000 are paid"):
        await gateway.complete(model.request(max_tokens=600), draw(20))


async def test_a_call_that_raises_gives_its_reservation_back() -> None:
    model = Model(Denied("no"), "yes")
    gateway = Gateway([model], budget=Budget(calls=1))
    with pytest.raises(Denied):
        await gateway.complete(model.request(), draw())
    assert (await gateway.complete(model.request(), draw())).text == "yes"


async def test_stored_answers_cost_nothing_of_a_spent_budget() -> None:
    model, store = Model(), MemoryStore()
    kept = await Gateway([model], store).complete(model.request(), draw())
    gateway = Gateway([model], store, budget=Budget(calls=1), spent=Spend(1))
    assert await gateway.complete(model.request(), draw()) == kept
    with pytest.raises(BudgetSpent, match="budget of 1 calls"):
        await gateway.complete(model.request(), draw(1))
    assert (gateway.run_usage.asked, gateway.run_usage.made, gateway.run_usage.shared) == (2, 0, 1)


@pytest.mark.parametrize("limits", [{"calls": 0}, {"dollars": -1.0}, {"calls": True}, {"dollars": float("nan")}])
def test_a_budget_must_be_above_zero(limits: dict[str, float]) -> None:
    with pytest.raises(BadOption):
        Budget(**limits)  # type: ignore[arg-type]


async def test_a_budget_in_dollars_needs_a_price() -> None:
    model = Model(price=None)
    gateway = Gateway([model], budget=Budget(dollars=1.0))
    with pytest.raises(BadOption, match="no price is known"):
        await gateway.open()
    with pytest.raises(BadOption, match="no price is known"):
        await gateway.complete(model.request(), draw())
    assert model.asked == 0
    await Gateway([model], budget=Budget(calls=1)).open()


async def test_a_cancelled_asker_loses_nothing_that_is_paid_for() -> None:
    model, store = Model(), MemoryStore()
    model.go.clear()
    gateway = Gateway([model], store)
    asker = asyncio.ensure_future(gateway.complete(model.request(), draw()))
    await settle(lambda: model.inside == 1)
    asker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asker
    closing = asyncio.ensure_future(gateway.close())
    await asyncio.sleep(0)
    assert (model.closed, store.responses) == (0, {})
    model.go.set()
    await closing
    assert (model.closed, len(store.responses)) == (1, 1)
    assert gateway.run_usage.usage == Usage(10, 5)


async def test_one_asker_that_goes_does_not_disturb_the_others() -> None:
    model = Model()
    model.go.clear()
    gateway = Gateway([model])
    goes, stays = (asyncio.ensure_future(gateway.complete(model.request(), draw())) for _ in range(2))
    await settle(lambda: model.inside == 1)
    goes.cancel()
    await asyncio.sleep(0)
    model.go.set()
    assert (await stays).text == "answer 0"
    assert model.asked == 1


async def test_offline_a_miss_is_loud() -> None:
    model, store = Model(), MemoryStore()
    kept = await Gateway([model], store).complete(model.request(), draw())
    offline = Gateway([model], store, offline=True)
    assert await offline.complete(model.request(), draw()) == kept
    with pytest.raises(OfflineMiss, match="episode 7, step 0, sample 3"):
        await offline.complete(model.request(), draw(3))
    assert (model.asked, model.opened) == (1, 1)


async def test_after_a_stop_only_what_is_kept_is_answered() -> None:
    """Calls under way land and are kept; those that wait for their turn are not made."""
    model, store = Model(at_once=1), MemoryStore()
    gateway = Gateway([model], store)
    kept = await gateway.complete(model.request(), draw(9))
    model.go.clear()
    under_way, waiting = (asyncio.ensure_future(gateway.complete(model.request(), draw(i))) for i in range(2))
    await settle(lambda: model.inside == 1)
    gateway.stop(RunStopped("interrupted"))
    model.go.set()
    assert (await under_way).text == "answer 0"
    with pytest.raises(RunStopped, match="interrupted"):
        await waiting
    with pytest.raises(RunStopped):
        await gateway.complete(model.request(), draw(5))
    assert await gateway.complete(model.request(), draw(9)) == kept
    assert model.asked == 2


@pytest.mark.parametrize("fault", [RateLimited("slow", retry_after=60.0), Unavailable("busy")])
async def test_a_stop_ends_the_waiting_between_attempts(fault: Exception) -> None:
    """The pause itself never ends here."""
    model, pausing = Model(fault), asyncio.Event()

    async def endless(seconds: float) -> None:
        pausing.set()
        await asyncio.Event().wait()

    gateway = Gateway([model], sleep=endless)
    asking = asyncio.ensure_future(gateway.complete(model.request(), draw()))
    await pausing.wait()
    gateway.stop(RunStopped("interrupted"))
    with pytest.raises(RunStopped, match="interrupted"):
        await asking
    assert model.asked == 1


async def test_calls_whose_cost_is_reserved_are_made_although_the_budget_is_spent_meanwhile() -> None:
    """As when another worker meets the end of the budget: to the last call it is used, and nothing new begins."""
    model = Model(at_once=1)
    model.go.clear()
    gateway = Gateway([model], budget=Budget(calls=3))
    asking = [asyncio.ensure_future(gateway.complete(model.request(), draw(i))) for i in range(3)]
    await settle(lambda: model.inside == 1)
    gateway.stop(BudgetSpent("spent elsewhere"))
    with pytest.raises(BudgetSpent, match="elsewhere"):
        await gateway.complete(model.request(), draw(3))
    model.go.set()
    await gateway.land()
    assert [task.result().text for task in asking] == ["answer 0", "answer 1", "answer 2"]


async def test_cost_and_latency_are_on_the_answer() -> None:
    model = Model(price=Price(1e-6, 2e-6))
    gateway = Gateway([model])
    said = await gateway.complete(model.request(), draw())
    assert said.cost == pytest.approx(10 * 1e-6 + 5 * 2e-6)
    assert 0 <= said.latency < 10
    assert gateway.run_usage.dollars == said.cost


async def test_what_the_provider_billed_stands_before_the_list_price() -> None:
    model = Model(Response("x", usage=Usage(10, 5), cost=0.5), price=Price(1e-6, 2e-6))
    assert (await Gateway([model]).complete(model.request(), draw())).cost == 0.5


async def test_without_a_price_the_cost_is_unknown_not_zero() -> None:
    model = Model(price=None)
    gateway = Gateway([model])
    assert (await gateway.complete(model.request(), draw())).cost is None
    assert gateway.run_usage.dollars == 0


async def test_a_model_is_opened_once_and_closed_once() -> None:
    model = Model()
    gateway = Gateway([model])
    await asyncio.gather(gateway.open(), *(gateway.complete(model.request(), draw(i)) for i in range(20)))
    over_a_ledger = gateway.with_store(MemoryStore())
    await over_a_ledger.complete(model.request(), draw())
    await over_a_ledger.close()
    await gateway.close()
    assert (model.opened, model.closed) == (1, 1)


async def test_what_cannot_be_opened_is_said_to_every_asker() -> None:
    class Broken(Model):
        async def open(self) -> None:
            raise BadOption("no weights")

    model = Broken()
    gateway = Gateway([model])
    said = await outcomes(gateway, model.request(), range(5))
    assert all(isinstance(s, BadOption) for s in said)
    await gateway.close()
    assert model.closed == 0


async def test_a_slot_has_its_own_model_or_the_default() -> None:
    critic, default = Scripted(lambda r, d: "critic", name="critic"), Scripted(lambda r, d: "other", name="other")
    gateway = Gateway([critic, default])
    models = ModelRoles(gateway, {"default": default.info.id, "critic": critic.info.id})
    messages = (Message("user", "hello"),)
    key, said = await models.ask("critic", messages, Sampling(), draw())
    assert said.text == "critic"
    assert gateway.store.get(key) == said
    assert (await models.ask("reasoner", messages, Sampling(), draw()))[1].text == "other"


@settings(max_examples=25, deadline=None)
@given(samples=st.lists(st.integers(0, 5), min_size=1, max_size=30), shuffled=st.randoms())
def test_the_order_of_asking_changes_no_answer(samples: list[int], shuffled: object) -> None:
    """Common random numbers: an answer is named by its draw, not by when it was asked for."""
    other = list(samples)
    shuffled.shuffle(other)  # type: ignore[attr-defined]
    text = "You face 2 buttons: Red, Blue.\nStep=0 Action=Red Reward=0.5\nEnd with BEST=X and ACTION=Y"
    request = Request(Simulated().info.id, (Message("user", text),))

    async def play(order: list[int]) -> dict[int, str]:
        gateway = Gateway([Simulated()])
        said = await asyncio.gather(*(gateway.complete(request, draw(i)) for i in order))
        return {i: s.text for i, s in zip(order, said, strict=True)}

    assert asyncio.run(play(samples)) == asyncio.run(play(other))
