"""A LangGraph graph that akrasia did not build, as what stands behind a variant.

Invariants
- The graph sees what its adapter gives it of the situation, and asks models through `ChatModel` alone, so that its
  calls are cached, budgeted and recorded like any agent's. Of calls that it makes in another way only this is known:
  that another LangChain model was called, and that the run's own model was not. Tags of the record say so.
- A graph that fails is an outcome of that step. What ends a run (a spent budget, wrong credentials, a replay that lacks
  an answer, a misuse) ends it, also where the graph catches it.
- An episode in which the graph's or the adapter's own code failed, or which waits at an interrupt, does not count as
  finished: a resumed run plays it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from json import JSONDecodeError
from typing import Any, NoReturn, cast
from uuid import uuid4

from ..errors import EndsRun, PlanError, UsageError
from ..models.providers.provider_errors import scrubbed
from ..models.roles import ModelRoles
from ..records import Decision, Draw, Oracle, Response, Situation, digest
from .adapters import Adapter, GraphOutput
from .code_identity import Code, code_of
from .decider import Change, Recommends
from .graph_reading import (
    VOLATILE,
    check_output,
    decision_of_output,
    error_reason,
    failed_decision,
    is_of_an_answer,
    turns_of_calls,
    unsaid,
)

__all__ = ["SUPERSTEPS", "ExternalGraph"]

SUPERSTEPS = 100


@dataclass(frozen=True, eq=False)
class ExternalGraph:
    """A compiled LangGraph graph, or any Runnable with `ainvoke`, with its adapter: a `Decider`, as a plan is.

    Args:
        name: the variant's name.
        graph: the compiled graph. One with a checkpointer gets a thread of its own for every decision.
        adapter: makes its input of a situation, and reads its final state.
        slots: the model slots that its models speak through.
        supersteps: after how many it is given up, unless the graph brings its own `recursion_limit`.
        context: what a graph with a `context_schema` is run with.

    Raises:
        PlanError: the graph cannot be invoked, lacks its context, or the adapter is no adapter.
    """

    name: str
    graph: Any = field(repr=False)
    adapter: Adapter
    slots: tuple[str, ...] = ("default",)
    supersteps: int = SUPERSTEPS
    context: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if not callable(getattr(self.graph, "ainvoke", None)):
            compiles = callable(getattr(self.graph, "compile", None))
            raise PlanError(
                f"the graph of {self.name!r} cannot be invoked",
                remedy="Give graph.compile()." if compiles else "Give a compiled LangGraph graph.",
            )
        if not all(callable(getattr(self.adapter, method, None)) for method in ("to_input", "from_state")):
            raise PlanError(
                f"{self.adapter!r} is no adapter",
                "it needs to_input(situation) and from_state(state, situation)",
                "Use ak.graphs.MessagesAdapter() for a graph whose state has messages.",
            )
        if self._lacks_context and not (getattr(self._unbound[0], "config", None) or {}).get("configurable"):
            raise self._no_context()

    @cached_property
    def _unbound(self) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """(the graph within what was bound to it, the keywords and the configuration that were bound)."""
        from langchain_core.runnables import RunnableBinding  # noqa: PLC0415  (loads at first use)
        from langchain_core.runnables.config import merge_configs  # noqa: PLC0415
        from langgraph.pregel import Pregel  # noqa: PLC0415

        graph, keywords, config = self.graph, dict[str, Any](), dict[str, Any]()
        while isinstance(graph, RunnableBinding) and not graph.config_factories:
            keywords = {**graph.kwargs, **keywords}
            config = cast(dict[str, Any], merge_configs(graph.config, cast(Any, config)))
            graph = graph.bound
        if not isinstance(graph, Pregel):
            graph, keywords, config = self.graph, {}, {}
        if self.context is not None:
            keywords = {**keywords, "context": self.context}
        return graph, keywords, config

    @property
    def _lacks_context(self) -> bool:
        graph, keywords, _ = self._unbound
        return getattr(graph, "context_schema", None) is not None and keywords.get("context") is None

    def _no_context(self, why: str = "") -> PlanError:
        schema = getattr(self._unbound[0], "context_schema", None)
        name = getattr(schema, "__name__", schema)
        return PlanError(
            f"the graph of {self.name!r} has the context_schema {name} and is given no context",
            why or "its nodes would read None in its place",
            f"Give it: Variant.from_langgraph({self.name!r}, graph, adapter, context={name}(...)), or context={{}}.",
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExternalGraph) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __or__(self, change: Any) -> NoReturn:
        raise PlanError(
            f"{self.name!r} takes no interventions",
            "they rewire plans, not graphs that were built elsewhere",
            "Change the graph itself and give it as another variant, or start from a plan such as reason_act.",
        )

    @property
    def base(self) -> str:
        """What it is."""
        return "langgraph"

    @property
    def changes(self) -> tuple[Change, ...]:
        """None: it takes no interventions."""
        return ()

    @property
    def leaks(self) -> bool:
        """False: the oracle never reaches it."""
        return False

    @property
    def recommends(self) -> Recommends:
        """Its adapter may find a recommendation at one step and none at the next."""
        return "sometimes"

    @property
    def calls(self) -> None:
        """Unknown before it runs, as are `fewest_calls` and `depth`."""
        return None

    fewest_calls = depth = calls

    @cached_property
    def code(self) -> Code:
        """The code of the nodes, branches and reducers, of the adapter, and of what they refer to."""
        return code_of(self.graph, self.adapter, self.context)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the name, of the nodes and edges that `get_graph()` gives, of the adapter's class and fields, and of
        the code behind them.
        """
        shape = self.graph.get_graph() if callable(getattr(self.graph, "get_graph", None)) else None
        names = {} if shape is None else {node.id: node.name for node in shape.nodes.values()}
        edges = [] if shape is None else [[names[e.source], names[e.target], e.conditional] for e in shape.edges]
        return digest(
            {
                "langgraph": self.name,
                "nodes": sorted(names.values()) or [type(self.graph).__qualname__],
                "edges": sorted(edges),
                "adapter": type(self.adapter).__qualname__,
                "supersteps": self.supersteps,
                "code": self.code.digest,
            }
        )

    def asks(self) -> set[str]:
        """Nothing is known of what it asks before it asks."""
        return set()

    def unrolled(self) -> ExternalGraph:
        """The graph: what it asks is up to itself."""
        return self

    def check_styles(self, name: str, continues: Callable[[str], bool]) -> None:
        """Refuse an adapter that instructs where the default model continues texts.

        Raises:
            PlanError: naming the variant.
        """
        if getattr(self.adapter, "instructs", False) and continues("default"):
            raise PlanError(
                f"{name!r} instructs a model in completion style",
                "it continues texts and follows no instructions",
                "Use a model that is prompted by instructions, or an adapter whose texts can be continued.",
            )

    def view(self, situation: Situation, draw: Draw = Draw(0, 0)) -> Situation:  # noqa: B008  (frozen)
        """The situation: nothing changes what it is shown."""
        return situation

    async def decide(
        self, situation: Situation, models: ModelRoles, episode: int, step: int, oracle: Oracle | None = None
    ) -> Decision:
        """Decide a situation; the oracle never reaches the graph.

        Raises:
            EndsRun, UsageError: the run cannot go on.
        """
        return (await self.decide_tagged(situation, models, episode, step, oracle))[0]

    async def decide_tagged(
        self, situation: Situation, models: ModelRoles, episode: int, step: int, oracle: Oracle | None = None
    ) -> tuple[Decision, dict[str, str]]:
        """The decision, and tags that say what happened inside the graph: `calls` is "none" where it never asked the
        run's model, `other_model` names the other models that it called, `unsaid` says what of the decision is in no
        answer of the run's model, `interrupt` where it waits, and `own_code` which of the user's functions failed.

        Raises:
            EndsRun, UsageError: the run cannot go on.
        """
        from ..models.chat_model import CURRENT_DECISION, DecisionContext  # noqa: PLC0415
        from ..models.other_models import OtherModels  # noqa: PLC0415

        ambient, others = DecisionContext(models, episode, step), OtherModels()
        token = CURRENT_DECISION.set(ambient)
        state, fault, tags = None, None, dict[str, str]()
        try:
            with others:
                state = await self._play(situation, ambient)
        except (EndsRun, UsageError):
            raise
        except Exception as error:
            fault = error
        finally:
            ambient.over = True
            CURRENT_DECISION.reset(token)
        calls = await ambient.end()
        turns, ends = turns_of_calls(calls)
        if not turns:
            tags["calls"] = "none"
        if others.names:
            tags["other_model"] = ", ".join(sorted(others.names))
        if isinstance(fault, _Waiting):
            tags["interrupt"] = fault.where
            models.give_up(episode)
            return failed_decision(turns, (), "error", str(fault)), tags
        if fault is not None:
            if self._lacks_context and not (ends and ends[-1].status != "ok"):
                raise self._no_context(error_reason(fault)) from fault
            place = _own_fault(fault, ends)
            if place:
                tags["own_code"] = place
                models.give_up(episode)
            return failed_decision(
                turns, ends, "error", error_reason(fault) + (f" (raised in {place})" if place else "")
            ), tags
        try:
            with others:
                answer = self.adapter.from_state(state, situation)
        except (EndsRun, UsageError):
            raise
        except Exception as error:
            place = f"{type(self.adapter).__qualname__}.from_state"
            if isinstance(error, ValueError) and (not ends or is_of_an_answer(error, ends)):
                return failed_decision(turns, ends, "unparsable", error_reason(error)), tags
            tags["own_code"] = place
            models.give_up(episode)
            return failed_decision(turns, ends, "unparsable", f"{error_reason(error)} (raised in {place})"), tags
        if not isinstance(answer, GraphOutput):
            raise PlanError(
                f"the adapter of {self.name!r} gave {type(answer).__name__}", remedy="Return an ak.graphs.GraphOutput."
            )
        decision = decision_of_output(check_output(self.name, answer), situation, turns, ends)
        what = unsaid(answer, decision, situation, ends)
        asked = [message.content for call in calls for message in call.request.messages]
        others.hear_elsewhere([*asked, *([answer.text, answer.rationale] if what else [])], [r.text for r in ends])
        if others.names:
            tags["other_model"] = ", ".join(sorted(others.names))
        if turns and what:
            tags["unsaid"] = what
        return decision, tags

    async def _play(self, situation: Situation, ambient: Any) -> Any:
        """The graph's final state; `ambient` is told the tasks of every superstep before they run.

        Raises:
            _Waiting: the graph stopped at an interrupt.
        """
        from langgraph.pregel import Pregel  # noqa: PLC0415  (loads at first use)

        graph, keywords, bound = self._unbound
        own = {**(getattr(graph, "config", None) or {}), **bound}
        thread = {"thread_id": uuid4().hex}
        config: Any = {**bound, "configurable": {**bound.get("configurable", {}), **thread}}
        if "recursion_limit" not in own:
            config["recursion_limit"] = self.supersteps
        try:
            graph_input = self.adapter.to_input(situation)
        except Exception as error:
            error.add_note(f"{_IN}{type(self.adapter).__qualname__}.to_input")
            raise
        if not isinstance(graph, Pregel):
            state = await graph.ainvoke(graph_input, config)
            if isinstance(state, Mapping) and _INTERRUPT in state:
                raise _Waiting(state[_INTERRUPT], ())
            return state
        state, waiting = None, None
        last: tuple[str, ...] = ()
        modes: Any = ["tasks", "values", "updates"]
        async for mode, event in graph.astream(graph_input, config, stream_mode=modes, **keywords):
            event = cast(Any, event)
            if mode == "tasks":
                ambient.on_task(event)
            elif mode == "updates":
                if isinstance(event, Mapping) and _INTERRUPT in event:
                    waiting = _Waiting(event[_INTERRUPT], last)
                elif isinstance(event, Mapping):
                    last = tuple(event)
            else:
                state = event
        if waiting is not None:
            raise waiting
        return state


_INTERRUPT = "__interrupt__"
_IN = "in "
_DURING = re.compile(r"During task with name '([^']*)'")


class _Waiting(Exception):
    """A graph that waits for somebody: what it asks, or after which node it stopped."""

    def __init__(self, interrupts: Any, last: tuple[str, ...]) -> None:
        asks = [str(getattr(i, "value", i)) for i in interrupts]
        after = f"after {', '.join(last)}" if last else "before its first node"
        self.where = scrubbed(VOLATILE.sub("", "; ".join(asks) or after))
        super().__init__(
            f"the graph waits at an interrupt ({self.where}) and never ended. Compile it without interrupts for a run."
        )


def _own_fault(error: Exception, ends: list[Response]) -> str:
    """Where the user's own code failed; "" where a model's failure is the cause, or the graph went round too long."""
    from langchain_core.exceptions import OutputParserException  # noqa: PLC0415  (loads at first use)
    from langgraph.errors import GraphRecursionError  # noqa: PLC0415
    from pydantic import ValidationError  # noqa: PLC0415

    unread = isinstance(error, OutputParserException | JSONDecodeError | ValidationError)
    if isinstance(error, GraphRecursionError) or (unread and is_of_an_answer(error, ends)):
        return ""
    if ends and ends[-1].status != "ok":
        return ""
    for note in getattr(error, "__notes__", ()):
        if note.startswith(_IN):
            return str(note.removeprefix(_IN))
        if node := _DURING.search(note):
            return f"node {node[1]!r}"
    return "the graph"
