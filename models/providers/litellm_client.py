"""A client of our own for litellm's calls: it follows no redirect, and keeps the answer as the provider gave it.

litellm follows redirects, and hands on the header that holds a key where it is not called `Authorization`. It also
calls an end of an answer that it does not know "stop", and forgets what the provider called it.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["OWN_PROTOCOL", "own_client"]

# Providers with a protocol of their own, which litellm asks through its own HTTP client; others through OpenAI's.
OWN_PROTOCOL = frozenset(
    "anthropic gemini vertex_ai vertex_ai_beta ollama ollama_chat cohere cohere_chat bedrock bedrock_converse".split()
)


def own_client(timeout: float) -> Any:
    """The client; None where this release of litellm makes it in another way: then litellm uses its own."""
    try:
        handler = importlib.import_module("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler
        return _keeping(handler)(timeout=timeout, follow_redirects=False)
    except (ImportError, AttributeError, TypeError):
        return None


def _keeping(handler: Any) -> Any:
    class Keeping(handler):  # type: ignore[misc]
        async def post(self, *args: Any, **kwargs: Any) -> Any:
            response = await super().post(*args, **kwargs)
            log = kwargs.get("logging_obj")
            if getattr(log, "raw", "") is None:
                log.raw = response.text  # type: ignore[union-attr]
            return response

    return Keeping
