"""A server on the loopback in the wire formats of many providers, with their rules about parameters.

The provider is the first part of the path: http://127.0.0.1:PORT/anthropic/v1/messages. What is answered comes from
the simulated agent, so that it can be read. Every answer is also noted as it should be read: its tokens, its thought,
its end and its price (`Served`). The formats stand in `provider_formats.py`.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from loopback import HTTPRequest, Reply, serving

from akrasia.models import Simulated, key_of
from akrasia.records import Draw, Message, Request

CACHED = 32  # tokens of a longer prompt that count as cached; with every provider it takes more
_EFFORTS = {"none": 0.0, "minimal": 0.1, "low": 0.25, "medium": 1.0, "high": 3.0, "xhigh": 5.0, "max": 6.0}


@dataclass(frozen=True)
class Call:
    """One request: the path without the provider's part, and what came with it. Names of headers are in lower case."""

    provider: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))


@dataclass(frozen=True)
class Served:
    """An answer as it should be read.

    Attributes:
        finish: "stop", or "length" where it was cut off.
        prompt: tokens of the whole prompt, cached ones included; completion: of answer and thought.
        thought: tokens of the thought; shown: its words, if the provider shows them.
        cost: US dollars as the provider says them itself.
    """

    text: str
    finish: str
    prompt: int
    completion: int
    cached: int = 0
    written: int = 0
    thought: int = 0
    shown: str = ""
    cost: float | None = None


class Refused(Exception):
    """An answer with the status of an error."""

    def __init__(self, status: int, body: Any, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.answer = status, body, dict(headers or {})


Made = tuple[Served, Any]
"""What a format makes of a call: what is answered, and its body."""


def check_bearer(call: Call) -> None:
    """Refuse a call without a key."""
    if not call.headers.get("authorization", "").startswith("Bearer sk-"):
        raise Refused(401, {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}})


@dataclass
class Providers:
    """What the server saw and answered.

    Attributes:
        thinks: the tokens that a model takes to think at a middling effort; thought: its words.
        calls: every request; served: every answer; refused: the bodies of refusals.
    """

    base: str = ""
    thinks: int = 320
    thought: str = "Both were tried. The upper bound of the first is higher."
    calls: list[Call] = field(default_factory=list)
    served: list[Served] = field(default_factory=list)
    refused: list[Any] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Forget what was seen."""
        with self.lock:
            self.calls, self.served, self.refused = [], [], []

    def say(
        self,
        messages: list[dict[str, Any]],
        most: int | None,
        effort: str | None = None,
        seed: int = 0,
        show: bool = False,
        cached: bool = False,
    ) -> Served:
        """The answer to a chat within `most` tokens.

        Args:
            effort: how much the model thinks; None if it does not think.
            show: whether its thought is shown.
            cached: whether the beginning of the prompt counts as cached.
        """
        most = most or 10**7
        prompt = sum(tokens(text_of(m["content"])) + 4 for m in messages)
        thought = 0 if effort is None else round(self.thinks * _EFFORTS[effort])
        text = answer(messages, seed)
        whole, finish = thought + tokens(text), "stop"
        if whole > most:
            thought, whole, finish = min(thought, most), most, "length"
            text = text[: (most - thought) * 4]
        return Served(
            text,
            finish,
            prompt,
            whole,
            cached=CACHED if cached and prompt > CACHED else 0,
            thought=thought,
            shown=self.thought if show and thought else "",
        )

    def reply(self, call: Call, formats: Mapping[str, Callable[..., Any]]) -> tuple[int, Any, dict[str, str]]:
        """(status, body, headers) of the answer to one request."""
        with self.lock:
            self.calls.append(call)
        try:
            form = formats.get(call.provider)
            if form is None:
                raise Refused(404, {"error": {"message": f"no provider {call.provider!r} here"}})
            served, body = form(self, call)
            with self.lock:
                self.served.append(served)
            return 200, body, {}
        except Refused as refused:
            with self.lock:
                self.refused.append(refused.answer[1])
            return refused.answer


def tokens(text: str) -> int:
    """About as many tokens as a text has."""
    return len(text) // 4 + 1


def text_of(content: Any) -> str:
    """The text of a message's content, in parts or not."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return str(content or "")


def answer(messages: list[dict[str, Any]], seed: int) -> str:
    """What the simulated agent answers."""
    said = tuple(Message(m["role"] if m["role"] != "developer" else "system", text_of(m["content"])) for m in messages)
    request, draw = Request("simulated", said), Draw(seed % 2**31, 0)
    return asyncio.run(Simulated().generate(request, draw, key_of(request, draw))).text


@contextmanager
def running(formats: Mapping[str, Callable[..., Any]]) -> Iterator[Providers]:
    """The server, while it runs."""
    world = Providers()

    def reply(request: HTTPRequest) -> Reply:
        parts = urlsplit(request.path)
        provider, _, path = parts.path.lstrip("/").partition("/")
        body = json.loads(request.data) if request.data else {}
        call = Call(provider, "/" + unquote(path), parts.query, request.headers, body)
        status, made, more = world.reply(call, formats)
        return status, json.dumps(made).encode(), {"Content-Type": "application/json", **more}

    with serving(reply) as world.base:
        yield world
