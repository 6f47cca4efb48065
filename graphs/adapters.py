"""Between a situation and the state of a LangGraph graph that was not built here.

Invariant: an adapter is a value; its fields and code belong to the identity of the variant.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from ..agents.answers.parsing import holds_recommendation
from ..agents.base import Agent
from ..agents.reasoner import Reasoner
from ..records import Situation

__all__ = ["Adapter", "GraphOutput", "MessagesAdapter"]


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

    def to_input(self, situation: Situation) -> dict[str, Any]:
        from langchain_core.messages import HumanMessage  # noqa: PLC0415  (loads at first use)

        options = {"mode": "reason_act"} | ({"think": self.instructions} if self.instructions else {})
        (message,) = Reasoner().prompt(Agent("reasoner", options=options), situation, (), "chat").messages
        return {"messages": [HumanMessage(message.content)]}

    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        messages = state["messages"] if isinstance(state, Mapping) else state.messages
        texts = [str(m.text) for m in messages if m.type == "ai"]
        if not texts:
            raise ValueError("the graph's messages hold none of an AI")
        rationale = next((text for text in reversed(texts) if holds_recommendation(text, situation)), "")
        return GraphOutput(rationale=rationale, text=texts[-1])
