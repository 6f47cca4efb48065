"""The decision under way in a graph: which models it may ask, its calls so far, and the draw that each of them is.

Invariant: an answer belongs to the decision in whose context it is asked for. Its draw is named by the place of the
call in the graph (superstep, rank of the task in it, how often the task has made the same request), never by who came
first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakSet

from ..errors import EndsRun, PlanError, UsageError
from ..records import Draw, Message, Request, Response, Sampling
from .base import MESSAGE_ID, Offer, key_of
from .langchain_calls import Asked
from .roles import ModelRoles
from .sampling import with_settings

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
            key, response = await asyncio.shield(answer)
            return replace(response, reported={**response.reported, MESSAGE_ID: f"run-{key}"})
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
