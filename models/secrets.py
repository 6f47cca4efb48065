"""Keys: which there are, and what is done where one turns up in a text.

Invariant: no key reaches a prompt, a ledger, a log or a report. Messages of providers are scrubbed of whatever may be
one (`scrubbed` of `faults.py`). What a model is asked and what it answers is touched only where it holds what is surely
one, since a word that is taken out of a prompt by mistake would change what is measured.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace

from ..errors import BadOption
from ..records import Response

__all__ = ["keep_secret", "keys", "may_be_keys", "refuse_keys", "without_keys"]

HIDDEN = "[key]"
SHORTEST = 8  # characters of what is taken out of messages
SURE = 16  # characters of what is surely a key, if it has letters and digits and no white space
_NAMES_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")
_kept: dict[str, str] = {}


def keep_secret(key: str, variable: str) -> None:
    """Hold a key to be one from now on, whatever the name of its variable."""
    _kept[key] = variable


def may_be_keys() -> list[str]:
    """Every value that is or may be a key, longest first: one may be the beginning of another."""
    return sorted((value for value in _named() if len(value) >= SHORTEST), key=len, reverse=True)


def keys() -> dict[str, str]:
    """Every value that is surely a key, longest first, and its variable."""
    return {value: name for value, name in sorted(_named().items(), key=lambda n: -len(n[0])) if _sure(value)}


def refuse_keys(texts: Iterable[str], known: dict[str, str], where: str) -> None:
    """See that no key is about to be sent or stored.

    Raises:
        BadOption: `where` holds one.
    """
    for text in texts:
        for key, name in known.items():
            if key in text:
                raise BadOption(
                    f"{where} holds the value of the environment variable {name}", "it would be sent or stored",
                    "Take it out: no key belongs into a task, a wording or an option.",
                )  # fmt: skip


def without_keys(response: Response, known: dict[str, str]) -> Response:
    """An answer in which each key is replaced by `[key]`."""
    if not any(key in text for key in known for text in (response.text, *response.reported.values())):
        return response
    return replace(
        response,
        text=_hidden(response.text, known),
        reported={k: _hidden(v, known) for k, v in response.reported.items()},
    )


def _hidden(text: str, known: Iterable[str]) -> str:
    for key in known:
        text = text.replace(key, HIDDEN)
    return text


def _named() -> dict[str, str]:
    """Values of variables that are named like keys, and of those that models read."""
    return {value: name for name, value in os.environ.items() if _NAMES_SECRET.search(name.upper())} | _kept


def _sure(value: str) -> bool:
    mixed = any(c.isalpha() for c in value) and any(c.isdigit() for c in value)
    plain = not any(c.isspace() or c == os.sep for c in value)
    return plain and mixed and len(value) >= SURE
