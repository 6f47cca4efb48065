"""A model behind the API of any provider that litellm knows.

litellm is imported when the model is opened, with its own retries, caches, callbacks, telemetry and `drop_params` off
and its price map local: the gateway is the only owner of retries, and no sampling setting is dropped in silence. A
setting that a provider cannot take is left out beforehand and named in `Response.reported["not_sent"]`.

Providers that speak OpenAI's protocol are asked directly (`openai_http.py`), all others through litellm (`litellm.py`).
The transport is no part of an answer's identity.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from ...errors import BadOption, Denied, UnknownName
from ...options import one_of, real, whole
from ...records import Draw, Request, Response, Sampling, digest
from ..base import ModelInfo, Price, Style
from ..sampling import as_sent, asked_in_text, lost_on_the_way, to_wire
from ..secrets import keep_secret
from .litellm import LitellmTransport, litellm_error, load_litellm
from .openai_format import parse_completion
from .openai_http import PROVIDERS, OpenAIHTTP, RequestTemplate, api_base_of, direct_proxies

__all__ = ["RemoteModel"]

TIMEOUT = 120.0
HARMLESS = ("api-version",)  # parameters that the query of an address may hold
Transport = Literal["auto", "litellm"]


@dataclass
class RemoteModel:
    """A model behind a provider's API.

    Args:
        name: litellm's model string.
        api_base: another address of the provider's API; part of the identity of the answers. An address that holds a
            user name or a key is refused.
        api_key_env: the environment variable that holds the key, if not the provider's usual one. The key itself is
            never an option, so that no configuration file and no ledger can hold one.
        price: US dollars per token; by default litellm's table.
        temperature: replaces the roles' own sampling temperature; what a plan or a graph sets goes before it.
        max_concurrency: the most calls at once; the gateway starts lower and raises the limit while all is well.
        rpm, tpm: the most requests and tokens in any minute; by default unlimited.
        timeout: seconds for one attempt.
        style: "chat", or "completion" for a base model.
        transport: "auto", or "litellm" to go through litellm even where the direct transport would do.
    """

    name: str
    api_base: str | None = None
    api_key_env: str | None = None
    price: Price | None = None
    temperature: float | None = None
    max_concurrency: int = 64
    rpm: int | None = None
    tpm: int | None = None
    timeout: float = TIMEOUT
    style: Style = "chat"
    transport: Transport = "auto"
    _open: _Opened | None = field(default=None, init=False, repr=False, compare=False)
    _info: ModelInfo | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        one_of("prompt style", self.style, ["chat", "completion"])
        one_of("transport", self.transport, ["auto", "litellm"])
        whole(f"max_concurrency of {self.name!r}", self.max_concurrency, 1)
        real(f"timeout of {self.name!r}", self.timeout, above=0)
        for option, value in (("rpm", self.rpm), ("tpm", self.tpm)):
            if value is not None:
                whole(f"{option} of {self.name!r}", value, 1)
        if self.api_key_env is not None:
            _check_variable(self.name, self.api_key_env)
        if self.api_base is not None:
            _check_address(self.name, self.api_base)

    @property
    def info(self) -> ModelInfo:
        if self._info is not None:
            return self._info
        settings = {k: v for k in ("api_base", "temperature") if (v := getattr(self, k)) is not None}
        if self.style != "chat":
            settings["style"] = self.style
        suffix = f"#{digest(settings, 4)}" if settings else ""
        return ModelInfo(
            id=self.name + suffix,
            label=self.name,
            style=self.style,
            max_concurrency=self.max_concurrency,
            price=self.price or self._list_price(),
            account=self._account,
            rpm=self.rpm,
            tpm=self.tpm,
            temperature=self.temperature,
        )

    async def open(self) -> None:
        # In a thread: the import takes seconds, and the clients that it makes must not belong to this event loop.
        litellm = await asyncio.to_thread(load_litellm)
        _check_tls(litellm)
        try:
            model, provider, key, base = litellm.get_llm_provider(self.name, api_base=self.api_base)
        except Exception:
            known = [str(getattr(p, "value", p)) for p in litellm.provider_list]
            raise UnknownName.among("litellm provider", self.name.partition("/")[0], known) from None
        missing = []
        if self.api_key_env is not None:
            key = os.environ.get(self.api_key_env)
            if not key:
                raise Denied(f"{self.api_key_env} is not set", remedy=f"Export it before using {self.name!r}.")
            keep_secret(key, self.api_key_env)
        else:
            missing = [str(k) for k in litellm.validate_environment(self.name).get("missing_keys") or []]
            if self.api_base is None and len(missing) == 1 and missing[0].endswith("_API_KEY"):
                raise Denied(f"{missing[0]} is not set", remedy=f"Export it before using {self.name!r}.")
        accepts = frozenset(litellm.get_supported_openai_params(model, custom_llm_provider=provider) or [])
        base = base or self.api_base
        direct = self._direct(litellm, model, provider, key, base)
        via_litellm = None
        if direct is None:
            via_litellm = LitellmTransport(litellm, self.name, self.api_base, self.api_key_env, self.timeout)
            if self.style == "completion":
                via_litellm.open_completion(provider, key, base)
        self._open = _Opened(litellm, model, provider, accepts, direct, via_litellm)
        self._info = None
        self._info = self.info

    async def close(self) -> None:
        """Close the connections of this model and event loop, and no others."""
        if self._open is not None:
            for transport in (self._open.direct, self._open.litellm):
                if transport is not None:
                    await transport.close()
            self._open = None

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        opened = self._open
        if opened is None:
            raise BadOption(f"{self.name!r} was asked before it was opened", remedy="Await open() first.")
        form = self._form(opened, request)
        seed = int(key[:8], 16) >> 1  # 31 bits of the key, so the seed names the draw
        if form.template is not None and opened.direct is not None:
            body: dict[str, Any] = {**form.template.body, **({form.template.seed: seed} if form.template.seed else {})}
            if request.mode == "completion":
                body["prompt"] = "".join(m.content for m in request.messages)
                answer = await opened.direct.post("/completions", body, key)
            else:
                body["messages"] = request.messages
                answer = await opened.direct.post("/chat/completions", body, key)
        else:
            settings = {**form.settings, **({"seed": seed} if "seed" in form.settings else {})}
            if opened.litellm is None:  # the address takes the direct transport, but not with this sampling
                opened.litellm = LitellmTransport(
                    opened.module, self.name, self.api_base, self.api_key_env, self.timeout
                )
            answer = await opened.litellm.ask(request, settings, key)
        return parse_completion(answer, ",".join(sorted(form.not_sent | asked_in_text(request.sampling))))

    def _form(self, opened: _Opened, request: Request) -> _Form:
        """How this request's sampling is sent; worked out once for each sampling and mode."""
        sampling = as_sent(request.sampling)
        form = opened.forms.get((sampling, request.mode))
        if form is None:
            form = opened.forms[sampling, request.mode] = self._work_out_form(opened, sampling, request.mode)
        return form

    def _work_out_form(self, opened: _Opened, sampling: Sampling, mode: str) -> _Form:
        wanted = {**to_wire(sampling), "seed": 0}
        asked = set(wanted)
        if sampling.top_p == 1.0 and "claude" in self.name:
            del wanted["top_p"]  # Claude refuses a request with both temperature and top_p; 1 is its default
        if "max_tokens" not in opened.accepts and "max_completion_tokens" in opened.accepts:
            wanted["max_completion_tokens"] = wanted.pop("max_tokens")
        settings = {k: v for k, v in wanted.items() if k in opened.accepts}
        template = None
        if opened.direct is not None and mode == "completion":
            template = RequestTemplate({"model": opened.model, **settings}, "seed" if "seed" in settings else None)
        elif opened.direct is not None:
            try:
                template = RequestTemplate.of(opened.module, opened.model, opened.provider, settings)
            except Exception as error:
                raise litellm_error(opened.module, self.name, error) from None
        sent = (
            settings if mode == "completion" else self._mapped(opened, settings) if template is None else template.body
        )
        lost = lost_on_the_way({k: v for k, v in settings.items() if k != "seed"}, sent)
        if template is not None and mode != "completion" and template.seed is None:
            lost.add("seed")
        arrives = settings.keys() - lost
        if "max_completion_tokens" in arrives:
            arrives = arrives | {"max_tokens"}
        return _Form(settings, frozenset(asked - arrives), template)

    def _mapped(self, opened: _Opened, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """What litellm makes of the settings.

        Raises:
            Denied: the model does not take one of them.
        """
        try:
            mapped: Mapping[str, Any] = opened.module.utils.get_optional_params(
                model=opened.model, custom_llm_provider=opened.provider, **settings
            )
        except opened.module.exceptions.UnsupportedParamsError as error:
            raise litellm_error(opened.module, self.name, error) from None
        except Exception:  # noqa: BLE001  (litellm cannot say: the request itself will tell)
            return settings
        return mapped

    def _direct(self, litellm: Any, model: str, provider: str, key: str | None, base: str | None) -> OpenAIHTTP | None:
        """The direct transport, if it can be used for this provider and litellm's is not asked for."""
        address = api_base_of(litellm, provider, base)
        entry = _entry(litellm, self.name)
        if self.transport == "litellm" or provider not in PROVIDERS or litellm.headers or not direct_proxies():
            return None
        if address is None or urlsplit(address).query or entry.get("mode", "chat") not in ("chat", "completion"):
            return None
        if self.style == "completion" and provider not in _completion_providers(litellm):
            return None
        if provider in (
            "openai",
            "custom_openai",
        ):  # only these: litellm would show OpenAI's key to other providers too
            key = key or litellm.api_key or litellm.openai_key or os.environ.get("OPENAI_API_KEY")
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "akrasia"}
        headers["Authorization"] = f"Bearer {key or 'none'}"
        for name, variable in (("OpenAI-Organization", "OPENAI_ORGANIZATION"), ("OpenAI-Project", "OPENAI_PROJECT")):
            if provider == "openai" and os.environ.get(variable):
                headers[name] = os.environ[variable]
        return OpenAIHTTP(self.name, address, headers, self.timeout)

    @property
    def _account(self) -> str:
        """The provider, its address and the variable of the key; never the key."""
        return f"{self.name.partition('/')[0]} {self.api_base or ''} {self.api_key_env or ''}"

    def _list_price(self) -> Price | None:
        """litellm's list price; None as long as litellm is not loaded."""
        litellm = sys.modules.get("litellm")
        entry = {} if litellm is None else _entry(litellm, self.name)
        if entry.get("input_cost_per_token") is None:
            return None
        return Price(float(entry["input_cost_per_token"]), float(entry.get("output_cost_per_token") or 0.0))


@dataclass(frozen=True)
class _Form:
    """How one sampling is sent.

    Attributes:
        settings: what the provider takes, by OpenAI's names.
        not_sent: the names of what it does not get.
        template: the body for the direct transport; None where litellm must carry it.
    """

    settings: dict[str, Any]
    not_sent: frozenset[str]
    template: RequestTemplate | None


@dataclass
class _Opened:
    """An open model: what litellm knows about it, and its transports."""

    module: Any
    model: str
    provider: str
    accepts: frozenset[str]
    direct: OpenAIHTTP | None
    litellm: LitellmTransport | None
    forms: dict[tuple[Sampling, str], _Form] = field(default_factory=dict)


def _completion_providers(litellm: Any) -> set[str]:
    """Providers whose base models continue texts by OpenAI's protocol."""
    return {"openai", "text-completion-openai", *litellm.openai_text_completion_compatible_providers}


def _entry(litellm: Any, name: str) -> Mapping[str, Any]:
    table = getattr(litellm, "model_cost", {})  # absent while another thread is importing litellm
    entry: Mapping[str, Any] = table.get(name) or table.get(name.partition("/")[2]) or {}
    return entry


def _check_variable(name: str, variable: Any) -> None:
    """Refuse what is no variable's name, or looks like the key itself; the message does not repeat it."""
    is_name = isinstance(variable, str) and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable)
    is_key = is_name and len(variable) > 20 and re.search("[a-z]", variable) and re.search("[0-9]", variable)
    if not is_name or is_key:
        raise BadOption(
            f"the api_key_env of {name!r} {'looks like a key' if is_key else 'is no name of a variable'}",
            "a key in its place would be stored with the run",
            "Export the key in an environment variable, and write the variable's name here, such as MY_KEY.",
        )


def _check_address(name: str, address: Any) -> None:
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


def _check_tls(litellm: Any) -> None:
    """Refuse SSL_VERIFY=False in the environment, which litellm would obey: no key is sent over such a line."""
    value = os.environ.get("SSL_VERIFY", "")
    if litellm.ssl_verify is False or value.strip().lower() in ("false", "0", "no", "off", "none"):
        raise BadOption(
            "SSL_VERIFY switches off the verification of certificates",
            "anyone on the way could read the key",
            "Unset it, and name the file of your own certificate authority in SSL_CERT_FILE.",
        )
