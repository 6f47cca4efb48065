"""The direct transport: OpenAI's protocol over one pooled aiohttp session, without litellm in between.

litellm knows which address, key and parameters a provider takes; it is asked once per model and once per sampling.
Where it would send anything but OpenAI's own form, there is no direct transport (`RequestTemplate.of` returns None), so
what is sent never depends on the transport.

Invariants: TLS certificates are always verified, against the system's authorities or those in SSL_CERT_FILE; no
redirect is followed, so a key is sent to its own address only; the size of an answer is limited.
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
from .contact import lookup_of
from .provider_errors import LOST, error_in_answer, error_of_status, message_of, scrubbed

if TYPE_CHECKING:
    import aiohttp

# Providers that speak OpenAI's protocol unchanged: one bearer key, its paths, its bodies, its answers. A test compares
# with what litellm sends to each of them.
PROVIDERS = frozenset(
    "openai custom_openai hosted_vllm lm_studio llamafile groq deepseek together_ai cerebras nvidia_nim "
    "dashscope moonshot sambanova deepinfra nebius hyperbolic".split()
)
MOST_BYTES = 8 * 2**20  # of an answer, decompressed
SEED = 987_654_321
_MESSAGES = [{"role": r, "content": f"the {r}'s words"} for r in ("system", "user", "assistant", "user")]


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """The body of a chat request without its messages, and without its seed if that is `SEED`, which stands for those
    of many requests; `seed` is the provider's name for it.
    """

    body: dict[str, Any]
    seed: str | None

    @classmethod
    def of(cls, litellm: Any, model: str, provider: str, settings: Mapping[str, Any]) -> RequestTemplate | None:
        """What litellm would send; None where that is anything but the messages as they are and flat parameters.

        Raises:
            Exception: litellm's own, where the model does not take these settings.
        """
        config = litellm.utils.ProviderConfigManager.get_provider_chat_config(
            model=model, provider=litellm.LlmProviders(provider)
        )
        parameters = litellm.utils.get_optional_params(model=model, custom_llm_provider=provider, **settings)
        if config is None:
            return None
        sent = config.transform_request(
            model=model,
            messages=[dict(t) for t in _MESSAGES],
            optional_params=parameters,
            litellm_params={},
            headers={},
        )
        body = {**sent, **sent.pop("extra_body", {})}
        body.pop("extra_body", None)
        if not body.pop("stream", False) and body.pop("messages", None) == _MESSAGES and body.get("model"):
            seed = next((k for k, v in body.items() if v == SEED), None)
            return cls({k: v for k, v in body.items() if k != seed}, seed)
        return None


class OpenAIHTTP:
    """One pooled session to one address.

    Args:
        name: the model, for messages.
        base: the address of the API, such as https://api.openai.com/v1.
        headers: sent with every request, the key among them.
    """

    def __init__(self, name: str, base: str, headers: Mapping[str, str]) -> None:
        import aiohttp

        self._aiohttp, self._name = aiohttp, name
        self._base = base.rstrip("/")
        self._proxy = _proxy(base)
        self._headers = dict(headers)
        # Certificates are read at once where there are any to check, and take 25 ms.
        self._authorities = ssl.create_default_context() if base.startswith("https:") else True
        self._opened: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    @property
    def _session(self) -> aiohttp.ClientSession:
        """Opened at the first request: a model that is never asked has nothing to close."""
        if self._opened is None:
            http = self._aiohttp
            self._opened = http.ClientSession(
                connector=http.TCPConnector(limit=0, ssl=self._authorities),
                headers=self._headers,
                cookie_jar=http.DummyCookieJar(),
                trust_env=False,  # else a netrc file could replace the key; `_proxy` reads the environment instead
            )
        return self._opened

    async def post(self, path: str, body: Mapping[str, Any], key: str, timeout: float) -> Any:
        """The parsed answer to one request.

        Args:
            key: names the request, so that a server can tell a second attempt from a second request.
            timeout: seconds for the whole exchange.

        Raises:
            ModelError: there is no answer.
        """
        return await self.request("POST", path, body, key, timeout)

    async def request(
        self, method: str, path: str, body: Any, key: str, timeout: float, *, kind: str = "", most: int = MOST_BYTES
    ) -> Any:
        """The answer to one request: parsed, or its bytes where they are no JSON and more than usual is allowed.

        Args:
            body: what JSON holds, bytes of the given `kind`, or None.
            most: bytes of the answer.
        """
        http = self._aiohttp
        try:
            async with self._session.request(
                method,
                self._base + path,
                data=body if body is None or isinstance(body, bytes) else orjson.dumps(body),
                headers={**({"Idempotency-Key": key} if key else {}), **({"Content-Type": kind} if kind else {})},
                proxy=self._proxy,
                allow_redirects=False,
                timeout=self._aiohttp.ClientTimeout(total=timeout, sock_connect=min(timeout, 30)),
            ) as response:
                return self._parse(response, await self._body(response, most), most > MOST_BYTES)
        except TimeoutError:
            raise Unavailable(f"{self._name} did not answer within {timeout:g} s", fault="timeout", lost=True) from None
        except (http.ClientConnectorCertificateError, http.ClientConnectorSSLError) as error:
            raise Denied(
                f"the server of {self._name} cannot be trusted",
                scrubbed(str(error)),
                "Check api_base, or name the file of its certificate authority in SSL_CERT_FILE.",
            ) from None
        except http.ClientHttpProxyError as error:
            raise error_of_status(
                self._name, error.status, f"the proxy said: {error.message}", "", error.headers
            ) from None
        except http.ClientConnectorError as error:
            unreached = Unavailable(f"{self._name} cannot be reached", scrubbed(str(error)), fault="unreachable")
            unreached.lookup = lookup_of([error])
            raise unreached from None
        except http.ClientResponseError as error:
            raise Unavailable(
                f"{self._name} answered no HTTP", scrubbed(error.message), fault="malformed", lost=True
            ) from None
        except (http.ClientError, OSError) as error:
            message = scrubbed(f"{type(error).__name__}: {error}")
            raise Unavailable(f"{self._name} broke the connection", message, fault="reset", lost=True) from None

    async def _body(self, response: aiohttp.ClientResponse, most: int) -> bytes:
        parts, size = [], 0
        async for part in response.content.iter_any():
            parts.append(part)
            size += len(part)
            if size > most:
                raise Unavailable(f"{self._name} sent more than {most // 2**20} MiB", fault="too large", lost=True)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _parse(self, response: aiohttp.ClientResponse, data: bytes, lines: bool) -> Any:
        try:
            body = orjson.loads(data)
        except ValueError:
            body = None
        if response.status != 200:
            message, code = message_of(data.decode(errors="replace") if body is None else body)
            error = error_of_status(self._name, response.status, message, code, response.headers)
            error.status = response.status
            if isinstance(error, Unavailable):
                error.lost = response.status in LOST
            raise error
        if lines and (body is None or b"\n" in data.strip()):
            return data
        if body is None:
            kind = scrubbed(response.headers.get("Content-Type", "nothing")[:80])
            raise Unavailable(
                f"{self._name} answered no JSON", f"{len(data)} bytes called {kind}", fault="malformed", lost=True
            )
        failed = error_in_answer(self._name, body)
        if failed is not None:
            raise failed
        return body


def direct_proxies() -> bool:
    """Whether the direct transport can use the proxies of the environment, if there are any."""
    return all(p.partition("://")[0] in ("http", "https") for k, p in getproxies().items() if k in _PROXIED and p)


_PROXIED = ("http", "https", "all")


def _proxy(base: str) -> str | None:
    """The proxy for an address, read from the environment as other HTTP clients do."""
    address = urlsplit(base)
    proxies = getproxies()
    if not address.hostname or proxy_bypass(address.netloc.rpartition("@")[2]):
        return None
    return proxies.get(address.scheme) or proxies.get("all") or None


def api_base_of(litellm: Any, provider: str, resolved: str | None) -> str | None:
    """The address that litellm would use for a provider of OpenAI's protocol."""
    if resolved:
        return resolved
    if provider == "hosted_vllm":
        return litellm.api_base or os.environ.get("HOSTED_VLLM_API_BASE")
    if provider != "openai":
        return None
    address = litellm.api_base or os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_BASE")
    return address or "https://api.openai.com/v1"
