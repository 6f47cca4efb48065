"""Conversations in OpenAI's chat form, as messages and turns: texts, content parts, calls of tools and their results.

Invariants: nothing that was said is lost, whatever form it has; the last thing that the assistant said, or the call
that it ended with, is its answer, and everything before it is what it answered to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ..records import Message, Turn
from .records import AGENT, ROLE

__all__ = ["Conversation", "conversation_of", "text_of"]

_ROLES = {
    "system": "system",
    "developer": "system",
    "assistant": "assistant",
    "ai": "assistant",
    "model": "assistant",
    "agent": "assistant",
}


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is known of a conversation.

    Attributes:
        before: everything before the last answer; answer: its text, with its calls of tools.
        turns: what the assistant said before, one turn each; reasoning: its thought at the end, where it is apart.
        calls: how often the assistant spoke; question: the first thing that a user said.
        tools: how many calls of tools it made; silent: how many of its turns with calls hold no text beside them.
    """

    before: tuple[Message, ...]
    answer: str
    turns: tuple[Turn, ...]
    reasoning: str
    calls: int
    question: str
    tools: int = 0
    silent: int = 0


def conversation_of(messages: Sequence[Any]) -> Conversation | None:
    """A list of chat messages; None where it is none, or no assistant speaks in it."""
    read = [_message(m) for m in messages]
    if not read or any(m is None for m in read):
        return None
    known = [m for m in read if m is not None]
    spoken = [i for i, (m, _, _) in enumerate(known) if m.role == "assistant"]
    if not spoken:
        return None
    last = spoken[-1]
    turns = tuple(Turn(agent=f"{AGENT}.{n}", role=ROLE, text=known[i][0].content) for n, i in enumerate(spoken[:-1], 1))
    with_calls = [(known[i][0], known[i][1]) for i in spoken if known[i][1]]
    return Conversation(
        before=tuple(m for m, _, _ in known[:last]),
        answer=known[last][0].content,
        turns=turns,
        reasoning=known[last][2],
        calls=len(spoken),
        question=next((m.content for m, _, _ in known if m.role == "user"), ""),
        tools=sum(n for _, n in with_calls),
        silent=sum(m.content.startswith("[calls ") for m, _ in with_calls),
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
    if kind in ("tool_use", "tool-call") and "name" in part:
        return _call(part.get("name"), part.get("input", part.get("args", {})))
    return "" if kind in ("thinking", "reasoning") else f"[{kind}]"


def _message(raw: Any) -> tuple[Message, int, str] | None:
    """(message, how many tools it calls, its thought); None where it is no message."""
    if not isinstance(raw, Mapping):
        return None
    role = str(raw.get("role") or raw.get("type") or "").casefold()
    content = text_of(raw.get("content"))
    calls = [*_calls(raw.get("tool_calls")), *_calls([raw["function_call"]] if raw.get("function_call") else None)]
    if role in ("tool", "function"):
        return (
            Message("user", f"[result of {raw.get('name') or raw.get('tool_call_id') or 'a tool'}]\n{content}"),
            0,
            "",
        )
    if not role or (not content and not calls and "content" not in raw):
        return None
    kind = _ROLES.get(role, "user")
    text = "\n".join(filter(None, [content, *calls]))
    thought = text_of(raw.get("reasoning_content") or raw.get("reasoning")) if kind == "assistant" else ""
    return Message(kind, text), len(calls), thought  # type: ignore[arg-type]


def _calls(raw: Any) -> list[str]:
    if not isinstance(raw, list):
        return []
    made = []
    for call in raw:
        if isinstance(call, Mapping):
            function = call.get("function") if isinstance(call.get("function"), Mapping) else call
            assert isinstance(function, Mapping)
            made.append(_call(function.get("name"), function.get("arguments", function.get("args", {}))))
    return made


def _call(name: Any, arguments: Any) -> str:
    written = arguments if isinstance(arguments, str) else orjson.dumps(arguments, default=str).decode()
    return f"[calls {name}({written})]"
