"""What can be said of a remote model before anything heavy is loaded: that its key is missing, or its server is not up.

Invariant: nothing is sent here (`model_check.py` asks for the model). A key is looked for by name only, and a server on
this machine or network is only connected to. What is doubtful (a key from another source, a proxy on the way) is left
to the first call.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import sys
from contextlib import suppress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from ...errors import Denied

PATIENCE = 1.5  # seconds for a connection to a server nearby

# The variables in which litellm looks for a provider's key; any of them will do.
KEY_VARIABLES: dict[str, tuple[str, ...]] = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "mistral": ("MISTRAL_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY", "OR_API_KEY"),
    "groq": ("GROQ_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY", "TOGETHER_AI_API_KEY", "TOGETHER_AI_TOKEN"),
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY", "FIREWORKSAI_API_KEY", "FIREWORKS_AI_TOKEN"),
    "cohere": ("COHERE_API_KEY", "CO_API_KEY"),
    "cohere_chat": ("COHERE_API_KEY", "CO_API_KEY"),
    "xai": ("XAI_API_KEY",),
    "moonshot": ("MOONSHOT_API_KEY",),
    "dashscope": ("DASHSCOPE_API_KEY",),
    "cerebras": ("CEREBRAS_API_KEY",),
    "zai": ("ZAI_API_KEY",),
    "minimax": ("MINIMAX_API_KEY",),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "nvidia_nim": ("NVIDIA_NIM_API_KEY",),
    "sambanova": ("SAMBANOVA_API_KEY",),
    "deepinfra": ("DEEPINFRA_API_KEY",),
    "nebius": ("NEBIUS_API_KEY",),
    "hyperbolic": ("HYPERBOLIC_API_KEY",),
    "huggingface": ("HF_TOKEN", "HUGGINGFACE_API_KEY"),
}
# The variables that give a provider another address.
_BASES: dict[str, tuple[str, ...]] = {
    "openai": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    "anthropic": ("ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"),
    "azure": ("AZURE_API_BASE",),
    "ollama": ("OLLAMA_API_BASE",),
    "ollama_chat": ("OLLAMA_API_BASE",),
    "hosted_vllm": ("HOSTED_VLLM_API_BASE",),
    "lm_studio": ("LM_STUDIO_API_BASE",),
    "openrouter": ("OPENROUTER_API_BASE",),
}
_ALWAYS = ("anthropic", "gemini")  # at an address of one's own, too: litellm sends nothing without a key
_SERVERS = {"ollama": "http://localhost:11434", "ollama_chat": "http://localhost:11434"}
_START = {"ollama": "ollama serve", "ollama_chat": "ollama serve", "hosted_vllm": "vllm serve MODEL"}


def base_of_environment(name: str) -> str | None:
    """The address that an environment variable gives the model `name`; None where none does."""
    return next((b for v in _BASES.get(name.partition("/")[0], ()) if (b := os.environ.get(v))), None)


def check_key(name: str, api_base: str | None, api_key_env: str | None) -> None:
    """Look for the key of the model `name`.

    Raises:
        Denied: it is nowhere.
    """
    provider = name.partition("/")[0]
    variables = (api_key_env,) if api_key_env else KEY_VARIABLES.get(provider, ())
    if any(os.environ.get(v) for v in variables) or not variables:
        return
    if not api_key_env and (_set_in_litellm(provider) or (api_base is not None and provider not in _ALWAYS)):
        return
    others = f" (or {', '.join(map(str, variables[1:]))})" if variables[1:] else ""
    raise Denied(f"{variables[0]} is not set", remedy=f"Export it{others} before using {name!r}.")


def _set_in_litellm(provider: str) -> bool:
    """Whether this process has given litellm a key, which then goes before the environment."""
    litellm = sys.modules.get("litellm")
    return any(getattr(litellm, n, None) for n in ("api_key", f"{provider}_key")) or (
        provider == "together_ai" and bool(getattr(litellm, "togetherai_api_key", None))
    )


async def check_server(name: str, api_base: str | None) -> None:
    """Connect to the server of the model `name`, if it is on this machine or in its network.

    Raises:
        Denied: nothing listens there.
    """
    provider = name.partition("/")[0]
    base = api_base or base_of_environment(name) or _SERVERS.get(provider)
    address = urlsplit(base or "")
    if not address.hostname or not _nearby(address.hostname):
        return
    if address.scheme in getproxies() and not proxy_bypass(address.netloc):
        return
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(address.hostname, port)
    except ConnectionRefusedError:
        start = _START.get(provider)
        raise Denied(
            f"nothing listens at {base}",
            f"the server of {name!r} refused the connection; is it running?",
            f"Start it{f' ({start})' if start else ''}, or set api_base.",
        ) from None
    except (TimeoutError, OSError):
        return  # busy, or beyond a resolver of its own: the first call will tell
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _nearby(host: str) -> bool:
    """Whether a host is this machine or one of its own network, by its name."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
    return address.is_loopback or address.is_private
