"""LangChain both ways: any `BaseChatModel` as a backend, and the gateway as a `BaseChatModel`.

What agents ask without LangChain is told to its callbacks where any are in force (`told`), as a run of a chat model
below the node that asks.
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.outputs import ChatGeneration, ChatResult, LLMResult
from langchain_core.runnables.config import ensure_config, get_async_callback_manager_for_config
from pydantic import ConfigDict, PrivateAttr, ValidationError

from ...errors import BadOption, Denied, ModelError, RateLimited, Rejected, Unavailable
from ...records import Draw, Message, Request, Response, Sampling, Usage, digest
from ..base import ModelInfo, Price, Style
from ..gateway import Gateway, ModelRoles
from .openai_format import UNCOUNTED, status_of
from .provider_errors import LOST, causes, retry_after, scrubbed

__all__ = ["LangChainModel", "GatewayChatModel", "told"]

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_NOT_SENT = "max_tokens,seed,temperature,top_p"


@dataclass(frozen=True)
class LangChainModel:
    """A LangChain chat model as a backend. Its own retries should be off: the gateway retries.

    Sampling is the model's own: only stop sequences are handed on, the rest is named in `reported["not_sent"]`.

    Args:
        model: the chat model; its type and identifying parameters name its answers.
        price: US dollars per token, None where unknown.
    """

    model: BaseChatModel
    price: Price | None = None
    max_concurrency: int = 16
    style: Style = "chat"

    @property
    def info(self) -> ModelInfo:
        named = getattr(self.model, "model_name", None) or getattr(self.model, "model", None)
        label = f"{self.model._llm_type}/{named}" if isinstance(named, str) else self.model._llm_type
        # Without addresses in memory: the identity is the same in the process that resumes the run.
        said = dict(self.model._identifying_params) or _fields(self.model)
        known = {k: _ADDRESS.sub("", str(v)) for k, v in said.items() if "key" not in k.lower()}
        return ModelInfo(
            id=f"langchain/{label}#{digest(known | {'class': type(self.model).__qualname__, 'style': self.style}, 4)}",
            label=label, style=self.style, max_concurrency=self.max_concurrency, price=self.price,
            note="sampled as the LangChain model is set up",
        )  # fmt: skip

    async def open(self) -> None:
        """The model is the caller's."""

    async def close(self) -> None:
        """The model is the caller's."""

    async def generate(self, request: Request, draw: Draw) -> Response:
        try:
            said = await self.model.ainvoke(_to_langchain(request.messages), stop=list(request.sampling.stop) or None)
        except Exception as error:
            raise _typed(self.info.label, error) from None
        counted: Mapping[str, Any] = said.usage_metadata or {}
        reported = {"model": str(said.response_metadata.get("model_name", "")), "not_sent": _NOT_SENT}
        if not counted:
            reported |= UNCOUNTED
        told = said.response_metadata
        finish = str(told.get("finish_reason") or told.get("stop_reason") or "stop")
        return Response(
            str(said.text), status_of(finish), finish,
            Usage(int(counted.get("input_tokens", 0)), int(counted.get("output_tokens", 0))),
            reported=reported,
        )  # fmt: skip


def _fields(model: BaseChatModel) -> dict[str, Any]:
    """The settings of a model that names no identifying parameters: the fields its own class adds."""
    shared = BaseChatModel.model_fields
    return {name: getattr(model, name) for name in type(model).model_fields if name not in shared}


class GatewayChatModel(BaseChatModel):
    """The gateway as a LangChain chat model: cached, budgeted and recorded like any agent of ours.

    Args:
        gateway: who is asked.
        model: id of the model, as in its `ModelInfo`.
        draw: the sample this object draws; the same prompt in the same draw has the same answer. Use
            `at(step=..., sample=...)` for another one.
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
        return GatewayChatModel(self._gateway, model=self.model, draw=draw, sampling=self.sampling)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        unknown = sorted(set(kwargs) - {"temperature", "top_p", "max_tokens"})
        if unknown:
            raise Rejected(
                f"the gateway cannot send {', '.join(unknown)}", remedy="Set temperature, top_p, max_tokens."
            )
        old = self.sampling
        sampling = Sampling(
            float(kwargs.get("temperature", old.temperature)), float(kwargs.get("top_p", old.top_p)),
            int(kwargs.get("max_tokens", old.max_tokens)), tuple(stop or old.stop), old.choices,
        )  # fmt: skip
        request = Request(self.model, _from_langchain(messages), sampling)
        response = await self._gateway.complete(request, self.draw)
        return ChatResult(generations=[generation(response)])

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


def told(models: ModelRoles) -> ModelRoles:
    """A desk whose calls LangChain's callbacks hear of, if any are in force here; else the desk itself."""
    heard = get_async_callback_manager_for_config(ensure_config()).handlers
    return _Told(models.gateway, models.slots, models.where) if heard else models


class _Told(ModelRoles):
    """A desk of which callbacks hear: a call is a run below the one in whose context it is made."""

    async def ask(
        self, slot: str, messages: tuple[Message, ...], sampling: Sampling, draw: Draw
    ) -> tuple[str, Response]:
        manager = get_async_callback_manager_for_config(ensure_config())
        label = self.info(slot).label
        manager.add_metadata({"ls_model_type": "chat", "ls_model_name": label}, inherit=False)
        (run,) = await manager.on_chat_model_start(
            {"name": label}, [_to_langchain(messages)], invocation_params={"model": label}, name=label
        )
        try:
            key, response = await super().ask(slot, messages, sampling, draw)
        except BaseException as error:
            await run.on_llm_error(error)
            raise
        await run.on_llm_end(LLMResult(generations=[[generation(response)]]))
        return key, response


def generation(response: Response) -> ChatGeneration:
    """A response as LangChain keeps it."""
    usage = response.usage
    message = AIMessage(
        response.text,
        usage_metadata={
            "input_tokens": usage.prompt_tokens,
            "output_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        },
        response_metadata={"finish_reason": response.finish_reason, "status": response.status},
    )
    return ChatGeneration(message=message)


def _typed(name: str, error: Exception) -> Exception:
    """What a LangChain model raised as ours: by the HTTP status that the providers' clients put on their errors."""
    if isinstance(error, ModelError):
        return error
    said = scrubbed(f"{type(error).__name__}: {error}")
    response = getattr(error, "response", None)
    status = getattr(error, "status_code", None) or getattr(response, "status_code", None)
    if status == 429:
        return RateLimited(f"{name} asks to slow down", said, retry_after=retry_after(getattr(response, "headers", {})))
    if status in (401, 403, 404):
        return Denied(f"{name} refused the credentials or is unknown to its provider", said, "Check key and name.")
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | ValidationError):  # ValueErrors, all of them
        return Unavailable(f"{name} could not be understood", said, fault="malformed", lost=True)
    if status in (400, 413, 422) or isinstance(error, ValueError | TypeError | NotImplementedError):
        return Rejected(f"{name} refused the request", said)
    if isinstance(status, int):
        return Unavailable(f"{name} failed", said, fault="server error", lost=status in LOST)
    chain = causes(error)
    if any(isinstance(e, TimeoutError) or "Timeout" in type(e).__name__ for e in chain):
        return Unavailable(f"{name} did not answer in time", said, fault="timeout", lost=True)
    if any(isinstance(e, ConnectionRefusedError | socket.gaierror) for e in chain):
        return Unavailable(f"{name} cannot be reached", said, fault="unreachable")
    reset = any(isinstance(e, ConnectionError) for e in chain)
    return Unavailable(f"{name} failed", said, fault="reset" if reset else "unavailable", lost=True)


def _to_langchain(messages: Sequence[Message]) -> list[BaseMessage]:
    kinds = {"system": SystemMessage, "user": HumanMessage, "assistant": AIMessage}
    return [kinds[m.role](m.content) for m in messages]


def _from_langchain(messages: Sequence[BaseMessage]) -> tuple[Message, ...]:
    roles = {"system": "system", "human": "user", "ai": "assistant"}
    unknown = [m.type for m in messages if m.type not in roles]
    if unknown:
        raise Rejected(f"a message of type {unknown[0]!r} cannot be sent", remedy="Use system, human and AI messages.")
    return tuple(Message(roles[m.type], str(m.text)) for m in messages)  # type: ignore[arg-type]
