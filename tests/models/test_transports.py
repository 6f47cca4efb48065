"""Who carries a request changes nothing: what is sent, what is read and what names the answer are the same."""

import asyncio
import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from akrasia.errors import BadOption, Denied, Unavailable, UnknownName
from akrasia.models import Gateway
from akrasia.models.providers.litellm import load_litellm
from akrasia.models.providers.litellm_logging import null_logging
from akrasia.models.providers.openai_http import PROVIDERS
from akrasia.models.providers.remote import RemoteModel
from akrasia.records import Draw, Message, Request, Response, Sampling

MESSAGES = (
    Message("system", "Be brief."),
    Message("user", "Which?"),
    Message("assistant", "A."),
    Message("user", "é?"),
)
SAMPLING = Sampling(temperature=0.7, top_p=0.9, max_tokens=77, stop=("END",))
DRAW, KEY = Draw(1, 2, 3), "0123456789abcdef"
CONTINUES = "openai together_ai hosted_vllm llamafile nebius dashscope moonshot hyperbolic".split()


async def answer(
    model: RemoteModel, messages: tuple[Message, ...] = MESSAGES, sampling: Sampling = SAMPLING
) -> Response:
    await model.open()
    try:
        return await model.generate(Request(model.info.id, messages, sampling, model.style), DRAW, KEY)
    finally:
        await model.close()


@pytest.mark.parametrize(
    ("provider", "style"), [(p, "chat") for p in sorted(PROVIDERS)] + [(p, "completion") for p in CONTINUES]
)
async def test_the_direct_way_sends_what_litellm_sends(openai_server: Any, provider: str, style: Any) -> None:
    openai_server.answer = lambda messages, seed: f"ACTION=Red {seed}"
    ways = [
        RemoteModel(
            f"{provider}/test-model", api_base=openai_server.base, api_key_env="OPENAI_API_KEY", style=style,
            transport=transport,
        )
        for transport in ("auto", "litellm")
    ]  # fmt: skip
    assert ways[0].info == ways[1].info
    direct, litellm = [await answer(way) for way in ways]
    assert openai_server.headers[0]["user-agent"] == "akrasia"
    assert openai_server.headers[1]["user-agent"] != "akrasia"
    for name in ("authorization", "idempotency-key", "content-type"):
        assert openai_server.headers[0].get(name) == openai_server.headers[1].get(name), name
    sent, through = openai_server.bodies
    assert sent == {k: v for k, v in through.items() if v not in (None, {}, False)}
    assert direct == replace(litellm, reported={**litellm.reported, "model": direct.reported["model"]})


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What a callback that listens to all of litellm hears: what happens, and the name of the model."""
    litellm = load_litellm()
    from litellm.integrations.custom_logger import CustomLogger

    told: list[str] = []

    class Ear(CustomLogger):
        def log_pre_api_call(self, model: str, *_: Any, **__: Any) -> None:
            told.append(f"began {model}")

        async def async_log_success_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
            told.append(f"success {kwargs['model']}")

        async def async_log_failure_event(self, kwargs: Any, *_: Any, **__: Any) -> None:
            told.append(f"failure {kwargs['model']}")

    before = list(litellm.callbacks)
    litellm.callbacks = [*before, Ear()]
    yield told
    litellm.callbacks = before
    for name in ("input", "success", "failure"):
        for kept in (getattr(litellm, f"{name}_callback"), getattr(litellm, f"_async_{name}_callback")):
            kept[:] = [c for c in kept if not isinstance(c, Ear)]


@pytest.mark.parametrize("status", [200, 400])
async def test_a_call_through_litellm_is_not_logged_and_others_are(
    openai_server: Any, heard: list[str], status: int
) -> None:
    """Not because nobody would hear it: a call that the user makes of litellm is."""
    if status != 200:
        for _ in range(2):
            openai_server.fault(status, {"error": {"message": "No"}})
    ours = RemoteModel("openai/ours", api_base=openai_server.base, transport="litellm")
    theirs = load_litellm().acompletion(
        model="openai/theirs", api_base=openai_server.base, messages=[{"role": "user", "content": "?"}]
    )
    for asked in (answer(ours), theirs):
        if status == 200:
            await asked
        else:
            with pytest.raises(Exception, match="No"):
                await asked
    async with asyncio.timeout(10):
        while len(heard) < 2:  # a worker of litellm reports ends in their order: ours would come before theirs
            await asyncio.sleep(0.01)
    assert heard == ["began theirs", f"{'success' if status == 200 else 'failure'} theirs"]


def test_the_installed_litellm_takes_a_logging_object_from_us() -> None:
    assert null_logging() is not None


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm", "groq"])
async def test_the_direct_way_is_taken_where_it_is_known(openai_server: Any, provider: str) -> None:
    for transport, agent in (("auto", True), ("litellm", False)):
        model = RemoteModel(
            f"{provider}/test-model", api_base=openai_server.base, api_key_env="OPENAI_API_KEY", transport=transport
        )  # type: ignore[arg-type]
        await answer(model)
        assert (openai_server.headers[-1]["user-agent"] == "akrasia") is agent


async def test_a_reasoning_model_is_sent_what_it_takes(openai_server: Any) -> None:
    for transport in ("auto", "litellm"):
        model = RemoteModel("openai/gpt-5-mini", api_base=openai_server.base, transport=transport)  # type: ignore[arg-type]
        said = await answer(model, sampling=Sampling(stop=("END",)))
        assert said.reported["not_sent"] == "stop"
    direct, through = openai_server.bodies
    assert direct == {k: v for k, v in through.items() if v not in (None, {}, False)}


async def test_one_session_is_reused_and_a_second_attempt_carries_the_same_key(openai_server: Any) -> None:
    model = RemoteModel("openai/test-model", api_base=openai_server.base)
    gateway = Gateway([model])
    openai_server.fault(500, "boom")
    for sample in range(5):
        await gateway.complete(Request(model.info.id, MESSAGES, SAMPLING), Draw(1, 2, sample))
    assert len(openai_server.connections) == 1
    await gateway.close()
    keys = [h["idempotency-key"] for h in openai_server.headers]
    assert len(keys) == 6 and keys[0] == keys[1] and len(set(keys)) == 5


async def test_a_proxy_of_the_environment_is_used_and_no_proxy_is_honoured(
    openai_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy takes whole addresses; the server stands for one."""
    for name in ("http_proxy", "HTTP_PROXY", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", openai_server.base.removesuffix("/v1"))
    said = await answer(RemoteModel("openai/test-model", api_base="http://provider.invalid/v1"))
    assert said.status == "ok"
    assert openai_server.headers[0]["host"] == "provider.invalid"
    monkeypatch.setenv("no_proxy", "provider.invalid")
    with pytest.raises((Unavailable, Denied), match="cannot be reached|is not known|cannot be looked up"):
        await answer(RemoteModel("openai/test-model", api_base="http://provider.invalid/v1"))


async def test_a_redirect_does_not_carry_the_key_on(openai_server: Any) -> None:
    openai_server.fault(307, "over there", Location=openai_server.base + "/chat/completions")
    with pytest.raises(Denied, match="has moved"):
        await answer(RemoteModel("openai/test-model", api_base=openai_server.base))
    assert len(openai_server.bodies) == 1


@pytest.mark.parametrize(
    "address",
    [
        "https://user:secret-word@host/v1", "https://secret-word@host/v1", "https://host/v1?api_key=secret-word",
        "https://host/v1?sig=secret-word", "https://host/v1#secret-word", "host secret-word", "ftp://secret-word/v1",
        "https://", "https://host:port/secret-word", "https://host/v1?secret-word",
    ],
)  # fmt: skip
def test_an_address_that_holds_a_secret_or_is_none_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(BadOption) as raised:
        RemoteModel("openai/test-model", api_base=address)
    assert "secret-word" not in str(raised.value)


def test_options_out_of_range_are_refused() -> None:
    RemoteModel("azure/x", api_base="https://host/v1?api-version=2026-01-01", rpm=10, tpm=1000)
    for options in ({"rpm": 0}, {"tpm": -1}, {"rpm": 1.5}, {"max_concurrency": 0}):
        with pytest.raises(BadOption, match=next(iter(options))):
            RemoteModel("openai/x", **options)  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="litellm"):
        RemoteModel("openai/x", transport="litelm")  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def own_authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """An HTTPS server with a certificate of its own making: its address, and the certificate."""
    folder = tmp_path_factory.mktemp("tls")
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("needs the program openssl")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = b'{"choices": [{"message": {"content": "hello"}}], "model": "m"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that does not trust us hangs up."""

    server = Quiet(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}/v1", folder / "cert.pem"
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_certificate_nobody_vouches_for_stops_the_run_unless_its_authority_is_named(
    own_authority: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, certificate = own_authority
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback")
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    with pytest.raises(Denied, match="cannot be trusted.*SSL_CERT_FILE"):
        await answer(RemoteModel("openai/test-model", api_base=address))
    with pytest.raises(Denied, match="cannot be trusted.*SSL_CERT_FILE"):
        await answer(RemoteModel("openai/test-model", api_base=address, transport="litellm"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    said = await answer(RemoteModel("openai/test-model", api_base=address))
    await asyncio.sleep(0.05)
    assert (said.text, said.reported["usage"]) == ("hello", "not counted")


@pytest.mark.parametrize("said", ["False", "0", "no", "off"])
@pytest.mark.parametrize("transport", ["auto", "litellm"])
async def test_verification_cannot_be_switched_off_by_the_environment(
    said: str, transport: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback")
    monkeypatch.setenv("SSL_VERIFY", said)
    with pytest.raises(BadOption, match="SSL_CERT_FILE"):
        await RemoteModel("openai/test-model", transport=transport).open()
