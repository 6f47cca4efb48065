"""What providers say when they fail, made fit to be stored: no key in the text, and how long they ask to wait.

Invariant: nothing here decides whether to try again; that is the gateway's.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["retry_after", "scrubbed"]

LONGEST = 500  # characters of a provider's message that are kept
_LOOKS_SECRET = re.compile(r"(?:sk-|key-|Bearer\s+)[\w\-.*]{6,}")
_NAMES_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")


def scrubbed(text: str) -> str:
    """The first line of a provider's message without anything that is or looks like a credential.

    Every environment variable that is named like one counts as one, so keys of any shape are found.
    """
    line = text.partition("\n")[0]
    for name, value in os.environ.items():
        if len(value) >= 8 and _NAMES_SECRET.search(name.upper()):
            line = line.replace(value, "[key]")
    return _LOOKS_SECRET.sub("[key]", line)[:LONGEST]


def retry_after(headers: Mapping[str, str] | None) -> float | None:
    """Seconds that a `Retry-After` header asks to wait (a number or a date), None where it does not say."""
    lower = {str(name).lower(): str(value) for name, value in (headers or {}).items()}
    if lower.get("retry-after-ms"):
        return _seconds(lower["retry-after-ms"], 1e-3)
    said = lower.get("retry-after", "")
    seconds = _seconds(said)
    if seconds is not None or not said:
        return seconds
    try:
        when = parsedate_to_datetime(said)
    except ValueError:
        return None
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _seconds(text: str, unit: float = 1.0) -> float | None:
    try:
        number = float(text) * unit
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
