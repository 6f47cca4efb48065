"""Turns a provider's JSON in OpenAI's form into a response, whichever transport carried it.

Invariant: everything is checked before it is used. A body without a choice, or whose content is no text, is a malformed
answer (`Unavailable`). Token counts that are absent, or are no counts, are "not counted" and never 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ...errors import Unavailable
from ...records import Message, Response, Status, TokenLogprob, Tool, ToolCall, Usage
from ..base import UNCOUNTED, WRITTEN

# The finish reasons of answers that were cut off or withheld, in lower case, as the providers' references name them.
_STATUSES: dict[str, Status] = {
    **dict.fromkeys(
        (
            "length", "max_tokens", "model_length", "max_output_tokens", "error_limit", "max_new_tokens",
            "model_context_window_exceeded", "context_length_exceeded", "num_predict", "pause_turn",
        ),
        "truncated",
    ),
    **dict.fromkeys(
        (
            "content_filter", "content_filtered", "refusal", "safety", "recitation", "blocklist", "prohibited_content",
            "spii", "image_safety", "guardrail_intervened", "guardrails", "error_toxic", "sensitive", "moderation",
            "language", "model_armor", "blocked",
        ),
        "refused",
    ),
}  # fmt: skip
LEAST = -9999.0  # what providers put for a probability of 0
BROKEN_OFF = frozenset(
    "error malformed_function_call unexpected_tool_call insufficient_system_resource network_error aborted abort "
    "malformed_model_output malformed_tool_use malformed_response missing_thought_signature too_many_tool_calls "
    "timeout load unload failed cancelled".split()
)
"""The finish reasons of answers that the provider broke off: they are asked for again."""


WANT_THOUGHTS = frozenset(("deepseek", "moonshot"))
"""Providers that refuse a conversation with tools where the thoughts before a call are left out."""
_SENT_BACK = ("thinking_blocks", "reasoning_details")
"""The blocks of an answer that a provider wants back as they are, in the next request of the same conversation."""


def wire_messages(messages: Sequence[Message], thoughts: bool = False) -> list[dict[str, Any]]:
    """Messages in OpenAI's form.

    Args:
        thoughts: whether the provider wants back what the model thought before it called a tool.
    """
    return [{"role": m.role, "content": m.content} if m.is_plain else _wire_message(m, thoughts) for m in messages]


def _wire_message(message: Message, thoughts: bool) -> dict[str, Any]:
    sent: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.parts:
        sent["content"] = [
            {"type": "text", "text": p.text}
            if p.type == "text"
            else {"type": "image_url", "image_url": {"url": p.url, **({"detail": p.detail} if p.detail else {})}}
            for p in message.parts
        ]
    if message.tool_calls:
        called = message.tool_calls
        sent["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in called
        ]
        sent["content"] = sent["content"] or None
    if message.tool_call_id:
        sent["tool_call_id"] = message.tool_call_id
    if message.name and message.role != "tool":
        sent["name"] = message.name
    if message.reasoning and thoughts:
        sent["reasoning_content"] = message.reasoning
    if message.blocks:
        sent |= orjson.loads(message.blocks)
    return sent


def function_tool(tool: Tool) -> dict[str, Any]:
    """A tool in OpenAI's form."""
    function = {"name": tool.name, "description": tool.description, "parameters": orjson.loads(tool.parameters)}
    return {"type": "function", "function": {**function, **({"strict": True} if tool.strict else {})}}


def blocks_of(message: Mapping[str, Any]) -> str:
    """The blocks of an answer that must be sent back with it, as JSON; empty where there are none."""
    blocks = {name: message[name] for name in _SENT_BACK if message.get(name)}
    return orjson.dumps(blocks, default=str).decode() if blocks else ""


def status_of(finish: str) -> Status:
    """The status of an answer with this finish reason."""
    return _STATUSES.get(finish.casefold(), "ok")


def parse_completion(body: Any, not_sent: str = "") -> Response:
    """The first choice of a chat or text completion.

    Args:
        body: the parsed JSON.
        not_sent: names of the settings that the provider cannot take.

    Raises:
        Unavailable: the body holds no answer.
    """
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        raise Unavailable("the provider's answer holds no choice", fault="malformed", lost=True)
    choice = choices[0]
    finish = choice.get("finish_reason")
    finish = finish if isinstance(finish, str) and finish else "stop"
    native = choice.get("native_finish_reason")
    if isinstance(native, str) and status_of(finish) == "ok" and status_of(native) != "ok":
        finish = native
    if finish.casefold() in BROKEN_OFF:
        raise Unavailable(
            "the provider broke off its answer", f"finish reason {finish}", fault="server error", lost=True
        )
    text, refused = _text(choice)
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    calls = _tool_calls(message)
    reported = {"model": _short_text(body.get("model")), "not_sent": not_sent}
    fingerprint = _short_text(body.get("system_fingerprint"))
    if fingerprint:
        reported["fingerprint"] = fingerprint
    usage = _usage(body.get("usage"))
    if written := _written(body.get("usage")):
        reported[WRITTEN] = str(written)
    if usage is None:
        reported |= UNCOUNTED
    return Response(
        text,
        "refused" if refused and not calls else status_of(finish),
        finish,
        usage or Usage(),
        cost=_cost(body.get("usage")),
        reported=reported,
        reasoning=thoughts_of(message),
        tool_calls=calls,
        blocks=blocks_of(message),
        logprobs=_logprobs(choice.get("logprobs")),
    )


def _tool_calls(message: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    """The calls of an answer, those in OpenAI's older form among them.

    Raises:
        Unavailable: one has no name.
    """
    called = message.get("tool_calls") or []
    if not called and isinstance(message.get("function_call"), dict):
        called = [{"function": message["function_call"]}]
    calls = []
    for place, call in enumerate(called if isinstance(called, list) else [None]):
        told = call.get("function") if isinstance(call, dict) else None
        function = told if isinstance(told, dict) else {}
        name = function.get("name")
        if not isinstance(name, str) or not name:
            raise Unavailable("a tool call of the provider's answer has no name", fault="malformed", lost=True)
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()
        calls.append(ToolCall(name, text or "{}", str(call.get("id") or f"call_{place}")))
    return tuple(calls)


def _logprobs(told: Any) -> tuple[TokenLogprob, ...]:
    """Log-probabilities in either of OpenAI's forms, of chats and of completions; empty where there are none."""
    if not isinstance(told, dict):
        return ()
    try:
        if isinstance(told.get("content"), list):
            return tuple(
                TokenLogprob(
                    str(one["token"]),
                    _finite(one["logprob"]),
                    tuple((str(t["token"]), _finite(t["logprob"])) for t in one.get("top_logprobs") or ()),
                )
                for one in told["content"]
            )
        tokens, values = told.get("tokens") or (), told.get("token_logprobs") or ()
        tops = told.get("top_logprobs") or [None] * len(tokens)
        return tuple(
            TokenLogprob(str(t), _finite(v), tuple((str(k), _finite(p)) for k, p in (top or {}).items()))
            for t, v, top in zip(tokens, values, tops, strict=False)
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return ()  # in a form of its own: then there are none that can be read


def _finite(value: Any) -> float:
    number = float(value)
    return number if number > LEAST else LEAST


def _text(choice: Mapping[str, Any]) -> tuple[str, bool]:
    """(text, whether it is a refusal). An answer without any content is an empty text."""
    if "message" not in choice:
        if isinstance(choice.get("text"), str):
            return choice["text"], False
        raise Unavailable("a choice of the provider's answer holds no text", fault="malformed", lost=True)
    message = choice["message"]
    if not isinstance(message, dict):
        raise Unavailable("the message of the provider's answer is no object", fault="malformed", lost=True)
    content, refusal = message.get("content"), message.get("refusal")
    if isinstance(content, str) and (content or not refusal):
        return content, False
    if isinstance(refusal, str) and refusal and not content:
        return refusal, True
    if content is None:
        return "", False
    if isinstance(content, list):  # parts, as some providers answer
        parts = [p.get("text", "") for p in content if isinstance(p, dict) and p.get("type", "text") == "text"]
        if all(isinstance(p, str) for p in parts):
            return "".join(parts), False
    raise Unavailable("the content of the provider's answer is no text", fault="malformed", lost=True)


def thoughts_of(message: Mapping[str, Any]) -> str:
    """What the model thought, in any of the fields in which providers show it."""
    for name in ("reasoning_content", "reasoning", "thinking", "thought"):
        said = message.get(name)
        if isinstance(said, str) and said.strip():
            return said.strip()
    content = message.get("content")
    for parts in (message.get("thinking_blocks"), content, message.get("reasoning_details")):
        found = [t for p in parts if isinstance(p, dict) for t in _thoughts(p)] if isinstance(parts, list) else []
        if found:
            return "\n".join(found).strip()
    return ""


def _thoughts(part: Mapping[str, Any]) -> list[str]:
    """The thoughts in one part of an answer: text, a summary, or a list of parts."""
    if not str(part.get("type", "thinking")).startswith(("thinking", "reasoning", "summary")):
        return []
    for name in ("thinking", "summary", "text", "reasoning"):
        said = part.get(name)
        if isinstance(said, str) and said:
            return [said]
        if isinstance(said, list):
            inner = [p.get("text") for p in said if isinstance(p, dict)]
            return [t for t in inner if isinstance(t, str) and t]
    return []


def _cost(usage: Any) -> float | None:
    """US dollars as the provider says them itself; None where it does not.

    OpenRouter says a number, Perplexity a table with the total, and xAI counts in units of 1e-10 dollars.
    """
    if not isinstance(usage, dict) or usage.get("is_byok"):
        return None
    cost, unit = usage.get("cost"), 1.0
    if isinstance(cost, dict):
        cost = cost.get("total_cost")
    if cost is None:
        cost, unit = usage.get("cost_in_usd_ticks"), 1e-10
    known = isinstance(cost, int | float) and not isinstance(cost, bool) and 0 <= cost * unit < 1e6
    return float(cost) * unit if known and cost is not None else None


def _written(usage: Any) -> int:
    """The prompt's tokens that the provider keeps from now on, as Anthropic counts them."""
    written = usage.get("cache_creation_input_tokens") if isinstance(usage, dict) else None
    return written if isinstance(written, int) and not isinstance(written, bool) and 0 < written < 2**53 else 0


def _short_text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""


def _usage(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    counts: list[Any] = [usage.get("prompt_tokens"), usage.get("completion_tokens")]
    for kind, part in (("prompt_tokens_details", "cached_tokens"), ("completion_tokens_details", "reasoning_tokens")):
        details = usage.get(kind)
        counts.append((details.get(part) or 0) if isinstance(details, dict) else 0)
    if not all(isinstance(n, int) and not isinstance(n, bool) and 0 <= n < 2**53 for n in counts):
        return None
    prompt, completion, cached, reasoning = counts
    if reasoning and usage.get("total_tokens") == prompt + completion + reasoning:
        completion += reasoning  # some providers count thoughts beside the answer
    return Usage(prompt, completion, cached, reasoning)
