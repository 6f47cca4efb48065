"""Headers that a model's table adds to its requests; a value may name a variable of the environment.

Invariant: the value of a header that may be a credential is never stored and never shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from ..errors import BadOption, Denied
from .secrets import IN_A_HEADER, keep_secret

_SECRET_NAME = re.compile(r"auth|key|token|secret|cookie|passw|credential|signature", re.I)
_SECRET_VALUE = re.compile(r"^(?:Bearer|Basic)\s|(?:^|\W)(?:sk|pk|hf|gsk|xai|AIza)[-_]?\w{8}")
_OUR_HEADERS = ("content-type", "content-length", "host", "idempotency-key")


def check_headers(what: str, value: Any) -> None:
    """Check the headers of a model's table.

    Args:
        what: what they are, for messages. value: as it was given.

    Raises:
        BadOption: it is no table of texts, the name or value of no header, or a header that every request has.
    """
    if not isinstance(value, Mapping) or not all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        raise BadOption(f"{what} are no texts", remedy='Write extra_headers = { "X-Name" = "value" }.')
    for key, text in value.items():
        if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~\-]+", key) or re.search(r"[\r\n\0]", text):
            raise BadOption(f"{what} hold the name or value of no header: {key!r}", remedy="Use plain text.")
        if key.lower() in _OUR_HEADERS:
            raise BadOption(f"{what} hold {key!r}", "every request has that header already", "Take it out.")


def open_headers(name: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers with the values of environment variables in the place of their names ($NAME).

    Raises:
        Denied: a variable is not set.
    """
    opened = {}
    for header, value in headers.items():
        if value.startswith("$"):
            variable = value[1:].strip("{}")
            value = os.environ.get(variable, "")
            if not value:
                raise Denied(f"{variable} is not set", f"the header {header} of {name!r} is its value", "Export it.")
            keep_secret(value, variable)
        opened[header] = value
    return opened


def hide_headers(headers: Mapping[str, str]) -> None:
    """Count the values of headers that may be credentials as keys from now on: no message and no run repeats them."""
    for header, value in headers.items():
        if may_be_secret(header, value) and not value.startswith("$"):
            keep_secret(value, f"{IN_A_HEADER}{header} holds")


def may_be_secret(header: str, value: str) -> bool:
    """Whether a header may be a credential, by its name or the look of its value."""
    return bool(_SECRET_NAME.search(header) or _SECRET_VALUE.search(value) or value.startswith("$"))
