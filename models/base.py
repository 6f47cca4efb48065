"""What a backend is: it turns (request, draw) into one response, or raises a typed `ModelError`.

Invariant: a backend never retries, never caches, sets no prices of its own and never decides what a failure means: the
gateway alone does. Its `id` names everything that could change an answer (weights, quantisation, planted rates), since
answers are kept under a key that holds the id.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Protocol

from ..records import Draw, Request, Response, Sampling, Usage, digest

__all__ = ["FAILED", "UNCOUNTED", "Backend", "ModelInfo", "Price", "Style", "is_uncounted", "key_of"]

Style = Literal["chat", "completion", "tuned"]
"""How a model is prompted: by instructions ("chat"), by few-shot examples to continue ("completion"), or by the bare
form that its weights were fine-tuned on ("tuned", see `akrasia.training`)."""

FAILED = "failed"
"""The finish reason of a call that was given up."""

UNCOUNTED = {"usage": "not counted"}
"""What `Response.reported` holds where the provider did not count the tokens of an answer."""


def is_uncounted(response: Response) -> bool:
    """Whether the provider did not count the tokens of an answer."""
    return UNCOUNTED.items() <= response.reported.items()


def key_of(request: Request, draw: Draw) -> str:
    """The identity of an answer: a hash of model, messages, sampling, mode and draw."""
    return digest({"request": request, "draw": draw})


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per token."""

    prompt: float = 0.0
    completion: float = 0.0

    def of(self, usage: Usage) -> float:
        """Nominal cost of a usage, in US dollars."""
        return usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion


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
        deterministic: whether the same request and draw have the same answer when asked again.
        price: None where no price is known.
        note: what a reader of a report must know about how this model is used.
        account: names the provider and the variable of the key (never the key): a pause that a provider asks for holds
            for all models of an account. Empty: the model has an account of its own.
        rpm, tpm: the most requests and tokens in any minute.
        context: the most tokens of one prompt; None where it is not known.
        digits: the most digits that one token holds.
        temperature: takes the place of the roles' own; None leaves theirs. What a plan or a graph sets goes before it.
    """

    id: str
    label: str
    style: Style = "chat"
    max_concurrency: int = 32
    probs: bool = False
    deterministic: bool = False
    price: Price | None = FREE
    note: str = ""
    account: str = ""
    rpm: int | None = None
    tpm: int | None = None
    context: int | None = None
    digits: int = 3
    temperature: float | None = None

    def sampling(self, role: Sampling) -> Sampling:
        """How a role's answer is sampled by this model: with the model's own temperature, if it has one.

        It is applied where a request is made, before what a plan or a graph sets, so a request says what is sent.
        """
        return role if self.temperature is None else replace(role, temperature=self.temperature)

    @property
    def mode(self) -> Literal["chat", "completion"]:
        """How its prompts are sent: as messages of a chat, or as one text to continue."""
        return "chat" if self.style == "chat" else "completion"


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
