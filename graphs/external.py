"""A LangGraph graph that akrasia did not build, as what stands behind a variant.

Invariants
- The graph sees what its adapter tells it of the situation, and asks models through `ChatModel` alone, so that
  its calls are cached, budgeted and recorded like any agent's. Whatever it asks otherwise is its own affair: not seen.
- A graph that fails is an outcome of that step. What ends a run (a spent budget, wrong credentials, a replay that lacks
  an answer, a misuse) ends it, also where the graph catches it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NoReturn, Protocol, cast
from uuid import uuid4

from ..agents.answers.parsing import canonical_number, read_answer, read_recommendation
from ..agents.base import Agent
from ..agents.reasoner import Reasoner
from ..errors import Denied, PlanError, RunStopped, UsageError
from ..models.gateway import ModelRoles
from ..models.providers.provider_errors import scrubbed
from ..records import Decision, Draw, Oracle, Response, Situation, Status, Turn, digest

__all__ = ["Adapter", "GraphOutput", "ExternalGraph", "MessagesAdapter"]

SUPERSTEPS = 100
_VOLATILE = re.compile(r"( at )?0x[0-9a-f]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class GraphOutput:
    """What a graph concluded.

    Args:
        text: the final answer, from which the action is read (`ACTION=X`) unless it is given.
        rationale: the reasoning, from which the recommendation is read (`BEST=X`) unless it is given; by default text.
        stated: what the graph recommends; `()` says that it was never asked to recommend anything.
        action: what it does.
    """

    rationale: str = ""
    text: str = ""
    stated: tuple[str, ...] | None = None
    action: str | None = None


class Adapter(Protocol):
    """Between a situation and a graph's own state. A dataclass, so that its fields name it."""

    def enter(self, situation: Situation) -> Any:
        """The graph's input."""
        ...

    def leave(self, state: Any, situation: Situation) -> GraphOutput:
        """What the graph's final state says; raises anything where it cannot be read."""
        ...


@dataclass(frozen=True)
class MessagesAdapter:
    """For graphs whose state has `messages`: one message tells the situation, the last AI message is the answer.

    Args:
        instructions: stands between the situation and the form of the answer, in the place of the reasoner's own
            ("Think step by step ..."); "{noun}" is what an action is called.
    """

    instructions: str = ""

    def enter(self, situation: Situation) -> dict[str, Any]:
        from langchain_core.messages import HumanMessage  # noqa: PLC0415  (loads at first use)

        options = {"mode": "reason_act"} | ({"think": self.instructions} if self.instructions else {})
        (message,) = Reasoner().call(Agent("reasoner", options=options), situation, (), "chat").messages
        return {"messages": [HumanMessage(message.content)]}

    def leave(self, state: Any, situation: Situation) -> GraphOutput:
        said = state["messages"] if isinstance(state, Mapping) else state.messages
        last = next((m for m in reversed(said) if m.type == "ai"), None)
        if last is None:
            raise ValueError("the graph's messages hold none of an AI")
        return GraphOutput(text=str(last.text))


@dataclass(frozen=True, eq=False)
class ExternalGraph:
    """A compiled LangGraph graph, or any Runnable with `ainvoke`, with its adapter: has what a plan has for a run.

    Args:
        name: the variant's name.
        graph: the compiled graph. One with a checkpointer gets a thread of its own for every decision.
        adapter: how a situation enters it and how its final state is read.
        slots: the model slots its models speak through.
        supersteps: after how many it is given up, unless the graph brings its own `recursion_limit`.
    """

    name: str
    graph: Any = field(repr=False)
    adapter: Adapter
    slots: tuple[str, ...] = ("default",)
    supersteps: int = SUPERSTEPS
    base: str = "langgraph"
    nodes: tuple[Any, ...] = ()
    changes: tuple[Any, ...] = ()
    sampling: Mapping[str, float] = field(default_factory=dict)
    leaks: bool = False
    calls: int | None = None
    fewest_calls: int | None = None
    depth: int | None = None

    def __post_init__(self) -> None:
        if not callable(getattr(self.graph, "ainvoke", None)):
            compiles = callable(getattr(self.graph, "compile", None))
            raise PlanError(
                f"the graph of {self.name!r} cannot be invoked",
                remedy="Give graph.compile()." if compiles else "Give a compiled LangGraph graph.",
            )
        if not all(callable(getattr(self.adapter, method, None)) for method in ("enter", "leave")):
            raise PlanError(
                f"{self.adapter!r} is no adapter", "it needs enter(situation) and leave(state, situation)",
                "Use ak.graphs.MessagesAdapter() for a graph whose state has messages.",
            )  # fmt: skip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExternalGraph) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __or__(self, change: Any) -> NoReturn:
        raise PlanError(
            f"{self.name!r} takes no interventions", "they rewire plans, not foreign graphs",
            "Change the graph itself and give it as another variant, or start from a plan such as reason_act.",
        )  # fmt: skip

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the name, of the nodes and edges that `get_graph()` tells, and of the adapter's class and fields.

        Code and prompts inside nodes are not seen: give a graph whose nodes changed another name.
        """
        shape = self.graph.get_graph() if callable(getattr(self.graph, "get_graph", None)) else None
        names = {} if shape is None else {node.id: node.name for node in shape.nodes.values()}
        edges = [] if shape is None else [[names[e.source], names[e.target], e.conditional] for e in shape.edges]
        kind = type(self.adapter)
        fields = {k: _VOLATILE.sub("", repr(v)) for k, v in vars(self.adapter).items()}
        return digest(
            {
                "langgraph": self.name,
                "nodes": sorted(names.values()) or [type(self.graph).__qualname__],
                "edges": sorted(edges),
                "adapter": [kind.__qualname__, fields],
                "supersteps": self.supersteps,
            }
        )

    def asks(self) -> set[str]:
        """Nothing is known of what it asks before it asks."""
        return set()

    def see(self, situation: Situation, draw: Draw | None = None) -> Situation:
        """The situation: nothing changes what it is shown."""
        return situation

    async def decide(
        self, situation: Situation, models: ModelRoles, episode: int, step: int, oracle: Oracle | None = None
    ) -> Decision:
        """Decide a situation; the oracle never reaches the graph.

        Raises:
            RunStopped, Denied, UsageError: the run cannot go on.
        """
        from ..models.chat_model import AMBIENT, DecisionContext  # noqa: PLC0415  (LangChain loads at first use)

        ambient = DecisionContext(models, episode, step)
        token = AMBIENT.set(ambient)
        state, failed = None, ""
        try:
            state = await self._play(situation, ambient)
        except (RunStopped, Denied, UsageError):
            raise
        except Exception as error:
            failed = _reason(error)
        finally:
            ambient.over = True
            AMBIENT.reset(token)
        turns, ends = [], []
        count: dict[str, int] = {}
        for asked in await ambient.end():
            key, response = asked.answer.result()
            lane = count[asked.node] = count.get(asked.node, -1) + 1
            ended: Status = "absent" if response.status == "ok" else response.status
            turns.append(
                Turn(
                    asked.node, "model", lane, asked.sample, response.text, status=ended, key=key,
                    usage=response.usage, cost=response.cost,
                )
            )  # fmt: skip
            ends.append(response)
        if failed:
            return _failed(turns, ends, "error", failed)
        try:
            answer = self.adapter.leave(state, situation)
        except (RunStopped, Denied, UsageError):
            raise
        except Exception as error:
            return _failed(turns, ends, "unparsable", _reason(error))
        if not isinstance(answer, GraphOutput):
            raise PlanError(f"the adapter of {self.name!r} gave {type(answer).__name__}", remedy="Return an Answer.")
        return _decision(answer, situation, turns, ends)

    async def _play(self, situation: Situation, ambient: Any) -> Any:
        """The graph's final state; the tasks of every superstep are told to `ambient` before they run."""
        from langgraph.pregel import Pregel  # noqa: PLC0415  (loads at first use)

        own = getattr(self.graph, "config", None) or {}
        config: Any = {"configurable": {"thread_id": uuid4().hex}}
        if "recursion_limit" not in own:
            config["recursion_limit"] = self.supersteps
        given = self.adapter.enter(situation)
        if not isinstance(self.graph, Pregel):
            return await self.graph.ainvoke(given, config)
        state = None
        async for mode, event in self.graph.astream(given, config, stream_mode=["tasks", "values"]):
            if mode == "tasks":
                ambient.tell(cast(Any, event))
            else:
                state = event
        return state


def _reason(error: Exception) -> str:
    return _VOLATILE.sub("", scrubbed(f"{type(error).__name__}: {error}"))


def _failed(turns: list[Turn], ends: list[Response], status: Status, why: str) -> Decision:
    """No answer: for the reason that the last call gave none, or else for the graph's own."""
    if ends and ends[-1].status != "ok":
        status = ends[-1].status
    last = Turn("graph", "graph", text=why, stated_status=status, status=status)
    return Decision("", (), status, None, status, turns=(*turns, last))


def _decision(answer: GraphOutput, situation: Situation, turns: list[Turn], ends: list[Response]) -> Decision:
    rationale = answer.rationale or answer.text
    stated, stated_status = _stated(answer, situation)
    done, status = _done(answer, situation)
    source, ended = _source(answer.text, turns, ends)
    thought, thinking_ended = _source(rationale, turns, ends)
    if answer.action is None and _void(source, ended, status):
        done, status = None, ended
    if answer.stated is None and _void(thought, thinking_ended, stated_status):
        stated, stated_status = (), thinking_ended
    if source is None:
        source = len(turns)
        turns = [*turns, Turn("graph", "graph", text=answer.text)]
    turns[source] = replace(turns[source], stated=stated, stated_status=stated_status, action=done, status=status)
    return Decision(rationale, stated, stated_status, done, status, turns=tuple(turns))


def _source(text: str, turns: list[Turn], ends: list[Response]) -> tuple[int | None, Status]:
    """The last call that said `text`, and how it ended; where none did, how the last call ended."""
    source = next((i for i in reversed(range(len(ends))) if turns[i].text == text), None)
    return source, ends[-1 if source is None else source].status if ends else "ok"


def _void(source: int | None, ended: Status, read: Status) -> bool:
    """Whether the end of a call is the outcome: what is refused or failed says nothing, whatever its text holds; a
    truncated answer, or another one's failure, counts only where nothing could be read.
    """
    if ended == "ok":
        return False
    return read == "unparsable" or (source is not None and ended in ("refused", "error"))


def _stated(answer: GraphOutput, situation: Situation) -> tuple[tuple[str, ...], Status]:
    if answer.stated is None:
        return read_recommendation(answer.rationale or answer.text, situation)
    read = [_label(s, situation) for s in answer.stated]
    bad = next((status for _, status in read if status != "ok"), None)
    if bad is not None:
        return (), bad
    return tuple(dict.fromkeys(label for label, _ in read if label is not None)), "ok" if read else "absent"


def _done(answer: GraphOutput, situation: Situation) -> tuple[str | None, Status]:
    return read_answer(answer.text, situation) if answer.action is None else _label(answer.action, situation)


def _label(said: str, situation: Situation) -> tuple[str | None, Status]:
    """A label that an adapter gave: as it is, or not at all."""
    if situation.answer == "action":
        return (said, "ok") if said in situation.actions else (None, "illegal")
    read = canonical_number(said) if situation.answer == "number" else said
    return (read, "ok") if read else (None, "unparsable")
