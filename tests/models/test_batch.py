"""Runs over a provider's batch API: one batch a wave, nothing submitted twice, and the bytes of any other run."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer, serving_batches
from forking import Forks

import akrasia as ak
from akrasia.errors import BadOption, BudgetSpent, Denied, Unavailable
from akrasia.ledger import read_ledger
from akrasia.ledger.batch_notes import LedgerNotes
from akrasia.models import Budget, Simulated, key_of, resolve
from akrasia.models.providers.batch import Batches, BatchItem, BatchState, MemoryNotes, Submitted
from akrasia.models.providers.batch_apis import OpenAIBatches
from akrasia.models.providers.openai_http import OpenAIHTTP
from akrasia.records import Draw, Message, Request, Usage

EPISODES = 12
RUN: dict[str, Any] = {
    "task": {"name": "bandit", "arms": 3, "horizon": 1},
    "variants": ["reason_act | critique(rounds=1)"],
    "episodes": EPISODES,
}
NAMES = {
    "openai": ("openai/gpt-4o-mini", "/v1"),
    "anthropic": ("anthropic/claude-sonnet-4-5", ""),
    "azure": ("azure/gpt-4o-mini", ""),
    "mistral": ("mistral/mistral-large-latest", "/mistral/v1"),
    "groq": ("groq/openai/gpt-oss-120b", "/v1"),
}

WAIT = 0.2  # seconds without a new request: long beside the work between two of a wave


def say(messages: list[dict[str, Any]], seed: int) -> str:
    request = Request("simulated", tuple(Message(m["role"], m["content"]) for m in messages))
    return asyncio.run(Simulated().generate(request, Draw(seed, 0), key_of(request, Draw(seed, 0)))).text


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    for name in map(str.upper, NAMES):
        monkeypatch.setenv(f"{name}_API_KEY", f"sk-loopback-{name.lower()}-0123456789")
    with serving_batches(say) as made:
        yield made


def model(server: BatchServer, provider: str = "openai", **options: Any) -> Any:
    name, path = NAMES[provider]
    return resolve(name, api_base=server.base + path, transport="batch", **{"batch_wait": WAIT, **options})


def raw(folder: Path) -> list[bytes]:
    with read_ledger(folder) as ledger:
        return list(ledger.raw_records())


@pytest.mark.parametrize("provider", NAMES)
def test_a_wave_of_a_plan_is_one_batch(server: BatchServer, tmp_path: Path, provider: str) -> None:
    result = ak.run(model=model(server, provider), out=tmp_path / "run", **RUN)
    assert result.outcome is not None and result.outcome.stopped is None
    assert len(server.batches) == 3  # the answer, the critic, and the answer again
    assert [len(batch["requests"]) for batch in server.batches] == [EPISODES] * 3
    usage = result.outcome.run_usage
    assert (usage.made, usage.retried, usage.lost) == (3 * EPISODES, 0, 0)
    assert set(result.records["status"]) <= {"ok", "unparsable"} and len(set(server.keys)) == 3 * EPISODES
    usual = resolve(NAMES[provider][0]).info.price
    share = 0.5 if provider in ("openai", "anthropic") else 1.0  # of the usual price, as far as litellm's table says
    assert usual is not None and usage.dollars == pytest.approx(3 * EPISODES * usual.of(Usage(100, 10)) * share)


def test_requests_that_were_not_served_are_asked_again_in_the_next_batch(server: BatchServer, tmp_path: Path) -> None:
    """They are asked at times of their own, less than a second apart."""
    server.failing = 7
    result = ak.run(model=model(server, batch_wait=1.0), out=tmp_path / "run", **RUN | {"variants": ["reason_act"]})
    assert result.outcome is not None and result.outcome.run_usage.retried == 7
    assert [len(batch["requests"]) for batch in server.batches] == [EPISODES, 7]
    assert set(server.batches[0]["lost"]) == set(server.batches[1]["requests"])
    assert result.outcome.missing == 0


def test_a_parameter_that_is_refused_is_learned_from_a_batch_too(server: BatchServer, tmp_path: Path) -> None:
    server.refuse["max_tokens"] = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    result = ak.run(model=model(server), out=tmp_path / "run", **RUN | {"variants": ["reason_act"]})
    assert result.outcome is not None and result.outcome.stopped is None
    assert [len(batch["requests"]) for batch in server.batches] == [EPISODES, EPISODES]
    assert all("max_completion_tokens" in body for body in server.batches[1]["requests"].values())


@pytest.mark.parametrize("provider", NAMES)
def test_a_submission_whose_answer_is_lost_is_found_and_not_repeated(
    server: BatchServer, tmp_path: Path, provider: str
) -> None:
    server.drop = 1
    result = ak.run(model=model(server, provider), out=tmp_path / "run", **RUN | {"variants": ["reason_act"]})
    assert result.outcome is not None and result.outcome.missing == 0
    assert len(server.batches) == 1 and result.outcome.run_usage.retried == 0


def test_a_budget_is_reserved_for_a_batch_before_it_goes_out(server: BatchServer, tmp_path: Path) -> None:
    result = ak.run(
        model=model(server), out=tmp_path / "run", budget={"calls": 7}, **RUN | {"variants": ["reason_act"]}
    )
    assert result.outcome is not None and isinstance(result.outcome.stopped, BudgetSpent)
    assert [len(batch["requests"]) for batch in server.batches] == [7]
    assert Budget(calls=7).calls == result.outcome.run_usage.made


KILLED = """
import os
import akrasia as ak
from akrasia.models import Simulated, resolve
from akrasia.models.providers.litellm import load_litellm
from forking import serve

def model(order):
    return resolve(order["name"], api_base=order["base"], transport="batch", batch_wait=order["wait"])

def work(order):
    os.environ.update(order["env"])
    ak.run(model=model(order), out=order["out"], **order["run"])

if __name__ == "__main__":  # imports what a run needs, and asks nobody
    load_litellm()
    os.environ["OPENAI_API_KEY"] = "sk-none"
    model({"name": "openai/gpt-4o-mini", "base": "http://127.0.0.1:9/v1", "wait": 1})
    ak.run(model=Simulated(), variants=["act"], episodes=1, out="first")
    serve(work)
"""


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forks]:
    made = Forks(KILLED, tmp_path_factory.mktemp("forks"))
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("provider", "point"),
    [
        *(("openai", point) for point in ("upload", "taken", "pending", "results", "second wave")),
        *(("anthropic", point) for point in ("taken", "pending", "second wave")),
        ("mistral", "taken"),
    ],
)
def test_a_run_that_is_killed_at_any_point_of_a_batch_submits_nothing_twice(
    server: BatchServer, forks: Forks, tmp_path: Path, provider: str, point: str
) -> None:
    name, path = NAMES[provider]
    wave = 2 if point == "second wave" else 1
    server.stop_at = point if point in ("upload", "taken", "results") else ""
    if point == "pending":
        server.held.set()
    keys = {key: value for key, value in os.environ.items() if key.endswith("_API_KEY")}
    order = {"name": name, "base": server.base + path, "wait": WAIT, "env": keys}
    order |= {"out": str(tmp_path / "killed"), "run": RUN}
    pid = forks.start(order)
    try:
        if server.stop_at:
            assert server.reached.wait(90)
        else:
            wait_until(lambda: len(server.batches) == wave)
            server.held.set()
            wait_until(lambda: len(noted(tmp_path / "killed")) == wave and bool(noted(tmp_path / "killed")[-1]))
    finally:
        os.kill(pid, signal.SIGKILL)
        assert forks.exit_code() == -signal.SIGKILL  # it had not ended by itself
    server.stop_at = ""
    server.released.set()
    server.held.clear()
    assert len(server.batches) == (0 if point == "upload" else wave)
    ids = noted(tmp_path / "killed")
    assert len(ids) == wave and bool(ids[-1]) == (point not in ("upload", "taken"))
    other = others_batch(server)  # of the same size and time, in the same account
    resumed = ak.run(model=model(server, provider), out=tmp_path / "killed", **RUN)
    assert resumed.outcome is not None and resumed.outcome.missing == 0
    ours = [key for key in server.keys if key not in other]
    assert len(server.batches) == 4 and len(ours) == len(set(ours)) == 3 * EPISODES
    ak.run(model=model(server, provider), out=tmp_path / "whole", **RUN)
    assert raw(tmp_path / "killed") == raw(tmp_path / "whole")


def others_batch(server: BatchServer) -> set[str]:
    """A batch that somebody else submits."""
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Which?"}]}
    requests = {f"{n:032x}": body for n in range(EPISODES)}
    batch = {"id": f"batch_{len(server.batches)}", "name": "", "requests": requests, "lost": [], "at": time.time()}
    server.batches.append(batch)
    return set(requests)


def noted(folder: Path) -> list[str]:
    """The ids of the batches that a run has committed."""
    if not (folder / "ledger.sqlite").exists() and not list(folder.glob("*.sqlite*")):
        return []
    try:
        with read_ledger(folder) as ledger:
            return [batch.id for batch in LedgerNotes(ledger).load()]  # type: ignore[arg-type]
    except ak.errors.AkrasiaError:
        return []


def wait_until(holds: Any, seconds: float = 90.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gemini/gemini-2.5-flash", "batchGenerateContent"),
        ("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "S3"),
        ("together_ai/zai-org/GLM-5.3", "could be paid twice"),
        ("deepseek/deepseek-chat", "no batch endpoint of deepseek"),
        ("ollama/llama3", "no batch endpoint of ollama"),
    ],
)
def test_what_has_no_batches_is_refused_with_the_reason(name: str, why: str) -> None:
    with pytest.raises(BadOption, match=why):
        resolve(name, transport="batch")


def test_what_can_have_no_batches_is_refused() -> None:
    with pytest.raises(BadOption, match="base models"):
        resolve("openai/babbage-002", style="completion", transport="batch")
    with pytest.raises(BadOption, match="batch_wait"):
        resolve("openai/gpt-4o-mini", transport="batch", batch_wait=0)
    with pytest.raises(BadOption, match='set transport = "batch"'):
        resolve("openai/gpt-4o-mini", batch_wait=1)
    with pytest.raises(BadOption, match="workers"):
        ak.run(model=resolve("openai/gpt-4o-mini", transport="batch"), workers=2, **RUN)


@pytest.mark.parametrize("taken", [True, False])
async def test_a_batch_whose_id_is_not_known_is_looked_for_before_anything_is_submitted(
    server: BatchServer, taken: bool
) -> None:
    """A run that was killed between the note and the id: the provider may have the batch, or not."""
    name = "akrasia-0"
    body = {"model": "m", "messages": [{"role": "user", "content": "Which?"}]}
    notes = MemoryNotes()
    http = OpenAIHTTP("m", server.base + "/v1", {"Content-Type": "application/json"})
    if taken:
        await OpenAIBatches(http).submit(name, [BatchItem("a" * 32, "/chat/completions", body)])
    await notes.save(Submitted(name, "m", ("a" * 32,), time.time()))
    batches = Batches("m", "m", OpenAIBatches(http), notes, wait=WAIT)
    try:
        said = await batches.post("/chat/completions", body, "a" * 32)
    finally:
        await batches.close()
    assert said["choices"][0]["message"]["content"] and len(server.batches) == 1
    assert all(batch.id for batch in notes.load()) == taken and len(notes.load()) == (1 if taken else 2)


async def test_a_provider_that_cannot_be_reached_for_long_is_asked_for_the_same_batch(server: BatchServer) -> None:
    """Whoever waits is told, and whoever asks again waits for what was submitted."""

    class Flaky(OpenAIBatches):
        away = True

        async def look(self, id: str) -> BatchState:
            if self.away:
                raise Unavailable("the provider cannot be reached")
            return await super().look(id)

    http = OpenAIHTTP("m", server.base + "/v1", {"Content-Type": "application/json"})
    api, body = Flaky(http), {"model": "m", "messages": [{"role": "user", "content": "Which?"}]}
    batches = Batches("m", "m", api, MemoryNotes(), patience=1, wait=WAIT)
    try:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await batches.post("/chat/completions", body, "a" * 32)
        api.away = False
        said = await batches.post("/chat/completions", body, "a" * 32)
    finally:
        await batches.close()
    assert said["choices"] and len(server.batches) == 1


async def test_a_batch_that_its_provider_has_forgotten_is_asked_for_anew(server: BatchServer) -> None:
    class Forgetful(OpenAIBatches):
        async def look(self, id: str) -> BatchState:
            if id == "batch_of_last_year":
                error = Denied("no such batch")
                error.status = 404
                raise error
            return await super().look(id)

    notes = MemoryNotes()
    await notes.save(Submitted("akrasia-0", "m", ("a" * 32,), time.time() - 1e7, "batch_of_last_year"))
    http = OpenAIHTTP("m", server.base + "/v1", {"Content-Type": "application/json"})
    body = {"model": "m", "messages": [{"role": "user", "content": "Which?"}]}
    batches = Batches("m", "m", Forgetful(http), notes, wait=WAIT)
    try:
        assert (await batches.post("/chat/completions", body, "a" * 32))["choices"]
    finally:
        await batches.close()
    assert len(server.batches) == 1
