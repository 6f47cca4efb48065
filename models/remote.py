"""Any provider through litellm, at arm's length.

litellm is imported when the model is opened, with its own retries, caches, callbacks, telemetry and `drop_params` off
and its price map local: the gateway is the only owner of retries, and a sampling setting never disappears in silence.
What a provider cannot take is left out beforehand and named in `Response.reported["not_sent"]`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import sys
from dataclasses import dataclass, field
from typing import Any

from ..errors import BadOption, Denied, MissingExtra, RateLimited, Rejected, Unavailable, UnknownName
from ..records import Draw, Request, Response, Status, Usage, digest
from ..streams import seed_of
from .base import Card, Price, Style
from .faults import retry_after, scrubbed

__all__ = ["Remote"]

TIMEOUT = 120.0
_FILTERED = ("content_filter", "content management policy", "content_policy", "safety system")


@dataclass
class Remote:
    """A model behind litellm.

    Args:
        name: litellm's model string.
        api_base: another address of the provider's API; part of the identity of the answers.
        api_key_env: the environment variable that holds the key, where it is not the provider's usual one; a key
            itself is never an option, so that no configuration file or ledger can hold one.
        price: US dollars per token; by default litellm's table.
        temperature: replaces the roles' own sampling temperature.
        max_concurrency: calls at once.
        timeout: seconds for one attempt.
        style: "chat", or "completion" for a base model.
    """

    name: str
    api_base: str | None = None
    api_key_env: str | None = None
    price: Price | None = None
    temperature: float | None = None
    max_concurrency: int = 16
    timeout: float = TIMEOUT
    style: Style = "chat"
    _accepts: frozenset[str] = field(default=frozenset(), init=False, repr=False)
    _client: Any = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.style not in ("chat", "completion"):
            raise UnknownName.among("prompt style", str(self.style), ["chat", "completion"])
        for option, kinds in (("max_concurrency", int), ("timeout", int | float)):
            value = getattr(self, option)
            if isinstance(value, bool) or not isinstance(value, kinds) or not value > 0:
                raise BadOption(f"{option} of {self.name!r} is {value!r}", remedy="Use a number of at least 1.")

    @property
    def card(self) -> Card:
        settings = {k: v for k in ("api_base", "temperature") if (v := getattr(self, k)) is not None}
        if self.style != "chat":
            settings["style"] = self.style
        suffix = f"#{digest(settings, 4)}" if settings else ""
        return Card(
            id=self.name + suffix, label=self.name, style=self.style, max_concurrency=self.max_concurrency,
            price=self.price or self._list_price(),
        )  # fmt: skip

    async def open(self) -> None:
        # In a thread: the import takes seconds, and the clients litellm makes at import stay free of this event loop.
        litellm = await asyncio.to_thread(_litellm)
        try:
            model, provider, key, base = litellm.get_llm_provider(self.name, api_base=self.api_base)
        except Exception:
            known = [str(getattr(p, "value", p)) for p in litellm.provider_list]
            raise UnknownName.among("litellm provider", self.name.partition("/")[0], known) from None
        if self.api_key_env is not None:
            key = os.environ.get(self.api_key_env)
            if not key:
                raise Denied(f"{self.api_key_env} is not set", remedy=f"Export it before using {self.name!r}.")
        elif self.api_base is None:
            missing = litellm.validate_environment(self.name).get("missing_keys") or []
            if len(missing) == 1 and str(missing[0]).endswith("_API_KEY"):
                raise Denied(f"{missing[0]} is not set", remedy=f"Export it before using {self.name!r}.")
        supported = litellm.get_supported_openai_params(model, custom_llm_provider=provider) or []
        self._accepts = frozenset(supported)
        if self.style == "completion":
            self._client = _completion_client(litellm, provider, key, base or self.api_base, self.timeout)

    async def close(self) -> None:
        """Close the connections that litellm pools for this event loop, and no others."""
        if self._client is not None:
            await self._client.close()
            self._client = None
        pool = _litellm().in_memory_llm_clients_cache
        ours = f"-{id(asyncio.get_running_loop())}"  # litellm's own suffix; a later loop may have the same id
        for name in [n for n in pool.cache_dict if str(n).endswith(ours)]:
            pool.ttl_dict.pop(name, None)
            await _close(pool.cache_dict.pop(name))

    async def generate(self, request: Request, draw: Draw) -> Response:
        litellm = _litellm()
        settings, not_sent = self._settings(request, draw)
        common: dict[str, Any] = {
            "model": self.name, "timeout": self.timeout, "num_retries": 0, "max_retries": 0, "drop_params": False,
            "caching": False, "no-log": True, **settings,
        }  # fmt: skip
        if self.api_base:
            common["api_base"] = self.api_base
        if self.api_key_env:
            common["api_key"] = os.environ[self.api_key_env]
        try:
            if request.mode == "completion":
                prompt = "".join(m.content for m in request.messages)
                if self._client is not None:
                    common["client"] = self._client
                raw = await asyncio.wait_for(litellm.atext_completion(prompt=prompt, **common), self.timeout + 5)
            else:
                messages = [{"role": m.role, "content": m.content} for m in request.messages]
                raw = await asyncio.wait_for(litellm.acompletion(messages=messages, **common), self.timeout + 5)
        except TimeoutError:
            raise Unavailable(f"{self.name} did not answer within {self.timeout:g} s") from None
        except Exception as error:
            raise _typed(litellm, self.name, error) from None
        return _response(raw, self._cost(raw), not_sent)

    def _settings(self, request: Request, draw: Draw) -> tuple[dict[str, Any], list[str]]:
        sampling = request.sampling
        wanted: dict[str, Any] = {
            "temperature": sampling.temperature if self.temperature is None else self.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
            "seed": seed_of(draw.episode, draw.step, draw.sample, digest(request), bits=31),
        }
        if sampling.stop:
            wanted["stop"] = list(sampling.stop)
        if sampling.top_p == 1.0 and "claude" in self.name:
            del wanted["top_p"]  # Claude refuses a request with both temperature and top_p; 1 is its default
        if "max_tokens" not in self._accepts and "max_completion_tokens" in self._accepts:
            wanted["max_completion_tokens"] = wanted.pop("max_tokens")
        return (
            {k: v for k, v in wanted.items() if k in self._accepts},
            sorted(k for k in wanted if k not in self._accepts),
        )

    def _list_price(self) -> Price | None:
        """litellm's list price, once litellm is loaded; before that the price is simply not known yet."""
        litellm = sys.modules.get("litellm")
        return None if litellm is None else _price_entry(litellm, self.name)

    def _cost(self, raw: Any) -> float | None:
        price = self.price or self._list_price()
        return None if price is None else price.of(_usage(raw))


def _price_entry(litellm: Any, name: str) -> Price | None:
    table = getattr(litellm, "model_cost", {})  # absent while another thread is importing litellm
    entry = table.get(name) or table.get(name.partition("/")[2])
    if not entry or entry.get("input_cost_per_token") is None:
        return None
    return Price(float(entry["input_cost_per_token"]), float(entry.get("output_cost_per_token") or 0.0))


def _litellm() -> Any:
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        import litellm
    except ImportError:
        raise MissingExtra("the package 'litellm' is not installed", remedy="Reinstall akrasia.") from None
    litellm.suppress_debug_info = True
    litellm.telemetry = False
    litellm.drop_params = False
    litellm.num_retries = 0
    logging.getLogger("LiteLLM").setLevel(logging.ERROR)
    return litellm


def _completion_client(litellm: Any, provider: str, key: str | None, base: str | None, timeout: float) -> Any:
    """One client for all calls of a base model behind OpenAI's protocol, None for another protocol.

    litellm pools clients of chat models only: here it would open one for each call and close none.
    """
    if provider in ("openai", "text-completion-openai"):
        key = key or os.environ.get("OPENAI_API_KEY")
    elif provider not in litellm.openai_text_completion_compatible_providers:
        return None
    import openai

    return openai.AsyncOpenAI(api_key=key or "none", base_url=base, timeout=timeout, max_retries=0)


async def _close(client: Any) -> None:
    close = getattr(client, "close", None)
    closing = close() if callable(close) else None
    if inspect.isawaitable(closing):
        await closing


def _typed(litellm: Any, name: str, error: Exception) -> Exception:
    """litellm's exceptions as ours, with anything that looks like a key taken out of the text."""
    said, known = scrubbed(str(error)), litellm.exceptions
    full = f"{error} {_code(error)}".lower()
    headers = getattr(error, "litellm_response_headers", None) or getattr(
        getattr(error, "response", None), "headers", None
    )
    wait = retry_after(headers)
    if isinstance(error, known.RateLimitError) and "insufficient_quota" in full:
        return Denied(f"the quota of {name} is used up", said, "Top it up and resume the run.")
    if isinstance(error, known.RateLimitError):
        return RateLimited(f"{name} asks to slow down", said, retry_after=wait)
    if isinstance(error, known.ServiceUnavailableError) and wait is not None:
        return RateLimited(f"{name} is overloaded", said, retry_after=wait)
    if getattr(error, "status_code", None) in (401, 403, 404):
        return Denied(f"{name} refused the credentials or is unknown to its provider", said, "Check key and name.")
    if isinstance(error, known.UnsupportedParamsError):
        return Denied(f"{name} cannot take the sampling that was asked for", said, "Set another temperature for it.")
    if isinstance(error, known.BadRequestError | known.UnprocessableEntityError):
        policy = isinstance(error, known.ContentPolicyViolationError)
        if policy or any(mark in full for mark in _FILTERED):
            return Rejected(f"{name} filtered the request", said, refusal=True)
        return Rejected(f"{name} refused the request", said)
    return Unavailable(f"{name} failed", f"{type(error).__name__}: {said}")


def _code(error: BaseException) -> str:
    """The provider's own code of an error, which litellm keeps only on what its exception was made from."""
    inner: BaseException | None = error
    while inner is not None:
        body = getattr(inner, "body", None)
        if isinstance(body, dict) and body.get("code"):
            return str(body["code"])
        inner = inner.__cause__ or inner.__context__
    return ""


def _usage(raw: Any) -> Usage:
    usage = getattr(raw, "usage", None)
    cached = getattr(getattr(usage, "prompt_tokens_details", None), "cached_tokens", None)
    thought = getattr(getattr(usage, "completion_tokens_details", None), "reasoning_tokens", None)
    return Usage(
        int(getattr(usage, "prompt_tokens", 0) or 0), int(getattr(usage, "completion_tokens", 0) or 0),
        int(cached or 0), int(thought or 0),
    )  # fmt: skip


def _response(raw: Any, cost: float | None, not_sent: list[str]) -> Response:
    choices = getattr(raw, "choices", None)
    if not choices:
        raise Unavailable("the provider's answer holds no choice")
    choice = choices[0]
    message = getattr(choice, "message", None)
    text = getattr(message, "content", None) if message is not None else getattr(choice, "text", None)
    finish = str(getattr(choice, "finish_reason", "") or "stop")
    status: Status = {"length": "truncated", "content_filter": "refused"}.get(finish, "ok")  # type: ignore[assignment]
    reported = {"model": str(getattr(raw, "model", "") or ""), "not_sent": ",".join(not_sent)}
    fingerprint = getattr(raw, "system_fingerprint", None)
    if fingerprint:
        reported["fingerprint"] = str(fingerprint)
    return Response(text if isinstance(text, str) else "", status, finish, _usage(raw), cost=cost, reported=reported)
