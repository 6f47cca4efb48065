"""A real server on the loopback that misbehaves in every way: each fault is data, nothing is lost, nothing paid twice.

The server counts every request by its key and notes when two of one key were under way at once. `make test-faults`
plays many seeds; the ordinary round plays one.
"""

import asyncio
import json
import socket
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from akrasia.errors import Denied, ProviderDown
from akrasia.experiments.config import assemble
from akrasia.experiments.executors import LocalExecutor
from akrasia.experiments.runner import Outcome, play_experiment
from akrasia.ledger import Ledger, read_ledger
from akrasia.models import Gateway, resolve
from akrasia.models.providers.openai_http import MOST_BYTES
from akrasia.models.providers.remote import RemoteModel
from akrasia.records import Draw, Message, Record, Request, Response, decode
from akrasia.rng import named_rng

# What the server does instead of answering, and the fault that an attempt is recorded with.
FAULTS = {
    "429": "rate limit", "429 retry-after": "rate limit", "503 retry-after": "rate limit",
    "500": "server error", "502 html": "server error", "504": "server error", "200 error body": "server error",
    "headers never": "timeout", "body never": "timeout",
    "reset": "reset", "reset in the body": "reset", "closed": "reset",
    "truncated": "malformed", "no json": "malformed", "html": "malformed", "nothing": "malformed",
    "no choices": "malformed", "choices of a wrong type": "malformed", "content of a wrong type": "malformed",
    "message of a wrong type": "malformed", "no http": "malformed", "not gzip": "reset",
    "huge": "too large",
}  # fmt: skip
LOST = {"headers never", "body never", "504", "502 html", "200 error body", "huge"}
# What litellm tells less of; whether an answer was lost it tells of all.
LITELLM = FAULTS | {
    "html": "server error", "choices of a wrong type": "server error", "not gzip": "malformed", "huge": "reset",
}  # fmt: skip
SLOW = {"headers never", "body never"}
PATIENCE = 1.6  # where an answer never comes
LONG_PATIENCE = 5.0  # where an answer comes, however busy the machine is


@dataclass
class Misbehaving:
    """A provider that does to each request what `plan(key, attempt)` says, and answers by the prompt alone."""

    base: str = ""
    requests: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    overlaps: list[str] = field(default_factory=list)
    did: list[str] = field(default_factory=list)
    script: list[str] = field(default_factory=list)
    seed: int | None = None
    plain: bool = False  # every answer is a text; else some are empty, cut off or in parts, which litellm cannot read
    _under_way: dict[str, asyncio.StreamWriter] = field(default_factory=dict)

    def plan(self, key: str, attempt: int) -> str:
        """By script, one fault a request; else at random by seed, at most three in a row for one key."""
        if self.script:
            return self.script.pop(0)
        if self.seed is None or attempt > 3:
            return "ok"
        rng = named_rng(self.seed, "fault", key, attempt)
        if rng.random() > 0.45:
            return "ok"
        names = sorted(f for f in FAULTS if f not in SLOW or rng.random() < 0.1)
        return names[int(rng.integers(len(names)))]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for key in [k for k, w in self._under_way.items() if w is writer]:
                del self._under_way[key]
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        named = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        body = json.loads(await reader.readexactly(int(named["content-length"])))
        key = named["idempotency-key"]
        other = self._under_way.get(key)
        if other is not None:
            await asyncio.sleep(0.1)  # its client may have hung up just now
            if self._under_way.get(key) is other:
                self.overlaps.append(key)
        self._under_way[key] = writer
        self.requests[key] += 1
        did = self.plan(key, self.requests[key])
        self.did.append(did)
        goes_on = await self._do(did, key, body, reader, writer)
        await writer.drain()
        self._under_way.pop(key, None)
        return goes_on

    async def _do(self, did: str, key: str, body: Any, reader: asyncio.StreamReader, writer: Any) -> bool:
        whole = json.dumps(self.answer(body, key)).encode()
        bodies: dict[str, tuple[int, bytes, dict[str, str]]] = {
            "429": (429, b'{"error": {"message": "slow down"}}', {}),
            "429 retry-after": (429, b'{"error": {"message": "slow down"}}', {"Retry-After": "0.01"}),
            "503 retry-after": (503, b'{"error": "overloaded"}', {"Retry-After": "0.01"}),
            "500": (500, b'{"error": {"message": "boom"}}', {}),
            "502 html": (502, b"<html>bad gateway</html>", {"Content-Type": "text/html"}),
            "504": (504, b"", {}),
            "200 error body": (200, b'{"error": {"message": "upstream", "code": 502}}', {}),
            "truncated": (200, whole[: len(whole) // 2], {}),
            "no json": (200, b"\xff\xfe not json", {}),
            "html": (200, b"<html>welcome</html>", {"Content-Type": "text/html"}),
            "nothing": (200, b"", {}),
            "no choices": (200, b'{"choices": []}', {}),
            "choices of a wrong type": (200, b'{"choices": {"0": "x"}}', {}),
            "content of a wrong type": (200, b'{"choices": [{"message": {"content": 7}}]}', {}),
            "message of a wrong type": (200, b'{"choices": [{"message": "x"}]}', {}),
            "not gzip": (200, whole, {"Content-Encoding": "gzip"}),
            "filtered": (400, b'{"error": {"message": "no", "code": "content_filter"}}', {}),
            "no key": (401, b'{"error": {"message": "who are you"}}', {}),
        }
        if did in bodies:
            writer.write(http(*bodies[did]))
            return True
        if did == "ok":
            self.answered[key] += 1
            writer.write(http(200, whole, {}))
            return True
        if did == "huge":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
            for _ in range(MOST_BYTES // 2**20 + 4):
                writer.write(b"100000\r\n" + b" " * 2**20 + b"\r\n")
                await writer.drain()
            return False
        if did == "no http":
            writer.write(b"SSH-2.0-server\r\n\r\n")
            return False
        if did in ("body never", "reset in the body"):
            writer.write(http(200, whole, {})[:-20])
            await writer.drain()
        if did in SLOW:
            await reader.read(1)  # until the client hangs up
            return False
        if did.startswith("reset"):
            await asyncio.sleep(0.02)
            linger = struct.pack("ii", 1, 0)  # closing sends a reset
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        return False

    def answer(self, body: Any, key: str) -> dict[str, Any]:
        """The same prompt in the same draw has the same answer, whatever happened; some are empty or cut off."""
        prompt = "".join(m["content"] for m in body["messages"])
        rng = named_rng(0, "answer", prompt, key)
        labels = prompt.split("buttons: ")[1].split(".")[0].split(", ") if "buttons: " in prompt else ["x"]
        label = labels[int(rng.integers(len(labels)))]
        content, finish = [
            (f"BEST={label}\nACTION={label}", "stop"), ("", "stop"), (None, "stop"), ("I was cut o", "length"),
            ([{"type": "text", "text": f"BEST={label}\nACTION={label}"}], "stop"), ("", "content_filter"),
        ][min(int(rng.integers(30)), 5) if not self.plain and rng.random() < 0.5 else 0]  # fmt: skip
        return {
            "model": "m", "choices": [{"finish_reason": finish, "message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": 20, "completion_tokens": 5},
        }  # fmt: skip


def http(status: int, body: bytes, headers: dict[str, str]) -> bytes:
    named = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in named.items())
    return head.encode() + b"\r\n" + body


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Misbehaving]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-of-the-faults")
    provider, ready = Misbehaving(), threading.Event()
    loop = asyncio.new_event_loop()

    async def main() -> None:
        listening = await asyncio.start_server(provider.serve, "127.0.0.1", 0, limit=2**24)
        provider.base = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"
        ready.set()
        await stopped.wait()
        listening.close()
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    stopped = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(main(),), name="misbehaving")
    thread.start()
    assert ready.wait(10)
    try:
        yield provider
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join()
        loop.close()


def remote(server: Misbehaving, **options: Any) -> RemoteModel:
    price = {"prompt": 1.0, "completion": 1.0}
    made = resolve("openai/m", api_base=server.base, price=price, **{"timeout": LONG_PATIENCE, **options})
    assert isinstance(made, RemoteModel)
    return made


async def hurry(seconds: float) -> None:
    """Waits are a hundredth as long."""
    await asyncio.sleep(seconds / 100)


async def ask(server: Misbehaving, **options: Any) -> tuple[Response, Gateway]:
    model = remote(server, **options)
    gateway = Gateway([model], sleep=hurry)
    try:
        return await gateway.complete(Request(model.info.id, (Message("user", "hi"),)), Draw(1, 2, 3)), gateway
    finally:
        await gateway.close()


@pytest.mark.parametrize("transport", ["auto", "litellm"])
@pytest.mark.parametrize("did", sorted(FAULTS))
async def test_every_fault_is_on_record_with_its_type_and_the_next_attempt_is_the_same_request(
    server: Misbehaving, did: str, transport: str
) -> None:
    server.script, server.plain = [did, "ok"], True
    said, gateway = await ask(server, transport=transport, timeout=PATIENCE if did in SLOW else LONG_PATIENCE)
    assert [a.partition(":")[0] for a in said.attempts] == [(FAULTS if transport == "auto" else LITELLM)[did]]
    assert said.status == "ok"
    assert (list(server.requests.values()), list(server.answered.values())) == ([2], [1])
    assert server.overlaps == []
    run_usage = gateway.run_usage
    assert (run_usage.made, run_usage.retried, run_usage.failed) == (1, 1, 0)
    assert run_usage.lost == (did in LOST or FAULTS[did] in ("malformed", "reset"))


@pytest.mark.parametrize("transport", ["auto", "litellm"])
async def test_a_host_that_is_not_there_ends_the_run_in_seconds(server: Misbehaving, transport: str) -> None:
    """Whether nobody knows its name, or nobody can say on a machine without a network; and so does a stopped server."""
    server.base = "http://nobody.invalid/v1"
    with pytest.raises(Denied, match=r"host of \S+ (is not known|cannot be looked up).*api_base.*on the network"):
        await ask(server, transport=transport)
    server.base = "http://127.0.0.1:1/v1"
    with pytest.raises(Denied, match="is it running"):
        await ask(server, transport=transport)


async def test_a_filtered_request_is_an_outcome_and_wrong_credentials_stop(server: Misbehaving) -> None:
    server.script = ["filtered"]
    said, _ = await ask(server)
    assert (said.status, said.attempts, server.did) == ("refused", (), ["filtered"])
    server.script = ["no key"]
    with pytest.raises(Denied):
        await ask(server)
    assert len(server.did) == 2


async def test_a_lost_answer_counts_against_the_budget_with_all_it_may_have_cost(server: Misbehaving) -> None:
    """One prompt of 2 bytes and an answer of at most 512 tokens: 530 tokens by the bound, 25 in fact."""
    from akrasia.errors import BudgetSpent
    from akrasia.models import Budget

    for tokens, answered in ((530 + 529, False), (530 + 530, True)):
        model = remote(server)
        gateway = Gateway([model], budget=Budget(tokens=tokens), sleep=hurry)
        server.script = ["closed", "ok"]
        asking = gateway.complete(Request(model.info.id, (Message("user", "hi"),)), Draw(1, 2, 3))
        if answered:
            assert (await asking).usage.prompt_tokens == 20
        else:
            with pytest.raises(BudgetSpent, match="530 are used and the next call may take 530"):
                await asking
        await gateway.close()


def run(folder: Path, server: Misbehaving, episodes: int) -> Outcome:
    experiment = assemble(
        {
            "task": {"name": "bandit", "arms": 3, "horizon": 5}, "episodes": episodes,
            "model": remote(server),
            "variants": ["reason_act", "reason_then_act", "reason_act | critique"],
        }
    )  # fmt: skip

    async def work() -> Outcome:
        ledger = Ledger(folder)
        try:
            return await play_experiment(experiment, ledger, LocalExecutor(experiment, sleep=hurry))
        finally:
            ledger.close()

    return asyncio.run(work())


def records(folder: Path) -> list[bytes]:
    with read_ledger(folder) as ledger:
        return list(ledger.raw_records())


def test_a_run_over_a_server_that_misbehaves_at_random_ends_with_the_healthy_run(
    server: Misbehaving, tmp_path: Path, fault_seeds: list[int]
) -> None:
    """Same records, byte for byte; every answer was sent once; no two attempts of one call overlapped."""
    episodes = 3 if len(fault_seeds) == 1 else 12
    assert run(tmp_path / "healthy", server, episodes).stopped is None
    healthy, needed = records(tmp_path / "healthy"), dict(server.answered)
    statuses = Counter(decode(Record, r).decision.status for r in healthy)
    assert statuses["ok"] and len(statuses) > 1  # empty, cut-off and withheld answers are among them
    seen: Counter[str] = Counter()
    for seed in fault_seeds:
        server.requests.clear(), server.answered.clear(), server.did.clear()
        server.seed = seed
        outcome = run(tmp_path / f"faulty{seed}", server, episodes)
        assert outcome.stopped is None
        assert records(tmp_path / f"faulty{seed}") == healthy
        assert dict(server.answered) == needed  # once each: nothing lost, nothing paid twice
        assert server.overlaps == []
        assert outcome.run_usage.retried == sum(server.requests.values()) - len(needed) > 0
        seen += Counter(server.did)
    print(f"{seen.total()} requests, {seen['ok']} of them answered; faults: {dict(seen)}")


def test_a_dead_server_pauses_the_run_and_it_is_finished_when_the_server_is_back(
    server: Misbehaving, tmp_path: Path
) -> None:
    assert run(tmp_path / "healthy", server, 4).stopped is None
    healthy = records(tmp_path / "healthy")
    server.requests.clear()
    server.script = ["ok"] * 7 + ["500"] * 200
    dead = run(tmp_path / "run", server, 4)
    assert isinstance(dead.stopped, ProviderDown)
    assert "resume" in str(dead.stopped)
    assert sum(server.requests.values()) < 100  # it was not hammered
    before = defaultdict(int, server.answered)
    server.script = []
    assert run(tmp_path / "run", server, 4).stopped is None
    assert records(tmp_path / "run") == healthy
    assert max(server.answered[k] - before[k] for k in server.answered) == 1
