"""The direct transport: OpenAI's protocol over one pooled aiohttp session, without litellm on the way.

Which address, key and parameters a provider takes is litellm's knowledge, asked for once per model and once per kind of
sampling. Where litellm would send anything else than OpenAI's own form, there is no direct transport (`Wire.of` gives
None), so that what is sent never depends on who carries it.

Invariants: TLS certificates are always verified, against the system's authorities or those in SSL_CERT_FILE; no
redirect is followed, so a key goes nowhere but to the address it belongs to; an answer is read up to a bound of bytes.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import orjson

from ...errors import Denied, Unavailable
from .provider_errors import LOST, by_status, message_of, scrubbed

if TYPE_CHECKING:
    import aiohttp

__all__ = ["OpenAIHTTP", "RequestTemplate"]

# Providers that speak OpenAI's protocol as it is: one bearer key, its paths, its bodies, its answers. A test compares
# what each of them is sent through litellm.
PROVIDERS = frozenset(
    "openai custom_openai hosted_vllm lm_studio llamafile groq deepseek together_ai cerebras nvidia_nim "
    "dashscope moonshot sambanova deepinfra nebius hyperbolic".split()
)
MOST_BYTES = 8 * 2**20  # of an answer, unpacked
SEED = 987_654_321
_TURNS = [{"role": r, "content": f"the {r}'s words"} for r in ("system", "user", "assistant", "user")]


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """The body of a chat request without its messages and its seed, which a provider takes under the name `seed`."""

    body: dict[str, Any]
    seed: str | None

    @classmethod
    def of(cls, litellm: Any, model: str, provider: str, settings: Mapping[str, Any]) -> RequestTemplate | None:
        """What litellm would send, or None where it is not the messages as they are with flat parameters.

        Raises:
            Exception: litellm's own, where the model does not take these settings.
        """
        named = {**settings, **({"seed": SEED} if "seed" in settings else {})}
        known = litellm.utils.ProviderConfigManager.get_provider_chat_config(
            model=model, provider=litellm.LlmProviders(provider)
        )
        chosen = litellm.utils.get_optional_params(model=model, custom_llm_provider=provider, **named)
        if known is None:
            return None
        made = known.transform_request(
            model=model, messages=[dict(t) for t in _TURNS], optional_params=chosen, litellm_params={}, headers={}
        )
        body = {**made, **made.pop("extra_body", {})}
        body.pop("extra_body", None)
        if not body.pop("stream", False) and body.pop("messages", None) == _TURNS and body.get("model"):
            seeds = [k for k, v in body.items() if v == SEED]
            return cls(body, seeds[0] if seeds else None)
        return None


class OpenAIHTTP:
    """One pooled session to one address.

    Args:
        name: the model, for messages.
        base: the address of the API, such as https://api.openai.com/v1.
        headers: sent with every request, the key among them.
        timeout: seconds for one whole exchange.
    """

    def __init__(self, name: str, base: str, headers: Mapping[str, str], timeout: float) -> None:
        import aiohttp

        self._aiohttp, self._name, self._timeout = aiohttp, name, timeout
        self._base = base.rstrip("/")
        self._proxy = _proxy(base)
        self._headers = dict(headers)
        self._trusted = ssl.create_default_context()
        self._made: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._made is not None:
            await self._made.close()
            self._made = None

    @property
    def _session(self) -> aiohttp.ClientSession:
        """Made at the first request: a model that is opened and never asked has nothing to close."""
        if self._made is None:
            http = self._aiohttp
            self._made = http.ClientSession(
                connector=http.TCPConnector(limit=0, ssl=self._trusted),
                headers=self._headers,
                timeout=http.ClientTimeout(total=self._timeout, sock_connect=min(self._timeout, 30)),
                cookie_jar=http.DummyCookieJar(),
                trust_env=False,  # else a netrc file could replace the key; proxies are read from the environment here
            )
        return self._made

    async def post(self, path: str, body: Mapping[str, Any], key: str) -> Any:
        """The parsed answer to one request.

        Args:
            key: names the request, so that a server can tell a second attempt from a second request.

        Raises:
            ModelError: what became of it.
        """
        http = self._aiohttp
        try:
            async with self._session.post(
                self._base + path, data=orjson.dumps(body), headers={"Idempotency-Key": key}, proxy=self._proxy,
                allow_redirects=False,
            ) as answer:  # fmt: skip
                return self._read(answer, await self._body(answer))
        except TimeoutError:
            raise Unavailable(
                f"{self._name} did not answer within {self._timeout:g} s", fault="timeout", lost=True
            ) from None
        except (http.ClientConnectorCertificateError, http.ClientConnectorSSLError) as error:
            raise Denied(
                f"the server of {self._name} cannot be trusted", scrubbed(str(error)),
                "Check api_base, or name the file of its certificate authority in SSL_CERT_FILE.",
            ) from None  # fmt: skip
        except http.ClientHttpProxyError as error:
            raise by_status(self._name, error.status, f"the proxy said: {error.message}", "", error.headers) from None
        except http.ClientConnectorError as error:
            raise Unavailable(f"{self._name} cannot be reached", scrubbed(str(error)), fault="unreachable") from None
        except http.ClientResponseError as error:
            raise Unavailable(
                f"{self._name} answered no HTTP", scrubbed(error.message), fault="malformed", lost=True
            ) from None
        except (http.ClientError, OSError) as error:
            said = scrubbed(f"{type(error).__name__}: {error}")
            raise Unavailable(f"{self._name} broke the connection", said, fault="reset", lost=True) from None

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        parts, size = [], 0
        async for part in answer.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise Unavailable(
                    f"{self._name} sent more than {MOST_BYTES // 2**20} MiB", fault="too large", lost=True
                )
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _read(self, answer: aiohttp.ClientResponse, data: bytes) -> Any:
        try:
            body = orjson.loads(data)
        except ValueError:
            body = None
        if answer.status != 200:
            said, code = message_of(data.decode(errors="replace") if body is None else body)
            error = by_status(self._name, answer.status, said, code, answer.headers)
            if isinstance(error, Unavailable):
                error.lost = answer.status in LOST
            raise error
        if body is None:
            kind = answer.headers.get("Content-Type", "nothing")[:80]
            raise Unavailable(
                f"{self._name} answered no JSON", f"{len(data)} bytes called {scrubbed(kind)}", fault="malformed",
                lost=True,
            )  # fmt: skip
        if isinstance(body, dict) and body.get("error"):
            said, code = message_of(body)
            status = int(code) if code.isdecimal() and len(code) == 3 else 500
            error = by_status(self._name, status, said, code, None)
            if isinstance(error, Unavailable):
                error.lost = status in LOST
            raise error
        return body


def direct_proxies() -> bool:
    """Whether the proxies of the environment, if any, are of a kind that the direct transport can use."""
    return all(p.partition("://")[0] in ("http", "https") for k, p in getproxies().items() if k in _PROXIED and p)


_PROXIED = ("http", "https", "all")


def _proxy(base: str) -> str | None:
    """The proxy that the environment names for an address, as other HTTP clients read it."""
    address = urlsplit(base)
    proxies = getproxies()
    if not address.hostname or proxy_bypass(address.netloc.rpartition("@")[2]):
        return None
    return proxies.get(address.scheme) or proxies.get("all") or None


def base_of(litellm: Any, provider: str, resolved: str | None) -> str | None:
    """The address that litellm would use for a provider of OpenAI's protocol."""
    if resolved:
        return resolved
    if provider == "hosted_vllm":
        return litellm.api_base or os.environ.get("HOSTED_VLLM_API_BASE")
    if provider != "openai":
        return None
    named = litellm.api_base or os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE")
    return named or "https://api.openai.com/v1"
