"""An answer in Anthropic's form as a chat completion, for its batch endpoint: litellm reads all others."""

from __future__ import annotations

from typing import Any

import orjson

from ...errors import Unavailable

_FINISH = {"end_turn": "stop", "stop_sequence": "stop", "tool_use": "tool_calls", "max_tokens": "length"}


def anthropic_completion(body: Any) -> dict[str, Any]:
    """An answer in the form of a chat completion.

    Raises:
        Unavailable: the body holds no answer.
    """
    blocks = body.get("content") if isinstance(body, dict) else None
    if not isinstance(blocks, list):
        raise Unavailable("the provider's answer holds no content", fault="malformed", lost=True)
    blocks = [b for b in blocks if isinstance(b, dict)]
    thoughts = [b for b in blocks if b.get("type") in ("thinking", "redacted_thinking")]
    calls = [
        {
            "id": b.get("id"),
            "type": "function",
            "function": {"name": b.get("name"), "arguments": orjson.dumps(b.get("input") or {}).decode()},
        }
        for b in blocks
        if b.get("type") == "tool_use"
    ]
    message = {
        "content": "".join(str(b.get("text") or "") for b in blocks if b.get("type") == "text"),
        "thinking_blocks": thoughts or None,
        "tool_calls": calls,
    }
    reason = str(body.get("stop_reason") or "stop")
    choice = {"message": message, "finish_reason": _FINISH.get(reason, reason)}
    return {"model": body.get("model"), "choices": [choice], "usage": _usage(body.get("usage"))}


def _usage(usage: Any) -> dict[str, Any] | None:
    """Anthropic counts what was cached beside the rest of a prompt."""
    if not isinstance(usage, dict):
        return None
    read, written = usage.get("cache_read_input_tokens") or 0, usage.get("cache_creation_input_tokens") or 0
    prompt = usage.get("input_tokens")
    return {
        "prompt_tokens": prompt + read + written if isinstance(prompt, int) else None,
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": {"cached_tokens": read},
        "cache_creation_input_tokens": written,
    }
