"""The model of the run as a LangChain chat model, for graphs that are compiled with a model inside.

Invariant: an answer belongs to the decision in whose context it is asked for. Its draw is named by the place of the
call in the graph (superstep, rank of the task in it, how often the task has made the same request), never by who came
first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LangSmithParams, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import Field, PrivateAttr

from ..errors import EndsRun, PlanError, Rejected, UnknownName, UsageError
from ..options import one_of
from ..records import Draw, Message, Request, Response, Sampling
from .base import ModelInfo, Offer, key_of
from .langchain_calls import Asked, asked_of, bound_tools
from .other_models import OURS
from .providers.langchain_messages import chunks_of, from_langchain, generation
from .roles import ModelRoles
from .sampling import with_settings
from .standalone import Standalone
from .structured_output import structured

__all__ = ["CURRENT_DECISION", "ChatModel", "DecisionContext", "GraphCall"]

MANY = 10_000  # tasks that one body of the functional API may call, for each to have numbers of its own


NOTHING = Offer()
NODES_AT_ONCE = 256


@dataclass(frozen=True)
class GraphCall:
    """One call of a model inside a graph.

    Attributes:
        superstep, rank: the superstep of the graph, and the rank in it of the task that calls.
        calls: in the functional API, which of the tasks that its body called it is, from outside to inside.
        index: how many calls the task had made before.
        node: the name of its node.
        sample: the sample number of its draw.
        slot: the model slot through which it asked; request: what it asked.
        answer: (key of the answer, response), once there is one.
    """

    superstep: int
    rank: int
    calls: tuple[int, ...]
    index: int
    node: str
    sample: int
    slot: str
    request: Request
    answer: asyncio.Task[tuple[str, Response]]


@dataclass
class _Samples:
    """Deals the sample numbers of one request within a decision, so that no order of arrival decides them.

    The tasks of a superstep take turns: with `width` tasks, the task of rank r deals base + r, base + r + width, ...
    The next superstep begins above every number that was dealt.

    Example: superstep 1 has two tasks, which make the same request. Task 0 makes it three times and task 1 once: task 0
    gets samples 0, 2 and 4, task 1 gets 1, whichever is faster. Superstep 2 has one task: it gets 5, then 6.
    """

    superstep: int
    base: int = 0
    dealt: set[int] = field(default_factory=set)
    times: dict[str, int] = field(default_factory=dict)  # task -> how often it has made the request in this superstep

    def deal(self, superstep: int, rank: int, width: int, task: str) -> int:
        """The next sample number for a task, which is one of `width` tasks of its superstep."""
        if self.superstep != superstep:
            self.superstep, self.base, self.times = superstep, max(self.dealt, default=-1) + 1, {}
        times = self.times.get(task, 0)
        self.times[task] = times + 1
        sample = self.base + rank + width * times
        while sample in self.dealt:
            sample += width
        self.dealt.add(sample)
        return sample


_Place = tuple[int, int, tuple[int, ...]]
"""Superstep, rank among its tasks, and the calls of `entrypoint` tasks that lead there."""


class DecisionContext:
    """The decision under way: the models that its graph may call, and the calls so far. It lives on one event loop.

    Args:
        first: the first sample number that is drawn; independent runs of a graph draw from series of their own.
        settings: sampling settings that replace those of every call, such as "temperature".
        slots: the model slots through which may be asked; empty for any.
        dealt: how many samples of each request earlier runs of the same conversation drew.

    Attributes:
        fatal: the error that must end the run, whatever the graph makes of it.
        over: whether the graph has ended; no model may be called any more.
    """

    def __init__(
        self,
        models: ModelRoles,
        episode: int,
        step: int,
        *,
        first: int = 0,
        settings: Mapping[str, Any] | None = None,
        slots: Collection[str] = (),
        dealt: Mapping[Request, int] | None = None,
    ) -> None:
        self.models, self.episode, self.step = models, episode, step
        self._first, self._settings, self._slots, self._dealt = first, settings or {}, slots, dealt or {}
        self.loop = asyncio.get_running_loop()
        _make_room_for_nodes(self.loop)
        self.fatal: Exception | None = None
        self.over = False
        self._calls: list[GraphCall] = []
        self._samples: dict[Request, _Samples] = {}
        self._ranks: dict[str, tuple[int, int]] = {}  # task -> (superstep, rank)
        self._widths = [0]  # the number of tasks of each superstep
        self._announcing = False

    def on_task(self, event: Mapping[str, Any]) -> None:
        """Take note of a LangGraph "tasks" event. All tasks of a superstep are announced before any of them runs."""
        if "input" not in event:  # a task has ended
            self._announcing = False
            return
        if not self._announcing:
            self._widths.append(0)
            self._announcing = True
        self._ranks[event["id"]] = (len(self._widths) - 1, self._widths[-1])
        self._widths[-1] += 1

    def fail(self, error: Exception) -> Exception:
        """Remember an error that must end the run, whatever the graph makes of it; returns it."""
        self.fatal = self.fatal or error
        return error

    async def ask(
        self,
        slot: str,
        messages: tuple[Message, ...],
        sampling: Sampling,
        metadata: Mapping[str, Any],
        offer: Offer = NOTHING,
    ) -> Response:
        """Ask the model in a slot, from this decision's own loop; `metadata` is LangGraph's of the node that calls."""
        if self.fatal is not None:
            raise self.fatal
        if self.over:
            raise PlanError("a model was asked after its decision was over", remedy="Await what your graph starts.")
        if self._slots and slot not in self._slots:
            raise self.fail(_unnamed_slot(slot, self._slots))
        try:
            info, sampling = self.models.info(slot), with_settings(sampling, self._settings)
            request = offer.added_to(Request(info.id, messages, sampling, info.mode))
            place, draw = self._draw_of(request, metadata)
            answer = self.loop.create_task(self.models.ask(slot, messages, sampling, draw, offer))
            answer.add_done_callback(_mark_retrieved)
            node = str(metadata.get("langgraph_node") or "model")
            index = sum((c.superstep, c.rank, c.calls) == place for c in self._calls)
            self._calls.append(GraphCall(*place, index, node, draw.sample, slot, request, answer))
            return (await asyncio.shield(answer))[1]
        except (EndsRun, UsageError) as error:
            raise self.fail(error) from None

    def _draw_of(self, request: Request, metadata: Mapping[str, Any]) -> tuple[_Place, Draw]:
        """Where the task in `metadata` stands, and the draw of a request that it makes now."""
        namespace = str(metadata.get("langgraph_checkpoint_ns", ""))  # node:task, or node:task|node:task in a subgraph
        task = namespace.partition("|")[0].rpartition(":")[2]
        superstep, rank = self._ranks.get(task, (len(self._widths) - 1, 0))
        calls = _called_tasks(metadata.get("langgraph_path"))
        lane, lanes = rank, max(self._widths[superstep], 1)
        if calls:
            task = f"{task}{calls}"
            lane, lanes = sum(n * MANY**i for i, n in enumerate(reversed(calls))), MANY ** len(calls)
        samples = self._samples.setdefault(request, _Samples(superstep, self._dealt.get(request, 0)))
        sample = self._first + samples.deal(superstep, lane, lanes, task)
        return (superstep, rank, calls), Draw(self.episode, self.step, sample)

    async def keep(
        self, request: Request, metadata: Mapping[str, Any], make: Callable[[], Awaitable[Response]]
    ) -> Response:
        """What `make` gives for a request, kept under its draw; from this decision's own loop."""
        if self.fatal is not None:
            raise self.fatal
        _, draw = self._draw_of(request, metadata)
        try:
            return await self.models.gateway.keep(key_of(request, draw), request, draw, make)
        except (EndsRun, UsageError) as error:
            raise self.fail(error) from None

    @property
    def runs_here(self) -> bool:
        """Whether the caller is on this decision's own loop."""
        try:
            return asyncio.get_running_loop() is self.loop
        except RuntimeError:  # a worker thread: LangGraph runs nodes that are plain functions there
            return False

    def ask_soon(
        self, slot: str, messages: tuple[Message, ...], asked: Asked, metadata: Mapping[str, Any]
    ) -> Future[list[Response]]:
        """The answers to one call of a chat model, from any thread; see `ask`."""
        return asyncio.run_coroutine_threadsafe(self._answers(slot, messages, asked, metadata), self.loop)

    async def _answers(
        self, slot: str, messages: tuple[Message, ...], asked: Asked, metadata: Mapping[str, Any]
    ) -> list[Response]:
        calls = (self.ask(slot, messages, asked.sampling, metadata, asked.offer) for _ in range(asked.samples))
        return await asyncio.gather(*calls)

    @property
    def dealt(self) -> dict[Request, int]:
        """How many samples of each request were drawn so far in this conversation."""
        return {**self._dealt, **{request: max(s.dealt, default=-1) + 1 for request, s in self._samples.items()}}

    async def end(self) -> list[GraphCall]:
        """Wait for every answer: returns all calls, in the order of their places in the graph.

        Raises:
            EndsRun, UsageError: the first that a call met, even if the graph caught it.
        """
        self.over = True
        await asyncio.gather(*(call.answer for call in self._calls), return_exceptions=True)
        for call in self._calls:
            error = call.answer.exception()
            if error is not None:
                raise self.fatal or error
        if self.fatal is not None:
            raise self.fatal
        return sorted(self._calls, key=lambda call: (call.superstep, call.rank, call.calls, call.index))


def _called_tasks(path: Any) -> tuple[int, ...]:
    """Of a task that the body of an `entrypoint` called: its number, and before it those of the tasks it lies in."""
    if not isinstance(path, tuple | list) or len(path) < 3 or not isinstance(path[1], tuple | list):
        return ()
    return (*_called_tasks(path[1]), int(path[2]))


def _make_room_for_nodes(loop: asyncio.AbstractEventLoop) -> None:
    """Let many nodes that are plain functions wait for their models at once: LangGraph runs each in a thread of the
    loop's executor, which has few of them by default.
    """
    if loop not in _HAVE_ROOM:
        _HAVE_ROOM.add(loop)
        loop.set_default_executor(ThreadPoolExecutor(NODES_AT_ONCE, thread_name_prefix="akrasia-node"))


_HAVE_ROOM: WeakSet[asyncio.AbstractEventLoop] = WeakSet()


def _unnamed_slot(slot: str, slots: Collection[str]) -> PlanError:
    return PlanError(
        f"the graph asks through the model slot {slot!r}",
        f"it is said to ask through {', '.join(map(repr, sorted(slots)))} alone",
        f"Name it: slots=({', '.join(map(repr, sorted({*slots, slot})))}).",
    )


def _mark_retrieved(answer: asyncio.Task[Any]) -> None:
    if not answer.cancelled():
        answer.exception()  # the node that asked may have been cancelled


CURRENT_DECISION: ContextVar[DecisionContext] = ContextVar("akrasia.decision")


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
        here = {name: value for name in _SETTINGS if (value := getattr(self, name)) is not None}
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


_SETTINGS = ("temperature", "top_p", "max_tokens", "reasoning_effort")
_SET_HERE = (*_SETTINGS, "stop", "n")
