"""Adapters for graphs whose answer is no message: a structured response, a field of the state, or a returned value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from ..errors import BadOption
from ..records import Situation
from .adapters import ADAPTERS, GraphOutput, answer_of_human, messages_of, question_text, with_message

FORM = "Say which {noun} your reasoning recommends, and which {noun} you choose, each by its name."


@dataclass(frozen=True)
class StructuredAdapter:
    """For agents with a structured response, such as `create_agent(..., response_format=Choice)`.

    Args:
        action: the field that holds the action; recommendation, rationale: the fields that hold these, if any does.
        key: where the response stands in the state.
        instructions, human: see `MessagesAdapter`.
    """

    action: str = "action"
    recommendation: str = ""
    rationale: str = ""
    key: str = "structured_response"
    instructions: str = ""
    human: str = ""
    form: ClassVar[str] = FORM
    instructs: ClassVar[bool] = True

    def to_input(self, situation: Situation, hints: str = "") -> dict[str, Any]:
        from langchain_core.messages import HumanMessage  # noqa: PLC0415  (loads at first use)

        text = question_text(situation, self.instructions, hints, FORM.replace("{noun}", situation.noun))
        return {"messages": [HumanMessage(text)]}

    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        """See `Adapter`.

        Raises:
            ValueError: there is no response, or it lacks a field; what there is, is listed.
        """
        response = _field(state, self.key)
        if response is None:
            raise ValueError(f"the graph's state holds no {self.key!r}: {_fields(state)}")
        stated = self._label(response, self.recommendation) if self.recommendation else None
        return GraphOutput(
            rationale=self._label(response, self.rationale) if self.rationale else "",
            text=json.dumps(_plain(response), default=str),
            stated=() if stated is None else (stated,),
            action=self._label(response, self.action),
        )

    def follow_up(self, state: Any, text: str) -> dict[str, Any]:
        """The messages with one more; the response so far is dropped, so that none is taken for a new one. Where it
        stands in no message, it becomes one.
        """
        from langchain_core.messages import AIMessage  # noqa: PLC0415  (loads at first use)

        messages, response = messages_of(state), _field(state, self.key)
        if messages and messages[-1].type == "human" and response is not None:
            messages.append(AIMessage(json.dumps(_plain(response), default=str)))
        kept = with_message({**(state if isinstance(state, Mapping) else {}), "messages": messages}, text)
        return {k: v for k, v in kept.items() if k != self.key}

    def resume(self, asked: Any, situation: Situation) -> Any:
        """What the human says; None where nobody is there."""
        return answer_of_human(self.human, asked) if self.human else None

    def _label(self, response: Any, name: str) -> str:
        value = _field(response, name)
        if value is None:
            raise ValueError(f"the response holds no {name!r}: {_fields(response)}")
        return str(getattr(value, "value", value))  # an enum gives its value


@dataclass(frozen=True)
class StateAdapter:
    """For graphs that are given a text in one field of their state and leave their answer in another, and for functions
    of LangGraph's functional API, which take a value and return one.

    Args:
        input: the field that takes the situation; "" where the graph takes the text itself.
        answer: the field that holds the answer; "" where it is what the graph returns.
        rationale: the field that holds the rationale; by default the answer holds it.
        instructions, human: see `MessagesAdapter`.
    """

    input: str = "question"
    answer: str = "answer"
    rationale: str = ""
    instructions: str = ""
    human: str = ""
    instructs: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("input", "answer", "rationale"):
            if not isinstance(getattr(self, name), str):
                raise BadOption(f"the {name} of a StateAdapter is {getattr(self, name)!r}", remedy="Name a field.")

    def to_input(self, situation: Situation, hints: str = "") -> Any:
        text = question_text(situation, self.instructions, hints)
        return {self.input: text} if self.input else text

    def from_state(self, state: Any, situation: Situation) -> GraphOutput:
        """See `Adapter`.

        Raises:
            ValueError: a field is not there, or holds no text; what there is, is listed.
        """
        return GraphOutput(
            rationale=_text(state, self.rationale) if self.rationale else "", text=_text(state, self.answer)
        )

    def follow_up(self, state: Any, text: str, given: Any) -> Any:
        """The last input with the answer and the new message behind it."""
        before = given[self.input] if self.input else given
        more = f"{before}\n\nYou answered:\n{_text(state, self.answer)}\n\n{text}"
        return {**given, self.input: more} if self.input else more

    def resume(self, asked: Any, situation: Situation) -> Any:
        """What the human says; None where nobody is there."""
        return answer_of_human(self.human, asked) if self.human else None


def _text(state: Any, name: str) -> str:
    value = _field(state, name) if name else state
    if value is None:
        raise ValueError(f"the graph's state holds no {name!r}: {_fields(state)}")
    text = getattr(value, "text", value)  # of a message
    if not isinstance(text, str):
        what = f"the field {name!r}" if name else "what the graph returned"
        raise ValueError(f"{what} is no text: {value!r:.80}")
    return str(text)


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _fields(value: Any) -> str:
    names = (
        list(value) if isinstance(value, Mapping) else [n for n in vars(value)] if hasattr(value, "__dict__") else []
    )
    return f"it has {', '.join(map(str, names))}" if names else f"it is {value!r:.80}"


def _plain(value: Any) -> Any:
    dump = getattr(value, "model_dump", None)
    if callable(dump):
        return dump(mode="json")
    return dict(value) if isinstance(value, Mapping) else getattr(value, "__dict__", str(value))


ADAPTERS.register("structured", StructuredAdapter)
ADAPTERS.register("state", StateAdapter)
