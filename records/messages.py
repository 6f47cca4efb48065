"""What a model is asked and what it answers: messages, requests, draws, responses, and what they cost.

Invariant: an answer is identified by its request and its draw, and by nothing else. A response holds only what JSON can
hold; anything else is repaired or refused when the response is made.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal

from ..errors import BadOption
from .thoughts import split_thoughts
from .tools import Part, TokenLogprob, Tool, ToolCall

Status = Literal[
    "ok", "unparsable", "illegal", "refused", "truncated", "error", "interrupted", "undecided", "absent", "abstained"
]
"""What became of an answer. Only `ok` can be right. Every other value is an outcome that stays in the denominator,
except `absent`: nobody was asked (a plan without a reasoner states nothing). `undecided` is a vote without a winner,
`interrupted` a graph that waits for somebody who is not there, `abstained` one who was free to decline, and did."""
FAILURES: tuple[Status, ...] = ("error", "refused", "truncated", "interrupted")
"""What became of an answer that was not given to its end, so that no reader could have read it."""

MOST_TOKENS = 2**53  # sums of larger numbers are not exact in every program
NO_LIMIT = 131_072  # tokens by which an answer without a limit is reckoned


@dataclass(frozen=True)
class Message:
    """One message of a prompt. In completion mode the contents are joined as they are.

    Attributes:
        content: its text; that of its text parts where it has parts.
        parts: its content, where that is not one text.
        tool_calls: the calls that an assistant asked for.
        tool_call_id: of a message of role "tool": which call it answers.
        name: who speaks, or which tool answers, where the provider is told.
        reasoning: what an assistant thought before this message, where it must be sent back.
        blocks: the provider's own blocks that must be sent back with it, such as signed thoughts, as JSON.
    """

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    parts: tuple[Part, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""
    reasoning: str = ""
    blocks: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether it holds nothing but its role and one text."""
        return not (self.parts or self.tool_calls or self.tool_call_id or self.name or self.reasoning or self.blocks)

    @property
    def shown(self) -> str:
        """All that it says, as text: with its images by reference and its calls, for readers and for sums."""
        if self.is_plain:
            return self.content
        lines = [p.text if p.type == "text" else f"[image: {p.url}]" for p in self.parts] or [self.content]
        lines += [f"[calls {call.name}({call.arguments})]" for call in self.tool_calls]
        return "\n".join(filter(None, lines))

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text of it that is sent."""
        if self.is_plain:
            return (self.content,)
        of_parts = (text for p in self.parts for text in (p.text, p.url))
        of_calls = (text for c in self.tool_calls for text in (c.name, c.arguments, c.id))
        return (self.content, *of_parts, *of_calls, self.tool_call_id, self.name, self.reasoning, self.blocks)


@dataclass(frozen=True)
class Sampling:
    """How one answer is sampled. `akrasia.models.sampling` says how each setting reaches a provider.

    Attributes:
        choices: if any, the answer is to be exactly one of these strings. A backend that sees token probabilities draws
            from them (renormalised over the choices, with their total reported as `mass`); any other answers in text.
        schema: if any, a JSON schema as text. A provider that knows structured output is bound to it; any other answers
            in the form that the prompt asks for.
        max_tokens: the most tokens of the answer that is seen.
        thinking_tokens: what a model that thinks may write beside them, before its answer; None is no limit.
        reasoning_effort: how much it thinks ("low", "high", ...); empty leaves it to the model.
        logprobs: for how many of the likeliest tokens in each place the log-probability is asked for; 0 asks for none.
        required: the settings that are what somebody wants to know (an intervention, a model's own table): a model that
            does not take one of them is refused. Any other setting is then left out, and named as not sent. It is no
            part of an answer's identity.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    schema: str = ""
    reasoning_effort: str = ""
    thinking_tokens: int | None = 0
    required: tuple[str, ...] = ()
    logprobs: int = 0

    @property
    def most_tokens(self) -> int:
        """The most tokens that an answer may take, thinking included."""
        return self.max_tokens + (NO_LIMIT if self.thinking_tokens is None else self.thinking_tokens)


@dataclass(frozen=True)
class Request:
    """What a model is asked.

    Attributes:
        tools: what it may call.
        tool_choice: "auto", "none", "required" or the name of a tool; empty leaves it to the model.
        parallel_tool_calls: whether it may call several at once; None leaves it to the model.
        response_format: the form of the answer in OpenAI's words, as JSON: `{"type": "json_schema", ...}`.
    """

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    mode: Literal["chat", "completion"] = "chat"
    tools: tuple[Tool, ...] = ()
    tool_choice: str = ""
    parallel_tool_calls: bool | None = None
    response_format: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text of it that is sent."""
        of_messages = tuple(text for m in self.messages for text in m.texts)
        if not self.tools and not self.response_format:
            return of_messages
        of_tools = (text for t in self.tools for text in (t.name, t.description, t.parameters))
        return (*of_messages, *of_tools, self.response_format)


@dataclass(frozen=True)
class Draw:
    """Names one sample: the same request in the same draw has the same answer in every variant."""

    episode: int
    step: int
    sample: int = 0


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Spend:
    """Calls, US dollars and tokens: what is paid, reserved or needed. It is false where all three are 0."""

    calls: int = 0
    dollars: float = 0.0
    tokens: int = 0

    def __add__(self, other: Spend) -> Spend:
        return Spend(self.calls + other.calls, self.dollars + other.dollars, self.tokens + other.tokens)

    def __sub__(self, other: Spend) -> Spend:
        return Spend(self.calls - other.calls, self.dollars - other.dollars, self.tokens - other.tokens)

    def __bool__(self) -> bool:
        return bool(self.calls or self.dollars or self.tokens)


@dataclass(frozen=True)
class Response:
    """One answer, or the typed reason why there is none.

    Attributes:
        text: what was answered, without what was thought; the text is read later.
        status: `ok`, `truncated`, `refused` or `error`. An answer that ends inside its thought is `truncated`.
        probs: the probability of each of the request's choices, summing to 1; None where the provider shows none.
        mass: the probability that the model put on all choices together before renormalising, in [0, 1].
        cost: nominal US dollars of this call; None where no price is known.
        latency: seconds from the first attempt to the answer.
        attempts: the message of each failed attempt, oldest first.
        reported: the model's name, its fingerprint and whatever else the provider says about itself.
        error: why there is no answer, or no whole one.
        reasoning: what the model thought, where it shows it: as part of its text (`akrasia.records.split_thoughts`
            parts the two, whichever transport carried them) or beside it; never part of `text`.
        tool_calls: the calls of tools that it asks for, in order.
        blocks: the provider's own blocks that must be sent back with this answer, as JSON; see `Message`.
        logprobs: of each token of the answer, where they were asked for.
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
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    blocks: str = ""
    logprobs: tuple[TokenLogprob, ...] = ()

    def __post_init__(self) -> None:
        """Part thought and answer; repair or refuse what JSON cannot hold: a backend's mistake, or half a character."""
        split = split_thoughts(self.text)
        if split.reasoning or split.cut or split.text is not self.text:
            object.__setattr__(self, "text", split.text)
            object.__setattr__(self, "reasoning", "\n".join(filter(None, (self.reasoning, split.reasoning))))
        if split.cut and self.status == "ok":
            object.__setattr__(self, "status", "truncated")
        for name in ("text", "error", "finish_reason", "reasoning", "blocks"):
            text = getattr(self, name)
            if not text.isascii():
                object.__setattr__(self, name, _without_surrogates(text))
        if not all(c.name.isascii() and c.arguments.isascii() and c.id.isascii() for c in self.tool_calls):
            object.__setattr__(self, "tool_calls", tuple(map(_valid_call, self.tool_calls)))
        if not all(a.isascii() for a in self.attempts):
            object.__setattr__(self, "attempts", tuple(map(_without_surrogates, self.attempts)))
        if not all(type(word) is str and word.isascii() for pair in self.reported.items() for word in pair):
            reported = {_without_surrogates(str(k)): _without_surrogates(str(v)) for k, v in self.reported.items()}
            object.__setattr__(self, "reported", reported)
        if self.cost != self.cost:  # NaN: not known
            object.__setattr__(self, "cost", None)
        used = self.usage
        for count in (used.prompt_tokens, used.completion_tokens, used.cached_tokens, used.reasoning_tokens):
            if not ((type(count) is int or hasattr(count, "__index__")) and 0 <= count < MOST_TOKENS):
                raise _impossible("a count of tokens", count, f"a whole number from 0 to {MOST_TOKENS - 1}")
        if not 0 <= (self.cost or 0.0) < inf:
            raise _impossible("the cost", self.cost, "US dollars, or None where it is not known")
        if not 0 <= self.latency < inf:
            raise _impossible("the latency", self.latency, "seconds")


def _without_surrogates(text: str) -> str:
    """The text as valid UTF-8: half a surrogate pair (an answer cut in the middle of an emoji) becomes U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _valid_call(call: ToolCall) -> ToolCall:
    return ToolCall(*map(_without_surrogates, (call.name, call.arguments, call.id)))


def _impossible(what: str, value: float | None, expected: str) -> BadOption:
    return BadOption(
        f"{what} of an answer is {value!r}", "its backend returned an impossible value", f"Let it return {expected}."
    )
