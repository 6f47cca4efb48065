"""Turns the failures of providers into typed errors: without any key in the text, and with the wait that they ask for.

Invariant: nothing here decides whether to try again; the gateway decides.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ...errors import Denied, ModelError, RateLimited, Rejected, Unavailable
from ..secrets import HIDDEN, may_be_keys

__all__ = ["LOST", "causes", "error_of_status", "is_filtered", "message_of", "retry_after", "scrubbed"]

LOST = frozenset((408, 502, 504, 524))  # a proxy or gateway gave up waiting: the request may have been served
LONGEST = 500  # characters of a message that are kept
_LOOKS_SECRET = re.compile(r"(?:sk-|key-|Bearer\s+|Basic\s+)[\w\-.*+/=]{6,}")
_USERINFO = re.compile(r"(?<=://)[^\s/@]+@")
_IN_A_QUERY = re.compile(r"([?&](?:[\w\-]*key|token|sig|signature|secret|password|access_token)=)[^&\s\"']+", re.I)
_FILTERED = ("content_filter", "content management policy", "content_policy", "safety system")


def scrubbed(text: str) -> str:
    """The first line of a provider's message without anything that is or looks like a credential.

    Every value that was read as a key counts as one, and so does the value of every environment variable that is named
    like a key. So keys of any shape are found, if they have at least 8 characters.
    """
    line = text[: 20 * LONGEST].partition("\n")[0]
    for value in may_be_keys():
        line = line.replace(value, HIDDEN)
    line = _IN_A_QUERY.sub(r"\1[key]", _USERINFO.sub("[key]@", line))
    return _LOOKS_SECRET.sub("[key]", line)[:LONGEST]


def is_filtered(text: str) -> bool:
    """Whether the text or code of an error names a content filter."""
    return any(mark in text.lower() for mark in _FILTERED)


def error_of_status(name: str, status: int, message: str, code: str, headers: Mapping[str, str] | None) -> ModelError:
    """The typed error of an HTTP status that brings no answer.

    Args:
        name: the model.
        message: the provider's own, raw.
        code: the provider's own code of the error, if it gave one.
    """
    text, wait, full = scrubbed(message), retry_after(headers), f"{message} {code}".lower()
    if status == 402 or (status == 429 and "insufficient_quota" in full):
        return Denied(f"the quota of {name} is used up", text, "Top it up and resume the run.")
    if status == 429:
        return RateLimited(f"{name} asks to slow down", text, retry_after=wait)
    if status == 503 and wait is not None:
        return RateLimited(f"{name} is overloaded", text, retry_after=wait)
    if status in (401, 403, 404, 407):
        return Denied(f"{name} refused the credentials or is unknown to its provider", text, "Check key and name.")
    if 300 <= status < 400:
        return Denied(f"{name} has moved", "the provider redirects, and a key is not carried on", "Set its api_base.")
    if status in (408, 409, 425) or status >= 500 or status < 400:
        return Unavailable(f"{name} failed", f"status {status}: {text}", fault="server error")
    if is_filtered(full):
        return Rejected(f"{name} filtered the request", text, refusal=True)
    return Rejected(f"{name} refused the request", text)


def causes(error: BaseException) -> list[BaseException]:
    """An exception and its causes, outermost first."""
    chain: list[BaseException] = []
    inner: BaseException | None = error
    while inner is not None and inner not in chain:
        chain.append(inner)
        inner = inner.__cause__ or inner.__context__
    return chain


def message_of(body: Any) -> tuple[str, str]:
    """(message, code) of an error's body, in any of the forms that providers use."""
    error = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(error, dict):
        message = error.get("message") or error.get("detail") or error.get("msg") or ""
        return str(message), str(error.get("code") or error.get("type") or "")
    return str(error or ""), ""


def retry_after(headers: Mapping[str, str] | None) -> float | None:
    """The seconds that a `Retry-After` header asks to wait (a number or a date); None where there is none."""
    lower = {str(name).lower(): str(value) for name, value in (headers or {}).items()}
    if lower.get("retry-after-ms"):
        return _seconds(lower["retry-after-ms"], 1e-3)
    value = lower.get("retry-after", "")
    seconds = _seconds(value)
    if seconds is not None or not value:
        return seconds
    try:
        when = parsedate_to_datetime(value)
        return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())
    except (ValueError, OverflowError):  # no date, or a year or an offset out of range
        return None


def _seconds(text: str, unit: float = 1.0) -> float | None:
    try:
        number = float(text) * unit
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
