"""Checks of what a model's table says of addresses and keys: nothing secret may stand where it would be stored."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ...errors import BadOption

HARMLESS = ("api-version",)  # parameters that the query of an address may hold


def check_variable(name: str, variable: Any) -> None:
    """Refuse what is no variable's name, or looks like the key itself; the message does not repeat it."""
    is_name = isinstance(variable, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable)
    is_key = is_name and len(variable) > 20 and re.search("[a-z]", variable) and re.search("[0-9]", variable)
    if not is_name or is_key:
        raise BadOption(
            f"the api_key_env of {name!r} {'looks like a key' if is_key else 'is no name of a variable'}",
            "a key in its place would be stored with the run",
            "Export the key in an environment variable, and write the variable's name here, such as MY_KEY.",
        )


def check_address(name: str, address: Any) -> None:
    """Refuse what is no address, or an address that holds a secret; the message does not repeat it."""
    try:
        parts = urlsplit(address)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except (ValueError, TypeError, AttributeError):
        usable = False
    if not usable or re.search(r"\s", address):
        raise BadOption(f"the api_base of {name!r} is no address", remedy="Write https://HOST/PATH.")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise BadOption(
            f"the api_base of {name!r} holds a user name or password",
            "it would be stored with the run",
            "Take it out, and name the environment variable that holds the key: api_key_env.",
        )
    if any(k not in HARMLESS for k, _ in parse_qsl(parts.query, keep_blank_values=True)) or ";" in parts.query:
        raise BadOption(
            f"the api_base of {name!r} holds a query",
            "a key in it would be stored with the run",
            "Take it out, and name the environment variable that holds the key: api_key_env.",
        )


def check_tls(litellm: Any) -> None:
    """Refuse SSL_VERIFY=False in the environment, which litellm would obey: no key is sent over such a line."""
    value = os.environ.get("SSL_VERIFY", "")
    if litellm.ssl_verify is False or value.strip().lower() in ("false", "0", "no", "off", "none"):
        raise BadOption(
            "SSL_VERIFY switches off the verification of certificates",
            "anyone on the way could read the key",
            "Unset it, and name the file of your own certificate authority in SSL_CERT_FILE.",
        )
