"""One run of a graph from elsewhere within a plan: what it is given, its calls as turns, its end as the agent's turn.

Invariants
- The graph sees what its adapter gives it of the situation, and asks models through `ChatModel` alone, so that its
  calls are cached, budgeted and recorded like any agent's. Of calls that it makes in another way only this is known:
  that another LangChain model was called, and that the run's own model was not. Tags of the record say so.
- A graph that fails is an outcome of that step. What ends a run (a spent budget, wrong credentials, a replay that lacks
  an answer, a misuse) ends it, also where the graph catches it.
- An episode in which the graph's or the adapter's own code failed does not count as finished: a resumed run plays it
  again. A graph that waits for somebody has the outcome `interrupted`.
- Lanes draw from series of their own, and a conversation that goes on draws anew what it has asked before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from json import JSONDecodeError
from typing import Any, cast

from ..agents.base import Agent, Context
from ..agents.follow_up import follow_up_text
from ..agents.graph_agent import GraphAgentOptions
from ..agents.rendering import render_situation
from ..agents.speaking import pass_on
from ..errors import EndsRun, PlanError, UsageError
from ..models.roles import ModelRoles
from ..records import Decision, Message, Request, Response, Situation, Turn
from .adapters import GraphOutput, question_text
from .external_graph import ExternalGraph, takes
from .graph_reading import (
    check_output,
    decision_of_output,
    error_reason,
    failed_decision,
    is_of_an_answer,
    turns_of_calls,
    unsaid,
)
from .memory import recall, remember
from .playing import Waiting, play

SERIES = 1_000_000  # the n-th independent run draws from sample n * SERIES on


class Conversation(tuple[Message, ...]):
    """The prompt behind a graph's answer, as far as it is texts, with what the graph needs to go on.

    Attributes:
        given: the graph's last input; state: its final state.
        dealt: how many samples of each request were drawn so far.
    """

    given: Any
    state: Any
    dealt: Mapping[Request, int]

    @classmethod
    def of(cls, messages: Iterable[Message], given: Any, state: Any, dealt: Mapping[Request, int]) -> Conversation:
        """The conversation of these messages."""
        made = cls(messages)
        made.given, made.state, made.dealt = given, state, dealt
        return made


@dataclass(frozen=True)
class GraphRun:
    """What came of a run.

    Attributes:
        turn: the agent's turn, as others read it; it is in no transcript.
        inside: the turns of the graph's calls, which are.
        tags: what happened inside: `calls` is "none" where it never asked the run's model, `other_model` names the
            other models that it called, `unsaid` says what of the decision is in no answer of the run's model,
            `interrupt` where it waits, `own_code` which of the user's functions failed, `decided_by` which of several
            agents inside decided, and `unrecorded_tools` which tools it called whose results are not kept.
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
    plan: str = "",
) -> GraphRun:
    """Let a graph take its turn: on the situation, or on with its conversation in the first turn that it reads.

    Args:
        plan: the fingerprint of the plan, under which its conversations are remembered.

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
    situation, models = context.situation, context.models.untraced()  # ChatModel reports its own calls
    hints = "".join(f"{options.hints[h].replace('{noun}', situation.noun)}\n" for h in sorted(options.hints))
    text = ""
    if before is not None:
        text = follow_up_text(agent, reads, graph.form.replace("{noun}", situation.noun))
    elif graph.memory and (before := recall(context, plan, node, lane)) is not None:
        text = question_text(situation, getattr(graph.adapter, "instructions", ""), hints, _own_form(graph, situation))
    run = _Run(graph, situation, models, context, sample * SERIES, before)
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
    if graph.memory and run.state is not None:
        remember(context, plan, node, lane, turn.prompt)
    return GraphRun(turn, inside, tags)


def _own_form(graph: ExternalGraph, situation: Situation) -> str | None:
    form = getattr(graph.adapter, "form", None)
    return None if form is None else str(form).replace("{noun}", situation.noun)


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
        from ..models.decision_context import DecisionContext  # noqa: PLC0415  (LangChain loads at first use)

        self.graph, self.situation, self.models, self.episode = graph, situation, models, context.episode
        self.before, self.given, self.state = before, cast(Any, None), cast(Any, None)
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
        return Conversation.of(asked, self.given, self.state, self.ambient.dealt)

    async def decide(self, text: str, hints: str) -> tuple[Decision, GraphOutput | None, dict[str, str]]:
        """The decision, what the adapter read, and the tags; nothing was read where the graph failed."""
        from ..models.decision_context import CURRENT_DECISION  # noqa: PLC0415
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
        if read.decided_by:
            tags["decided_by"] = read.decided_by
        return decision, read, tags | _heard(others)

    def _failed(self, fault: Exception, turns: list[Turn], ends: list[Response], tags: dict[str, str]) -> Decision:
        if isinstance(fault, Waiting):
            tags["interrupt"] = fault.where
            return failed_decision(turns, (), "interrupted", str(fault))
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
                answer = cast(Any, adapter).from_state(self.state, self.situation, **self._by_node(turns))
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

    def _by_node(self, turns: list[Turn]) -> dict[str, Any]:
        if not takes(self.graph.adapter.from_state, "by_node"):
            return {}
        texts: dict[str, list[str]] = {}
        for turn in turns:
            texts.setdefault(turn.agent, []).append(turn.text)
        return {"by_node": texts}

    def _input(self, text: str, hints: str) -> Any:
        adapter: Any = self.graph.adapter
        if self.before is None:
            with _placed(adapter, "to_input"):
                return adapter.to_input(self.situation, **({"hints": hints} if hints else {}))
        with _placed(adapter, "follow_up"):
            given = {"given": self.before.given} if takes(adapter.follow_up, "given") else {}
            return adapter.follow_up(self.before.state, text, **given)

    async def _play(self, text: str, hints: str) -> Any:
        """The graph's final state.

        Raises:
            Waiting: the graph stopped at an interrupt that nobody answers.
        """
        adapter: Any = self.graph.adapter
        self.given = self._input(text, hints)
        answer = None
        if callable(getattr(adapter, "resume", None)) and getattr(adapter, "human", True):

            def answer(asked: Any) -> Any:
                with _placed(adapter, "resume"):
                    return adapter.resume(asked, self.situation)

        return await play(self.graph, self.given, self.ambient.on_task, answer)


_IN = "in "
_DURING = re.compile(r"During task with name '([^']*)'")


@contextmanager
def _placed(adapter: Any, method: str) -> Iterator[None]:
    """A context in which a method of the adapter is called: what it raises says where."""
    try:
        yield
    except Exception as error:
        error.add_note(f"{_IN}{type(adapter).__qualname__}.{method}")
        raise


def _heard(others: Any) -> dict[str, str]:
    heard = {"other_model": others.names, "unrecorded_tools": others.tools}
    return {name: ", ".join(sorted(names)) for name, names in heard.items() if names}


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
