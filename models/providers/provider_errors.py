"""Turns the failures of providers into typed errors: without any key in the text, and with the wait that they ask for.

Invariant: nothing here decides whether to try again; the gateway decides.
"""

from __future__ import annotations

import json
import math
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from ...errors import Denied, ModelError, RateLimited, Rejected, Unavailable
from ..account_faults import CREDIT, account_fault, is_about_the_prompt, is_filtered
from ..secrets import HIDDEN, may_be_keys

LOST = frozenset((408, 502, 504, 524))  # a proxy or gateway gave up waiting: the request may have been served
LONGEST = 2000  # characters of a message that are kept
SET_UP = frozenset((401, 402, 403, 404, 405, 407, 410, 412, 451))
"""Statuses that speak of the account or the set-up, unless the text says that one prompt is refused."""
_LOOKS_SECRET = re.compile(r"(?:sk-|key-|Bearer\s+|Basic\s+)[\w\-.*+/=]{6,}")
_USERINFO = re.compile(r"(?<=://)[^\s/@]+@")
_IN_A_QUERY = re.compile(r"([?&](?:[\w\-]*key|token|sig|signature|secret|password|access_token)=)[^&\s\"']+", re.I)
_IN_MEMORY = re.compile(r"(?: ssl:)?<[\w.]+ object at 0x[0-9a-f]+>")  # says nothing to a reader
_TRACE = "Traceback (most recent call last)"


def scrubbed(text: str) -> str:
    """A provider's message on one line, without anything that is or looks like a credential.

    Every value that was read as a key counts as one, and so does the value of every environment variable that is named
    like a key. So keys of any shape are found, if they have at least 8 characters. A client's own stack trace behind
    the message is left out, and so are objects by their address in memory.
    """
    line = " ".join(text[: 20 * LONGEST].partition(_TRACE)[0].split())
    for value in may_be_keys():
        line = line.replace(value, HIDDEN)
    line = _IN_A_QUERY.sub(r"\1[key]", _USERINFO.sub("[key]@", _IN_MEMORY.sub("", line)))
    return _LOOKS_SECRET.sub("[key]", line)[:LONGEST]


def error_of_status(name: str, status: int, message: str, code: str, headers: Mapping[str, str] | None) -> ModelError:
    """The typed error of an HTTP status that brings no answer.

    Where it may refuse a parameter, it holds all that the provider `said`.

    What the provider's text says goes before the status: an empty account comes as 400, 403, 412 or 429, and a prompt
    that is too long or filtered comes as 403.

    Args:
        name: the model.
        message: the provider's own, raw.
        code: the provider's own codes and types of the error, if it gave any.
    """
    error = _typed(name, status, message, code, headers)
    full = f"{message} {code}"
    teaches = status in (400, 403, 422) or (status == 404 and "v1/responses" in full)
    if teaches and isinstance(error, Denied | Rejected) and not is_filtered(full):
        error.said = scrubbed(full)
    return error


def error_in_answer(name: str, body: Any) -> ModelError | None:
    """The typed error that stands in the place of an answer, in a body of status 200; None where there is none."""
    if not isinstance(body, dict) or not body.get("error"):
        return None
    message, code = message_of(body)
    status = next((int(c) for c in code.split() if c.isdecimal() and len(c) == 3), 500)
    error = error_of_status(name, status, message, code, None)
    if isinstance(error, Unavailable):
        error.lost = status in LOST
    return error


def _typed(name: str, status: int, message: str, code: str, headers: Mapping[str, str] | None) -> ModelError:
    text, full = scrubbed(message), f"{message} {code}"
    wait = retry_after(headers)
    wait = wait_in(full) if wait is None else wait
    fault = account_fault(full, status)
    if fault is not None:
        return Denied(fault.what.format(name), text or scrubbed(code), fault.remedy)
    if status == 402:
        return Denied(CREDIT.what.format(name), text, CREDIT.remedy)
    if status == 429:
        return RateLimited(f"{name} asks to slow down", text, retry_after=wait)
    if status == 503 and wait is not None:
        return RateLimited(f"{name} is overloaded", text, retry_after=wait)
    if status in SET_UP and (status in (401, 404, 407) or not is_about_the_prompt(full)):
        return Denied(f"{name} refused the credentials or is unknown to its provider", text, "Check key and name.")
    if 300 <= status < 400:
        return Denied(f"{name} has moved", "the provider redirects, and a key is not carried on", "Set its api_base.")
    if status in (408, 409, 425) or status >= 500 or status < 400:
        return Unavailable(f"{name} failed", f"status {status}: {text}", fault="server error")
    if is_filtered(full):
        return Rejected(f"{name} filtered the request", text, refusal=True)
    return Rejected(f"{name} refused the request", text)


def untrusted(name: str, error: BaseException) -> Denied | None:
    """The typed error where nobody vouches for a server's certificate; None where it was something else."""
    chain = causes(error)
    if not any(isinstance(e, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(e) for e in chain):
        return None
    return Denied(
        f"the server of {name} cannot be trusted",
        scrubbed(str(error)),
        "Check api_base, or name the file of its certificate authority in SSL_CERT_FILE.",
    )


def causes(error: BaseException) -> list[BaseException]:
    """An exception and its causes, outermost first."""
    chain: list[BaseException] = []
    inner: BaseException | None = error
    while inner is not None and inner not in chain:
        chain.append(inner)
        inner = inner.__cause__ or inner.__context__
    return chain


def message_of(body: Any) -> tuple[str, str]:
    """(sentence, codes and types) of an error's body, in any of the forms that providers use."""
    if isinstance(body, list) and body:
        body = body[0]
    error = body.get("error", body) if isinstance(body, dict) else body
    outer = body if isinstance(body, dict) and error is not body else {}
    if not isinstance(error, dict):
        return _sentence(error) or _sentence(outer.get("message")), _codes(outer)
    keys = ("message", "detail", "msg", "Message")
    sentence = next((s for k in keys if (s := _sentence(error.get(k)))), "")
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None  # OpenRouter: what the provider behind it said
    if raw:
        inner, codes = message_of(_parsed(raw))
        return f"{sentence}: {inner}" if inner else sentence, f"{_codes(error)} {codes}".strip()
    return sentence, f"{_codes(error)} {_codes(outer)}".strip()


def sentence_of(text: str) -> tuple[str, str]:
    """(sentence, codes and types) of a client's exception, whose text may hold the provider's JSON behind a preface."""
    begin = text.find("{")
    if begin < 0:
        return text, ""
    try:
        body, _ = json.JSONDecoder(strict=False).raw_decode(text[begin:])
    except ValueError:
        return text, ""
    sentence, codes = message_of(body)
    return (f"{text[:begin].rstrip(' -b[')}: {sentence}" if sentence else text), codes


def _parsed(raw: Any) -> Any:
    try:
        return json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        return raw


def _sentence(value: Any) -> str:
    """The text of a message; a list of findings, as validators give it, becomes "where: what" for each."""
    if isinstance(value, dict):
        return _sentence(value.get("detail") or value.get("message") or value.get("msg"))
    if isinstance(value, list):
        found = [(".".join(map(str, f.get("loc", ()))), str(f.get("msg", ""))) for f in value if isinstance(f, dict)]
        return "; ".join(": ".join(filter(None, pair)) for pair in found)
    return str(value or "")


def _codes(error: Mapping[str, Any]) -> str:
    """Every code, type, status and reason of an error, in one text."""
    details = error.get("details")
    told = [d for d in details if isinstance(d, dict)] if isinstance(details, list) else []
    reasons = [d.get("reason") for d in told]
    reasons += [v.get("quotaId") for d in told for v in d.get("violations") or () if isinstance(v, dict)]
    reasons += [f"retry in {d['retryDelay']}" for d in told if isinstance(d.get("retryDelay"), str)]  # Gemini
    values = [*(error.get(k) for k in ("code", "type", "status", "__type", "Code", "param")), *reasons]
    return " ".join(str(v) for v in values if isinstance(v, str | int) and v)


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


def wait_in(text: str) -> float | None:
    """The longest that a provider's sentences ask to wait, in seconds; None where they ask nothing.

    OpenAI, Groq and Azure say it in a sentence, Gemini in a field too (`retryDelay`).
    """
    waits = [sum(float(n) * _unit(u.lower()) for n, u in _SPAN.findall(m[1])) for m in _WAIT.finditer(text)]
    return max(waits, default=None)


def _unit(name: str) -> float:
    return 1e-3 if name.startswith(("ms", "milli")) else {"s": 1.0, "m": 60.0, "h": 3600.0}[name[0]]


_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milliseconds?|s|sec(?:ond)?s?|m|min(?:ute)?s?|h|hours?)(?![a-z])", re.I)
_WAIT = re.compile(
    rf"(?:try again|retry|wait|retrying)(?: your request)?(?: in| after| for)?:?\s+((?:{_SPAN.pattern}\s*)+)", re.I
)


def _seconds(text: str, unit: float = 1.0) -> float | None:
    try:
        number = float(text) * unit
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
