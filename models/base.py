"""What a backend is: it turns (request, draw) into one response, or raises a typed `ModelError`.

Invariant: a backend never retries, never caches, sets no prices of its own and never decides what a failure means: the
gateway alone does. Its `id` names everything that could change an answer (weights, quantisation, planted rates), since
answers are kept under a key that holds the id.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from hashlib import blake2b
from typing import Any, Literal, Protocol

import orjson

from ..options import real
from ..records import Draw, Message, Request, Response, Sampling, Tool, Usage
from .thinking import Thinking

_BESIDE_TEXT = tuple(f.name for f in fields(Message) if f.name not in ("role", "content"))

Style = Literal["chat", "completion", "tuned"]
"""How a model is prompted: by instructions ("chat"), by few-shot examples to continue ("completion"), or by the bare
form that its weights were fine-tuned on ("tuned", see `akrasia.training`)."""

FAILED = "failed"
"""The finish reason of a call that was given up."""

WRITTEN = "cache_written"
"""The key in `Response.reported` of the prompt's tokens that the provider keeps from now on, where it bills them."""

MESSAGE_ID = "message_id"
"""The key in `Response.reported` of the identifier of the message that a graph is given, the same in every run."""

UNCOUNTED = {"usage": "not counted"}
"""What `Response.reported` holds where the provider did not count the tokens of an answer."""


def is_uncounted(response: Response) -> bool:
    """Whether the provider did not count the tokens of an answer."""
    return UNCOUNTED.items() <= response.reported.items()


_FIRST = ("temperature", "top_p", "max_tokens", "stop", "choices", "schema")
_JOINED_LATER = [(f.name, f.default) for f in fields(Sampling) if f.name not in (*_FIRST, "required")]


def _sampling(sampling: Sampling) -> dict[str, Any]:
    """What of a sampling may change an answer. What joined later is left out where nothing says anything of it.

    The order is part of the hash.
    """
    identity: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "stop": sampling.stop,
        "choices": sampling.choices,
        "schema": sampling.schema,
    }
    for name, unsaid in _JOINED_LATER:
        if (value := getattr(sampling, name)) != unsaid:
            identity[name] = value
    return identity


def _message(message: Message) -> dict[str, Any]:
    """What of a message may change an answer. What it does not hold is left out; the order is part of the hash."""
    identity: dict[str, Any] = {"role": message.role, "content": message.content}
    if not message.is_plain:
        identity |= {name: value for name in _BESIDE_TEXT if (value := getattr(message, name))}
    return identity


def _messages(request: Request) -> list[dict[str, Any]]:
    return [_message(message) for message in request.messages]


def _offered(request: Request) -> dict[str, Any]:
    """What of the tools and the form of the answer may change an answer; empty where there are none."""
    offered = {name: value for name in ("tools", "tool_choice", "response_format") if (value := getattr(request, name))}
    if request.parallel_tool_calls is not None:
        offered["parallel_tool_calls"] = request.parallel_tool_calls
    return offered


def _request(request: Request) -> dict[str, Any]:
    sampling = _sampling(request.sampling)
    plain = {"model": request.model, "messages": _messages(request), "sampling": sampling, "mode": request.mode}
    return plain | _offered(request)


def _hash(value: Any) -> str:
    return blake2b(orjson.dumps(value), digest_size=16).hexdigest()


def request_digest(request: Request) -> str:
    """A hash of what of a request may change its answer: model, messages, sampling, mode, tools and form."""
    return _hash(_request(request))


def prompt_digest(request: Request) -> str:
    """A hash of messages and sampling, whichever model is asked."""
    return _hash([_messages(request), _sampling(request.sampling), *([o] if (o := _offered(request)) else [])])


def key_of(request: Request, draw: Draw) -> str:
    """The identity of an answer: a hash of the request, see `request_digest`, and the draw."""
    return _hash({"draw": draw, "request": _request(request)})


@dataclass(frozen=True, slots=True)
class Offer:
    """What a request holds beside its messages and its sampling; see `Request`."""

    tools: tuple[Tool, ...] = ()
    tool_choice: str = ""
    parallel_tool_calls: bool | None = None
    response_format: str = ""

    def added_to(self, request: Request) -> Request:
        """The request with this offer in it."""
        return replace(
            request,
            tools=self.tools,
            tool_choice=self.tool_choice,
            parallel_tool_calls=self.parallel_tool_calls,
            response_format=self.response_format,
        )


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token.

    Attributes:
        cached: of a prompt's tokens that the provider had kept; None where they cost as much as any.
        written: of a prompt's tokens that the provider keeps from now on; None likewise.
        reasoning: of an answer's tokens that were thoughts; None likewise.
        tiers: (tokens, the price of a whole call whose prompt is longer), shortest first.
    """

    prompt: float = 0.0
    completion: float = 0.0
    cached: float | None = None
    written: float | None = None
    reasoning: float | None = None
    tiers: tuple[tuple[int, Price], ...] = ()

    def __post_init__(self) -> None:
        for name, what in _PRICED.items():
            value = getattr(self, name)
            if value is not None or name in ("prompt", "completion"):
                real(f"the price of {what}", value, 0, remedy="Use US dollars, from 0.")

    def of(self, usage: Usage, written: int = 0) -> float:
        """Nominal cost of a usage, in US dollars.

        Args:
            written: how many of the prompt's tokens the provider keeps from now on.
        """
        price = self._at(usage.prompt_tokens)
        cost = usage.prompt_tokens * price.prompt + usage.completion_tokens * price.completion
        if price.cached is not None:
            cost += usage.cached_tokens * (price.cached - price.prompt)
        if price.written is not None:
            cost += written * (price.written - price.prompt)
        if price.reasoning is not None:
            cost += usage.reasoning_tokens * (price.reasoning - price.completion)
        return max(0.0, cost)

    def of_response(self, response: Response) -> float:
        """Nominal cost of an answer, in US dollars."""
        return self.of(response.usage, int(response.reported.get(WRITTEN, 0)))

    def most(self, usage: Usage) -> float:
        """The most that a usage can cost, however much of it is kept or thought."""
        price = self._at(usage.prompt_tokens)
        prompt, completion = max(price.prompt, price.written or 0.0), max(price.completion, price.reasoning or 0.0)
        return usage.prompt_tokens * prompt + usage.completion_tokens * completion

    def _at(self, prompt_tokens: int) -> Price:
        return next((price for above, price in reversed(self.tiers) if prompt_tokens > above), self)


_PRICED = {
    "prompt": "prompts", "completion": "answers", "cached": "cached tokens", "written": "tokens written to the cache",
    "reasoning": "thoughts",
}  # fmt: skip


FREE = Price()


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What the rest of the program may know about a model.

    Attributes:
        id: the identity of its answers: its name and everything that changes them.
        label: a short name for tables.
        style: how it is prompted, see `Style`.
        max_concurrency: the most calls at once; the gateway starts lower and raises the limit while all is well.
        probs: whether it reports token probabilities for `Sampling.choices`.
        price: None where no price is known.
        note: what a reader of a report must know about how this model is used.
        account: names the provider and the variable of the key (never the key): a pause that a provider asks for holds
            for all models of an account. Empty: the model has an account of its own.
        rpm, tpm: the most requests and tokens in any minute.
        context: the most tokens of one prompt; None where it is not known.
        digits: the most digits that one token holds.
        temperature: takes the place of the roles' own; None leaves theirs. What a plan or a graph sets goes before it.
        settings: other fields of `Sampling` that take the place of the roles' own, in the same way.
        thinking: how it thinks before it answers; None if it does not, and takes no reasoning effort.
        lacks: the fields of `Sampling` that it does not take.
        lacks_while_thinking: those that it does not take while it thinks.
        hottest: the highest temperature that it takes.
        batched: whether calls are collected and sent together, so that all of them may wait at once.
        tools: how it is offered tools: "native"; "prompted", in words and with an answer in JSON
            (`akrasia.models.prompted_tools`); or "none".
        images: whether it may be sent images.
    """

    id: str
    label: str
    style: Style = "chat"
    max_concurrency: int = 32
    probs: bool = False
    price: Price | None = FREE
    note: str = ""
    account: str = ""
    rpm: int | None = None
    tpm: int | None = None
    context: int | None = None
    digits: int = 3
    temperature: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    thinking: Thinking | None = None
    lacks: frozenset[str] = frozenset()
    lacks_while_thinking: frozenset[str] = frozenset()
    hottest: float = 2.0
    batched: bool = False
    tools: Literal["native", "prompted", "none"] = "prompted"
    images: bool = False

    def sampling(self, role: Sampling) -> Sampling:
        """How a role's answer is sampled by this model: with the model's own temperature and settings, if it has any.

        They are applied where a request is made, before what a plan or a graph sets, so a request says what is sent.
        """
        own = dict(self.settings)
        if self.temperature is not None:
            own["temperature"] = self.temperature
        return replace(role, **own, required=_joined(role.required, own)) if own else role

    def request(self, messages: tuple[Message, ...], sampling: Sampling, offer: Offer | None = None) -> Request:
        """A request to this model, with the room to think that the sampling's effort takes.

        Args:
            offer: the tools that it may call, and the form that its answer must have.
        """
        request = Request(self.id, messages, sampling, self.mode)
        return self.completed(request if offer is None else offer.added_to(request))

    def completed(self, request: Request) -> Request:
        """The request with what it says nothing of: the model's own settings, and room to think if it thinks."""
        sampling = request.sampling
        said = sampling.required
        own = {k: v for k, v in self.settings.items() if k not in said and getattr(sampling, k) == _PLAIN[k]}
        if own:
            sampling = replace(sampling, **own, required=_joined(sampling.required, own))
        if self.thinking is not None and sampling.thinking_tokens == 0:
            room = self.thinking.room(sampling.reasoning_effort, sampling.max_tokens)
            sampling = sampling if room == 0 else replace(sampling, thinking_tokens=room)
        return request if sampling is request.sampling else replace(request, sampling=sampling)

    def why_not(self, settings: Mapping[str, Any]) -> tuple[str, str]:
        """(why, what to do) where this model is known not to take one of these settings; empty where it may."""
        effort = settings.get("reasoning_effort")
        if effort and (self.thinking is None or not self.thinking.efforts):
            return "it takes no reasoning effort", "Leave it out, or ask a model that thinks."
        if effort and self.thinking is not None and effort not in self.thinking.efforts:
            known = ", ".join(self.thinking.efforts)
            return f"it takes no reasoning effort {effort!r}", f"It takes: {known}."
        for name in sorted(settings.keys() & self.lacking(effort or "")):
            if not (name == "temperature" and settings[name] == 1.0):
                return f"it takes no {name}", f"Leave out what sets the {name}, or ask another model."
        temperature = settings.get("temperature")
        if isinstance(temperature, int | float) and temperature > self.hottest:
            return f"it takes no temperature above {self.hottest:g}", f"Use one from 0 to {self.hottest:g}."
        return "", ""

    def lacking(self, effort: str = "") -> frozenset[str]:
        """The fields of `Sampling` that this model is known not to take at an effort."""
        thinks = self.thinking is not None and self.thinking.thinks(effort or self.settings.get("reasoning_effort", ""))
        return self.lacks | self.lacks_while_thinking if thinks else self.lacks

    @property
    def mode(self) -> Literal["chat", "completion"]:
        """How its prompts are sent: as messages of a chat, or as one text to continue."""
        return "chat" if self.style == "chat" else "completion"


_PLAIN = {f.name: f.default for f in fields(Sampling)}


def _joined(names: tuple[str, ...], more: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted({*names, *more}))


class Backend(Protocol):
    """A source of answers."""

    @property
    def info(self) -> ModelInfo:
        """What the program may know about the model; cheap, imports nothing heavy."""
        ...

    async def open(self) -> None:
        """Load what is needed (weights, client library). Called once, before the first request.

        Raises:
            UsageError: the model cannot be used here; the message says what to install or to set.
        """
        ...

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        """One answer.

        Args:
            key: the answer's identity, `key_of(request, draw)`: the name for random numbers, and the same in every
                attempt.

        Raises:
            ModelError: RateLimited, Unavailable, Rejected or Denied.
        """
        ...

    async def close(self) -> None:
        """Free what `open` took."""
        ...


class NothingToOpen:
    """What a backend inherits that holds no weights and no connections."""

    async def open(self) -> None:
        """Nothing to load."""

    async def close(self) -> None:
        """Nothing to free."""
