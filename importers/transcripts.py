"""Transcripts in OpenAI's chat form, as messages and turns: texts, content parts, calls of tools and their results.

Invariants: nothing that was said is lost, whatever form it has; the last thing that the assistant said, or the call
that it ended with, is its answer, and everything before it is what it answered to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ..records import Message, ToolCall, Turn
from .records import AGENT, ROLE

_ROLES = {
    "system": "system",
    "developer": "system",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "agent": "assistant",
}


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is known of a conversation.

    Attributes:
        before: everything before the last answer; answer: its text, with its calls of tools.
        turns: what the assistant said before, one turn each; reasoning: its thought at the end, where it is apart.
        calls: how often the assistant spoke; question: the first thing that a user said.
        tool_calls: the calls that the answer ends with.
        tools: how many calls of tools it made; silent: how many of its turns with calls hold no text beside them.
    """

    before: tuple[Message, ...]
    answer: str
    turns: tuple[Turn, ...]
    reasoning: str
    calls: int
    question: str
    tool_calls: tuple[ToolCall, ...] = ()
    tools: int = 0
    silent: int = 0


def transcript_of(messages: Sequence[Any]) -> Transcript | None:
    """A list of chat messages; None where it is none, or no assistant speaks in it."""
    read = [_message(m) for m in messages]
    if not read or any(m is None for m in read):
        return None
    known = [m for m in read if m is not None]
    spoken = [i for i, m in enumerate(known) if m.role == "assistant"]
    if not spoken:
        return None
    last = spoken[-1]
    turns = tuple(Turn(agent=f"{AGENT}.{n}", role=ROLE, text=known[i].shown) for n, i in enumerate(spoken[:-1], 1))
    with_calls = [known[i] for i in spoken if known[i].tool_calls]
    return Transcript(
        before=tuple(known[:last]),
        answer=known[last].content,
        turns=turns,
        reasoning=known[last].reasoning,
        calls=len(spoken),
        question=next((m.content for m in known if m.role == "user"), ""),
        tool_calls=known[last].tool_calls,
        tools=sum(len(m.tool_calls) for m in with_calls),
        silent=sum(not m.content.strip() for m in with_calls),
    )


def text_of(content: Any) -> str:
    """The text of a message's content: itself, or its parts; what is no text by its kind."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if isinstance(content, Mapping):
        content = [content]
    if not isinstance(content, list):
        return orjson.dumps(content, default=str).decode()
    return "\n".join(filter(None, map(_part, content)))


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, Mapping):
        return str(part)
    text = part.get("text") or part.get("content")
    if isinstance(text, str):
        return text
    if isinstance(text, Mapping) and isinstance(text.get("value"), str):
        return str(text["value"])
    kind = str(part.get("type", "part"))
    return "" if kind in ("thinking", "reasoning", "tool_use", "tool-call") else f"[{kind}]"


def _message(raw: Any) -> Message | None:
    """A message; None where it is none."""
    if not isinstance(raw, Mapping):
        return None
    role = str(raw.get("role") or raw.get("type") or "").casefold()
    content = text_of(raw.get("content"))
    if role in ("tool", "function"):
        return Message("tool", content, tool_call_id=_text(raw.get("tool_call_id")), name=_text(raw.get("name")))
    calls = (*_calls(raw.get("tool_calls")), *_calls([raw["function_call"]] if raw.get("function_call") else None))
    calls = (*calls, *_calls(_blocks(raw.get("content"))))
    if not role or (not content and not calls and "content" not in raw):
        return None
    kind = _ROLES.get(role, "user")
    thought = text_of(raw.get("reasoning_content") or raw.get("reasoning")) if kind == "assistant" else ""
    return Message(kind, content, tool_calls=calls, reasoning=thought)  # type: ignore[arg-type]


def _blocks(content: Any) -> list[Any]:
    """The parts of a content that are calls of tools."""
    parts = content if isinstance(content, list) else []
    return [p for p in parts if isinstance(p, Mapping) and p.get("type") in ("tool_use", "tool-call") and "name" in p]


def _calls(raw: Any) -> tuple[ToolCall, ...]:
    if not isinstance(raw, list):
        return ()
    made = []
    for call in raw:
        if isinstance(call, Mapping):
            named = call.get("function")
            function = named if isinstance(named, Mapping) else call
            given: Any = next((function[k] for k in ("arguments", "args", "input") if function.get(k) is not None), {})
            written = given if isinstance(given, str) else orjson.dumps(given, default=str).decode()
            name = function.get("name") or named
            made.append(ToolCall(_text(name), written, _text(call.get("id") or call.get("tool_call_id"))))
    return tuple(made)


def _text(value: Any) -> str:
    return "" if value is None else str(value)
