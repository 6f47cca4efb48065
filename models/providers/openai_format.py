"""Turns a provider's JSON in OpenAI's form into a response, whichever transport carried it.

Invariant: everything is checked before it is used. A body without a choice, or whose content is no text, is a malformed
answer (`Unavailable`). Token counts that are absent, or are no counts, are "not counted" and never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import Unavailable
from ...records import Response, Status, Usage
from ..base import UNCOUNTED

__all__ = ["parse_completion", "status_of"]

# The finish reasons of answers that were cut off or withheld, in lower case.
_STATUSES: dict[str, Status] = {
    **dict.fromkeys(("length", "max_tokens", "model_length"), "truncated"),
    **dict.fromkeys(
        ("content_filter", "refusal", "safety", "recitation", "blocklist", "prohibited_content"), "refused"
    ),
}


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
    if finish == "error":
        raise Unavailable("the provider broke off its answer", fault="server error", lost=True)
    text, refused = _text(choice)
    reported = {"model": _short_text(body.get("model")), "not_sent": not_sent}
    fingerprint = _short_text(body.get("system_fingerprint"))
    if fingerprint:
        reported["fingerprint"] = fingerprint
    usage = _usage(body.get("usage"))
    if usage is None:
        reported |= UNCOUNTED
    status = "refused" if refused else status_of(finish)
    return Response(text, status, finish, usage or Usage(), reported=reported, reasoning=_reasoning(choice))


def _reasoning(choice: Mapping[str, Any]) -> str:
    """What was thought, where the provider sends it beside the answer."""
    message = choice.get("message")
    named = (message.get(name) for name in ("reasoning_content", "reasoning")) if isinstance(message, dict) else ()
    return next((part for part in named if isinstance(part, str)), "")


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
    return Usage(*counts)
