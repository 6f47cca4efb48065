"""OpenAI's Responses API, for models that have no other.

A request is put from the form of chat completions into that of this API, and its answer back, so that both are made and
read by the same rules as any other.

Invariant: nothing is kept by the provider (`store` is false).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...errors import Unavailable

ONLY_RESPONSES = "v1/responses"
"""What the sentence names by which a provider says that a model has no chat completions."""

LEAST_TOKENS = 16  # a smaller limit is refused
_NO_SUCH = frozenset(("seed", "stop", "n"))
_LIMITS = ("max_tokens", "max_completion_tokens")


def responses_body(chat: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request, from that of a chat completion."""
    body: dict[str, Any] = {"store": False}
    for name, value in chat.items():
        if name in _LIMITS:
            body["max_output_tokens"] = max(LEAST_TOKENS, value)
        elif name == "messages":
            body["input"] = [item for message in value for item in _items(message)]
        elif name == "reasoning_effort":
            body.setdefault("reasoning", {})["effort"] = value
        elif name == "reasoning":
            body["reasoning"] = {**value, **body.get("reasoning", {})}
        elif name == "tools":
            body["tools"] = [{"type": "function", **tool["function"]} for tool in value]
        elif name == "tool_choice":
            named = isinstance(value, Mapping)
            body["tool_choice"] = {"type": "function", "name": value["function"]["name"]} if named else value
        elif name == "response_format":
            body["text"] = {"format": {"type": value["type"], **value.get("json_schema", {})}}
        elif name == "logprobs":
            body["include"] = ["message.output_text.logprobs"]
        elif name not in _NO_SUCH:
            body[name] = value
    return body


def _items(message: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A message as the items of an input: what is said, then each call."""
    content = message.get("content")
    if message["role"] == "tool":
        yield {"type": "function_call_output", "call_id": message["tool_call_id"], "output": content}
        return
    if content:
        parts = content if isinstance(content, str) else [_part(p) for p in content]
        yield {"role": message["role"], "content": parts}
    for call in message.get("tool_calls") or ():
        yield {"type": "function_call", "call_id": call["id"], **call["function"]}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    if part["type"] == "text":
        return {"type": "input_text", "text": part["text"]}
    image = part["image_url"]
    return {"type": "input_image", "image_url": image["url"], "detail": image.get("detail", "auto")}


def as_completion(body: Any) -> dict[str, Any]:
    """An answer in the form of a chat completion.

    Raises:
        Unavailable: the body holds no answer, or says that there is none.
    """
    output = body.get("output") if isinstance(body, dict) else None
    if not isinstance(output, list):
        raise Unavailable("the provider's answer holds no output", fault="malformed", lost=True)
    if body.get("status") == "failed":
        raise Unavailable("the provider broke off its answer", str(body.get("error"))[:300], fault="server error")
    items = [item for item in output if isinstance(item, dict)]
    parts = [part for item in items for part in _parts(item, "message", "content")]
    texts = [p for p in parts if p.get("type") == "output_text"]
    thoughts = [str(part.get("text") or "") for item in items for part in _parts(item, "reasoning", "summary")]
    calls = [_call(item) for item in items if item.get("type") == "function_call"]
    message = {
        "content": "".join(str(p.get("text") or "") for p in texts),
        "refusal": "".join(str(p.get("refusal") or "") for p in parts if p.get("type") == "refusal") or None,
        "reasoning_content": "\n".join(thoughts) or None,
        "tool_calls": calls,
    }
    finish = "tool_calls" if calls else "stop"
    if body.get("status") == "incomplete":
        details = body.get("incomplete_details")
        finish = str(details.get("reason") if isinstance(details, dict) else "") or "length"
    told = [token for part in texts for token in part.get("logprobs") or ()]
    return {
        "model": body.get("model"),
        "choices": [{"message": message, "finish_reason": finish, "logprobs": {"content": told} if told else None}],
        "usage": _usage(body.get("usage")),
    }


def _call(item: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": item.get("name"), "arguments": item.get("arguments")}
    return {"id": item.get("call_id"), "type": "function", "function": function}


def _parts(item: Mapping[str, Any], kind: str, name: str) -> list[dict[str, Any]]:
    parts = item.get(name) if item.get("type") == kind else None
    return [p for p in parts if isinstance(p, dict)] if isinstance(parts, list) else []


def _usage(usage: Any) -> dict[str, Any] | None:
    if not isinstance(usage, dict):
        return None
    return {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": usage.get("input_tokens_details"),
        "completion_tokens_details": usage.get("output_tokens_details"),
    }
