"""The model of the run as a LangChain chat model, for graphs that are compiled with a model inside.

Invariant: it holds no gateway and no draw. What it asks is asked of the decision in whose context it is called
(`decision_context.py`), or, outside of a run, of the model that it is given.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import Field, PrivateAttr

from ..errors import PlanError, Rejected, UnknownName, UsageError
from ..options import one_of
from ..records import Response, Sampling
from .base import ModelInfo
from .decision_context import CURRENT_DECISION
from .langchain_calls import Asked, asked_of, bound_tools
from .other_models import OURS
from .providers.langchain_messages import chunks_of, from_langchain, generation
from .sampling import SET_BY_NAME
from .standalone import Standalone
from .structured_output import structured


class ChatModel(BaseChatModel):
    """The model of the run, for a graph that `Variant.from_langgraph` makes a variant.

    Put it where the graph has its own chat model. It names no gateway and no draw: each call finds both in the decision
    in whose context it is made, so one graph may take many decisions at once. Tools, forms of answers, several answers
    (`n`) and streaming work as with any chat model of LangChain; an answer is kept before it is streamed. A model
    without tools of its own is offered them in words. Outside of a run, `model` answers.

    Args:
        slot: the model slot through which it asks.
        sampling: how it samples, by default at the model's own temperature.
        model: who answers outside of a run: a name such as "openai/gpt-4o-mini", a LangChain chat model or a backend.
        temperature, top_p, max_tokens, reasoning_effort, stop, n: of every call, as `bind` sets them for one.
        timeout: seconds for one attempt of the model that is named by `model`.
        max_retries, api_key: taken for the sake of code that gives them to other chat models, and not used: a gateway
            retries in its own way, and keys stand in the environment.

    Raises:
        UnknownName: there is no such argument.
    """

    slot: str = "default"
    sampling: Sampling = Sampling()
    model: Any = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    reasoning_effort: str | None = None
    stop: Any = None
    n: int = 1
    timeout: float | None = None
    max_retries: int | None = None
    api_key: Any = Field(default=None, exclude=True, repr=False)
    streaming: bool = False
    cache: Any = False  # LangChain's own cache would answer in the place of a fresh draw
    _alone: Any = PrivateAttr(default=None)

    def __init__(self, **options: Any) -> None:
        for name in options:
            if name not in type(self).model_fields:
                raise UnknownName.among("argument of ChatModel", name, sorted(type(self).model_fields))
        super().__init__(**options)

    @property
    def _llm_type(self) -> str:
        return OURS

    @property
    def model_name(self) -> str:
        """Who answers outside of a run, for traces; "akrasia" where nobody does."""
        named = self.model if isinstance(self.model, str) else getattr(self.model, "model_name", None)
        return named if isinstance(named, str) and named else "akrasia"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        own = {"slot": self.slot, "sampling": str(self.sampling)}
        return {**own, **{name: value for name in _SET_HERE if (value := getattr(self, name)) not in (None, [], 1)}}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        params = super()._get_ls_params(stop=stop, **kwargs)
        params["ls_provider"], params["ls_model_name"] = "akrasia", str(kwargs.get("model") or self.model_name)
        if not stop and self.stop:
            params["ls_stop"] = list(self._stop(None) or ())
        return params

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: Any = None,
        strict: bool | None = None,
        parallel_tool_calls: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools that it may call.

        Args:
            tools: functions, LangChain tools, pydantic models, typed dictionaries or JSON schemas.
            tool_choice: "auto", "none", "required" (or "any", or True), the name of a tool, or a provider's own form.
            strict: whether arguments are to be bound to their schemas, where the provider knows that.
            parallel_tool_calls: whether it may call several at once.
        """
        if not tools:
            return self
        bound = {"tools": bound_tools(tools, strict), "tool_choice": tool_choice}
        bound["parallel_tool_calls"] = parallel_tool_calls
        return self.bind(**{name: value for name, value in bound.items() if value is not None}, **kwargs)

    def with_structured_output(
        self,
        schema: Any,
        *,
        include_raw: bool = False,
        method: str = "function_calling",
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, Any]:
        """The model with answers of a schema.

        Args:
            schema: a pydantic model, a typed dictionary or a JSON schema.
            include_raw: answer with the message beside what was read of it, and with the error where nothing was.
            method: "function_calling", a tool that must be called; "json_schema", the form of the answer; "json_mode",
                any JSON object, whose form the prompt describes.
        """
        one_of("method", method, ["function_calling", "json_schema", "json_mode"])
        if kwargs:
            raise UnknownName.among("argument of with_structured_output", next(iter(kwargs)), ["method", "strict"])
        return structured(self, schema, method, include_raw, strict)

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        responses = await asyncio.wrap_future(self._ask(messages, stop, run_manager, kwargs, waits=False))
        return self._result(responses)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return self._result(self._ask(messages, stop, run_manager, kwargs, waits=True).result())

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        asking = self._ask(messages, stop, run_manager, {**kwargs, "n": 1}, waits=False)
        (response,) = await asyncio.wrap_future(asking)
        for chunk in chunks_of(response, self._label):
            if run_manager:
                await run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        (response,) = self._ask(messages, stop, run_manager, {**kwargs, "n": 1}, waits=True).result()
        for chunk in chunks_of(response, self._label):
            if run_manager:
                run_manager.on_llm_new_token(chunk.text, chunk=chunk)
            yield chunk

    def _ask(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None,
        run_manager: AsyncCallbackManagerForLLMRun | CallbackManagerForLLMRun | None,
        keywords: dict[str, Any],
        waits: bool,
    ) -> Future[list[Response]]:
        """Ask the decision under way, or the model that answers outside of a run.

        Args:
            waits: whether the caller waits in its thread.
        """
        decision = CURRENT_DECISION.get(None)
        if decision is None:
            alone = self._standalone()
            return alone.ask(from_langchain(messages), self._asked(alone.info, keywords, stop))
        if waits and decision.runs_here:
            error = PlanError("a node asked its model without await", remedy="Use ainvoke in async nodes.")
            raise decision.fail(error)
        try:
            asked = self._asked(decision.models.info(self.slot), keywords, stop)
            converted = from_langchain(messages)
        except UsageError as error:
            raise decision.fail(error) from None
        except Rejected as error:
            raise decision.fail(PlanError(f"the model of the run: {error.what}", error.why, error.remedy)) from None
        metadata = (run_manager.metadata if run_manager else None) or {}
        return decision.ask_soon(self.slot, converted, asked, metadata)

    def _asked(self, info: ModelInfo, keywords: dict[str, Any], stop: list[str] | None) -> Asked:
        own = self.sampling if "sampling" in self.model_fields_set else info.sampling(self.sampling)
        here = {name: value for name in SET_BY_NAME if (value := getattr(self, name)) is not None}
        return asked_of(own, {"n": self.n, **here, **keywords}, self._stop(stop))

    def _stop(self, stop: list[str] | None) -> list[str] | None:
        return stop or ([self.stop] if isinstance(self.stop, str) else self.stop)

    def _standalone(self) -> Standalone:
        if self.model is None:
            raise PlanError(
                "ChatModel was asked outside of a decision",
                "it answers with the model of the run that is deciding, and none is named for outside of a run",
                "Run its graph as a variant: Variant.from_langgraph(name, graph, adapter); or name a model: "
                'ChatModel(model="openai/gpt-4o-mini"). In threads of your own, hand on contextvars.copy_context().',
            )
        if self._alone is None:
            from .resolve import resolve  # noqa: PLC0415  (the providers, at the first call outside of a run)

            remote = isinstance(self.model, str) and "/" in self.model
            timed = {"timeout": self.timeout} if self.timeout and remote else {}
            self._alone = Standalone(resolve(self.model, **timed))
        alone: Standalone = self._alone
        return alone

    def _result(self, responses: list[Response]) -> ChatResult:
        return ChatResult(generations=[generation(response, self._label) for response in responses])

    @property
    def _label(self) -> str:
        """Who answers here: the run's model, or that of outside of a run."""
        decision = CURRENT_DECISION.get(None)
        return decision.models.info(self.slot).label if decision is not None else str(self._standalone().info.label)


_SET_HERE = (*SET_BY_NAME, "stop", "n")
