"""OpenAI's Responses API, for models that have no other.

Invariant: nothing is kept by the provider (`store` is false), and an answer in this form is read by the same rules as
any other: it is put into the form of a chat completion, which `parse_completion` reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import Unavailable
from ...records import Message

__all__ = ["ONLY_RESPONSES", "as_completion", "responses_body"]

ONLY_RESPONSES = "v1/responses"
"""What the sentence names by which a provider says that a model has no chat completions."""

_NO_SUCH = frozenset(("seed", "stop", "n"))
_RENAMED = {"max_tokens": "max_output_tokens", "max_completion_tokens": "max_output_tokens"}
LEAST_TOKENS = 16  # a smaller limit is refused


def responses_body(template: Mapping[str, Any], messages: Sequence[Message]) -> dict[str, Any]:
    """The body of a request, from that of a chat completion without its messages."""
    body: dict[str, Any] = {"store": False}
    for name, value in template.items():
        if name in _RENAMED:
            body[_RENAMED[name]] = max(LEAST_TOKENS, value)
        elif name == "reasoning_effort":
            body["reasoning"] = {**body.get("reasoning", {}), "effort": value}
        elif name == "reasoning":
            body["reasoning"] = {**body.get("reasoning", {}), **value}
        elif name not in _NO_SUCH:
            body[name] = value
    body["input"] = [{"role": m.role, "content": m.content} for m in messages]
    return body


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
    parts = [p for item in output if isinstance(item, dict) for p in _parts(item, "message", "content")]
    thoughts = [p for item in output if isinstance(item, dict) for p in _parts(item, "reasoning", "summary")]
    message: dict[str, Any] = {
        "content": "".join(str(p.get("text") or "") for p in parts if p.get("type") == "output_text"),
        "refusal": "".join(str(p.get("refusal") or "") for p in parts if p.get("type") == "refusal") or None,
        "reasoning_content": "\n".join(str(p.get("text") or "") for p in thoughts) or None,
    }
    finish = "stop"
    if body.get("status") == "incomplete":
        details = body.get("incomplete_details")
        finish = str(details.get("reason") if isinstance(details, dict) else "") or "length"
    return {
        "model": body.get("model"),
        "choices": [{"message": message, "finish_reason": finish}],
        "usage": _usage(body.get("usage")),
    }


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
