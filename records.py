"""The frozen values that cross rooms, and their canonical JSON.

Invariant: a value here is plain data. It holds no model, no graph and no clock, equals any other value with the same
content, and survives `decode(type, encode(value))` unchanged. A `Record` holds nothing that depends on when or in
which order a run was executed: a resumed run ends with the same bytes as an uninterrupted one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import blake2b
from math import inf
from typing import Any, Literal, NamedTuple, TypeVar, cast

import orjson
from pydantic import TypeAdapter, ValidationError

from .errors import BadOption

__all__ = [
    "ARM_RULES",
    "Decision",
    "Draw",
    "Example",
    "Message",
    "Oracle",
    "Quantity",
    "Record",
    "Request",
    "Response",
    "Sampling",
    "Situation",
    "Spent",
    "Status",
    "Transition",
    "Turn",
    "Usage",
    "decode",
    "digest",
    "encode",
    "minus",
    "plus",
    "replace",
]

T = TypeVar("T")

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


@dataclass(frozen=True, slots=True)
class Transition:
    """One past step as data: which action was taken at which step, and what it paid."""

    step: int
    action: str
    reward: float


@dataclass(frozen=True, slots=True)
class Quantity:
    """A column that anyone could compute from the history: a count, a mean, a bonus.

    `values` follows the order of the situation's actions; None stands for "infinite" or "not yet defined".
    """

    name: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Situation:
    """What an agent sees at one step, as data; rendered to text late, so that interventions can re-render it.

    Attributes:
        task: the task's name.
        step: 0-based index of this decision; `horizon` is how many there are.
        instruction: what the world is and what the goal is.
        rule: the rule the agent is told to follow, in words; empty where there is none.
        observation: what is visible now beside the history (a board, a question); may be empty.
        history: past transitions, oldest first.
        actions: the legal actions, in display order.
        noun: what an action is called in a sentence ("button").
        quantities: columns computable from the history; only those named in `shows` are rendered.
        shows: which parts are rendered: "history" and names of quantities.
        question: the closing question.
        examples: solved examples, unrelated to this episode, for models that need to be shown the form.
        answer: how an answer is read: "action" (one of `actions`), or, where there are none to choose from, "number"
            (in canonical form, "7") or "text" (everything behind the answer's marker).
        item: which item of a question set this is (a variation, a concept, a row), for rates per item.
        own: the task's own name of each of `actions`, in their order, where an intervention renamed them; else empty.
        probe: not empty where this question asks what is *known* about the episode's other questions; see
            `akrasia.evals.frame` for how it enters the gap.
    """

    task: str
    step: int
    horizon: int
    instruction: str
    actions: tuple[str, ...]
    rule: str = ""
    observation: str = ""
    history: tuple[Transition, ...] = ()
    noun: str = "action"
    quantities: tuple[Quantity, ...] = ()
    shows: tuple[str, ...] = ("history",)
    question: str = "Which action do you take?"
    examples: tuple[Example, ...] = ()
    answer: Literal["action", "number", "text"] = "action"
    item: str = ""
    probe: str = ""
    own: tuple[str, ...] = ()

    def quantity(self, name: str) -> Quantity | None:
        """The column of that name, or None."""
        return next((q for q in self.quantities if q.name == name), None)


@dataclass(frozen=True, slots=True)
class Example:
    """A solved situation: `action` is optimal there."""

    situation: Situation
    action: str


@dataclass(frozen=True, slots=True)
class Oracle:
    """What a correct reasoner would say at a situation. Sets, never single answers: ties are real.

    Attributes:
        optimal: actions whose value is highest under `rule`.
        greedy: actions whose value is highest among those already tried; empty where nothing was tried.
        values: value per action under `rule`; None means infinite (an untried arm ranks first).
        regret: expected loss of each action against the best one, in reward units.
        forfeit: expected loss of giving no valid action at all.
        untried: actions never taken in this episode.
        rule: the name of the rule used.
        frequent: actions taken most often so far; empty where there is no history, or none that repeats actions.
    """

    optimal: tuple[str, ...]
    greedy: tuple[str, ...]
    values: dict[str, float | None]
    regret: dict[str, float]
    forfeit: float
    untried: tuple[str, ...]
    rule: str
    frequent: tuple[str, ...] = ()


ARM_RULES = ("ucb", "ucb_sqrt", "ucb_bench", "greedy", "truth")
"""The values of `Oracle.rule` where actions are arms to be tried; what they mean: `akrasia.tasks.rules`."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one agent said at one point of a decision.

    `rationale`, `stated` and `action` are what *stands* after this turn: an agent that does not touch one of them
    carries over what it read. `prompt` and `answer` are dropped when the turn enters a record: `key` finds them.

    Attributes:
        confidence: what the agent says of its own answer, in [0, 1]; None where it does not.
        planted: what a rationale that was tampered with recommends; `stated` stays what the reasoner itself said.
        skipped: it passed on what it read and asked nothing: the agents it depends on agreed already, or the rationale
            held nothing to tamper with.
    """

    agent: str
    role: str
    lane: int = 0
    sample: int = 0
    text: str = ""
    rationale: str = ""
    stated: tuple[str, ...] = ()
    stated_status: Status = "absent"
    action: str | None = None
    status: Status = "absent"
    key: str = ""
    usage: Usage = Usage()
    cost: float | None = 0.0
    probs: dict[str, float] | None = None
    mass: float | None = None
    reads: tuple[str, ...] = ()
    confidence: float | None = None
    planted: tuple[str, ...] = ()
    skipped: bool = False
    prompt: tuple[Message, ...] = ()
    answer: str = ""

    @property
    def position(self) -> str | None:
        """The action it takes, or the first it recommends if it was not asked to act; None is an abstention."""
        return self.action if self.status != "absent" else (self.stated[0] if self.stated else None)

    @property
    def last_words(self) -> str:
        """The answer that ends the conversation of `prompt`: one's own, or the one that a vote passed on."""
        return self.answer or self.text


@dataclass(frozen=True, slots=True)
class Decision:
    """What a variant concluded at a situation.

    Attributes:
        stated: the actions the rationale recommends (several where it ties them, none where it names none).
        done: the action taken; None where the answer holds no legal one.
        probs: token probabilities of the legal actions where the final action was read off them.
        turns: the whole transcript, in the plan's order.
        shown_as: the name under which the agents saw each action, where an intervention renamed them; the raw texts
            of the turns use those names, everything else here the task's own.
    """

    rationale: str
    stated: tuple[str, ...]
    stated_status: Status
    done: str | None
    status: Status
    probs: dict[str, float] | None = None
    mass: float | None = None
    turns: tuple[Turn, ...] = ()
    shown_as: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """Everything stored about one step of one episode of one variant.

    `usage`, `calls` and `cost` are *nominal*: what this variant would have paid alone. What the run really paid,
    with shared answers counted once, is in the ledger's table of responses.
    `reward` is None where no valid action was given: nothing was drawn from the environment.
    """

    task: str
    model: str
    variant: str
    design: Literal["fork", "rollout"]
    episode: int
    step: int
    situation: str
    actions: tuple[str, ...]
    oracle: Oracle
    decision: Decision
    reward: float | None
    regret: float
    calls: int
    usage: Usage
    cost: float | None
    tags: dict[str, str] = field(default_factory=dict)


def encode(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8. Infinite and not-a-number floats are not representable."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY)


def digest(value: Any, size: int = 16) -> str:
    """Hex digest of a value's canonical JSON, 2 * `size` characters."""
    return blake2b(encode(value), digest_size=size).hexdigest()


@cache
def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def decode(kind: type[T], data: bytes | str) -> T:
    """The inverse of `encode` for the values of this module.

    Raises:
        BadOption: the JSON does not fit the type.
    """
    try:
        value: T = _adapter(cast(Any, kind)).validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadOption(f"this is no {kind.__name__}", f"{where}: {first['msg']}") from None
    return value
