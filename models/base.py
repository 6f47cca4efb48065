"""What a backend is: something that turns (request, draw) into one response, or raises a typed `ModelError`.

Invariant: a backend never retries, caches, prices on its own account or decides what a failure means; the gateway is
the only owner of those. `id` names everything that could change an answer (weights, quantisation, planted rates), since
it is part of the key under which answers are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

from ..records import Draw, Request, Response, Usage, digest

__all__ = ["Backend", "ModelInfo", "Price", "Style", "key_of"]

Style = Literal["chat", "completion", "tuned"]
"""How a model is prompted: by instructions; by worked examples to continue; or by the bare form that its weights were
fine-tuned on (`akrasia.training`), which it continues without examples."""


@lru_cache(maxsize=2048)
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
        id: identity of the answers: name plus everything that changes them.
        label: short name for tables.
        style: how it is prompted: "chat" (instructions), "completion" (worked examples to continue) or "tuned" (the
            bare form that it was fine-tuned on).
        max_concurrency: the most calls at once; the gateway starts lower and finds out what is borne.
        probs: whether it reports token probabilities for `Sampling.choices`.
        deterministic: whether the same request and draw give the same answer when asked again.
        price: None where no price is known.
        note: what a reader of a report must know about how this model is used.
        account: whom is asked with whose key (never the key): a pause that a provider asks for holds for all models of
            an account. Empty: the model alone.
        rpm, tpm: the most requests and tokens in any minute.
        context: tokens that one prompt may have; None where it is not known. digits: how many a token holds at most.
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

    @property
    def mode(self) -> Literal["chat", "completion"]:
        """What its prompts are sent as: messages of a chat, or one text to continue."""
        return "chat" if self.style == "chat" else "completion"


class Backend(Protocol):
    """A source of answers."""

    @property
    def info(self) -> ModelInfo:
        """What the program may know of the model; cheap, imports nothing heavy."""
        ...

    async def open(self) -> None:
        """Load what is needed (weights, client library). Called once, before the first request.

        Raises:
            UsageError: the model cannot be used here; says what to install or to set.
        """
        ...

    async def generate(self, request: Request, draw: Draw) -> Response:
        """One answer.

        Raises:
            ModelError: RateLimited, Unavailable, Rejected or Denied.
        """
        ...

    async def close(self) -> None:
        """Free what `open` took."""
        ...
