"""The model of the run as a LangChain chat model, for graphs that are compiled with a model inside.

Invariant: an answer belongs to the decision in whose context it is asked for, and its draw is named by the place of the
question in the graph (superstep, rank of the task there, how often it asked the same), never by who came first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult

from ..errors import EndsRun, PlanError, UsageError
from ..records import Draw, Message, Request, Response, Sampling
from .gateway import ModelRoles
from .providers.langchain import _from_langchain, generation

__all__ = ["AMBIENT", "DecisionContext", "ChatModel", "Asked"]

_SENT = {"temperature", "top_p", "max_tokens"}


@dataclass(frozen=True)
class Asked:
    """One question of a graph: where it was asked, in which draw, and the answer with its key once there is one."""

    step: int
    rank: int
    place: int
    node: str
    sample: int
    messages: tuple[Message, ...]
    answer: asyncio.Task[tuple[str, Response]]


@dataclass
class _Series:
    """The samples of one request within a decision: `base` is the first that the present superstep may use."""

    step: int
    base: int = 0
    used: set[int] = field(default_factory=set)
    times: dict[str, int] = field(default_factory=dict)


class DecisionContext:
    """The decision under way: whom its graph asks, and what it has asked so far. It lives on one event loop."""

    def __init__(self, models: ModelRoles, episode: int, step: int) -> None:
        self.models, self.episode, self.step = models, episode, step
        self.loop = asyncio.get_running_loop()
        self.fatal: Exception | None = None
        self.over = False
        self._asked: list[Asked] = []
        self._series: dict[Request, _Series] = {}
        self._places: dict[str, tuple[int, int]] = {}  # task -> (superstep, rank)
        self._widths = [0]
        self._starting = False

    def tell(self, event: Mapping[str, Any]) -> None:
        """Take note of a LangGraph "tasks" event: the tasks of a superstep are announced before any of them runs."""
        if "input" not in event:
            self._starting = False
            return
        if not self._starting:
            self._widths.append(0)
            self._starting = True
        self._places[event["id"]] = (len(self._widths) - 1, self._widths[-1])
        self._widths[-1] += 1

    def fail(self, error: Exception) -> Exception:
        """Remember what must end the run, whatever the graph makes of it."""
        self.fatal = self.fatal or error
        return error

    async def ask(
        self, slot: str, messages: tuple[Message, ...], sampling: Sampling, metadata: Mapping[str, Any]
    ) -> Response:
        """Ask the model in a slot, from this decision's own loop."""
        if self.fatal is not None:
            raise self.fatal
        if self.over:
            raise PlanError("a model was asked after its decision was over", remedy="Await what your graph starts.")
        space = str(metadata.get("langgraph_checkpoint_ns", ""))  # node:task|node:task for a graph within a graph
        task = space.partition("|")[0].rpartition(":")[2]
        step, rank = self._places.get(task, (len(self._widths) - 1, 0))
        try:
            info = self.models.info(slot)
            sample = self._sample(Request(info.id, messages, sampling, info.mode), step, rank, task)
            draw = Draw(self.episode, self.step, sample)
            answer = self.loop.create_task(self.models.ask(slot, messages, sampling, draw))
            answer.add_done_callback(_seen)
            node = str(metadata.get("langgraph_node") or "model")
            place = sum((a.step, a.rank) == (step, rank) for a in self._asked)
            self._asked.append(Asked(step, rank, place, node, sample, messages, answer))
            return (await asyncio.shield(answer))[1]
        except (EndsRun, UsageError) as error:
            raise self.fail(error) from None

    def _sample(self, request: Request, step: int, rank: int, task: str) -> int:
        """The next sample of a request. Tasks of one superstep draw from residues of their own: no order decides."""
        series = self._series.setdefault(request, _Series(step))
        if series.step != step:
            series.step, series.base, series.times = step, max(series.used, default=-1) + 1, {}
        width = max(self._widths[step], 1)
        times = series.times.get(task, 0)
        series.times[task] = times + 1
        sample = series.base + rank + width * times
        while sample in series.used:
            sample += width
        series.used.add(sample)
        return sample

    async def end(self) -> list[Asked]:
        """All that was asked, in the order of its places, once every answer is there; none may be asked any more.

        Raises:
            EndsRun, UsageError: the first that a question met, even if the graph caught it.
        """
        self.over = True
        await asyncio.gather(*(a.answer for a in self._asked), return_exceptions=True)
        for asked in self._asked:
            error = asked.answer.exception()
            if error is not None:
                raise self.fatal or error
        if self.fatal is not None:
            raise self.fatal
        return sorted(self._asked, key=lambda a: (a.step, a.rank, a.place))


def _seen(answer: asyncio.Task[Any]) -> None:
    if not answer.cancelled():
        answer.exception()  # the graph that asked may have gone


AMBIENT: ContextVar[DecisionContext] = ContextVar("akrasia.ambient")


class ChatModel(BaseChatModel):
    """The model of the run that is deciding, for a graph that `Variant.from_langgraph` makes a variant.

    Put it where the graph has its own chat model. It holds no model and no key: each call finds the decision in whose
    context it is made, so one graph may take many decisions at once.

    Args:
        slot: the model slot it speaks through.
        sampling: how it samples; `bind(temperature=..., top_p=..., max_tokens=...)` and `stop` change it.
    """

    slot: str = "default"
    sampling: Sampling = Sampling()
    cache: Any = False  # LangChain's own cache would answer in the place of a fresh draw

    @property
    def _llm_type(self) -> str:
        return "akrasia-ambient"

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
        """The model itself where there are no tools; tools are refused."""
        if not tools:
            return self
        raise PlanError(
            "the model of the run calls no tools", "requests and answers are kept as text",
            "Give the graph tools=[], or call the tool in a node of its own and put what it says into the messages.",
        )  # fmt: skip

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        here = _here()
        given = self._request(here, messages, stop, kwargs)
        asking = here.ask(self.slot, *given, run_manager.metadata if run_manager else {})
        if asyncio.get_running_loop() is here.loop:
            return _result(await asking)
        return _result(await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(asking, here.loop)))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        here = _here()
        try:
            blocked = asyncio.get_running_loop() is here.loop
        except RuntimeError:  # a worker thread: where LangGraph runs nodes that are plain functions
            blocked = False
        if blocked:
            error = PlanError("a node asked its model without await", remedy="Use ainvoke in async nodes.")
            raise here.fail(error)
        given = self._request(here, messages, stop, kwargs)
        asking = here.ask(self.slot, *given, run_manager.metadata if run_manager else {})
        return _result(asyncio.run_coroutine_threadsafe(asking, here.loop).result())

    def _request(
        self, here: DecisionContext, messages: list[BaseMessage], stop: list[str] | None, changed: dict[str, Any]
    ) -> tuple[tuple[Message, ...], Sampling]:
        unknown = sorted(set(changed) - _SENT)
        if unknown:
            error = PlanError(
                f"the model of the run cannot send {', '.join(unknown)}", remedy=f"Set {', '.join(sorted(_SENT))}."
            )
            raise here.fail(error)
        old = self.sampling
        sampling = Sampling(
            float(changed.get("temperature", old.temperature)), float(changed.get("top_p", old.top_p)),
            int(changed.get("max_tokens", old.max_tokens)), tuple(stop or old.stop), old.choices, old.schema,
        )  # fmt: skip
        return _from_langchain(messages), sampling


def _here() -> DecisionContext:
    try:
        return AMBIENT.get()
    except LookupError:
        raise PlanError(
            "ChatModel was asked outside of a decision", "it answers with the model of the run that is deciding",
            "Run its graph as a variant: Variant.from_langgraph(name, graph, adapter). In threads of your own, hand on "
            "contextvars.copy_context().",
        ) from None  # fmt: skip


def _result(response: Response) -> ChatResult:
    return ChatResult(generations=[generation(response)])
