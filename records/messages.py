"""What a model is asked and what it answers: messages, requests, draws, responses, and what they cost.

Invariant: a request and a draw are the whole identity of an answer. A response holds only what JSON can hold: what
cannot be kept is repaired or refused when the value is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal, NamedTuple

from ..errors import BadOption

__all__ = ["Draw", "Message", "Request", "Response", "Sampling", "Spent", "Status", "Usage", "minus", "plus"]

Status = Literal["ok", "unparsable", "illegal", "refused", "truncated", "error", "undecided", "absent"]
"""What became of an answer. Only `ok` can be right; every other value is an outcome that stays in the denominator,
except `absent`: nobody was asked (a plan without a reasoner states nothing). `undecided` is a vote without a winner."""


MOST_TOKENS = 2**53  # beyond, sums are no longer exact everywhere


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt. In completion mode the contents are joined as they are."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one answer is drawn.

    `choices`, where given, asks for exactly one of these strings; a backend that sees token probabilities draws from
    them (renormalised over the choices, with the total mass reported), any other answers in text.
    `schema`, where given, is a JSON schema as text; a provider that knows structured output is bound to it, any other
    answers in the form that the prompt asks for.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What a model is asked: the identity of its answer is (request, draw) and nothing else."""

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    mode: Literal["chat", "completion"] = "chat"


@dataclass(frozen=True, slots=True)
class Draw:
    """The name of one sample: the same request with the same draw has the same answer in every variant."""

    episode: int
    step: int
    sample: int = 0


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or more calls, as the provider counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
        )


class Spent(NamedTuple):
    """Calls, US dollars and tokens: paid, set aside, or needed."""

    calls: int = 0
    dollars: float = 0.0
    tokens: int = 0


def plus(one: Spent, other: Spent) -> Spent:
    """Both together."""
    return Spent(one.calls + other.calls, one.dollars + other.dollars, one.tokens + other.tokens)


def minus(one: Spent, other: Spent) -> Spent:
    """What of one is not in the other."""
    return Spent(one.calls - other.calls, one.dollars - other.dollars, one.tokens - other.tokens)


@dataclass(frozen=True, slots=True)
class Response:
    """One answer, or the typed reason why there is none.

    Attributes:
        text: the raw answer, always kept.
        status: `ok`, `truncated`, `refused` or `error`; parsing comes later.
        probs: probability of each of the request's choices, summing to 1; None where the provider shows none.
        mass: probability the model put on the choices before renormalising, in [0, 1].
        cost: nominal US dollars of this call; None where no price is known.
        latency: seconds from first attempt to answer.
        attempts: what each failed attempt said, oldest first.
        reported: model name, fingerprint and whatever else the provider says of itself.
    """

    text: str
    status: Status = "ok"
    finish_reason: str = "stop"
    usage: Usage = Usage()
    probs: dict[str, float] | None = None
    mass: float | None = None
    cost: float | None = None
    latency: float = 0.0
    attempts: tuple[str, ...] = ()
    reported: dict[str, str] = field(default_factory=dict)
    error: str = ""

    def __post_init__(self) -> None:
        """What no JSON can hold, a backend's mistake or a half character, is repaired or refused before it is kept."""
        for name in ("text", "error", "finish_reason"):
            said = getattr(self, name)
            if not said.isascii():
                object.__setattr__(self, name, _whole(said))
        if not all(a.isascii() for a in self.attempts):
            object.__setattr__(self, "attempts", tuple(map(_whole, self.attempts)))
        if not all(type(word) is str and word.isascii() for pair in self.reported.items() for word in pair):
            object.__setattr__(self, "reported", {_whole(str(k)): _whole(str(v)) for k, v in self.reported.items()})
        if self.cost != self.cost:  # no number: not known
            object.__setattr__(self, "cost", None)
        used = self.usage
        for count in (used.prompt_tokens, used.completion_tokens, used.cached_tokens, used.reasoning_tokens):
            if not ((type(count) is int or hasattr(count, "__index__")) and 0 <= count < MOST_TOKENS):
                raise _impossible("a count of tokens", count, f"a whole number from 0 to {MOST_TOKENS - 1}")
        if not 0 <= (self.cost or 0.0) < inf:
            raise _impossible("the cost", self.cost, "US dollars, or None where it is not known")
        if not 0 <= self.latency < inf:
            raise _impossible("the latency", self.latency, "seconds")


def _whole(text: str) -> str:
    """Half a surrogate pair, as an answer cut in the middle of an emoji may end with, is no UTF-8: U+FFFD instead."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _impossible(what: str, value: float | None, want: str) -> BadOption:
    return BadOption(f"{what} of an answer is {value!r}", "its backend gave what cannot be", f"Let it give {want}.")
