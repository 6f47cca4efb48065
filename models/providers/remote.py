"""A model behind the API of any provider that litellm knows.

litellm is imported when the model is opened, with its own retries, caches, callbacks, telemetry and `drop_params` off
and its price map local: the gateway is the only owner of retries, and nothing that was asked for is dropped in silence.
What a provider does not take is left out and named in `Response.reported["not_sent"]` (`forms.py`). How its calls are
made: `remote_calls.py`.
"""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ...errors import BadOption, Denied, UnknownName
from ...options import one_of, real, whole
from ...records import Draw, Request, Response, digest
from ..base import ModelInfo, Price, Style
from ..headers import hide_headers, open_headers
from ..known_models import LOCAL, KnownModel, known_model
from ..parameter_limits import check_limits
from ..parameters import (
    PARAMETERS,
    SETTINGS,
    check_parameters,
    identity_of_parameters,
    names_of_provider,
    thinking_form,
)
from ..secrets import keep_secret
from ..thinking import Allowance
from .addresses import check_address, check_tls, check_variable
from .batch import WAIT, BatchNotes, MemoryNotes
from .batch_providers import check_batches, check_wait
from .cache_marks import check_marks
from .direct import direct_transport, entry_of
from .forms import OpenModel
from .litellm import load_litellm
from .model_check import check_model
from .preflight import KEY_VARIABLES, base_of_environment, check_key, check_server
from .remote_calls import CallOptions, RemoteCalls

MOST_IN_A_BATCH = 50_000
Transport = Literal["auto", "litellm", "batch"]


@dataclass
class RemoteModel:
    """A model behind a provider's API.

    Args:
        name: litellm's model string.
        api_base: another address of the provider's API; part of the identity of the answers, as one that stands in the
            environment is (OPENAI_BASE_URL, ...). An address that holds a user name or a key is refused.
        api_key_env: the environment variable that holds the key, if not the provider's usual one. The key itself is
            never an option, so that no configuration file and no ledger can hold one.
        price: {prompt = 0.15, completion = 0.60}, in US dollars per million tokens (a `Price` is per single token);
            by default litellm's table.
        temperature: replaces the roles' own sampling temperature; what a plan or a graph sets goes before it.
        top_p, stop, reasoning_effort: as the provider knows them; like `temperature`, in the place of the roles' own.
        max_concurrency: the most calls at once; the gateway starts lower and raises the limit while all is well.
        rpm, tpm: the most requests and tokens in any minute; by default unlimited.
        timeout: seconds for one attempt; by default 120, and 600 where there is room to think.
        style: "chat", or "completion" for a base model.
        transport: "auto", "litellm" to go through litellm even where the direct transport would do, or "batch" for the
            provider's batch API.
        thinking: whether it thinks: true, false, "adaptive", a number of tokens, or the provider's own table.
        thinking_tokens: what it may think on top of an answer; by default by its effort, see `Thinking`.
        max_tokens: the whole limit of an answer, in the place of the roles' own and without room on top.
        top_k, service_tier: as the provider knows them.
        seed: a number that every request carries, or "draw" for one that names its draw.
        extra_body, extra_headers: what is sent beside all this; a header's value may be $NAME of a variable.
        api_version, organization, project, region: where the provider has these.
        prompt_cache: up to where a prompt is marked to be kept, "system" or "conversation" (`cache_marks.py`); by
            default it is not. It changes no answer, so it is no part of their identity.
        batch_wait: by the batch API, seconds without a new request after which a batch goes out, and between the first
            two looks at it; by default 1.
    """

    name: str
    api_base: str | None = None
    api_key_env: str | None = None
    price: Price | None = None
    temperature: float | None = None
    max_concurrency: int = 64
    rpm: int | None = None
    tpm: int | None = None
    timeout: float | None = None
    style: Style = "chat"
    transport: Transport = "auto"
    reasoning_effort: str | None = None
    thinking: Any = None
    thinking_tokens: int | str | None = None
    max_tokens: int | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | str | None = None
    stop: Any = None
    extra_body: Mapping[str, Any] | None = None
    extra_headers: Mapping[str, str] | None = None
    api_version: str | None = None
    organization: str | None = None
    project: str | None = None
    region: str | None = None
    service_tier: str | None = None
    prompt_cache: str | bool | None = None
    batch_wait: float | None = None
    _calls: RemoteCalls | None = field(default=None, init=False, repr=False, compare=False)
    _notes: BatchNotes | None = field(default=None, init=False, repr=False, compare=False)
    _info: ModelInfo | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        one_of("prompt style", self.style, ["chat", "completion"])
        one_of("transport", self.transport, ["auto", "litellm", "batch"])
        if self._batched:
            check_batches(self.name, self.style)
        if self.batch_wait is not None:
            check_wait(self.name, self.batch_wait, self._batched)
        whole(f"max_concurrency of {self.name!r}", self.max_concurrency, 1)
        if self.timeout is not None:
            real(f"timeout of {self.name!r}", self.timeout, above=0)
        for option, value in (("rpm", self.rpm), ("tpm", self.tpm)):
            if value is not None:
                whole(f"{option} of {self.name!r}", value, 1)
        if self.api_key_env is not None:
            check_variable(self.name, self.api_key_env)
        if self.api_base is not None:
            check_address(self.name, self.api_base)
        check_parameters(self.name, self._parameters)
        self._check_limits()
        hide_headers(self.extra_headers or {})
        info = self.info
        own = {**info.settings, **({} if self.temperature is None else {"temperature": self.temperature})}
        if self.temperature is not None:
            real(f"temperature of {self.name!r}", self.temperature, 0, info.hottest)
        why, remedy = info.why_not(own)
        if why:
            raise BadOption(f"{self.name!r} cannot be asked like this", why, remedy)

    @property
    def _batched(self) -> bool:
        return self.transport == "batch"

    def _check_limits(self) -> None:
        given = {k: v for k in ("temperature", "prompt_cache") if (v := getattr(self, k)) is not None}
        if self.prompt_cache is not None:
            check_marks(self.name, self.prompt_cache)
        check_limits(
            self.name,
            {**self._parameters, **given},
            known_model(self.name),
            own_address=not self.at_its_provider,
            batched=self._batched,
        )

    @property
    def at_its_provider(self) -> bool:
        """Whether it is asked at its provider's usual address, and at no other that its table or a variable names."""
        return self.api_base is None and not base_of_environment(self.name)

    def note_in(self, notes: BatchNotes) -> None:
        """Note batches where the run is kept, before the first request."""
        self._notes = notes

    def interrupt(self, reason: BaseException) -> None:
        """Let those who wait for a batch wait no longer; what was submitted stays so."""
        if self._calls is not None:
            self._calls.interrupt(reason)

    @property
    def _parameters(self) -> dict[str, Any]:
        """Those that are set, but for the temperature, which every model has."""
        names = (name for name in PARAMETERS if name != "temperature")
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    @property
    def _known(self) -> KnownModel:
        form = thinking_form(self.thinking)
        allowance: Any = self.thinking_tokens
        if allowance is None:
            allowance = 0 if self.max_tokens is not None else (form or {}).get("budget_tokens", "auto")
        checked: Allowance = allowance
        thinks = None if form is None else form["type"] != "disabled"
        tier = "batches" if self.transport == "batch" else self.service_tier or ""
        return known_model(self.name, checked, thinks, tier)

    @property
    def info(self) -> ModelInfo:
        if self._info is None:
            self._info = self._describe()
        return self._info

    def _describe(self) -> ModelInfo:
        known, given = self._known, self._parameters
        settings = {k: v for k in ("api_base", "temperature") if (v := getattr(self, k)) is not None}
        if self.api_base is None and (base := base_of_environment(self.name)):
            settings["api_base"] = base
        settings |= identity_of_parameters(given)
        if self.style != "chat":
            settings["style"] = self.style
        suffix = f"#{digest(settings, 4)}" if settings else ""
        sampled = {k: given[k] for k in SETTINGS if k in given}
        if "stop" in sampled:
            sampled["stop"] = (self.stop,) if isinstance(self.stop, str) else tuple(self.stop)
        shown = [f"{k}={v}" for k, v in given.items() if isinstance(v, str | int | float) and k not in _NOT_SHOWN]
        return ModelInfo(
            id=self.name + suffix,
            label=":".join(filter(None, (self.name, ",".join(shown)))),
            style=self.style,
            max_concurrency=MOST_IN_A_BATCH if self._batched else self.max_concurrency,
            price=self.price or known.price,
            account=f"{self.name.partition('/')[0]} {self.api_base or ''} {self.api_key_env or ''}",
            rpm=self.rpm,
            tpm=self.tpm,
            temperature=self.temperature,
            settings=sampled,
            thinking=known.thinking,
            lacks=known.lacks,
            lacks_while_thinking=known.lacks_while_thinking,
            hottest=known.hottest,
            batched=self._batched,
            tools="native" if known.calls_tools and self.style == "chat" else "prompted",
            images=known.sees_images and self.style == "chat",
        )

    async def check(self) -> None:
        """Ask the provider whether it has a model that litellm's table does not know, before a run is begun.

        Raises:
            Denied: the key is missing, its server does not run, or it has no such model.
        """
        check_key(self.name, self.api_base, self.api_key_env)
        await check_server(self.name, self.api_base)
        local = self.name.partition("/")[0] in LOCAL
        another = self.extra_headers or self.organization or self.project  # with these, it may be another's account
        if not another and (local or not known_model(self.name).listed):
            await check_model(self.name, self.api_base, self.api_key_env)

    async def open(self) -> None:
        check_key(self.name, self.api_base, self.api_key_env)
        await check_server(self.name, self.api_base)
        # In a thread: the import takes seconds, and the clients that it makes must not belong to this event loop.
        litellm = await asyncio.to_thread(load_litellm)
        check_tls(litellm)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydantic warns of litellm's types when it first builds them
            self._open_with(litellm)

    def _open_with(self, litellm: Any) -> None:
        try:
            model, provider, key, base = litellm.get_llm_provider(self.name, api_base=self.api_base)
        except Exception:
            known = [str(getattr(p, "value", p)) for p in litellm.provider_list]
            raise UnknownName.among("litellm provider", self.name.partition("/")[0], known) from None
        if self.api_key_env is not None:
            key = os.environ[self.api_key_env]
            keep_secret(key, self.api_key_env)
        elif self.api_base is None:
            missing = [str(k) for k in litellm.validate_environment(self.name).get("missing_keys") or []]
            if missing and all(k.endswith("_API_KEY") for k in missing) and provider not in KEY_VARIABLES:
                raise Denied(f"{missing[0]} is not set", remedy=f"Export it before using {self.name!r}.")
        accepts = frozenset(litellm.get_supported_openai_params(model, custom_llm_provider=provider) or [])
        arguments, headers = names_of_provider(provider, self._parameters)
        headers |= open_headers(self.name, self.extra_headers or {})
        opened = OpenModel(
            module=litellm,
            name=self.name,
            model=model,
            provider=provider,
            accepts=accepts,
            known=self._known,
            own=self._own,
            extra_body=self.extra_body or {},
            seeded=self._seeded(provider),
            direct=None
            if self.transport == "litellm"
            else direct_transport(
                litellm, self.name, provider, key, base or self.api_base, self.style, self._openai_headers | headers
            ),
            account=(key, base or self.api_base),
            responses=provider == "openai" and entry_of(litellm, self.name).get("mode") == "responses",
        )
        options = CallOptions(
            model_id=self.info.id,
            api_base=self.api_base,
            api_key_env=self.api_key_env,
            timeout=self.timeout,
            api_version=self.api_version,
            arguments=arguments,
            headers=headers,
            marks=self.prompt_cache if isinstance(self.prompt_cache, str) else None,
            batched=self._batched,
            batch_wait=self.batch_wait or WAIT,
        )
        self._calls = RemoteCalls(opened, options, lambda: self._notes or MemoryNotes())
        if self.style == "completion":
            self._calls.open_completion()
        self._info = None

    @property
    def _openai_headers(self) -> dict[str, str]:
        return {"OpenAI-Organization": self.organization} if self.organization else {}

    @property
    def _own(self) -> dict[str, Any]:
        """The parameters that are no settings of a request, by OpenAI's names."""
        own = {k: v for k, p in PARAMETERS.items() if p.as_it_is and (v := getattr(self, k)) is not None}
        form = thinking_form(self.thinking)
        if form is not None and self.name.startswith(("ollama/", "ollama_chat/")):
            return {**own, "think": form["type"] != "disabled"}
        return own if form is None else {**own, "thinking": form}

    def _seeded(self, provider: str) -> bool | int:
        """Whether requests carry a seed: of their draw (True), a number, or none (False)."""
        if self.seed is None:
            return provider in LOCAL
        return True if self.seed == "draw" else int(self.seed)

    async def close(self) -> None:
        """Close the connections of this model and event loop, and no others."""
        if self._calls is not None:
            calls, self._calls = self._calls, None
            await calls.close()

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        if self._calls is None:
            raise BadOption(f"{self.name!r} was asked before it was opened", remedy="Await open() first.")
        return await self._calls.generate(request, key)


_NOT_SHOWN = ("api_version", "organization", "project", "region")
