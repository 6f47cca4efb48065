"""Which models are asked by the direct transport: those of which litellm would send plain JSON in OpenAI's form."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from ..base import Style
from .openai_http import PROVIDERS, OpenAIHTTP, api_base_of, direct_proxies


def direct_transport(
    litellm: Any, name: str, provider: str, key: str | None, base: str | None, style: Style, more: Mapping[str, str]
) -> OpenAIHTTP | None:
    """The direct transport to a model; None where it must be asked through litellm.

    Args:
        key, base: of the account, as litellm resolves them.
        more: headers beside the key.
    """
    address = api_base_of(litellm, provider, base)
    if provider not in PROVIDERS or litellm.headers or not direct_proxies():
        return None
    modes = ("chat", "completion", *(["responses"] if provider == "openai" else []))
    if address is None or urlsplit(address).query or entry_of(litellm, name).get("mode", "chat") not in modes:
        return None
    if style == "completion" and provider not in _completion_providers(litellm):
        return None
    if provider in ("openai", "custom_openai"):  # only these: litellm would show OpenAI's key to other providers too
        key = key or litellm.api_key or litellm.openai_key or os.environ.get("OPENAI_API_KEY")
    headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "akrasia"}
    headers["Authorization"] = f"Bearer {key or 'none'}"
    for header, variable in (("OpenAI-Organization", "OPENAI_ORGANIZATION"), ("OpenAI-Project", "OPENAI_PROJECT")):
        if provider == "openai" and os.environ.get(variable):
            headers[header] = os.environ[variable]
    return OpenAIHTTP(name, address, {**headers, **more})


def _completion_providers(litellm: Any) -> set[str]:
    """Providers whose base models continue texts by OpenAI's protocol."""
    return {"openai", "text-completion-openai", *litellm.openai_text_completion_compatible_providers}


def entry_of(litellm: Any, name: str) -> Mapping[str, Any]:
    """litellm's facts of a model, as this process has them; empty where it knows none."""
    table = getattr(litellm, "model_cost", {})  # absent while another thread is importing litellm
    entry: Mapping[str, Any] = table.get(name) or table.get(name.partition("/")[2]) or {}
    return entry
