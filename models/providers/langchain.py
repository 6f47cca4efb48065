"""LangChain both ways: any `BaseChatModel` as a backend, and the gateway as a `BaseChatModel`.

Agents ask the gateway without LangChain. Where LangChain callbacks are in force, `traced` reports each such call to
them, as a run of a chat model below the node that asks.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult, LLMResult
from langchain_core.runnables import Runnable
from langchain_core.runnables.config import ensure_config, get_async_callback_manager_for_config
from pydantic import ConfigDict, PrivateAttr, ValidationError

from ...errors import BadOption, ModelError, RateLimited, Rejected, Unavailable
from ...options import one_of, whole
from ...records import Draw, Message, Request, Response, Sampling, Status, Usage, digest
from ..account_faults import account_fault
from ..base import UNCOUNTED, WRITTEN, ModelInfo, Offer, Price, Style
from ..gateway import Gateway
from ..known_models import known_model
from ..langchain_calls import asked_of, bound_tools
from ..parameters import SETTINGS
from ..roles import ModelRoles
from ..sampling import asked_in_text
from .client_errors import body_of_error, headers_of_error, status_of_error
from .contact import Contact, lookup_of
from .langchain_loop import in_lasting_loop
from .langchain_messages import calls_of, from_langchain, generation, to_langchain
from .openai_format import BROKEN_OFF, function_tool, status_of, thoughts_of
from .preflight import check_server
from .provider_errors import LOST, causes, error_of_status, message_of, retry_after, scrubbed, untrusted

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_PROVIDERS = {
    "openai-chat": "openai", "anthropic-chat": "anthropic", "chat-google-generative-ai": "gemini",
    "mistralai-chat": "mistral", "groq-chat": "groq", "chat-deepseek": "deepseek", "xai-chat": "xai",
    "cohere-chat": "cohere_chat", "azure-openai-chat": "azure", "fireworks-chat": "fireworks_ai",
    "together-chat": "together_ai",
}  # fmt: skip
"""What litellm calls the provider of a LangChain model, by the model's type."""
_NOT_SENT = {*SETTINGS} - {"stop", "reasoning_effort"}


@dataclass(frozen=True)
class LangChainModel:
    """A LangChain chat model as a backend. Its own retries should be off: the gateway retries.

    It samples as it is set up: only stop sequences are handed on, all other settings are named in
        `reported["not_sent"]`.

    Args:
        model: the chat model; its type and identifying parameters name its answers.
        price: {prompt = 0.15, completion = 0.60}, in US dollars per million tokens (a `Price` is per single token);
            by default that of litellm's table, where it knows the model.
        rpm, tpm: the most requests and tokens in any minute.
    """

    model: BaseChatModel
    price: Price | None = None
    max_concurrency: int = 16
    style: Style = "chat"
    rpm: int | None = None
    tpm: int | None = None
    _contact: Contact = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        one_of("prompt style", self.style, ["chat", "completion"])
        whole("max_concurrency of a LangChain model", self.max_concurrency, 1)
        for option, value in (("rpm", self.rpm), ("tpm", self.tpm)):
            if value is not None:
                whole(f"{option} of a LangChain model", value, 1)
        self._begin()

    @property
    def info(self) -> ModelInfo:
        name = getattr(self.model, "model_name", None) or getattr(self.model, "model", None)
        label = f"{self.model._llm_type}/{name}" if isinstance(name, str) else self.model._llm_type
        # Without addresses in memory: the identity is the same in the process that resumes the run.
        parameters = dict(self.model._identifying_params) or _fields(self.model)
        identity = {k: _ADDRESS.sub("", str(v)) for k, v in parameters.items() if "key" not in k.lower()}
        identity |= {"class": type(self.model).__qualname__, "style": self.style}
        return ModelInfo(
            id=f"langchain/{label}#{digest(identity, 4)}",
            label=label,
            style=self.style,
            max_concurrency=self.max_concurrency,
            price=self.price or self._listed_price,
            rpm=self.rpm,
            tpm=self.tpm,
            note="sampled as the LangChain model is set up",
            lacks=frozenset(_NOT_SENT),
            tools="prompted" if type(self.model).bind_tools is BaseChatModel.bind_tools else "native",
            images=True,
        )

    @property
    def _listed_price(self) -> Price | None:
        """By litellm's table; what LangChain calls a provider is not always what litellm does."""
        name = getattr(self.model, "model_name", None) or getattr(self.model, "model", None)
        provider = _PROVIDERS.get(self.model._llm_type)
        return known_model(f"{provider}/{name}").price if provider and isinstance(name, str) else None

    def _begin(self) -> None:
        object.__setattr__(self, "_contact", Contact(self.info.label))  # of each run anew; all else is fixed

    async def open(self) -> None:
        """The model is the caller's; that a server of one's own is up is seen before anything is asked."""
        self._begin()
        names = ("base_url", "openai_api_base", "anthropic_api_url", "inference_server_url", "endpoint_url")
        base = next((b for n in names if isinstance(b := getattr(self.model, n, None), str) and b), None)
        local = "ollama" if "ollama" in self.model._llm_type else "langchain"
        if base or local == "ollama":
            await check_server(f"{local}/{self.info.label}", base)

    async def close(self) -> None:
        """The model is the caller's."""

    async def generate(self, request: Request, draw: Draw, key: str) -> Response:
        return await self._contact.made(self._ask(request), key)

    async def _ask(self, request: Request) -> Response:
        try:
            model: Any = _with_tools(self.model, request) if request.tools else self.model
            messages, stop = to_langchain(request.messages), list(request.sampling.stop) or None
            message = await in_lasting_loop(lambda: model.ainvoke(messages, stop=stop))
        except Exception as error:
            raise _typed_error(self.info.label, error) from None
        counts: Mapping[str, Any] = message.usage_metadata or {}
        metadata = message.response_metadata
        not_sent = _NOT_SENT | asked_in_text(request.sampling)
        if request.response_format:
            not_sent.add("response_format")
        reported = {
            "model": str(metadata.get("model_name") or metadata.get("model") or ""),
            "not_sent": ",".join(sorted(not_sent)),
        }
        if not counts:
            reported |= UNCOUNTED
        if written := (counts.get("input_token_details") or {}).get("cache_creation"):
            reported[WRITTEN] = str(int(written))
        names = ("finish_reason", "stop_reason", "done_reason")
        finish = str(next((metadata[n] for n in names if metadata.get(n)), "stop"))
        if finish.casefold() in BROKEN_OFF:
            raise Unavailable(
                f"{self.info.label} broke off its answer", f"finish reason {finish}", fault="server error"
            )
        refusal = message.additional_kwargs.get("refusal")
        text = str(message.text)
        status: Status = status_of(finish)
        if isinstance(refusal, str) and refusal and not text:
            text, status = refusal, "refused"
        thoughts = thoughts_of({**message.additional_kwargs, "content": message.content})
        return Response(
            text,
            status,
            finish,
            _usage(counts),
            reported=reported,
            reasoning=thoughts,
            tool_calls=calls_of(message),
        )


def _with_tools(model: BaseChatModel, request: Request) -> Any:
    """The model with a request's tools, as LangChain binds them."""
    tools = [function_tool(tool) for tool in request.tools]
    choice = {"required": "any"}.get(request.tool_choice, request.tool_choice)
    more: dict[str, Any] = {"tool_choice": choice} if choice and choice != "auto" else {}
    if request.parallel_tool_calls is not None:
        more["parallel_tool_calls"] = request.parallel_tool_calls
    return model.bind_tools(tools, **more)


def _usage(counts: Mapping[str, Any]) -> Usage:
    """LangChain's counts, which hold what was cached and what was thought."""
    inputs, outputs = counts.get("input_token_details") or {}, counts.get("output_token_details") or {}
    return Usage(
        int(counts.get("input_tokens", 0)),
        int(counts.get("output_tokens", 0)),
        int(inputs.get("cache_read") or 0),
        int(outputs.get("reasoning") or 0),
    )


def _fields(model: BaseChatModel) -> dict[str, Any]:
    """The settings of a model that names no identifying parameters: the fields that its own class adds."""
    shared = BaseChatModel.model_fields
    return {name: getattr(model, name) for name in type(model).model_fields if name not in shared}


class GatewayChatModel(BaseChatModel):
    """One model of a gateway as a LangChain chat model, for programs that have a gateway and no run.

    It names its gateway, its model and its draw, and works anywhere. `akrasia.ChatModel` names none of them: it stands
    inside a graph, and finds all three in the decision that the run is taking. Both are cached, budgeted and recorded.

    Args:
        gateway: the gateway that is asked.
        model: the id of the model, as in its `ModelInfo`.
        draw: the sample that this object draws; the same prompt in the same draw has the same answer.
            `at(step=..., sample=...)` is the same model at another draw.
        sampling: how it samples; `bind(temperature=..., top_p=..., max_tokens=...)` and `stop` change it.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)
    model: str
    draw: Draw = Draw(0, 0, 0)
    sampling: Sampling = Sampling()
    _gateway: Gateway = PrivateAttr()

    def __init__(self, gateway: Gateway, **data: Any) -> None:
        super().__init__(**data)
        self._gateway = gateway

    @property
    def _llm_type(self) -> str:
        return "akrasia"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.model, "draw": str(self.draw)}

    def at(self, episode: int | None = None, step: int | None = None, sample: int | None = None) -> GatewayChatModel:
        """The same model at another draw."""
        old = self.draw
        draw = Draw(
            old.episode if episode is None else episode,
            old.step if step is None else step,
            old.sample if sample is None else sample,
        )
        own = {"sampling": self.sampling} if "sampling" in self.model_fields_set else {}
        return GatewayChatModel(self._gateway, model=self.model, draw=draw, **own)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        own = self.sampling
        if "sampling" not in self.model_fields_set:
            own = self._gateway.info(self.model).sampling(own)
        asked = asked_of(own, kwargs, stop)
        if asked.samples > 1:
            raise BadOption("this model names its draw, and a draw has one answer", remedy="Use at(sample=...).")
        models = ModelRoles(self._gateway, {"default": self.model})
        sent = from_langchain(messages)
        _, response = await models.ask("default", sent, asked.sampling, self.draw, asked.offer)
        return ChatResult(generations=[generation(response, self.model)])

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: Any = None, strict: bool | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools that it may call, see `akrasia.ChatModel.bind_tools`."""
        return self.bind(tools=bound_tools(tools, strict), tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self._agenerate(messages, stop, **kwargs))
        raise BadOption("the gateway was asked without await inside an event loop", remedy="Use ainvoke.")


def traced(models: ModelRoles) -> ModelRoles:
    """The same models, with each call reported to the LangChain callbacks in force here, if there are any."""
    handlers = get_async_callback_manager_for_config(ensure_config()).handlers
    if not handlers:
        return models
    return _TracedModelRoles(models.gateway, models.slots, models.where, models.player, models.trial)


class _TracedModelRoles(ModelRoles):
    """Reports each call to LangChain's callbacks: as a run below the one in whose context it is made."""

    def untraced(self) -> ModelRoles:
        return ModelRoles(self.gateway, self.slots, self.where, self.player, self.trial)

    async def ask(
        self,
        slot: str,
        messages: tuple[Message, ...],
        sampling: Sampling,
        draw: Draw,
        offer: Offer | None = None,
    ) -> tuple[str, Response]:
        manager = get_async_callback_manager_for_config(ensure_config())
        label = self.info(slot).label
        manager.add_metadata({"ls_model_type": "chat", "ls_model_name": label}, inherit=False)
        (run,) = await manager.on_chat_model_start(
            {"name": label}, [to_langchain(messages)], invocation_params={"model": label}, name=label
        )
        try:
            key, response = await super().ask(slot, messages, sampling, draw, offer)
        except BaseException as error:
            await run.on_llm_error(error)
            raise
        await run.on_llm_end(LLMResult(generations=[[generation(response, label)]]))
        return key, response


def _typed_error(name: str, error: Exception) -> Exception:
    """The typed error for whatever a LangChain model raised: by the HTTP status that providers' clients put on it."""
    if isinstance(error, ModelError):
        return error
    distrust = untrusted(name, error)
    if distrust is not None:
        return distrust
    raw = str(error)
    message = scrubbed(f"{type(error).__name__}: {raw}")
    status = status_of_error(error)
    sentence, codes = message_of(body_of_error(error))
    fault = account_fault(f"{raw} {sentence} {codes}", status)
    if fault or (status is not None and 400 <= status < 500 and status != 408):
        headers = headers_of_error(error)
        kind = 500 if status is None else status
        typed = error_of_status(name, kind, sentence or f"{type(error).__name__}: {raw}", f"{raw} {codes}", headers)
        if isinstance(typed, Unavailable):
            typed.lost = status in LOST
        return typed
    # All of these are ValueErrors, which otherwise mean that the request is refused.
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | ValidationError):
        return Unavailable(f"{name} could not be understood", message, fault="malformed", lost=True)
    if isinstance(error, ValueError | TypeError | NotImplementedError):
        return Rejected(f"{name} refused the request", message)
    if status is not None:
        waits = retry_after(headers_of_error(error))
        if status == 503 and waits is not None:
            return RateLimited(f"{name} is overloaded", message, retry_after=waits)
        return Unavailable(f"{name} failed", message, fault="server error", lost=status in LOST)
    chain = causes(error)
    if any(isinstance(e, TimeoutError) or "Timeout" in type(e).__name__ for e in chain):
        return Unavailable(f"{name} did not answer in time", message, fault="timeout", lost=True)
    lookup = lookup_of(chain)
    if lookup or any(isinstance(e, ConnectionRefusedError) for e in chain):
        unreached = Unavailable(f"{name} cannot be reached", message, fault="unreachable")
        unreached.lookup = lookup
        return unreached
    reset = any(isinstance(e, ConnectionError) for e in chain)
    return Unavailable(f"{name} failed", message, fault="reset" if reset else "unavailable", lost=True)
