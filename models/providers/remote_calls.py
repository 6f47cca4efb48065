"""The calls of an open remote model: how each request is sent, what a refusal teaches, and what comes back.

Providers that speak OpenAI's protocol are asked directly (`openai_http.py`), all others through litellm (`litellm.py`),
and in batches where the run waits for them (`batch.py`). The transport is no part of an answer's identity.

Invariant: a refusal of a parameter is understood once (`lessons.py`), and the request is then sent without it: that is
another request, and no second attempt of the first, which was not served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...errors import BadOption, Denied, Rejected
from ...records import Request, Response
from ..sampling import as_sent
from .batch import BatchAPI, Batches, BatchNotes
from .batch_apis import OpenAIBatches
from .batch_providers import WITH_FORMS, batch_api, from_batch, in_batch_form
from .bindings import Binding, binding_of, read_bound, refused_of
from .cache_marks import marked
from .contact import Contact
from .forms import Form, OpenModel, form_of
from .lessons import lesson_of, room_in_context
from .litellm import LitellmTransport, litellm_error
from .openai_format import WANT_THOUGHTS, parse_completion, wire_messages
from .openai_http import OpenAIHTTP
from .preflight import base_of_environment
from .responses import ONLY_RESPONSES, as_completion, responses_body
from .starved import with_remedy

TIMEOUT = 120.0
TIMEOUT_THINKING = 600.0
MOST_LESSONS = 12  # of one call: a provider that refuses more is misunderstood


@dataclass(frozen=True)
class CallOptions:
    """What the calls of a model need of its table.

    Attributes:
        model_id: of its `ModelInfo`.
        arguments, headers: its parameters, as its provider takes them beside a request.
        marks: up to where prompts are marked to be kept; None marks none.
        batched: whether calls go into batches.
        batch_wait: seconds without a new request after which a batch goes out.
    """

    model_id: str
    api_base: str | None
    api_key_env: str | None
    timeout: float | None
    api_version: str | None
    arguments: Mapping[str, Any]
    headers: Mapping[str, str]
    marks: str | None
    batched: bool
    batch_wait: float


class RemoteCalls:
    """Makes the calls of one open model.

    Args:
        notes: where batches are noted; looked up at the first.
    """

    def __init__(self, opened: OpenModel, options: CallOptions, notes: Callable[[], BatchNotes]) -> None:
        self._opened, self._options, self._notes = opened, options, notes
        self._batches: Batches | None = None
        self._contact = Contact(opened.name)
        if opened.direct is None:
            self._through_litellm()

    def open_completion(self) -> None:
        """Make the client of a base model that litellm carries, which is asked to continue a text."""
        key, base = self._opened.account
        if self._opened.litellm is not None:
            self._opened.litellm.open_completion(self._opened.provider, key, base)

    def interrupt(self, reason: BaseException) -> None:
        """Let those who wait for a batch wait no longer; what was submitted stays so."""
        if self._batches is not None:
            self._batches.interrupt(reason)

    async def close(self) -> None:
        """Close the connections of this model and event loop, and no others."""
        for transport in (self._batches, self._opened.direct, self._opened.litellm):
            if transport is not None:
                await transport.close()

    async def generate(self, request: Request, key: str) -> Response:
        """One answer; what a refusal teaches is learned on the way.

        Raises:
            ModelError: there is none.
        """
        opened, sampling = self._opened, request.sampling
        limit = 0  # of this call's tokens, where its prompt leaves no more
        if opened.lessons.context:
            left = opened.lessons.room_beside(sum(len(text.encode()) for text in request.texts))
            limit = left if sampling.max_tokens <= left < sampling.most_tokens else 0
        for _ in range(MOST_LESSONS):
            form, binding = self._form(request), binding_of(opened, request)
            try:
                answer = await self._contact.made(self._ask(form, binding, request, key, limit), key)
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
                lesson = lesson or refused_of(error.said, binding, request)
                if lesson is None or (lesson.name == "max_tokens" and 0 < form.limit <= lesson.most):
                    raise
                opened.lessons.learn(lesson, str(error.why))
                opened.forms.clear()
                continue
            return self._read(answer, form, binding, request, limit)
        raise Denied(
            f"{opened.name} refused {MOST_LESSONS} parameters one after the other", remedy="Set fewer of them."
        )

    async def _ask(self, form: Form, binding: Binding, request: Request, key: str, limit: int) -> Any:
        """The answer's body, by the transport that can carry the form."""
        opened = self._opened
        seed = int(key[:8], 16) >> 1  # 31 bits of the key, so the seed names the draw
        thinks = request.sampling.thinking_tokens != 0
        patience = self._options.timeout or (TIMEOUT_THINKING if thinks else TIMEOUT)
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
        if self._options.batched:
            return await self._in_a_batch(form, settings, request, key)
        # The address may take the direct transport, but not with this sampling.
        return await self._through_litellm().ask(request, settings, form.own, key, patience)

    async def _post(self, http: OpenAIHTTP, path: str, body: dict[str, Any], key: str, patience: float) -> Any:
        """The body of an answer in OpenAI's form: at once, or by a batch."""
        if not self._options.batched:
            return await http.post(path, body, key, patience)
        return await self._batches_by(lambda: OpenAIBatches(http)).post(path, body, key)

    async def _in_a_batch(self, form: Form, settings: Mapping[str, Any], request: Request, key: str) -> Any:
        """The same, where the provider's form is its own."""
        opened = self._opened
        if opened.provider not in WITH_FORMS:
            raise BadOption(
                f"{opened.name!r} cannot be asked like this in batches",
                "litellm would send another form than OpenAI's",
                'Leave transport = "batch" out.',
            )
        messages = marked(wire_messages(request.messages), self._options.marks)
        own = {**settings, **form.own}
        path, body = in_batch_form(opened.module, opened.model, opened.provider, messages, own, opened.extra_body)
        return from_batch(opened.provider, await self._batches_by(self._batch_api).post(path, body, key))

    def _batches_by(self, api: Callable[[], BatchAPI]) -> Batches:
        if self._batches is None:
            options = self._options
            notes = self._notes()
            self._batches = Batches(self._opened.name, options.model_id, api(), notes, wait=options.batch_wait)
        return self._batches

    def _batch_api(self) -> BatchAPI:
        opened, options = self._opened, self._options
        key, base = opened.account
        at = (key, base or base_of_environment(opened.name))
        return batch_api(opened.name, opened.provider, at, options.headers, options.api_version, options.batch_wait)

    def _read(self, answer: Any, form: Form, binding: Binding, request: Request, limit: int) -> Response:
        not_sent = ",".join(sorted(form.not_sent | binding.not_sent))
        response = read_bound(parse_completion(answer, not_sent), binding, request)
        sent = limit or form.limit
        if sent and sent != request.sampling.most_tokens and request.sampling.thinking_tokens is not None:
            response.reported["max_tokens"] = str(sent)
        return with_remedy(response, request.sampling)

    def _form(self, request: Request) -> Form:
        """How this request's sampling is sent; worked out once for each sampling and mode."""
        opened, sampling = self._opened, as_sent(request.sampling)
        form = opened.forms.get((sampling, request.mode))
        if form is None:
            try:
                form = form_of(opened, sampling, request.mode)
            except (Denied, BadOption):
                raise
            except Exception as error:
                raise litellm_error(opened.module, opened.name, error) from None
            opened.forms[sampling, request.mode] = form
        return form

    def _through_litellm(self) -> LitellmTransport:
        opened, options = self._opened, self._options
        if opened.litellm is None:
            body = {"extra_body": dict(opened.extra_body)} if opened.extra_body else {}
            opened.litellm = LitellmTransport(
                opened.module,
                opened.name,
                options.api_base,
                options.api_key_env,
                opened.provider,
                *opened.account,
                {**options.arguments, **body},
                options.headers,
                options.marks,
            )
        return opened.litellm
