"""The model of the run as a LangChain chat model, for graphs that are compiled with a model inside.

Invariant: an answer belongs to the decision in whose context it is asked for. Its draw is named by the place of the
call in the graph (superstep, rank of the task in it, how often the task has made the same request), never by who came
first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from ..errors import EndsRun, PlanError, Rejected, UsageError
from ..records import Draw, Message, Request, Response, Sampling
from .other_models import OURS
from .providers.langchain import from_langchain, generation
from .roles import ModelRoles
from .sampling import sampling_from_kwargs, with_settings

__all__ = ["CURRENT_DECISION", "ChatModel", "DecisionContext", "GraphCall"]

MANY = 10_000  # tasks that one body of the functional API may call, for each to have numbers of its own


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
        self, slot: str, messages: tuple[Message, ...], sampling: Sampling, metadata: Mapping[str, Any]
    ) -> Response:
        """Ask the model in a slot, from this decision's own loop; `metadata` is LangGraph's of the node that calls."""
        if self.fatal is not None:
            raise self.fatal
        if self.over:
            raise PlanError("a model was asked after its decision was over", remedy="Await what your graph starts.")
        if self._slots and slot not in self._slots:
            raise self.fail(_unnamed_slot(slot, self._slots))
        namespace = str(metadata.get("langgraph_checkpoint_ns", ""))  # node:task, or node:task|node:task in a subgraph
        task = namespace.partition("|")[0].rpartition(":")[2]
        superstep, rank = self._ranks.get(task, (len(self._widths) - 1, 0))
        calls, place = _called_tasks(metadata.get("langgraph_path")), (rank, max(self._widths[superstep], 1))
        if calls:
            task, place = (
                f"{task}{calls}",
                (sum(n * MANY**i for i, n in enumerate(reversed(calls))), MANY ** len(calls)),
            )
        try:
            info, sampling = self.models.info(slot), with_settings(sampling, self._settings)
            request = Request(info.id, messages, sampling, info.mode)
            samples = self._samples.setdefault(request, _Samples(superstep, self._dealt.get(request, 0)))
            sample = self._first + samples.deal(superstep, *place, task)
            draw = Draw(self.episode, self.step, sample)
            answer = self.loop.create_task(self.models.ask(slot, messages, sampling, draw))
            answer.add_done_callback(_mark_retrieved)
            node = str(metadata.get("langgraph_node") or "model")
            index = sum((c.superstep, c.rank, c.calls) == (superstep, rank, calls) for c in self._calls)
            self._calls.append(GraphCall(superstep, rank, calls, index, node, sample, slot, request, answer))
            return (await asyncio.shield(answer))[1]
        except (EndsRun, UsageError) as error:
            raise self.fail(error) from None

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

    Put it where the graph has its own chat model. It names no gateway, no model and no draw: each call finds all three
    in the decision in whose context it is made, so one graph may take many decisions at once. (For a program without a
    run, `models.providers.langchain.GatewayChatModel` names them itself.)

    Args:
        slot: the model slot through which it asks.
        sampling: how it samples, by default at the model's own temperature; `bind(temperature=..., top_p=...,
            max_tokens=...)` and `stop` change it.
    """

    slot: str = "default"
    sampling: Sampling = Sampling()
    cache: Any = False  # LangChain's own cache would answer in the place of a fresh draw

    @property
    def _llm_type(self) -> str:
        return OURS

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"slot": self.slot, "sampling": str(self.sampling)}

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | Any],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """The model itself if there are no tools; tools are refused."""
        if not tools:
            return self
        raise PlanError(
            "the model of the run calls no tools",
            "requests and answers are kept as text",
            "Give the graph tools=[], or call the tool in a node of its own and put its result into a human message.",
        )

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        decision = _current_decision()
        sampling = self._sampling(decision, kwargs, stop)
        metadata = (run_manager.metadata if run_manager else None) or {}
        asking = decision.ask(self.slot, _as_text(decision, messages), sampling, metadata)
        if asyncio.get_running_loop() is decision.loop:
            return _result(await asking)
        return _result(await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asking, decision.loop)))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        decision = _current_decision()
        try:
            blocks_the_loop = asyncio.get_running_loop() is decision.loop
        except RuntimeError:  # a worker thread: LangGraph runs nodes that are plain functions there
            blocks_the_loop = False
        if blocks_the_loop:
            error = PlanError("a node asked its model without await", remedy="Use ainvoke in async nodes.")
            raise decision.fail(error)
        sampling = self._sampling(decision, kwargs, stop)
        metadata = (run_manager.metadata if run_manager else None) or {}
        asking = decision.ask(self.slot, _as_text(decision, messages), sampling, metadata)
        return _result(asyncio.run_coroutine_threadsafe(asking, decision.loop).result())

    def _sampling(self, decision: DecisionContext, kwargs: dict[str, Any], stop: list[str] | None) -> Sampling:
        own = self.sampling
        try:
            if "sampling" not in self.model_fields_set:
                own = decision.models.info(self.slot).sampling(own)
            return sampling_from_kwargs(own, kwargs, stop)
        except UsageError as error:
            raise decision.fail(error) from None


def _current_decision() -> DecisionContext:
    try:
        return CURRENT_DECISION.get()
    except LookupError:
        raise PlanError(
            "ChatModel was asked outside of a decision",
            "it answers with the model of the run that is deciding",
            "Run its graph as a variant: Variant.from_langgraph(name, graph, adapter). In threads of your own, hand on "
            "contextvars.copy_context().",
        ) from None


def _as_text(decision: DecisionContext, messages: list[BaseMessage]) -> tuple[Message, ...]:
    """The messages of a request, which are texts; what is no text is refused, never dropped."""
    for message in messages:
        blocks = [message.content] if isinstance(message.content, str) else list(message.content)
        other = [b.get("type") for b in blocks if not isinstance(b, str) and b.get("type") != "text"]
        if other:
            raise decision.fail(_not_sent(f"content of type {other[0]!r}", "Put what it says into a text."))
        if getattr(message, "tool_calls", None) or getattr(message, "invalid_tool_calls", None):
            raise decision.fail(_not_sent("an AI message with tool calls", _TOOLS))
        if message.type in ("tool", "function"):
            raise decision.fail(_not_sent(f"a message of type {message.type!r}", _TOOLS))
    try:
        return from_langchain(messages)
    except Rejected as error:
        raise decision.fail(_not_sent(error.what.removesuffix(" cannot be sent"), error.remedy)) from None


_TOOLS = "Give what the tool returned as a human message: HumanMessage(f'The tool returned: {result}')."


def _not_sent(what: str, remedy: str) -> PlanError:
    return PlanError(f"the model of the run cannot be sent {what}", "requests and answers are kept as text", remedy)


def _result(response: Response) -> ChatResult:
    return ChatResult(generations=[generation(response)])
