"""Which providers have batches that can be used here, and in what form each takes a request and gives an answer.

litellm knows the form of a request; it is asked once for each, without sending anything.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import BadOption
from ...options import real
from ..base import Style
from .anthropic_format import anthropic_completion
from .batch import BatchAPI
from .batch_anthropic import AnthropicBatches
from .batch_apis import MistralBatches, OpenAIBatches
from .openai_http import OpenAIHTTP

WITH_BATCHES = ("openai", "custom_openai", "groq", "azure", "anthropic", "mistral")
_WITHOUT = {
    **dict.fromkeys(
        ("gemini", "vertex_ai"), "its batches take and give another form than OpenAI's (batchGenerateContent)"
    ),
    **dict.fromkeys(("bedrock", "bedrock_converse"), "its batches are files in S3, under a role of your account"),
    "together_ai": "it keeps no name with a batch, so one whose id was lost could be paid twice",
    "dashscope": "it keeps no name with a batch, so one whose id was lost could be paid twice",
    "openrouter": "it takes batches in a form of its own",
}
AZURE_VERSION = "2024-10-21"
_AZURE_WITHOUT_VERSION = ("v1", "preview", "latest")


def check_batches(name: str, style: Style) -> None:
    """Check that a model can be asked in batches.

    Raises:
        BadOption: its provider has none that can be used here.
    """
    provider = name.partition("/")[0]
    if style == "chat" and provider in WITH_BATCHES:
        return
    raise BadOption(
        f"{name!r} cannot be asked in batches",
        "base models have none"
        if style != "chat"
        else _WITHOUT.get(provider, f"no batch endpoint of {provider} is known here"),
        f'Leave transport = "batch" out; it goes with {", ".join(WITH_BATCHES)}, and with servers that have '
        "OpenAI's /files and /batches (openai/NAME with api_base).",
    )


def check_wait(name: str, wait: float, batched: bool) -> None:
    """Check the option `batch_wait` of the model `name`.

    Raises:
        BadOption: it is no time, or the model is not asked in batches.
    """
    real(f"batch_wait of {name!r}", wait, above=0)
    if not batched:
        raise BadOption(
            f"batch_wait of {name!r} is set, and it is not asked in batches",
            remedy='Leave it out, or set transport = "batch".',
        )


def batch_api(
    name: str,
    provider: str,
    account: tuple[str | None, str | None],
    headers: Mapping[str, str],
    api_version: str | None,
    wait: float,
) -> BatchAPI:
    """The batch endpoint of a provider that is not asked by the direct transport.

    Args:
        account: key and address; None are those of the environment.
        headers: what every request carries beside the key.
        wait: seconds between the first two looks at a batch.
    """
    key, base = account
    variable, usual = _USUAL[provider]
    key = key or os.environ.get(variable, "")
    base = (base or os.environ.get(f"{provider.upper()}_API_BASE") or usual).rstrip("/")
    common = {"Content-Type": "application/json", "User-Agent": "akrasia"}
    if provider == "anthropic":
        common |= {"anthropic-version": "2023-06-01", "x-api-key": key}
        base = base.removesuffix("/v1/messages").removesuffix("/v1")
        return AnthropicBatches(OpenAIHTTP(name, base, {**common, **headers}), wait)
    if provider == "mistral":
        common["Authorization"] = f"Bearer {key}"
        return MistralBatches(OpenAIHTTP(name, base, {**common, **headers}))
    base = base.removesuffix("/v1").removesuffix("/openai")
    http_headers = {**common, "api-key": key, **headers}
    if api_version in _AZURE_WITHOUT_VERSION:
        return OpenAIBatches(OpenAIHTTP(name, f"{base}/openai/v1", http_headers), prefix="")
    query = f"api-version={api_version or AZURE_VERSION}"
    return OpenAIBatches(OpenAIHTTP(name, f"{base}/openai", http_headers), prefix="", query=query)


WITH_FORMS = ("anthropic", "azure", "mistral")
"""Providers that are not asked by the direct transport, and have batches nevertheless."""

_USUAL = {
    "anthropic": ("ANTHROPIC_API_KEY", "https://api.anthropic.com"),
    "mistral": ("MISTRAL_API_KEY", "https://api.mistral.ai/v1"),
    "azure": ("AZURE_API_KEY", ""),
}


def in_batch_form(
    litellm: Any,
    model: str,
    provider: str,
    messages: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    more: Mapping[str, Any],
) -> tuple[str, dict[str, Any]]:
    """(path, body) of a request in the form of its provider.

    Args:
        settings: by OpenAI's names; more: what stands in the body as it is.
    """
    parameters = litellm.utils.get_optional_params(model=model, custom_llm_provider=provider, **settings)
    config = litellm.utils.ProviderConfigManager.get_provider_chat_config(
        model=model, provider=litellm.LlmProviders(provider)
    )
    body: dict[str, Any] = config.transform_request(
        model=model, messages=[dict(m) for m in messages], optional_params=parameters, litellm_params={}, headers={}
    )
    inner = body.pop("extra_body", None) or {}
    body.pop("stream", None)
    path = "/v1/messages" if provider == "anthropic" else "/chat/completions"
    return path, {**body, **inner, **more}


def from_batch(provider: str, answer: Any) -> Any:
    """An answer in the form of a chat completion."""
    return anthropic_completion(answer) if provider == "anthropic" else answer
