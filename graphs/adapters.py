"""Between a situation and the state of a LangGraph graph that was not built here.

Invariant: an adapter is a value; its fields and code belong to the identity of the variant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, cast

from ..agents.answers.parsing import holds_recommendation
from ..agents.base import Agent
from ..agents.reasoner import Reasoner
from ..errors import BadOption
from ..records import Situation
from ..registry import Registry
from .call_text import call_of, steps_of
from .named_objects import object_named

NOTED = "Noted."  # what answers a call in which a graph ends
SHOWN = 60  # characters of each message, where all are listed
_IS_NAMED_OBJECT = re.compile(r"[^()]+:[\w.]+")


@dataclass(frozen=True)
class GraphOutput:
    """What a graph concluded.

    Args:
        text: the final answer, from which the action is read (`ACTION=X`) unless it is given.
        rationale: the reasoning, from which the recommendation is read (`BEST=X`) unless it is given; by default text.
        stated: what the graph recommends; `()` says that it was never asked to recommend anything.
        action: what it does.
        decided_by: the agent that decided, where several might; it stands in the tag `decided_by` of the record.
    """

    rationale: str = ""
    text: str = ""
    stated: tuple[str, ...] | None = None
    action: str | None = None
    decided_by: str = ""


class Adapter(Protocol):
    """Between a situation and a graph's own state. A dataclass, so that its fields name it.

    Interventions need two things more of it. Those that continue the conversation (`re_evaluate`, `critique`,
    `debate`) need `follow_up(state, text)`, the graph's next input: of its last state and one message more. Those that
    add a sentence (`checklist`, `informed`) need `to_input(situation, hints="")`. `form`, where it has one, is how an
    answer that continues must end; "{noun}" in it is what an action is called.

    It may have more: `resume(asked, situation)` answers an interrupt, whose value is `asked` (None where the graph
    stops before or after a node); None leaves it waiting, which is the outcome `interrupted`. A `from_state` that takes
    `by_node` is given the answers of the run's model by node, a `follow_up` that takes `given` the graph's last input.
    `instructs = False` says that its texts are such as a model in completion style can continue; without it such a
    model is refused.
    """

    def to_input(self, situation: Situation) -> Any:
        """The graph's input."""
        ...

    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        """What the graph concluded, from its final state; raises `ValueError` where it cannot be read.

        Any other exception is a fault of the adapter: the step has no answer either, and is played again on resuming.
        """
        ...


@dataclass(frozen=True)
class MessagesAdapter:
    """For graphs whose state has `messages`: one message holds the situation, the last words of an AI are the answer.

    The recommendation is read from the last AI message that holds one, be it the answer or an earlier message. What
    only hands over ("Transferring back to supervisor") is no answer. In a supervisor or a swarm the agent whose message
    is the answer is named in the tag `decided_by`.

    Args:
        instructions: the text between the situation and the form of the answer, instead of the reasoner's own
            ("Think step by step ..."); "{noun}" is what an action is called.
        rationale: the node or the agent whose last words are the rationale, such as "reasoner"; by default any.
        answer: the node or the agent whose last words are the answer; by default whoever speaks last.
        human: what a human says wherever the graph stops for one, such as "approve";
            by default nobody answers.
    """

    instructions: str = ""
    rationale: str = ""
    answer: str = ""
    human: str = ""
    instructs: ClassVar[bool] = True

    def to_input(self, situation: Situation, hints: str = "") -> dict[str, Any]:
        from langchain_core.messages import HumanMessage  # noqa: PLC0415  (loads at first use)

        return {"messages": [HumanMessage(question_text(situation, self.instructions, hints))]}

    def from_state(
        self, state: Any, situation: Situation, by_node: Mapping[str, Sequence[str]] | None = None
    ) -> GraphOutput:
        """See `Adapter`; `by_node` holds the answers of the run's model, by the node that asked.

        Raises:
            ValueError: no AI, or none of the one that is asked for, said anything; what was said is listed.
        """
        messages = messages_of(state)
        spoken = [m for m in messages if m.type == "ai" and str(m.text).strip() and not _hands_over(m)]
        last = _said_by(self.answer, spoken, by_node or {}) if self.answer else [str(m.text) for m in spoken]
        if not last:
            whose = f"none of {self.answer!r}" if self.answer else "no words of an AI"
            raise ValueError(f"the graph's messages hold {whose}: {_listed(messages)}")
        rationale = ""
        if self.rationale:
            thoughts = _said_by(self.rationale, spoken, by_node or {})
            if not thoughts:
                raise ValueError(f"the graph's messages hold none of {self.rationale!r}: {_listed(messages)}")
            rationale = thoughts[-1]
        else:
            texts = [str(m.text) for m in spoken]
            rationale = next((text for text in reversed(texts) if holds_recommendation(text, situation)), "")
        who = next((m.name for m in reversed(spoken) if str(m.text) == last[-1] and m.name), "")
        return GraphOutput(rationale=rationale, text=last[-1], decided_by=who)

    def follow_up(self, state: Any, text: str) -> dict[str, Any]:
        """The whole state, with one human message more."""
        return with_message(state, text)

    def resume(self, asked: Any, situation: Situation) -> Any:
        """What the human says; None where nobody is there."""
        return answer_of_human(self.human, asked) if self.human else None


def question_text(situation: Situation, instructions: str = "", hints: str = "", form: str | None = None) -> str:
    """The situation in the words of `reason_act`.

    Args:
        instructions: see `MessagesAdapter`.
        hints: sentences that interventions add, one a line.
        form: how the answer must end; by default with BEST=X and ACTION=X.
    """
    options: dict[str, Any] = {"mode": "reason_act"}
    if instructions:
        options["think"] = instructions
    if hints:
        options["hints"] = {"": hints.rstrip("\n")}
    if form is not None:
        options["form"] = form
    (message,) = Reasoner().prompt(Agent("reasoner", options=options), situation, (), "chat").messages
    return message.content


def with_message(state: Any, text: str) -> dict[str, Any]:
    """The whole state of a graph of messages, with one human message more.

    A graph may end in calls that nobody answers, such as those of a schema. Each is answered in words before the human
    speaks: providers refuse a conversation that goes on without.
    """
    from langchain_core.messages import HumanMessage, ToolMessage  # noqa: PLC0415  (loads at first use)

    kept = dict(state) if isinstance(state, Mapping) else {}
    messages = messages_of(state)
    answered = {m.tool_call_id for m in messages if m.type == "tool"}
    closed: list[Any] = []
    for message in messages:
        closed.append(message)
        for call in getattr(message, "tool_calls", None) or ():
            if call["id"] not in answered:
                closed.append(ToolMessage(NOTED, tool_call_id=call["id"], name=call["name"]))
    return {**kept, "messages": [*closed, HumanMessage(text)]}


def messages_of(state: Any) -> list[Any]:
    """The messages in a graph's state."""
    return list(state["messages"] if isinstance(state, Mapping) else state.messages)


def answer_of_human(human: str, asked: Any) -> Any:
    """What somebody who always says the same answers to an interrupt: to the human-in-the-loop middleware of LangChain
    a decision on each call that it asks about, all at once or one by one, to any other the words themselves.
    """
    if isinstance(asked, Mapping) and asked.get("type") == "tool_approval":
        return {"type": human}
    requests = asked.get("action_requests") if isinstance(asked, Mapping) else None
    return {"decisions": [{"type": human} for _ in requests]} if requests else human


def _said_by(name: str, spoken: Sequence[Any], by_node: Mapping[str, Sequence[str]]) -> list[str]:
    """What an agent of that name said, or else what was said in a node of that name."""
    named = [str(m.text) for m in spoken if m.name == name]
    return named or [text for text in by_node.get(name, ()) if text.strip()]


def _hands_over(message: Any) -> bool:
    return bool((message.response_metadata or {}).get("__is_handoff_back"))


def _listed(messages: Sequence[Any]) -> str:
    """The messages there were: type, name, and how each begins."""
    parts = []
    for m in messages:
        calls = ", ".join(call["name"] for call in getattr(m, "tool_calls", None) or ())
        begin = " ".join(str(m.text).split())[:SHOWN]
        who = f"{m.type} {m.name}" if m.name else m.type
        parts.append(f"{who}: " + (f"calls {calls}" if calls else repr(begin)))
    return "; ".join(parts) or "there are none"


ADAPTERS: Registry[Adapter] = Registry("adapter", "akrasia.adapters")
ADAPTERS.register("messages", MessagesAdapter)


def adapter_named(text: str) -> Adapter:
    """The adapter of a name: a registered one with its options, such as `messages(rationale='reasoner')`, or
    "module:object", which may be its class.

    Raises:
        UnknownName: no adapter is registered under the name, or it has no such option.
        BadOption: nothing is found in the module, or a class there needs arguments.
    """
    if not _IS_NAMED_OBJECT.fullmatch(text):
        name, args, options = call_of(text, steps_of(text)[0])
        return ADAPTERS.make(name, *args, **options)
    found = object_named(text)
    if not isinstance(found, type):
        return cast(Adapter, found)
    try:
        return cast(Adapter, found())
    except TypeError as error:
        raise BadOption(
            f"the adapter {text!r} cannot be made", str(error), "Name an object, or a class whose fields have defaults."
        ) from None
