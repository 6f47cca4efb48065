"""One run of a graph from elsewhere within a plan: what it is given, its calls as turns, its end as the agent's turn.

Invariants
- The graph sees what its adapter gives it of the situation, and asks models through `ChatModel` alone, so that its
  calls are cached, budgeted and recorded like any agent's. Of calls that it makes in another way only this is known:
  that another LangChain model was called, and that the run's own model was not. Tags of the record say so.
- A graph that fails is an outcome of that step. What ends a run (a spent budget, wrong credentials, a replay that lacks
  an answer, a misuse) ends it, also where the graph catches it.
- An episode in which the graph's or the adapter's own code failed, or which waits at an interrupt, does not count as
  finished: a resumed run plays it again.
- Lanes draw from series of their own, and a conversation that goes on draws anew what it has asked before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from json import JSONDecodeError
from typing import Any, cast
from uuid import uuid4

from ..agents.base import Agent, Context, pass_on
from ..agents.follow_up import follow_up_text
from ..agents.graph_agent import GraphAgentOptions
from ..agents.rendering import render_situation
from ..errors import EndsRun, PlanError, UsageError
from ..models.providers.provider_errors import scrubbed
from ..models.roles import ModelRoles
from ..records import Decision, Message, Request, Response, Situation, Turn
from .adapters import GraphOutput
from .external_graph import ExternalGraph
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

__all__ = ["Conversation", "GraphRun", "run_graph"]

SERIES = 1_000_000  # the n-th independent run draws from sample n * SERIES on


class Conversation(tuple[Message, ...]):
    """The prompt behind a graph's answer, as far as it is texts, with what the graph needs to go on.

    Attributes:
        state: the graph's final state.
        dealt: how many samples of each request were drawn so far.
    """

    state: Any
    dealt: Mapping[Request, int]

    @classmethod
    def of(cls, messages: Iterable[Message], state: Any, dealt: Mapping[Request, int]) -> Conversation:
        """The conversation of these messages."""
        made = cls(messages)
        made.state, made.dealt = state, dealt
        return made


@dataclass(frozen=True)
class GraphRun:
    """What came of a run.

    Attributes:
        turn: the agent's turn, as others read it; it is in no transcript.
        inside: the turns of the graph's calls, which are.
        tags: what happened inside: `calls` is "none" where it never asked the run's model, `other_model` names the
            other models that it called, `unsaid` says what of the decision is in no answer of the run's model,
            `interrupt` where it waits, and `own_code` which of the user's functions failed.
    """

    turn: Turn
    inside: tuple[Turn, ...]
    tags: Mapping[str, str] = field(default_factory=dict)


async def run_graph(
    graph: ExternalGraph,
    agent: Agent,
    node: str,
    context: Context,
    reads: tuple[Turn, ...],
    lane: int = 0,
    sample: int = 0,
) -> GraphRun:
    """Let a graph take its turn: on the situation, or on with its conversation in the first turn that it reads.

    Raises:
        EndsRun, UsageError: the run cannot go on.
        PlanError: the first turn that it reads holds no conversation of this graph.
    """
    options = agent.options_as(GraphAgentOptions)
    before = _conversation(reads[0]) if options.move != "open" else None
    if options.move != "open" and before is None:
        if reads[0].status != "ok":  # it never came to an end
            failed = replace(pass_on(node, reads, lane, sample), role="external", text=reads[0].text)
            return GraphRun(failed, (failed,))
        raise PlanError(f"{node!r} reads no answer of the graph {graph.name!r}", remedy="Let it read its node.")
    situation, models = context.situation, context.models
    models = ModelRoles(models.gateway, models.slots, models.where, models.player)  # ChatModel reports its own calls
    run = _Run(graph, situation, models, context, sample * SERIES, before)
    text = follow_up_text(agent, reads, graph.form.replace("{noun}", situation.noun)) if before is not None else ""
    hints = "".join(f"{options.hints[h].replace('{noun}', situation.noun)}\n" for h in sorted(options.hints))
    decision, output, tags = await run.decide(text, hints)
    place = "" if node == graph.name else f"{node}/"
    inside = tuple(replace(t, agent=f"{place}{t.agent}") for t in decision.turns)
    done = output.text if output is not None else run.last_words() or inside[-1].text
    thought = decision.rationale if decision.rationale.strip() not in done else ""
    turn = Turn(
        agent=node,
        role="external",
        lane=lane,
        sample=sample,
        text="\n\n".join(filter(None, [thought.strip(), done])),
        rationale=decision.rationale,
        stated=decision.stated,
        stated_status=decision.stated_status,
        action=decision.done,
        status=decision.status,
        reads=tuple(t.agent for t in reads),
        answer=done,
        prompt=() if run.state is None else run.conversation(done),
    )
    return GraphRun(turn, inside, tags)


def _conversation(turn: Turn) -> Conversation | None:
    return turn.prompt if isinstance(turn.prompt, Conversation) else None


class _Run:
    """A run under way: of one graph, on one situation."""

    def __init__(
        self,
        graph: ExternalGraph,
        situation: Situation,
        models: ModelRoles,
        context: Context,
        first: int,
        before: Conversation | None,
    ) -> None:
        from ..models.chat_model import DecisionContext  # noqa: PLC0415  (LangChain loads at first use)

        self.graph, self.situation, self.models, self.episode = graph, situation, models, context.episode
        self.before, self.state = before, cast(Any, None)
        self.ambient = DecisionContext(
            models,
            context.episode,
            context.step,
            first=first,
            settings=context.sampling,
            slots=graph.slots,
            dealt=None if before is None else before.dealt,
        )
        self.calls: list[Any] = []

    def last_words(self) -> str:
        """The text of the last call's answer, "" where there was none."""
        return str(self.calls[-1].answer.result()[1].text) if self.calls else ""

    def conversation(self, text: str) -> Conversation:
        """What the answer `text` ends, for whoever goes on with it."""
        source = next((c for c in reversed(self.calls) if c.answer.result()[1].text == text), None)
        asked = source.request.messages if source else (Message("user", render_situation(self.situation)),)
        return Conversation.of(asked, self.state, self.ambient.dealt)

    async def decide(self, text: str, hints: str) -> tuple[Decision, GraphOutput | None, dict[str, str]]:
        """The decision, what the adapter read, and the tags; nothing was read where the graph failed."""
        from ..models.chat_model import CURRENT_DECISION  # noqa: PLC0415
        from ..models.other_models import OtherModels  # noqa: PLC0415

        others = OtherModels()
        token = CURRENT_DECISION.set(self.ambient)
        fault = None
        try:
            with others:
                self.state = await self._play(text, hints)
        except (EndsRun, UsageError):
            raise
        except Exception as error:
            fault = error
        finally:
            self.ambient.over = True
            CURRENT_DECISION.reset(token)
        self.calls = await self.ambient.end()
        turns, ends = turns_of_calls(self.calls)
        tags = {} if turns else {"calls": "none"}
        if fault is not None:
            decision = self._failed(fault, turns, ends, tags)
            return decision, None, tags | _heard(others)
        read = self._read(others, turns, ends, tags)
        if isinstance(read, Decision):
            return read, None, tags | _heard(others)
        decision = decision_of_output(read, self.situation, turns, ends)
        what = unsaid(read, decision, self.situation, ends)
        asked = [message.content for call in self.calls for message in call.request.messages]
        others.hear_elsewhere([*asked, *([read.text, read.rationale] if what else [])], [r.text for r in ends])
        if turns and what:
            tags["unsaid"] = what
        return decision, read, tags | _heard(others)

    def _failed(self, fault: Exception, turns: list[Turn], ends: list[Response], tags: dict[str, str]) -> Decision:
        if isinstance(fault, _Waiting):
            tags["interrupt"] = fault.where
            self.models.give_up(self.episode)
            return failed_decision(turns, (), "error", str(fault))
        if self.graph.lacks_context and not (ends and ends[-1].status != "ok"):
            raise self.graph.no_context(error_reason(fault)) from fault
        place = _own_fault(fault, ends)
        if place:
            tags["own_code"] = place
            self.models.give_up(self.episode)
        return failed_decision(turns, ends, "error", error_reason(fault) + (f" (raised in {place})" if place else ""))

    def _read(
        self, others: Any, turns: list[Turn], ends: list[Response], tags: dict[str, str]
    ) -> GraphOutput | Decision:
        """What the adapter reads in the final state, or the outcome where it can read nothing."""
        adapter = self.graph.adapter
        try:
            with others:
                answer = adapter.from_state(self.state, self.situation)
        except (EndsRun, UsageError):
            raise
        except Exception as error:
            place = f"{type(adapter).__qualname__}.from_state"
            if isinstance(error, ValueError) and (not ends or is_of_an_answer(error, ends)):
                return failed_decision(turns, ends, "unparsable", error_reason(error))
            tags["own_code"] = place
            self.models.give_up(self.episode)
            return failed_decision(turns, ends, "unparsable", f"{error_reason(error)} (raised in {place})")
        if not isinstance(answer, GraphOutput):
            raise PlanError(
                f"the adapter of {self.graph.name!r} gave {type(answer).__name__}",
                remedy="Return an ak.graphs.GraphOutput.",
            )
        return check_output(self.graph.name, answer)

    def _input(self, text: str, hints: str) -> Any:
        adapter = self.graph.adapter
        method, arguments = ("to_input", (self.situation,)) if self.before is None else ("follow_up", ())
        try:
            if self.before is not None:
                return cast(Any, adapter).follow_up(self.before.state, text)
            return cast(Any, adapter).to_input(*arguments, **({"hints": hints} if hints else {}))
        except Exception as error:
            error.add_note(f"{_IN}{type(adapter).__qualname__}.{method}")
            raise

    async def _play(self, text: str, hints: str) -> Any:
        """The graph's final state; the decision's context is told the tasks of every superstep before they run.

        Raises:
            _Waiting: the graph stopped at an interrupt.
        """
        from langchain_core.runnables.config import ensure_config, var_child_runnable_config  # noqa: PLC0415
        from langgraph.pregel import Pregel  # noqa: PLC0415

        graph, keywords, bound = self.graph.unbound
        own = {**(getattr(graph, "config", None) or {}), **bound}
        thread = {"thread_id": uuid4().hex}
        config: Any = {**bound, "configurable": {**bound.get("configurable", {}), **thread}}
        if "recursion_limit" not in own:
            config["recursion_limit"] = self.graph.supersteps
        callbacks: Any = ensure_config().get("callbacks")
        if "callbacks" not in config and getattr(callbacks, "handlers", None):
            config["callbacks"] = _as_of_nobody(callbacks)
        graph_input = self._input(text, hints)
        token = var_child_runnable_config.set(None)  # it is a graph of its own, and none within the plan's
        try:
            if isinstance(graph, Pregel):
                return await self._streamed(graph, graph_input, config, keywords)
            state = await graph.ainvoke(graph_input, config)
        finally:
            var_child_runnable_config.reset(token)
        if isinstance(state, Mapping) and _INTERRUPT in state:
            raise _Waiting(state[_INTERRUPT], ())
        return state

    async def _streamed(self, graph: Any, graph_input: Any, config: Any, keywords: Mapping[str, Any]) -> Any:
        state, waiting = None, None
        last: tuple[str, ...] = ()
        modes: Any = ["tasks", "values", "updates"]
        async for mode, event in graph.astream(graph_input, config, stream_mode=modes, **keywords):
            event = cast(Any, event)
            if mode == "tasks":
                self.ambient.on_task(event)
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


def _as_of_nobody(callbacks: Any) -> Any:
    """Callbacks without what LangGraph noted in them of the plan's own node: the graph has nodes of its own."""
    kept = callbacks.copy()
    for noted in (kept.metadata, kept.inheritable_metadata):
        for name in [name for name in noted if name.startswith("langgraph_")]:
            del noted[name]
    return kept


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


def _heard(others: Any) -> dict[str, str]:
    return {"other_model": ", ".join(sorted(others.names))} if others.names else {}


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
