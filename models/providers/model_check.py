"""Whether a provider has a model, asked before anything heavy is loaded and before a run is begun: one free request.

Invariants: no prompt is sent, and the key goes to its own address only. Only a provider that says that it has no such
model is believed; whatever else comes back, or nothing, is left to the first call.
"""

from __future__ import annotations

import asyncio
import os
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

import orjson

from ...errors import Denied
from ..account_faults import MODEL, account_fault
from ..near_names import near_names
from .preflight import KEY_VARIABLES, base_of_environment
from .provider_errors import message_of, scrubbed

PATIENCE = 1.5  # seconds
MOST_BYTES = 2**20
# Where each provider tells of one model, by its public API reference.
_ADDRESSES = {
    "openai": "https://api.openai.com/v1",
    "mistral": "https://api.mistral.ai/v1",
    "xai": "https://api.x.ai/v1",
    "anthropic": "https://api.anthropic.com",
    "gemini": "https://generativelanguage.googleapis.com/v1beta",
    "ollama": "http://localhost:11434",
    "ollama_chat": "http://localhost:11434",
}


async def check_model(name: str, api_base: str | None, api_key_env: str | None) -> None:
    """Ask the provider of the model `name` whether it has it.

    Raises:
        Denied: it says that it has not.
    """
    provider, _, model = name.partition("/")
    variables = (api_key_env,) if api_key_env else KEY_VARIABLES.get(provider, ())
    key = next((k for v in variables if (k := os.environ.get(v))), "")
    base = api_base or base_of_environment(name) or _ADDRESSES.get(provider, "")
    ollama = provider.startswith("ollama")
    if provider not in _ADDRESSES or "?" in base or ("/" in model and not ollama) or not (key or ollama):
        return
    base = base.rstrip("/").removesuffix("/v1/messages") if provider == "anthropic" else base.rstrip("/")
    answer = await asyncio.to_thread(_get, _address(provider, base, model), _headers(provider, key))
    if answer is None:
        return
    status, body = answer
    sentence, codes = message_of(body)
    if ollama and status == 200 and isinstance(body.get("models"), list):
        have = [one.get("name") for one in body["models"] if isinstance(one, dict)]
        if {model, f"{model}:latest"}.isdisjoint(have):
            some = f"it has {', '.join(map(str, have[:8]))}" if have else "it has none yet"
            raise Denied(f"the server at {base} has no model {model!r}", some, f"Pull it: ollama pull {model}.")
    elif status == 404 and account_fault(f"{sentence} {codes}", status) is MODEL:
        near = near_names(name)
        remedy = f"{MODEL.remedy[:-1]}; near it: {', '.join(near)}." if near else MODEL.remedy
        raise Denied(MODEL.what.format(name), scrubbed(sentence), remedy)


def _address(provider: str, base: str, model: str) -> str:
    if provider.startswith("ollama"):
        return f"{base}/api/tags"
    between = "/v1/models/" if provider == "anthropic" and not base.endswith("/v1") else "/models/"
    return f"{base}{between}{quote(model)}"


def _headers(provider: str, key: str) -> dict[str, str]:
    headers = {"User-Agent": "akrasia", "Accept": "application/json"}
    if provider == "anthropic":
        return {**headers, "x-api-key": key, "anthropic-version": "2023-06-01"}
    if provider == "gemini":
        return {**headers, "x-goog-api-key": key}
    return {**headers, "Authorization": f"Bearer {key}"} if key else headers


class _NotFollowed(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _get(address: str, headers: dict[str, str]) -> tuple[int, Any] | None:
    """(status, body) of an address; None where no JSON comes back in time."""
    opener = urllib.request.build_opener(_NotFollowed)
    try:
        with opener.open(urllib.request.Request(address, headers=headers), timeout=PATIENCE) as response:
            status, data = response.status, response.read(MOST_BYTES)
    except urllib.error.HTTPError as error:
        try:
            status, data = error.code, error.read(MOST_BYTES)
        except OSError:
            return None
    except (OSError, ValueError):
        return None
    try:
        body = orjson.loads(data)
    except ValueError:
        return None
    return (status, body) if isinstance(body, dict) else None
