"""The real litellm against a server on the loopback: what is sent, what comes back, and what becomes of every fault."""

import asyncio
import gc
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import akrasia
from akrasia.errors import Denied, ModelError, RateLimited, Rejected, RunStopped, Unavailable, UnknownName
from akrasia.ledger import read_ledger
from akrasia.models import Gateway, Simulated, key_of, resolve
from akrasia.models.providers.provider_errors import retry_after, scrubbed
from akrasia.models.providers.remote import RemoteModel
from akrasia.records import Draw, Message, Record, Request, Response, Sampling, decode, encode
from akrasia.rng import seed_of

PRICE = {"prompt": 0.15, "completion": 0.6}
BANDIT = {"name": "bandit", "arms": 3, "horizon": 4}


def remote(server: Any, **options: Any) -> RemoteModel:
    made = resolve("openai/test-model", api_base=server.base, price=PRICE, **options)
    assert isinstance(made, RemoteModel)
    return made


def request(model: RemoteModel, text: str = "hello", **sampling: Any) -> Request:
    return Request(model.info.id, (Message("user", text),), Sampling(**sampling), model.style)


async def generate(model: RemoteModel, asked: Request | None = None) -> Response:
    """One attempt, without a gateway: errors as the backend raises them."""
    await model.open()
    try:
        return await attempt(model, asked or request(model), Draw(1, 2, 3))
    finally:
        await model.close()


async def attempt(model: RemoteModel, asked: Request, draw: Draw) -> Response:
    return await model.generate(asked, draw, key_of(asked, draw))


def wait_until(true: Callable[[], bool]) -> None:
    """Give another thread up to ten seconds."""
    for _ in range(2000):
        if true():
            return
        time.sleep(0.005)
    raise AssertionError("it never came to hold")


class Clock:
    """Stands for time and sleeping: notes how long, and takes no time of ours."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.now = 0.0

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def time(self) -> float:
        return self.now


async def through_gateway(model: RemoteModel, clock: Clock) -> Response:
    gateway = Gateway([model], sleep=clock, clock=clock.time)
    try:
        return await gateway.complete(request(model), Draw(1, 2, 3))
    finally:
        await gateway.close()


async def test_every_setting_is_sent_and_what_is_billed_comes_back(openai_server: Any) -> None:
    openai_server.answer = lambda messages, seed: "ACTION=Red"
    model = remote(openai_server, seed="draw")
    asked = request(model, temperature=0.7, top_p=0.9, max_tokens=77, stop=("END",))
    said = await Gateway([model]).complete(asked, Draw(1, 2, 3))
    await model.close()
    [body] = openai_server.bodies
    assert (body["temperature"], body["top_p"], body["max_tokens"], body["stop"]) == (0.7, 0.9, 77, ["END"])
    assert isinstance(body["seed"], int)
    assert body["messages"] == [{"role": "user", "content": "hello"}]
    assert (said.text, said.status, said.finish_reason) == ("ACTION=Red", "ok", "stop")
    assert (said.usage.prompt_tokens, said.usage.completion_tokens) == (5, 10)
    assert said.cost == pytest.approx(5 * 0.15e-6 + 10 * 0.6e-6)
    assert said.reported == {"model": "test-model-2026-01-01", "fingerprint": "fp_loopback", "not_sent": ""}
    assert said.latency > 0


async def test_the_seed_names_the_draw_where_it_is_asked_for(openai_server: Any) -> None:
    model = remote(openai_server, seed="draw")
    await model.open()
    for draw in (Draw(1, 2, 3), Draw(1, 2, 3), Draw(1, 2, 4), Draw(1, 3, 3), Draw(2, 2, 3)):
        await attempt(model, request(model), draw)
    await model.close()
    seeds = [body["seed"] for body in openai_server.bodies]
    assert seeds[0] == seeds[1]
    assert len(set(seeds)) == 4


def test_the_temperature_of_a_model_replaces_that_of_its_roles_and_yields_to_an_intervention(
    openai_server: Any, tmp_path: Path
) -> None:
    """The ledger holds what was sent: at the wire and in the stored requests stand the same temperatures."""
    akrasia.run(
        task={**BANDIT, "horizon": 1}, variants=["reason_act", "reason_act | temperature(t=0.0)"], episodes=2,
        model=remote(openai_server, temperature=0.7), out=tmp_path,
    )  # fmt: skip
    sent = Counter(body["temperature"] for body in openai_server.bodies)
    assert sent == {0.7: 2, 0.0: 2}
    assert Counter(request.sampling.temperature for request, _ in answers(tmp_path).values()) == sent


async def test_what_a_provider_cannot_take_is_named(openai_server: Any) -> None:
    """A reasoning model takes no stop and no temperature, and its maximum under another name."""
    model = RemoteModel("openai/gpt-5-mini", api_base=openai_server.base)
    said = await generate(model, request(model, temperature=0.3, top_p=0.9, stop=("END",)))
    [body] = openai_server.bodies
    assert said.reported["not_sent"] == "stop,temperature,top_p"
    assert set(body) == {"model", "messages", "max_completion_tokens"}
    assert body["max_completion_tokens"] == 512


async def test_a_setting_that_somebody_requires_stops_the_run_instead_of_being_dropped(openai_server: Any) -> None:
    for transport in ("auto", "litellm"):
        model = resolve("openai/gpt-5-mini", api_base=openai_server.base, transport=transport)
        with pytest.raises(Denied, match="temperature"):
            await generate(model, request(model, temperature=0.3, required=("temperature",)))
    assert openai_server.bodies == []


@pytest.mark.parametrize("transport", ["auto", "litellm"])
async def test_what_only_the_prompt_asks_for_is_named(openai_server: Any, transport: str) -> None:
    model = remote(openai_server, transport=transport)
    said = await generate(model, request(model, choices=("A", "B")))
    assert said.reported["not_sent"] == "choices"


async def test_the_remedy_for_a_refused_temperature_can_be_followed(openai_server: Any) -> None:
    """A judge asks at temperature 0; the model's own temperature stands behind its name, on any command line."""
    model = resolve("openai/gpt-5-mini:temperature=1", api_base=openai_server.base)
    assert (model.name, model.info.temperature) == ("openai/gpt-5-mini", 1)
    asked = model.info.sampling(Sampling(temperature=0.0))
    assert (await generate(model, Request(model.info.id, (Message("user", "?"),), asked))).status == "ok"
    assert openai_server.bodies[0]["temperature"] == 1


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm"])
async def test_completion_style_continues_text_over_one_client(
    openai_server: Any, api_key: str, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTED_VLLM_API_KEY", api_key)
    openai_server.answer = lambda messages, seed: f" continued {len(messages)}"
    model = RemoteModel(f"{provider}/test-model", api_base=openai_server.base, style="completion")
    await model.open()
    asked = Request(model.info.id, (Message("user", "Once "), Message("assistant", "upon")), mode="completion")
    said = await asyncio.gather(*(attempt(model, asked, Draw(1, 0, i)) for i in range(8)))
    await model.close()
    gc.collect()  # an unclosed connection would be a warning, hence an error
    assert {s.text for s in said} == {" continued 1"}
    assert {body["prompt"] for body in openai_server.bodies} == {"Once upon"}


async def test_retry_after_is_waited_out_and_faults_stay_on_record(openai_server: Any) -> None:
    openai_server.fault(429, "slow down", Retry_After="7.5")
    openai_server.fault(503, "overloaded", Retry_After="3")
    openai_server.fault(500, "boom")
    clock = Clock()
    said = await through_gateway(remote(openai_server), clock)
    assert clock.slept[:2] == [7.5, 3.0]
    assert 0 < clock.slept[2] <= 60
    assert (said.status, len(said.attempts), len(openai_server.bodies)) == ("ok", 3, 4)
    assert [word in a for word, a in zip(("slow down", "overloaded", "boom"), said.attempts, strict=True)] == [True] * 3


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, "Incorrect API key provided", Denied),
        (403, "not allowed", Denied),
        (404, {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}}, Denied),
        (429, "slow down", RateLimited),
        (429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}, Denied),
        (
            400,
            {"error": {"message": "This model's maximum context length is 8192", "code": "context_length_exceeded"}},
            Rejected,
        ),
        (400, "unknown field", Rejected),
        (422, "unprocessable", Rejected),
        (500, "boom", Unavailable),
        (502, b"<html>bad gateway</html>", Unavailable),
        (200, b'{"choices": [', Unavailable),
        (200, b"", Unavailable),
        (200, {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": []}, Unavailable),
        (200, {"hello": 1}, Unavailable),
        (200, {"choices": [{"index": 0, "finish_reason": "stop"}]}, Unavailable),
    ],
)
async def test_every_fault_has_its_type_after_one_request(
    openai_server: Any, status: int, body: Any, kind: type[ModelError]
) -> None:
    openai_server.fault(status, body)
    with pytest.raises(ModelError) as raised:
        await generate(remote(openai_server))
    assert type(raised.value) is kind
    assert len(openai_server.bodies) == 1


@pytest.mark.parametrize("code", ["content_filter", "content_policy_violation"])
async def test_a_filtered_request_is_a_refusal(openai_server: Any, code: str) -> None:
    openai_server.fault(400, {"error": {"message": f"Filtered: {code}", "code": code, "type": "invalid_request_error"}})
    said = await through_gateway(remote(openai_server), Clock())
    assert (said.status, said.text, len(openai_server.bodies)) == ("refused", "", 1)


@pytest.mark.parametrize(("finish", "status"), [("length", "truncated"), ("content_filter", "refused")])
async def test_how_an_answer_ended_is_its_status_and_its_text_is_kept(
    openai_server: Any, finish: str, status: str
) -> None:
    openai_server.finish = finish
    openai_server.answer = lambda messages, seed: "as far as it"
    said = await generate(remote(openai_server))
    assert (said.status, said.finish_reason, said.text) == (status, finish, "as far as it")


async def test_a_server_that_hangs_or_is_gone_is_unavailable(openai_server: Any) -> None:
    given_up = threading.Event()
    openai_server.answer = lambda messages, seed: given_up.wait(60) and "late"
    try:
        with pytest.raises(Unavailable, match="did not answer within"):
            await generate(remote(openai_server, timeout=0.2))
    finally:
        given_up.set()
    with pytest.raises(Denied, match="nothing listens at http://127.0.0.1:9/v1.*is it running"):
        await generate(RemoteModel("openai/test-model", api_base="http://127.0.0.1:9/v1"))


async def test_no_key_leaves_through_a_message(openai_server: Any, api_key: str) -> None:
    for status in (401, 400, 404, 429, 500):
        openai_server.fault(status, f"your key {api_key} is no good")
        with pytest.raises(ModelError) as raised:
            await generate(remote(openai_server))
        assert api_key not in "".join(traceback.format_exception(raised.value)) + repr(raised.value.__dict__)
        assert "[key]" in str(raised.value)


async def test_another_variable_can_hold_the_key(
    openai_server: Any, api_key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    with pytest.raises(Denied, match=r"\[key\]"):
        await generate(remote(openai_server))
    with pytest.raises(Denied, match="AKRASIA_TEST_KEY is not set"):
        await generate(remote(openai_server, api_key_env="AKRASIA_TEST_KEY"))
    monkeypatch.setenv("AKRASIA_TEST_KEY", api_key)
    for style in ("chat", "completion"):
        assert (await generate(remote(openai_server, api_key_env="AKRASIA_TEST_KEY", style=style))).status == "ok"


async def test_a_missing_key_or_provider_is_said_when_the_model_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(Denied, match="OPENAI_API_KEY is not set"):
        await RemoteModel("openai/gpt-4o-mini").open()
    with pytest.raises(UnknownName, match="'openai'"):
        await RemoteModel("opnai/gpt-4o-mini").open()


async def test_list_prices_are_known_once_the_model_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none-needed-to-open")
    model = RemoteModel("openai/gpt-4o-mini")
    await model.open()
    price = model.info.price
    assert price is not None
    assert 0 < price.prompt < price.completion < 1e-4
    assert RemoteModel("openai/a-model-nobody-lists").info.price is None


def test_many_event_loops_in_one_process_leave_nothing_open(openai_server: Any) -> None:
    """Warnings are errors here: unclosed sessions, sockets and coroutines that nobody awaited."""

    async def once(turn: int) -> list[str]:
        models = [remote(openai_server), remote(openai_server, temperature=0.5)]
        gateway = Gateway(list(models))
        asked = ((request(m), Draw(turn, 0, i)) for m in models for i in range(4))
        said = await asyncio.gather(*(gateway.complete(r, d) for r, d in asked))
        await gateway.close()
        return [s.status for s in said]

    for turn in range(4):
        assert asyncio.run(once(turn)) == ["ok"] * 8
        gc.collect()
        wait_until(lambda: not openai_server.connections)


def test_closing_one_run_leaves_a_run_beside_it_alone(openai_server: Any) -> None:
    """Two runs in two threads, as `arun` starts them: each closes its own connections."""

    async def long(other_is_done: asyncio.Event) -> list[Response]:
        model = remote(openai_server)
        await model.open()
        said = [await attempt(model, request(model), Draw(1, 0, 0))]
        await other_is_done.wait()
        said.append(await attempt(model, request(model), Draw(1, 0, 1)))
        await model.close()
        return said

    async def both() -> list[Response]:
        done = asyncio.Event()
        first = asyncio.create_task(long(done))
        while not openai_server.answered:
            await asyncio.sleep(0.001)
        await asyncio.to_thread(lambda: asyncio.run(generate(remote(openai_server))))
        done.set()
        return await first

    assert [s.status for s in asyncio.run(both())] == ["ok", "ok"]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 01 Jan 99999999999999999999 00:00:00 GMT"}, None),
        ({"retry-after": "Fri, 01 Jan 2030 00:00:00 +99999999999999"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_all_its_forms(headers: dict[str, str] | None, seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_keys_of_any_shape_are_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PROVIDER_TOKEN", "AbCdEf0123456789")
    said = scrubbed("no: AbCdEf0123456789, sk-unknown-key-1234, Bearer abcdef123456\n  next AbCdEf0123456789")
    assert said == "no: [key], [key], [key] next [key]"
    assert scrubbed("no\nTraceback (most recent call last):\n  File x") == "no"
    assert scrubbed("host h:443 ssl:<ssl.SSLContext object at 0x7f0e> [no]") == "host h:443 [no]"


# A whole experiment.


@pytest.fixture
def arguments() -> dict[str, Any]:
    return {"task": BANDIT, "variants": ["reason_act", "reason_then_act"], "episodes": 3, "concurrency": 3}


def raw(folder: Path) -> list[bytes]:
    with read_ledger(folder) as ledger:
        return list(ledger.raw_records())


def answers(folder: Path) -> dict[str, tuple[Request, Response]]:
    """Every answer that the records refer to, by its key."""
    with read_ledger(folder) as ledger:
        keys = {turn.key for record in ledger.records() for turn in record.decision.turns}
        found = {key: ledger.answer(key) for key in keys}
        return {key: (a.request, a.response) for key, a in found.items() if a is not None}


def test_an_experiment_with_faults_on_the_way_ends_with_the_same_records(
    openai_server: Any, api_key: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    openai_server.fault(429, f"slow down, {api_key}", Retry_After="0.01")
    openai_server.fault(500, f"boom {api_key}")
    openai_server.fault(200, b'{"choices": [', Content_Type="text/html")
    faulty = akrasia.run(model=remote(openai_server), out=tmp_path / "faulty", **arguments)
    assert faulty.outcome is not None
    assert faulty.outcome.stopped is None

    kept, run_usage = answers(tmp_path / "faulty"), faulty.outcome.run_usage
    assert len(kept) == run_usage.made == openai_server.answered == len(openai_server.bodies) - 3
    assert sorted(len(said.attempts) for _, said in kept.values())[-3:] == [1, 1, 1]
    assert {said.status for _, said in kept.values()} == {"ok"}
    paid = sum(said.usage.prompt_tokens * 0.15e-6 + said.usage.completion_tokens * 0.6e-6 for _, said in kept.values())
    assert run_usage.dollars == pytest.approx(paid)
    for path in (tmp_path / "faulty").iterdir():
        assert api_key.encode() not in path.read_bytes()
    assert not any(api_key.encode() in encode(both) for both in kept.values())

    records = [decode(Record, data) for data in raw(tmp_path / "faulty")]
    assert len(records) == 2 * 3 * 4
    assert {(r.model, r.decision.status, r.decision.stated_status) for r in records} == {
        ("openai/test-model", "ok", "ok")
    }
    akrasia.run(model=remote(openai_server), out=tmp_path / "smooth", **arguments)
    assert raw(tmp_path / "faulty") == raw(tmp_path / "smooth")


def test_an_experiment_that_is_run_again_pays_nothing(
    openai_server: Any, arguments: dict[str, Any], tmp_path: Path
) -> None:
    first = akrasia.run(model=remote(openai_server), out=tmp_path / "run", **arguments)
    asked, before = len(openai_server.bodies), raw(tmp_path / "run")
    again = akrasia.run(model=remote(openai_server), out=tmp_path / "run", **arguments)
    offline = akrasia.run(model=remote(openai_server), out=tmp_path / "run", offline=True, **arguments)
    assert len(openai_server.bodies) == asked
    assert raw(tmp_path / "run") == before
    for replay in (again, offline):
        assert replay.outcome is not None and first.outcome is not None
        assert (replay.outcome.run_usage.made, replay.outcome.run_usage.dollars) == (0, 0.0)
    assert again.outcome is not None and again.outcome.run_usage.asked == 0  # what is finished is not played again
    assert offline.outcome is not None and offline.outcome.run_usage.asked == first.outcome.run_usage.asked


def test_an_experiment_keeps_its_budget_in_dollars(
    openai_server: Any, arguments: dict[str, Any], tmp_path: Path
) -> None:
    """And goes on from there when it is given more."""
    kept = akrasia.run(model=remote(openai_server), out=tmp_path / "run", budget={"dollars": 0.003}, **arguments)
    assert kept.outcome is not None
    assert isinstance(kept.outcome.stopped, RunStopped)
    assert 0 < kept.outcome.run_usage.dollars <= 0.003
    more = akrasia.run(model=remote(openai_server), out=tmp_path / "run", budget={"dollars": 1}, **arguments)
    assert more.outcome is not None
    assert more.outcome.stopped is None
    akrasia.run(model=remote(openai_server), out=tmp_path / "whole", **arguments)
    assert raw(tmp_path / "run") == raw(tmp_path / "whole")


def test_a_refused_request_is_an_outcome_of_its_step(
    openai_server: Any, arguments: dict[str, Any], tmp_path: Path
) -> None:
    openai_server.fault(400, {"error": {"message": "Filtered", "code": "content_filter"}})
    arguments["variants"] = ["reason_act"]  # one call a decision: the refused one is an answer
    result = akrasia.run(model=remote(openai_server), out=tmp_path / "run", **arguments)
    assert result.outcome is not None and result.outcome.stopped is None
    statuses = [decode(Record, data).decision.status for data in raw(tmp_path / "run")]
    assert (statuses.count("refused"), statuses.count("ok")) == (1, 11)


def test_a_wrong_key_stops_an_experiment_and_leaves_no_record(
    openai_server: Any, arguments: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-wrong-0123456789")
    result = akrasia.run(model=remote(openai_server), out=tmp_path / "run", **arguments)
    assert result.outcome is not None
    assert isinstance(result.outcome.stopped, Denied)
    assert raw(tmp_path / "run") == []
    assert len(openai_server.bodies) <= 2 * arguments["concurrency"]


@pytest.fixture
def custom_provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The simulated agent as a litellm provider "akrasia-test"; yields what it was asked."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else the import asks the network for prices
    import litellm

    asked: list[dict[str, Any]] = []

    class Provider(litellm.CustomLLM):  # type: ignore[misc]
        async def acompletion(self, *args: Any, **given: Any) -> Any:
            asked.append(given)
            messages = tuple(Message(m["role"], m["content"]) for m in given["messages"])
            draw = Draw(seed_of(*(m.content for m in messages), bits=31), 0, 0)
            request = Request("sim", messages)
            said = await Simulated().generate(request, draw, key_of(request, draw))
            return litellm.ModelResponse(
                model="sim",
                choices=[{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said.text}}],
                usage=litellm.Usage(
                    prompt_tokens=said.usage.prompt_tokens, completion_tokens=said.usage.completion_tokens
                ),
            )

    before = litellm.custom_provider_map
    litellm.custom_provider_map = [{"provider": "akrasia-test", "custom_handler": Provider()}]
    try:
        yield asked
    finally:
        litellm.custom_provider_map = before


def test_an_experiment_through_a_provider_of_ones_own(
    custom_provider: list[dict[str, Any]], arguments: dict[str, Any], tmp_path: Path
) -> None:
    result = akrasia.run(model=resolve("akrasia-test/sim", price=PRICE), out=tmp_path / "run", **arguments)
    assert result.outcome is not None and result.outcome.stopped is None
    kept = answers(tmp_path / "run")
    assert len(kept) == len(custom_provider) == result.outcome.run_usage.made
    for _, said in kept.values():
        sent = custom_provider[0]["optional_params"]
        left_out = [k for k in ("max_tokens", "temperature") if k not in sent]
        assert said.reported["not_sent"] == ",".join(left_out)
        assert said.cost == pytest.approx(said.usage.prompt_tokens * 0.15e-6 + said.usage.completion_tokens * 0.6e-6)
    assert len(raw(tmp_path / "run")) == 24
