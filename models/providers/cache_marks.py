"""Marks in a prompt up to which a provider keeps it, for providers that keep nothing unless they are asked to.

Anthropic bills a prefix that it writes at 1.25 times the usual price and one that it reads at a tenth, and keeps it for
five minutes after it was last read. What is shorter than a model's least (512 to 4,096 tokens) is not kept, and billed
as usual. So a mark pays where the same long prefix comes again, and costs a quarter more where it does not: it is an
option of a model, and off where nobody asks for it.

Invariant: a mark changes no answer, so it is no part of a request and none of an answer's identity.
"""

from __future__ import annotations

from typing import Any

from ...errors import BadOption
from ...options import one_of

PLACES = ("system", "conversation")
"""Up to where a prompt is kept: its instructions, which all calls of a role share; or all of it, too."""

_MARK = {"type": "ephemeral"}
_OF_CLAUDE = ("anthropic", "bedrock", "bedrock_converse", "vertex_ai", "azure_ai", "openrouter", "databricks")


def check_marks(name: str, place: Any) -> None:
    """Check the option `prompt_cache` of the model `name`.

    Raises:
        BadOption, UnknownName: it names no place, or the provider wants no marks.
    """
    if place is False:
        return
    one_of(f"prompt_cache of {name!r}", place, PLACES)
    provider, _, model = name.lower().partition("/")
    marks = ("claude", "nova") if provider.startswith("bedrock") else ("claude",)
    if provider not in _OF_CLAUDE or not any(family in model for family in marks):
        raise BadOption(
            f"prompt_cache of {name!r} is {place!r}",
            f"{provider} keeps prompts without marks, or not at all",
            "Leave it out: tokens that were kept are priced as they are billed. It goes with Claude and Nova.",
        )


def marked(messages: list[dict[str, Any]], place: str | None) -> list[dict[str, Any]]:
    """The messages in OpenAI's form with marks at the end of the instructions, and at that of the conversation."""
    if not place:
        return messages
    heads = [i for i, message in enumerate(messages) if message["role"] == "system"]
    ends = {heads[-1]} if heads else set()
    if place == "conversation":
        ends.add(len(messages) - 1)
    return [_with_mark(message) if i in ends else message for i, message in enumerate(messages)]


def _with_mark(message: dict[str, Any]) -> dict[str, Any]:
    content = message["content"]
    if not content:
        return message  # Anthropic refuses marks of empty texts
    if message["role"] in ("tool", "assistant"):
        return {**message, "cache_control": _MARK}
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else [dict(part) for part in content]
    return {**message, "content": [*parts[:-1], {**parts[-1], "cache_control": _MARK}]}
