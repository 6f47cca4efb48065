"""What a backend is: something that turns (request, draw) into one response, or raises a typed `ModelError`.

Invariant: a backend never retries, caches, prices on its own account or decides what a failure means; the gateway is
the only owner of those. `id` names everything that could change an answer (weights, quantisation, planted rates), since
it is part of the key under which answers are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from ..records import Draw, Request, Response, Usage

__all__ = ["Backend", "Card", "Price", "Style"]

Style = Literal["chat", "completion"]


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
class Card:
    """What the rest of the program may know about a model.

    Attributes:
        id: identity of the answers: name plus everything that changes them.
        label: short name for tables.
        style: how it is prompted: "chat" (instructions) or "completion" (worked examples to continue).
        max_concurrency: calls that make sense at once.
        probs: whether it reports token probabilities for `Sampling.choices`.
        deterministic: whether the same request and draw give the same answer when asked again.
        price: None where no price is known.
        note: what a reader of a report must know about how this model is used.
    """

    id: str
    label: str
    style: Style = "chat"
    max_concurrency: int = 32
    probs: bool = False
    deterministic: bool = False
    price: Price | None = FREE
    note: str = ""


class Backend(Protocol):
    """A source of answers."""

    @property
    def card(self) -> Card:
        """The model's card; cheap, imports nothing heavy."""
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
