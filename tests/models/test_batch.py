"""Runs over a provider's batch API: one batch a wave, nothing submitted twice, and the bytes of any other run."""

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from batch_server import BatchServer, serving_batches

import akrasia as ak
from akrasia.errors import BadOption, BudgetSpent, Unavailable
from akrasia.ledger import read_ledger
from akrasia.ledger.batch_notes import LedgerNotes
from akrasia.models import Budget, Simulated, key_of, resolve
from akrasia.models.providers.batch import Batches, BatchItem, MemoryNotes, Submitted
from akrasia.models.providers.batch_apis import OpenAIBatches
from akrasia.models.providers.openai_http import OpenAIHTTP
from akrasia.records import Draw, Message, Request, Usage

RUN: dict[str, Any] = {
    "task": {"name": "bandit", "arms": 3, "horizon": 1},
    "variants": ["reason_act | critique(rounds=1)"],
    "episodes": 40,
}
NAMES = {"openai": ("openai/gpt-4o-mini", "/v1"), "anthropic": ("anthropic/claude-sonnet-4-5", "")}


def say(messages: list[dict[str, Any]], seed: int) -> str:
    request = Request("simulated", tuple(Message(m["role"], m["content"]) for m in messages))
    return asyncio.run(Simulated().generate(request, Draw(seed, 0), key_of(request, Draw(seed, 0)))).text


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BatchServer]:
    for name in ("OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{name}_API_KEY", f"sk-loopback-{name.lower()}-0123456789")
    with serving_batches(say) as made:
        yield made


def model(server: BatchServer, provider: str = "openai", **options: Any) -> Any:
    name, path = NAMES[provider]
    return resolve(name, api_base=server.base + path, transport="batch", **options)


def raw(folder: Path) -> list[bytes]:
    with read_ledger(folder) as ledger:
        return list(ledger.raw_records())


@pytest.mark.parametrize("provider", NAMES)
def test_a_wave_of_a_plan_is_one_batch(server: BatchServer, tmp_path: Path, provider: str) -> None:
    result = ak.run(model=model(server, provider), out=tmp_path / "run", **RUN)
    assert result.outcome is not None and result.outcome.stopped is None
    assert len(server.batches) == 3  # the answer, the critic, and the answer again
    assert [len(batch["requests"]) for batch in server.batches] == [40, 40, 40]
    usage = result.outcome.run_usage
    assert (usage.made, usage.retried, usage.lost) == (120, 0, 0)
    assert set(result.records["status"]) <= {"ok", "unparsable"} and len(set(server.keys)) == 120
    usual = resolve(NAMES[provider][0]).info.price
    assert usual is not None and usage.dollars == pytest.approx(120 * usual.of(Usage(100, 10)) / 2)


def test_requests_that_were_not_served_are_asked_again_in_the_next_batch(server: BatchServer, tmp_path: Path) -> None:
    server.failing = 7
    result = ak.run(model=model(server), out=tmp_path / "run", **RUN | {"variants": ["reason_act"]})
    assert result.outcome is not None and result.outcome.run_usage.retried == 7
    assert [len(batch["requests"]) for batch in server.batches] == [40, 7]
    assert set(server.batches[0]["lost"]) == set(server.batches[1]["requests"])
    assert result.outcome.missing == 0


def test_a_parameter_that_is_refused_is_learned_from_a_batch_too(server: BatchServer, tmp_path: Path) -> None:
    server.refuse["max_tokens"] = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    result = ak.run(model=model(server), out=tmp_path / "run", **RUN | {"variants": ["reason_act"]})
    assert result.outcome is not None and result.outcome.stopped is None
    assert [len(batch["requests"]) for batch in server.batches] == [40, 40]
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
        model=model(server), out=tmp_path / "run", budget={"calls": 25}, **RUN | {"variants": ["reason_act"]}
    )
    assert result.outcome is not None and isinstance(result.outcome.stopped, BudgetSpent)
    assert [len(batch["requests"]) for batch in server.batches] == [25]
    assert Budget(calls=25).calls == result.outcome.run_usage.made


KILLED = """
import sys
import akrasia as ak
from akrasia.models import resolve

name, base, out = sys.argv[1:4]
task = {"name": "bandit", "arms": 3, "horizon": 1}
ak.run(model=resolve(name, api_base=base, transport="batch"), out=out, task=task,
       variants=["reason_act | critique(rounds=1)"], episodes=40)
"""


@pytest.mark.parametrize("provider", NAMES)
def test_a_run_that_is_killed_while_a_batch_is_pending_submits_nothing_twice(
    server: BatchServer, tmp_path: Path, provider: str
) -> None:
    """Killed in the first wave, and once more in the second."""
    name, path = NAMES[provider]
    command = [sys.executable, "-c", KILLED, name, server.base + path, str(tmp_path / "killed")]
    for wave in (1, 2):
        server.ending = wave - 1
        process = subprocess.Popen(command, env=os.environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(partial(waits_for, tmp_path / "killed", wave))
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        assert len(server.batches) == wave
    server.ending = math.inf
    resumed = ak.run(model=model(server, provider), out=tmp_path / "killed", **RUN)
    assert resumed.outcome is not None and resumed.outcome.missing == 0
    assert len(server.batches) == 3 and len(server.keys) == len(set(server.keys)) == 120
    ak.run(model=model(server, provider), out=tmp_path / "whole", **RUN)
    assert raw(tmp_path / "killed") == raw(tmp_path / "whole")


def waits_for(folder: Path, wave: int) -> bool:
    """Whether a run has committed the id of the batch of that wave."""
    ids = noted(folder)
    return len(ids) == wave and bool(ids[-1])


def noted(folder: Path) -> list[str]:
    """The ids of the batches that a run has committed."""
    if not (folder / "ledger.sqlite").exists() and not list(folder.glob("*.sqlite*")):
        return []
    try:
        with read_ledger(folder) as ledger:
            return [batch.id for batch in LedgerNotes(ledger).load()]  # type: ignore[arg-type]
    except ak.errors.AkrasiaError:
        return []


def wait_until(holds: Any, seconds: float = 240.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_has_no_batches_is_refused() -> None:
    for name, options in (
        ("gemini/gemini-2.5-flash", {}), ("openai/babbage-002", {"style": "completion"}),
    ):  # fmt: skip
        with pytest.raises(BadOption, match="batch"):
            resolve(name, transport="batch", **options)
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
    batches = Batches("m", "m", OpenAIBatches(http), notes)
    try:
        if not taken:
            with pytest.raises(Unavailable, match="never submitted"):
                await batches.post("/chat/completions", body, "a" * 32)
        said = await batches.post("/chat/completions", body, "a" * 32)
    finally:
        await batches.close()
    assert said["choices"][0]["message"]["content"] and len(server.batches) == 1
    assert all(batch.id for batch in notes.load()) == taken
