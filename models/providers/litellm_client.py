"""Clients of our own for litellm's calls: they follow no redirect, and keep the answer as the provider gave it.

litellm's own clients follow redirects, and hand on the header that holds a key where it is not called `Authorization`.
It also calls an end of an answer that it does not know "stop", and forgets what the provider called it.

There are three ways into litellm, by provider: its HTTP client as an argument (`_BY_HTTP`), the client of OpenAI's
package as an argument (OpenAI's form, Azure), and the client that it pools itself for an event loop, in whose place
ours is put (all others).
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

_BY_HTTP = frozenset(
    "anthropic gemini vertex_ai vertex_ai_beta ollama ollama_chat bedrock bedrock_converse mistral xai groq deepseek "
    "openrouter together_ai fireworks_ai minimax hosted_vllm databricks huggingface sagemaker_chat watsonx_text "
    "heroku cometapi vercel_ai_gateway compactifai snowflake lemonade ovhcloud oci azure_ai".split()
)


class AnsweredError(Exception):
    """An answer of status 200 that holds an error: litellm would read it as an empty text, or as a refused request."""

    def __init__(self, body: dict[str, Any]) -> None:
        super().__init__("the answer holds an error")
        self.body = body

    @classmethod
    def check(cls, body: Any) -> None:
        """Raises itself where an answer's JSON holds an error and no choice."""
        if isinstance(body, dict) and body.get("error") and not body.get("choices"):
            raise cls(body)


class OwnClients:
    """The clients of one model: each is made when it is first needed, in the event loop that needs it.

    Args:
        key, base: of the account, where litellm's table of providers tells them.
        more: arguments of litellm's calls, such as `api_version`.
    """

    def __init__(
        self, litellm: Any, provider: str, timeout: float, key: str | None, base: str | None, more: Mapping[str, Any]
    ) -> None:
        self._litellm, self._provider, self._timeout = litellm, provider, timeout
        self._key, self._base, self._more = key, base, more
        compatible = {str(getattr(p, "value", p)) for p in litellm.openai_compatible_providers}
        self._by_openai = provider in ("openai", "azure", "custom_openai") or (
            provider in compatible and provider not in _BY_HTTP
        )
        self._handler: Any = None
        self._openai: Any = None

    def argument(self) -> Any:
        """What a call of litellm's is given as `client`; None where it takes its own, in whose place ours is put."""
        if self._by_openai:
            self._openai = self._openai or self._of_openai()
            return self._openai
        self._handler = self._handler or _own_handler(self._timeout)
        if self._handler is None or self._provider in _BY_HTTP:
            return self._handler
        self._put_into_pool()
        return None

    async def close(self) -> None:
        """Close what was made."""
        for client in (self._handler, self._openai):
            if client is not None:
                await client.close()
        self._handler = self._openai = None

    def _of_openai(self) -> Any:
        """OpenAI's client; None where litellm alone knows the way to sign in (Azure without a key)."""
        import openai

        self._handler = self._handler or _own_handler(self._timeout)
        http = None if self._handler is None else self._handler.client
        if self._provider != "azure":
            return _unlooked(
                openai.AsyncOpenAI(
                    api_key=self._key or os.environ.get("OPENAI_API_KEY") or "none",
                    base_url=self._base,
                    http_client=http,
                    timeout=self._timeout,
                    max_retries=0,
                )
            )
        key = self._key or self._litellm.azure_key or os.environ.get("AZURE_API_KEY")
        base = self._base or os.environ.get("AZURE_API_BASE")
        version = self._more.get("api_version") or os.environ.get("AZURE_API_VERSION") or self._litellm.api_version
        if not key or not base:
            return None
        return _unlooked(
            openai.AsyncAzureOpenAI(
                api_key=key,
                azure_endpoint=base,
                api_version=str(version or self._litellm.AZURE_DEFAULT_API_VERSION),
                http_client=http,
                timeout=self._timeout,
                max_retries=0,
            )
        )

    def _put_into_pool(self) -> None:
        """Let the client that litellm pools for this provider and event loop be ours."""
        try:
            get = importlib.import_module("litellm.llms.custom_httpx.http_handler").get_async_httpx_client
            pool = self._litellm.in_memory_llm_clients_cache
            for parameters in ({"ssl_verify": None}, None):
                theirs = get(llm_provider=self._litellm.LlmProviders(self._provider), params=parameters)
                if theirs is not self._handler:
                    for name in [n for n, client in pool.cache_dict.items() if client is theirs]:
                        pool.cache_dict[name] = self._handler
        except (ImportError, AttributeError, TypeError, ValueError):
            return  # this release of litellm pools them in another way


@dataclass(frozen=True)
class _Parsed:
    """An answer as litellm asks for it: JSON, without an object of OpenAI's for each part of it."""

    headers: Any
    body: dict[str, Any]

    def parse(self) -> _Parsed:
        return self

    def model_dump(self, **_: Any) -> dict[str, Any]:
        return self.body


def _unlooked(client: Any) -> Any:
    """OpenAI's client, which then looks through no message of a request and no part of an answer.

    That takes a third of a call; what is sent stays the same.
    """
    raw = client.chat.completions.with_raw_response
    create = raw.create

    async def created(*, messages: Any, extra_body: Mapping[str, Any] | None = None, **more: Any) -> Any:
        answer = await create(messages=[], extra_body={**(extra_body or {}), "messages": messages}, **more)
        try:
            body = orjson.loads(answer.content)
        except ValueError:
            return answer
        AnsweredError.check(body)
        return _Parsed(answer.headers, body) if isinstance(body, dict) else answer

    raw.create = created
    return client


def _own_handler(timeout: float) -> Any:
    """litellm's HTTP client; None where this release of litellm makes it in another way: then litellm uses its own."""
    try:
        handler = importlib.import_module("litellm.llms.custom_httpx.http_handler").AsyncHTTPHandler
        return _keeping(handler)(timeout=timeout, follow_redirects=False)
    except (ImportError, AttributeError, TypeError):
        return None


def _json(text: str) -> Any:
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def _keeping(handler: Any) -> Any:
    class Keeping(handler):  # type: ignore[misc]
        async def post(self, *args: Any, **kwargs: Any) -> Any:
            response = await super().post(*args, **kwargs)
            log = kwargs.get("logging_obj")
            if getattr(log, "raw", "") is None:
                log.raw = response.text  # type: ignore[union-attr]
            if response.status_code == 200 and '"error"' in response.text:
                AnsweredError.check(_json(response.text))
            return response

    return Keeping
