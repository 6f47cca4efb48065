"""What was wrong with one agent's own answer, and which settings its model was not sent.

Invariant: what is said here follows from the request and the response alone, so a resumed run stores the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from ..models.sampling import NOT_SENT
from ..records import Message, Response, Sampling

CUT_OFF = "cut off"
LONGEST = 300  # characters of a provider's sentence
ECHO = 20  # characters from which an answer that repeats a message is an echo and no coincidence
_NEUTRAL = {f.name: f.default for f in fields(Sampling) if f.name != "max_tokens"}


def answer_fault(response: Response, messages: Sequence[Message], read: bool) -> str:
    """What was wrong with an answer; "" where nothing was.

    Args:
        messages: what was asked; none where that is not known.
        read: whether what the agent was asked for could be read: an answer that is cut off behind it is whole.

    Returns:
        "failed: WHY" and "refused: WHY" with the provider's words, "empty", "cut off", with how many tokens of thinking
        where there is no text, or "echo" where it repeats what it was asked.
    """
    said = response.text.strip()
    if response.status == "error":
        return f"failed: {_sentence(response.error or response.text)}"
    if response.status == "refused":
        return f"refused: {_sentence(response.error or response.text)}"
    if response.status == "truncated" and not read:
        thought = response.usage.reasoning_tokens
        return (
            CUT_OFF if said else f"{CUT_OFF} before its first word" + (f", thinking {thought} tokens" * bool(thought))
        )
    if not said:
        return "" if response.tool_calls else "empty"
    if len(said) >= ECHO and any(said == m.content.strip() for m in messages if m.role != "assistant"):
        return "echo"
    return ""


def unsent_settings(sampling: Sampling, response: Response) -> dict[str, str]:
    """The settings that the request holds and the model was not sent, with their values as text.

    A setting at its neutral value (temperature 1, top_p 1, nothing to stop at, nothing to choose from) is none: without
    it the model does the same. A seed is none either: it names the draw.
    """
    if not (reported := response.reported.get("not_sent")):
        return {}
    names = set(reported.split(",")) & {f.name for f in fields(Sampling)}
    asked = {name: getattr(sampling, name) for name in sorted(names)}
    return {name: _value(name, v) for name, v in asked.items() if name not in _NEUTRAL or v != _NEUTRAL[name]}


def _value(name: str, value: Any) -> str:
    if name in NOT_SENT:
        return "set"  # what it lists differs from situation to situation
    return " ".join(map(repr, value)) if isinstance(value, tuple) else f"{value:g}"


def _sentence(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 3]}..."
