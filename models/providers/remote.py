"""A model behind the API of any provider that litellm knows.

litellm is imported when the model is opened, with its own retries, caches, callbacks, telemetry and `drop_params` off
and its price map local: the gateway is the only owner of retries, and nothing that was asked for is dropped in silence.
What a provider does not take is left out and named in `Response.reported["not_sent"]` (`forms.py`). A refusal of a
parameter is understood once (`lessons.py`), and the request is then sent without it: that is another request, and no
second attempt of the first, which was not served.

Providers that speak OpenAI's protocol are asked directly (`openai_http.py`), all others through litellm (`litellm.py`).
The transport is no part of an answer's identity.
"""

from __future__ import annotations

import asyncio
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ...errors import BadOption, Denied, Rejected, UnknownName
from ...options import one_of, real, whole
from ...records import Draw, Request, Response, digest
from ..base import ModelInfo, Price, Style
from ..known_models import LOCAL, KnownModel, known_model
from ..parameter_limits import check_limits
from ..parameters import (
    SAMPLED,
    check_parameters,
    hide_headers,
    identity_of_parameters,
    names_of_provider,
    open_headers,
    thinking_form,
)
from ..sampling import as_sent
from ..secrets import keep_secret
from ..thinking import Allowance
from .addresses import check_address, check_tls, check_variable
from .batch import WAIT, BatchAPI, Batches, BatchNotes, MemoryNotes
from .batch_apis import OpenAIBatches
from .batch_providers import WITH_FORMS, batch_api, check_batches, check_wait, from_batch, in_batch_form
from .bindings import Binding, binding_of, read_bound, refused_of
from .cache_marks import check_marks, marked
from .direct import direct_transport, entry_of
from .forms import Form, OpenModel, form_of
from .lessons import Lesson, lesson_of, room_in_context
from .litellm import LitellmTransport, litellm_error, load_litellm
from .model_check import check_model
from .openai_format import WANT_THOUGHTS, parse_completion, wire_messages
from .openai_http import OpenAIHTTP
from .preflight import KEY_VARIABLES, base_of_environment, check_key, check_server
from .responses import ONLY_RESPONSES, as_completion, responses_body
from .starved import with_remedy

__all__ = ["RemoteModel"]

TIMEOUT = 120.0
TIMEOUT_THINKING = 600.0
MOST_IN_A_BATCH = 50_000
MOST_LESSONS = 12  # of one call: a provider that refuses more is misunderstood
Transport = Literal["auto", "litellm", "batch"]
PARAMETERS = (
    "reasoning_effort", "thinking", "thinking_tokens", "max_tokens", "top_p", "top_k", "seed", "stop", "extra_body",
    "extra_headers", "api_version", "organization", "project", "region", "service_tier",
)  # fmt: skip


@dataclass
class RemoteModel:
    """A model behind a provider's API.

    Args:
        name: litellm's model string.
        api_base: another address of the provider's API; part of the identity of the answers, as one that stands in the
            environment is (OPENAI_BASE_URL, ...). An address that holds a user name or a key is refused.
        api_key_env: the environment variable that holds the key, if not the provider's usual one. The key itself is
            never an option, so that no configuration file and no ledger can hold one.
        price: US dollars per token; by default litellm's table.
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
    _open: OpenModel | None = field(default=None, init=False, repr=False, compare=False)
    _notes: BatchNotes | None = field(default=None, init=False, repr=False, compare=False)
    _batches: Batches | None = field(default=None, init=False, repr=False, compare=False)
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
        own_address = self.api_base is not None or bool(base_of_environment(self.name))
        check_limits(
            self.name,
            {**self._parameters, **given},
            known_model(self.name),
            own_address=own_address,
            batched=self._batched,
        )

    def note_in(self, notes: BatchNotes) -> None:
        """Note batches where the run is kept, before the first request."""
        self._notes = notes

    def interrupt(self, reason: BaseException) -> None:
        """Let those who wait for a batch wait no longer; what was submitted stays so."""
        if self._batches is not None:
            self._batches.interrupt(reason)

    @property
    def _parameters(self) -> dict[str, Any]:
        return {name: value for name in PARAMETERS if (value := getattr(self, name)) is not None}

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
        sampled = {k: given[k] for k in SAMPLED if k in given}
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

    async def open(self) -> None:
        check_key(self.name, self.api_base, self.api_key_env)
        await check_server(self.name, self.api_base)
        if not (self.extra_headers or self.organization or self.project):  # with these, it may be another's account
            await check_model(self.name, self.api_base, self.api_key_env)
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
        self._open = OpenModel(
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
        if self._open.direct is None:
            self._open.litellm = self._through_litellm(litellm, provider, self._open.account, arguments, headers)
            if self.style == "completion":
                self._open.litellm.open_completion(provider, key, base or self.api_base)
        self._info = None

    @property
    def _openai_headers(self) -> dict[str, str]:
        return {"OpenAI-Organization": self.organization} if self.organization else {}

    @property
    def _own(self) -> dict[str, Any]:
        """The parameters that are no settings of a request, by OpenAI's names."""
        own = {k: v for k in ("top_k", "service_tier") if (v := getattr(self, k)) is not None}
        form = thinking_form(self.thinking)
        if form is not None and self.name.startswith(("ollama/", "ollama_chat/")):
            return {**own, "think": form["type"] != "disabled"}
        return own if form is None else {**own, "thinking": form}

    @property
    def _marks(self) -> str | None:
        return self.prompt_cache if isinstance(self.prompt_cache, str) else None

    def _seeded(self, provider: str) -> bool | int:
        """Whether requests carry a seed: of their draw (True), a number, or none (False)."""
        if self.seed is None:
            return provider in LOCAL
        return True if self.seed == "draw" else int(self.seed)

    async def close(self) -> None:
        """Close the connections of this model and event loop, and no others."""
        if self._open is not None:
            for transport in (self._batches, self._open.direct, self._open.litellm):
                if transport is not None:
                    await transport.close()
            self._open = self._batches = None

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        opened = self._open
        if opened is None:
            raise BadOption(f"{self.name!r} was asked before it was opened", remedy="Await open() first.")
        sampling = request.sampling
        limit = 0  # of this call's tokens, where its prompt leaves no more
        if opened.lessons.context:
            left = opened.lessons.room_beside(sum(len(text.encode()) for text in request.texts))
            limit = left if sampling.max_tokens <= left < sampling.most_tokens else 0
        for _ in range(MOST_LESSONS):
            form, binding = self._form(opened, request), binding_of(opened, request)
            try:
                answer = await self._ask(opened, form, binding, request, key, limit)
            except (Denied, Rejected) as error:
                if ONLY_RESPONSES in error.said and not opened.responses and opened.direct is not None:
                    opened.responses = True
                    opened.forms.clear()
                    continue
                context, left = room_in_context(error.said)
                if sampling.thinking_tokens != 0 and left >= sampling.max_tokens and left != limit:
                    opened.lessons.context, limit = context, left
                    continue
                lesson = lesson_of(error.said, form.sent | binding.body.keys()) if error.said else None
                if lesson is None and (name := refused_of(error.said, binding, request)):
                    lesson = Lesson(name)
                if lesson is None or (lesson.most and form.limit and lesson.most >= form.limit):
                    raise
                opened.lessons.learn(lesson, str(error.why))
                opened.forms.clear()
                continue
            return self._read(answer, form, binding, request, limit)
        raise Denied(f"{self.name} refused {MOST_LESSONS} parameters one after the other", remedy="Set fewer of them.")

    async def _ask(
        self, opened: OpenModel, form: Form, binding: Binding, request: Request, key: str, limit: int
    ) -> Any:
        """The answer's body, by the transport that can carry the form."""
        seed = int(key[:8], 16) >> 1  # 31 bits of the key, so the seed names the draw
        thinks = request.sampling.thinking_tokens != 0
        patience = self.timeout or (TIMEOUT_THINKING if thinks else TIMEOUT)
        numbered = {form.seed: seed} if form.seed else {}
        if form.template is not None and opened.direct is not None:
            body = {**form.template, **numbered, **({form.limited: limit} if limit and form.limited else {})}
            body |= binding.body
            if request.mode == "completion":
                body["prompt"] = "".join(m.content for m in request.messages)
                return await opened.direct.post("/completions", body, key, patience)
            body["messages"] = wire_messages(request.messages, opened.provider in WANT_THOUGHTS)
            if opened.responses:
                return as_completion(await self._post(opened.direct, "/responses", responses_body(body), key, patience))
            return await self._post(opened.direct, "/chat/completions", body, key, patience)
        settings = {**form.settings, **numbered, **({form.limited: limit} if limit and form.limited else {})}
        settings |= binding.body
        if self._batched:
            return await self._in_a_batch(opened, form, settings, request, key)
        if opened.litellm is None:  # the address takes the direct transport, but not with this sampling
            arguments, headers = names_of_provider(opened.provider, self._parameters)
            headers |= open_headers(self.name, self.extra_headers or {})
            opened.litellm = self._through_litellm(opened.module, opened.provider, opened.account, arguments, headers)
        return await opened.litellm.ask(request, settings, form.own, key, patience)

    async def _post(self, http: OpenAIHTTP, path: str, body: dict[str, Any], key: str, patience: float) -> Any:
        """The body of an answer in OpenAI's form: at once, or by a batch."""
        if not self._batched:
            return await http.post(path, body, key, patience)
        return await self._batches_by(lambda: OpenAIBatches(http)).post(path, body, key)

    async def _in_a_batch(
        self, opened: OpenModel, form: Form, settings: Mapping[str, Any], request: Request, key: str
    ) -> Any:
        """The same, where the provider's form is its own."""
        if opened.provider not in WITH_FORMS:
            raise BadOption(
                f"{self.name!r} cannot be asked like this in batches",
                "litellm would send another form than OpenAI's",
                'Leave transport = "batch" out.',
            )
        messages = marked(wire_messages(request.messages), self._marks)
        own = {**settings, **form.own}
        path, body = in_batch_form(opened.module, opened.model, opened.provider, messages, own, opened.extra_body)
        return from_batch(
            opened.provider, await self._batches_by(lambda: self._batch_api(opened)).post(path, body, key)
        )

    def _batches_by(self, api: Callable[[], BatchAPI]) -> Batches:
        if self._batches is None:
            notes = self._notes or MemoryNotes()
            self._batches = Batches(self.name, self.info.id, api(), notes, wait=self.batch_wait or WAIT)
        return self._batches

    def _batch_api(self, opened: OpenModel) -> BatchAPI:
        key, base = opened.account
        _, named = names_of_provider(opened.provider, self._parameters)
        headers = {**named, **open_headers(self.name, self.extra_headers or {})}
        account = (key, base or base_of_environment(self.name))
        return batch_api(self.name, opened.provider, account, headers, self.api_version, self.batch_wait or WAIT)

    def _read(self, answer: Any, form: Form, binding: Binding, request: Request, limit: int) -> Response:
        not_sent = ",".join(sorted(form.not_sent | binding.not_sent))
        response = read_bound(parse_completion(answer, not_sent), binding, request)
        sent = limit or form.limit
        if sent and sent != request.sampling.most_tokens and request.sampling.thinking_tokens is not None:
            response.reported["max_tokens"] = str(sent)
        return with_remedy(response, request.sampling)

    def _form(self, opened: OpenModel, request: Request) -> Form:
        """How this request's sampling is sent; worked out once for each sampling and mode."""
        sampling = as_sent(request.sampling)
        form = opened.forms.get((sampling, request.mode))
        if form is None:
            try:
                form = form_of(opened, sampling, request.mode)
            except (Denied, BadOption):
                raise
            except Exception as error:
                raise litellm_error(opened.module, self.name, error) from None
            opened.forms[sampling, request.mode] = form
        return form

    def _through_litellm(
        self,
        litellm: Any,
        provider: str,
        account: tuple[str | None, str | None],
        arguments: Mapping[str, Any],
        headers: Mapping[str, str],
    ) -> LitellmTransport:
        more = {**arguments, **({"extra_body": dict(self.extra_body)} if self.extra_body else {})}
        return LitellmTransport(
            litellm, self.name, self.api_base, self.api_key_env, provider, *account, more, headers, self._marks
        )


_NOT_SHOWN = ("api_version", "organization", "project", "region")
