"""What a message holds beside its text: content parts, calls of tools and their results; and what a model is offered.

Invariant: arguments and schemas are kept as the JSON text that was written, so nothing is lost of what cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import orjson

CHOICES_OF_TOOLS = ("auto", "none", "required")
"""What a request may say of the tools that it offers, beside the name of the one that is to be called."""


@dataclass(frozen=True)
class Part:
    """One part of a message's content.

    Attributes:
        type: "text", or "image" by reference.
        text: of a text.
        url: of an image, a data URL among them; detail: how closely it is looked at ("low", "high"); empty is free.
    """

    type: Literal["text", "image"]
    text: str = ""
    url: str = ""
    detail: str = ""


@dataclass(frozen=True)
class ToolCall:
    """One call of a tool that a model asks for.

    Attributes:
        arguments: JSON as the model wrote it, which may be none.
        id: names the call for the message that answers it.
    """

    name: str
    arguments: str = "{}"
    id: str = ""

    def parsed(self) -> dict[str, Any] | None:
        """The arguments; None where they are no JSON object."""
        try:
            value = orjson.loads(self.arguments or "{}")
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True)
class ToolUse:
    """One call of a tool as it stands in a transcript.

    Attributes:
        arguments: as the model wrote them.
        result: what the tool returned, as text; error: why it returned nothing. Both are empty where nobody called it.
    """

    name: str
    arguments: str = "{}"
    result: str = ""
    error: str = ""
    id: str = ""


@dataclass(frozen=True)
class Tool:
    """A tool that a model may call.

    Attributes:
        parameters: the JSON schema of its arguments, as text.
        strict: whether the provider is to bind the arguments to the schema.
    """

    name: str
    description: str = ""
    parameters: str = '{"properties":{},"type":"object"}'
    strict: bool = False


@dataclass(frozen=True)
class TokenLogprob:
    """The natural logarithm of one token's probability, and of those of the likeliest tokens in its place."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
