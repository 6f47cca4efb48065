"""API keys: which there are, and what is done where one turns up in a text.

Invariant: no key reaches a prompt, a ledger, a log or a report. Whatever may be a key is taken out of providers'
messages (`scrubbed` in `provider_errors.py`). Prompts and answers are touched only where they hold what is surely a
key, since a word taken out by mistake would change what is measured.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace

from ..errors import BadOption
from ..records import Response

HIDDEN = "[key]"
SHORTEST = 8  # characters that a value must have to be taken out of messages
SURE = 16  # characters from which on a value with letters, digits and no white space is surely a key
IN_A_HEADER = "that the header "
"""What a secret's name begins with that stands in a header of a model's table, and in no variable."""
_NAMES_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")
_kept_secret: dict[str, str] = {}


def keep_secret(key: str, variable: str) -> None:
    """Count `key` as one from now on, whatever its variable is called."""
    _kept_secret[key] = variable


def may_be_keys() -> list[str]:
    """Every value that may be a key; the longest first, since one may be the beginning of another."""
    return sorted((value for value in _named() if len(value) >= SHORTEST), key=len, reverse=True)


def keys() -> dict[str, str]:
    """Every value that is surely a key, with its variable; the longest first."""
    named = sorted(_named().items(), key=lambda n: -len(n[0]))
    return {v: name for v, name in named if _sure(v) or name.startswith(IN_A_HEADER)}


def refuse_keys(texts: Iterable[str], known: dict[str, str], where: str) -> None:
    """Check that no key is about to be sent or stored.

    Raises:
        BadOption: `where` holds one.
    """
    for text in texts:
        for key, name in known.items():
            if key in text:
                header = name.startswith(IN_A_HEADER)
                raise BadOption(
                    f"{where} holds the value {name if header else f'of the environment variable {name}'}",
                    "it would be sent or stored",
                    'Export it in a variable, and write its name there: "$NAME".'
                    if header
                    else "Take it out: no key belongs into a task, a wording or an option.",
                )


def without_keys(response: Response, known: dict[str, str]) -> Response:
    """The answer with `[key]` in the place of each key."""
    called = (text for c in response.tool_calls for text in (c.name, c.arguments))
    said = (response.text, response.reasoning, response.blocks, *called, *response.reported.values())
    if not any(key in text for key in known for text in said):
        return response
    return replace(
        response,
        text=_hidden(response.text, known),
        reasoning=_hidden(response.reasoning, known),
        blocks=_hidden(response.blocks, known),
        tool_calls=tuple(
            replace(c, name=_hidden(c.name, known), arguments=_hidden(c.arguments, known)) for c in response.tool_calls
        ),
        logprobs=(),  # its tokens spell the key
        reported={k: _hidden(v, known) for k, v in response.reported.items()},
    )


def _hidden(text: str, known: Iterable[str]) -> str:
    for key in known:
        text = text.replace(key, HIDDEN)
    return text


def _named() -> dict[str, str]:
    """The values of variables that are named like keys or that models read, with the variable of each."""
    return {value: name for name, value in os.environ.items() if _NAMES_SECRET.search(name.upper())} | _kept_secret


def _sure(value: str) -> bool:
    mixed = any(c.isalpha() for c in value) and any(c.isdigit() for c in value)
    plain = not any(c.isspace() or c == os.sep for c in value)
    return plain and mixed and len(value) >= SURE
