"""A server on the loopback in the wire formats of several providers, with their rules about parameters.

The provider is the first part of the path. Every model answers `says`; one that thinks takes `thinks` tokens for it,
and shows `thought` where its provider shows any. Rules and sentences are those of the providers' public references.
"""

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from akrasia.models import resolve
from akrasia.models.providers.remote import RemoteModel

Answer = tuple[int, Any, dict[str, str]]


class Refusal(Exception):
    """An answer with an error's status."""

    def __init__(self, status: int, body: Any, **headers: str) -> None:
        super().__init__(status)
        self.answer: Answer = (status, body, {k.replace("_", "-"): v for k, v in headers.items()})


@dataclass
class Providers:
    """What the server saw, and how it answers.

    Attributes:
        bodies, headers, paths: of every request, in the order of arrival.
        looked_up: the paths of requests that ask what models there are.
        script: answers that go before the rules, one a request.
        plays: (thought, answer, tokens thought) by the prompt and the effort, in the place of the three above, for
            providers that show thoughts in a field.
        kept: the beginnings of prompts that Anthropic keeps, since they were marked.
    """

    base: str = ""
    says: str = "ACTION=Red"
    thinks: int = 300
    thought: str = "Two of three; the bound of Red is higher."
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    script: deque[Answer] = field(default_factory=deque)
    plays: Callable[[str, str], tuple[str, str, int]] | None = None
    kept: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def model(self, name: str, **options: Any) -> RemoteModel:
        """The model of litellm's name `name`, at this server."""
        provider = name.partition("/")[0]
        path = {"openai": "/v1", "gemini": "/v1beta", "openrouter": "/api/v1", "mistral": "/v1"}.get(provider, "")
        path = path or {"hosted_vllm": "/v1", "groq": "/v1", "together_ai": "/v1"}.get(provider, "")
        made = resolve(name, api_base=f"{self.base}/{provider}{path}", **options)
        assert isinstance(made, RemoteModel)
        return made

    def answer(self, path: str, body: dict[str, Any], headers: dict[str, str]) -> Answer:
        with self.lock:
            self.bodies.append(body)
            self.headers.append(headers)
            self.paths.append(path)
            if self.script:
                return self.script.popleft()
        provider = path.split("/")[1]
        try:
            return 200, _RULES[provider](self, path, body), {}
        except Refusal as refusal:
            return refusal.answer


def _spent(server: Providers, thinks: bool, most: int) -> tuple[str, str, int]:
    """(what is seen, how it ended in OpenAI's words, tokens) of an answer within `most` tokens."""
    thought, seen = server.thinks if thinks else 0, len(server.says)
    if thought >= most:
        return "", "length", most
    if thought + seen > most:
        return server.says[: most - thought], "length", most
    return server.says, "stop", thought + seen


def _completion(server: Providers, body: dict[str, Any], thinks: bool, shown: dict[str, Any]) -> dict[str, Any]:
    most = body.get("max_completion_tokens") or body.get("max_tokens") or 10**6
    seen, finish, tokens = _spent(server, thinks, most)
    thought = min(server.thinks, tokens) if thinks else 0
    details = {"reasoning_tokens": thought}
    usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens}
    message = {"role": "assistant", "content": seen, **shown}
    return {
        "id": "x", "object": "chat.completion", "created": 1, "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {**usage, "completion_tokens_details": details, "prompt_tokens_details": {"cached_tokens": 4}},
    }  # fmt: skip


def _openai(server: Providers, path: str, body: dict[str, Any]) -> Any:
    thinks = bool(re.match(r"o\d|gpt-[5-9]|house-model", body["model"]))

    def bad(message: str, code: str, name: str) -> Refusal:
        error = {"message": message, "type": "invalid_request_error", "param": name, "code": code}
        return Refusal(400, {"error": error})

    if thinks and "max_tokens" in body:
        hint = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens'"
        raise bad(f"{hint} instead.", "unsupported_parameter", "max_tokens")
    if thinks and body.get("temperature", 1) != 1:
        what = f"'temperature' does not support {body['temperature']} with this model."
        only = "Only the default (1) value is supported."
        raise bad(f"Unsupported value: {what} {only}", "unsupported_value", "temperature")
    for name in ("top_p", "stop", "top_k"):
        if thinks and name in body:
            said = f"Unsupported parameter: '{name}' is not supported with this model."
            raise bad(said, "unsupported_parameter", name)
    return _completion(server, body, thinks and body.get("reasoning_effort") != "none", {"refusal": None})


def _anthropic(server: Providers, path: str, body: dict[str, Any]) -> Any:
    def bad(message: str) -> Refusal:
        return Refusal(400, {"type": "error", "error": {"type": "invalid_request_error", "message": message}})

    model = body["model"]
    if "max_tokens" not in body:
        raise bad("max_tokens: Field required")
    if re.search(r"opus-4-7|sonnet-5|house", model) and body.get("temperature", 1) != 1:
        raise bad("`temperature` is deprecated for this model.")
    if "temperature" in body and "top_p" in body:
        raise bad("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    asked = (body.get("thinking") or {}).get("type")
    thinks = asked in ("enabled", "adaptive") or ("sonnet-5" in model and asked != "disabled")
    if thinks and (body.get("thinking") or {}).get("budget_tokens", 0) >= body["max_tokens"]:
        raise bad("`max_tokens` must be greater than `thinking.budget_tokens`.")
    seen, finish, tokens = _spent(server, thinks, body["max_tokens"])
    blocks = [{"type": "thinking", "thinking": server.thought, "signature": "s"}] if thinks else []
    stop = {"stop": "end_turn", "length": "max_tokens"}[finish]
    usage = {"input_tokens": 9, "output_tokens": tokens, **_kept(server, body)}
    return {
        "id": "m", "type": "message", "role": "assistant", "model": model, "stop_reason": stop, "stop_sequence": None,
        "content": [*blocks, *([{"type": "text", "text": seen}] if seen else [])], "usage": usage,
    }  # fmt: skip


def _kept(server: Providers, body: dict[str, Any]) -> dict[str, int]:
    """What Anthropic says of its cache: the longest prefix that is kept is read, what is marked beyond it is written.

    Prefixes end at a block with a mark. One of fewer than 1,024 tokens, of four characters, is not kept.
    """
    blocks = [(b["text"], "cache_control" in b) for b in _blocks(body.get("system") or [])]
    blocks += [(b.get("text", ""), "cache_control" in b) for m in body["messages"] for b in _blocks(m["content"])]
    assert sum(mark for _, mark in blocks) <= 4
    prefixes = [("".join(text for text, _ in blocks[: i + 1]), mark) for i, (_, mark) in enumerate(blocks)]
    marked = [prefix for prefix, mark in prefixes if mark and len(prefix) >= 4 * 1024]
    read = max((len(p) for p, _ in prefixes if marked and p in server.kept), default=0)
    server.kept |= set(marked)
    written = max((len(p) for p in marked), default=0) - read
    return {"cache_read_input_tokens": read // 4, "cache_creation_input_tokens": max(0, written) // 4}


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _gemini(server: Providers, path: str, body: dict[str, Any]) -> Any:
    config = body.get("generationConfig") or {}
    thinking = config.get("thinkingConfig") or {}
    thinks = "lite" not in path and thinking.get("thinkingBudget") != 0
    seen, finish, tokens = _spent(
        server, thinks, config.get("maxOutputTokens") or config.get("max_output_tokens") or 9**9
    )
    thought = min(server.thinks, tokens) if thinks else 0
    parts = [{"text": server.thought, "thought": True}] if thinks and thinking.get("includeThoughts") else []
    content = {"role": "model", "parts": [*parts, *([{"text": seen}] if seen else [])]}
    end = {"stop": "STOP", "length": "MAX_TOKENS"}[finish]
    usage = {"promptTokenCount": 9, "candidatesTokenCount": tokens - thought, "totalTokenCount": 9 + tokens}
    return {
        "candidates": [{"content": content, "finishReason": end, "index": 0}],
        "usageMetadata": usage | ({"thoughtsTokenCount": thought} if thought else {}), "modelVersion": "g",
    }  # fmt: skip


def _ollama(server: Providers, path: str, body: dict[str, Any]) -> Any:
    if path.endswith("/api/show"):
        return {"template": "{{ .Prompt }}", "details": {"family": "llama"}, "model_info": {}, "capabilities": []}
    thinks = "qwen3" in body["model"] and body.get("think") is not False
    if body.get("think") and "qwen3" not in body["model"]:
        raise Refusal(400, {"error": f'"{body["model"]}" does not support thinking'})
    most = (body.get("options") or {}).get("num_predict", 10**6)
    seen, finish, tokens = _spent(server, thinks, most)
    whole = {
        "model": body["model"], "created_at": "2026-11-01T00:00:00Z", "done": True, "done_reason": finish,
        "total_duration": 5, "prompt_eval_count": 9, "eval_count": tokens,
    }  # fmt: skip
    shown = {"thinking": server.thought} if thinks else {}
    if path.endswith("/api/chat"):
        return {**whole, "message": {"role": "assistant", "content": seen, **shown}}
    return {**whole, "response": seen, **shown}


def _mistral(server: Providers, path: str, body: dict[str, Any]) -> Any:
    known = {"model", "messages", "temperature", "top_p", "max_tokens", "stop", "random_seed", "reasoning_effort"}
    found = [
        {"type": "extra_forbidden", "loc": ["body", k], "msg": "Extra inputs are not permitted"}
        for k in {*body} - known
    ]
    if found:
        raise Refusal(422, {"object": "error", "message": {"detail": found}, "type": "invalid_request_error"})
    thinks = "magistral" in body["model"]
    made = _completion(server, body, thinks, {})
    if thinks:
        message = made["choices"][0]["message"]
        thought = {"type": "thinking", "thinking": [{"type": "text", "text": server.thought}]}
        message["content"] = [thought, {"type": "text", "text": message["content"]}]
    return made


def _vllm(server: Providers, path: str, body: dict[str, Any]) -> Any:
    most, prompt = body.get("max_tokens") or 0, sum(len(m["content"]) for m in body["messages"]) // 4 + 8
    if prompt + most > 8192:
        said = f"However, you requested {prompt + most} tokens ({prompt} in the messages, {most} in the completion)."
        message = f"This model's maximum context length is 8192 tokens. {said} Please reduce the length."
        raise Refusal(400, {"error": {"message": message, "type": "BadRequestError", "code": 400}})
    thinks = "qwen3" in body["model"].lower()
    if (body.get("chat_template_kwargs") or {}).get("enable_thinking") is False:
        thinks = False
    made = _completion(server, body, thinks, {})
    if thinks:
        message = made["choices"][0]["message"]
        message["content"] = f"<think>\n{server.thought}\n</think>\n\n{message['content']}"
    return made


def _shown_as(name: str) -> Callable[[Providers, str, dict[str, Any]], Any]:
    """A provider of OpenAI's form whose thinking models show their thoughts in a field of that name."""

    def answer(server: Providers, path: str, body: dict[str, Any]) -> Any:
        told = (body.get("thinking") or {}).get("type")
        thinks = bool(re.search(r"reasoner|r1|gpt-oss|gpt-5", body["model"])) and told != "disabled"
        if server.plays is not None:
            prompt = "\n".join(message["content"] for message in body["messages"])
            thought, says, tokens = server.plays(prompt, body.get("reasoning_effort", ""))
            server = Providers(says=says, thinks=tokens, thought=thought)
        made = _completion(server, body, thinks, {name: server.thought} if thinks else {})
        if name == "reasoning":
            made["usage"]["cost"] = 0.00123
        return made

    return answer


_RULES: dict[str, Callable[[Providers, str, dict[str, Any]], Any]] = {
    "openai": _openai, "anthropic": _anthropic, "gemini": _gemini, "ollama": _ollama, "ollama_chat": _ollama,
    "mistral": _mistral, "hosted_vllm": _vllm, "deepseek": _shown_as("reasoning_content"),
    "openrouter": _shown_as("reasoning"), "groq": _shown_as("reasoning"),
}  # fmt: skip
# What providers say of a model that they do not have, as their references and public reports show it.
_NO_MODEL: dict[str, Any] = {
    "openai": {"error": {"message": "The model 'nonsense' does not exist", "type": "invalid_request_error",
                         "param": "model", "code": "model_not_found"}},
    "anthropic": {"type": "error", "error": {"type": "not_found_error", "message": "model: nonsense"}},
    "gemini": {"error": {"code": 404, "message": "models/nonsense is not found for API version v1beta",
                         "status": "NOT_FOUND"}},
    "mistral": {"object": "error", "message": "Invalid model: nonsense", "type": "invalid_model", "code": "1500"},
}  # fmt: skip
_KEYS = "OPENAI ANTHROPIC GEMINI MISTRAL DEEPSEEK OPENROUTER GROQ HOSTED_VLLM TOGETHERAI".split()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        told = {name.lower(): value for name, value in self.headers.items()}
        script: Providers = self.server.script  # type: ignore[attr-defined]
        status, body, headers = script.answer(self.path, json.loads(raw or b"{}"), told)
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self) -> None:  # noqa: N802
        """Whoever asks for a model that is called nonsense is told that there is none; all else is not to be had."""
        name = self.path.rpartition("/")[2]
        script: Providers = self.server.script  # type: ignore[attr-defined]
        script.looked_up.append(self.path)
        told = _NO_MODEL.get(self.path.split("/")[1]) if "nonsense" in name else None
        data = json.dumps({"models": [{"name": "llama3:latest"}, {"name": "qwen3:8b"}]} if "tags" in name else told)
        status = 200 if "tags" in name else 404
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data.encode())

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up."""


@pytest.fixture
def providers(monkeypatch: pytest.MonkeyPatch) -> Iterator[Providers]:
    """The server; every provider's key is set."""
    for provider in _KEYS:
        monkeypatch.setenv(f"{provider}_API_KEY", f"sk-loopback-{provider.lower()}-0123456789")
    script = Providers()
    server = _Server(("127.0.0.1", 0), _Handler)
    server.script = script  # type: ignore[attr-defined]
    script.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
