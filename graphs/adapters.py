"""Between a situation and the state of a LangGraph graph that was not built here.

Invariant: an adapter is a value; its fields and code belong to the identity of the variant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, cast

from ..agents.answers.parsing import holds_recommendation
from ..agents.base import Agent
from ..agents.reasoner import Reasoner
from ..errors import BadOption
from ..records import Situation
from ..registry import Registry
from .named_objects import object_named

__all__ = ["ADAPTERS", "Adapter", "GraphOutput", "MessagesAdapter", "adapter_named"]


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
    """Between a situation and a graph's own state. A dataclass, so that its fields name it.

    Interventions need two things more of it. Those that continue the conversation (`re_evaluate`, `critique`,
    `debate`) need `follow_up(state, text)`, the graph's next input: of its last state and one message more. Those that
    add a sentence (`checklist`, `informed`) need `to_input(situation, hints="")`. `form`, where it has one, is how an
    answer that continues must end; "{noun}" in it is what an action is called.
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
    """For graphs whose state has `messages`: one message holds the situation, the last AI message is the answer.

    The recommendation is read from the last AI message that holds one, be it the answer or an earlier message.

    Args:
        instructions: the text between the situation and the form of the answer, instead of the reasoner's own
            ("Think step by step ..."); "{noun}" is what an action is called.
    """

    instructions: str = ""
    instructs: ClassVar[bool] = True

    def to_input(self, situation: Situation, hints: str = "") -> dict[str, Any]:
        from langchain_core.messages import HumanMessage  # noqa: PLC0415  (loads at first use)

        options: dict[str, Any] = {"mode": "reason_act"}
        if self.instructions:
            options["think"] = self.instructions
        if hints:
            options["hints"] = {"": hints.rstrip("\n")}
        (message,) = Reasoner().prompt(Agent("reasoner", options=options), situation, (), "chat").messages
        return {"messages": [HumanMessage(message.content)]}

    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        messages = _messages(state)
        texts = [str(m.text) for m in messages if m.type == "ai"]
        if not texts:
            raise ValueError("the graph's messages hold none of an AI")
        rationale = next((text for text in reversed(texts) if holds_recommendation(text, situation)), "")
        return GraphOutput(rationale=rationale, text=texts[-1])

    def follow_up(self, state: Any, text: str) -> dict[str, Any]:
        """The whole state, with one human message more."""
        from langchain_core.messages import HumanMessage  # noqa: PLC0415  (loads at first use)

        kept = dict(state) if isinstance(state, Mapping) else {}
        return {**kept, "messages": [*_messages(state), HumanMessage(text)]}


def _messages(state: Any) -> list[Any]:
    return list(state["messages"] if isinstance(state, Mapping) else state.messages)


ADAPTERS: Registry[Adapter] = Registry("adapter", "akrasia.adapters")
ADAPTERS.register("messages", MessagesAdapter)


def adapter_named(text: str) -> Adapter:
    """The adapter of a name: a registered one, or "module:object", which may be its class.

    Raises:
        UnknownName: no adapter is registered under the name.
        BadOption: nothing is found in the module, or a class there needs arguments.
    """
    if ":" not in text:
        return ADAPTERS.make(text)
    found = object_named(text)
    if not isinstance(found, type):
        return cast(Adapter, found)
    try:
        return cast(Adapter, found())
    except TypeError as error:
        raise BadOption(
            f"the adapter {text!r} cannot be made", str(error), "Name an object, or a class whose fields have defaults."
        ) from None
