"""From what a LangGraph graph concluded to a decision: its calls as turns, its output read like any answer.

Invariant: a label that an adapter gives is taken as it is or not at all; what the last call ended with is the outcome
where nothing can be read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from json import JSONDecodeError
from typing import Any

from ..agents.answers.parsing import read_answer, read_recommendation, whole_lines
from ..agents.call_faults import CUT_OFF, answer_fault, unsent_settings
from ..errors import PlanError
from ..models.providers.provider_errors import scrubbed
from ..records import Decision, Response, Situation, Status, ToolCall, ToolUse, Turn
from ..tasks.numbers import canonical_number
from .adapters import GraphOutput

LETTERS = 26
VOLATILE = re.compile(r"( at )?0x[0-9a-f]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def check_output(name: str, answer: GraphOutput) -> GraphOutput:
    """What an adapter gave, if it is of the types that it must be."""
    stated = answer.stated
    for what, value, fits, expected in (
        ("text", answer.text, isinstance(answer.text, str), "a text"),
        ("decided_by", answer.decided_by, isinstance(answer.decided_by, str), "a name"),
        ("rationale", answer.rationale, isinstance(answer.rationale, str), "a text"),
        ("action", answer.action, answer.action is None or isinstance(answer.action, str), "a label or None"),
        (
            "stated",
            stated,
            stated is None or (isinstance(stated, tuple | list) and all(isinstance(s, str) for s in stated)),
            "a tuple of labels or None",
        ),
    ):
        if not fits:
            raise PlanError(
                f"the adapter of {name!r} gave {value!r} as {what}", f"it must be {expected}", "Correct from_state."
            )
    return answer


def error_reason(error: Exception) -> str:
    """An error in one line, without keys and addresses, so that a resumed run stores the same text."""
    return VOLATILE.sub("", scrubbed(f"{type(error).__name__}: {error}"))


def is_of_an_answer(error: BaseException, ends: Sequence[Response]) -> bool:
    """Whether what could not be read is an answer of a model: then it stays so; what a tool returned may not.

    An error that does not say what it could not read is taken at its word: it is the answer.

    Args:
        ends: how the calls of the graph ended, in order.
    """
    read, answers = [_words(text) for text in _unread_texts(error)], [_words(words_of(r)) for r in ends]
    if not read:
        return bool(answers)
    if not any(read):
        return any(answer in ("", "json") for answer in answers)
    return any(all(part in answer or _makes_up(answer, part) for part in read) for answer in answers)


def _makes_up(answer: str, part: str) -> bool:
    """Whether a text is for the most part an answer, with something that a node wrote around it."""
    return answer in part and 2 * len(answer) >= len(part)


def _unread_texts(error: BaseException) -> list[str]:
    """The texts that an error says it could not read, its own before those of its cause."""
    from pydantic import ValidationError  # noqa: PLC0415  (loads at first use)

    if isinstance(error, JSONDecodeError):
        return [error.doc]
    if isinstance(said := getattr(error, "llm_output", None), str):
        return [said]
    if isinstance(error, ValidationError):
        return [
            text for one in error.errors(include_url=False, include_context=False) for text in _leaves(one["input"])
        ]
    cause = error.__cause__ or error.__context__
    return [] if cause is None or cause is error else _unread_texts(cause)


def _leaves(value: Any) -> list[str]:
    """The texts in a value, as JSON holds them."""
    if isinstance(value, Mapping):
        return [text for one in value.values() for text in _leaves(one)]
    if isinstance(value, list | tuple):
        return [text for one in value for text in _leaves(one)]
    return [value if isinstance(value, str) else json.dumps(value, default=str)]


def _words(text: str) -> str:
    """What is left of a text whatever a node did to its quotes, fences and spaces."""
    return re.sub(r"\W+", "", text).casefold()


def failed_decision(turns: list[Turn], ends: Sequence[Response], status: Status, why: str) -> Decision:
    """No answer: for the reason that the last call gave none, or else for the graph's own."""
    if ends and ends[-1].status != "ok":
        status = ends[-1].status
    last = Turn("graph", "graph", text=why, stated_status=status, status=status)
    return Decision("", (), status, None, status, turns=(*turns, last))


def decision_of_output(answer: GraphOutput, situation: Situation, turns: list[Turn], ends: list[Response]) -> Decision:
    """The decision that an output holds, standing in the turn of the call that gave its text.

    Args:
        turns: of the graph's calls, in order; ends: how each of them ended.
    """
    rationale = answer.rationale or answer.text
    stated, stated_status = _stated(answer, situation)
    done, status = _done(answer, situation)
    source, ended = _source(answer.text, turns, ends)
    thought, thinking_ended = _source(rationale, turns, ends)
    if answer.action is None and _void(source, ended, status, read_answer, answer.text, situation):
        done, status = None, ended
    if answer.stated is None and _void(
        thought, thinking_ended, stated_status, read_recommendation, rationale, situation
    ):
        stated, stated_status = (), thinking_ended
    if source is None:
        source = len(turns)
        turns = [*turns, Turn("graph", "graph", text=answer.text)]
    whole = status == "ok" and turns[source].fault.startswith(CUT_OFF)  # it was cut off behind what could be read
    turns[source] = replace(
        turns[source],
        stated=stated,
        stated_status=stated_status,
        action=done,
        status=status,
        fault="" if whole else turns[source].fault,
    )
    return Decision(rationale, stated, stated_status, done, status, turns=tuple(turns))


def _source(text: str, turns: list[Turn], ends: list[Response]) -> tuple[int | None, Status]:
    """The last call whose answer is `text`, and how it ended; where there is none, how the last call ended."""
    source = next((i for i in reversed(range(len(ends))) if turns[i].text == text), None)
    return source, ends[-1 if source is None else source].status if ends else "ok"


def words_of(response: Response) -> str:
    """What an answer says: its text, and the arguments of the tools that it calls, as a form may be asked for."""
    return "\n".join(filter(None, [response.text, *(call.arguments for call in response.tool_calls)]))


def unsaid(answer: GraphOutput, decision: Decision, situation: Situation, ends: Sequence[Response]) -> str:
    """What of a decision is in no answer of a call: "action", "recommendation", both, or "" where all of it is.

    A label is in an answer that gives it in the form that is asked for (ACTION=X, BEST=X, or JSON of these names), so
    the winner of a vote among the calls is, and so is what the last of several calls concludes. Where the last answer
    gives another one in that form, it is not. Where the last answer gives none in that form, a label counts that any
    answer mentions by its name, its place or its letter; and so does whatever an adapter made of the very text of an
    answer.

    Args:
        ends: how the calls of the graph ended, in order.
    """
    texts = [words_of(r) for r in ends if r.status in ("ok", "truncated")]
    made_of = answer.text in texts

    def said(label: str, given: Sequence[Sequence[str]]) -> bool:
        if any(label in labels for labels in given) or _between(label, given, situation):
            return True
        if given and given[-1]:
            return False
        return made_of or any(_mentions(text, label, situation) for text in texts)

    parts = []
    if decision.done is not None and not said(decision.done, [_acts(text, situation) for text in texts]):
        parts.append("action")
    recommended = [_recommends(text, situation) for text in texts] if decision.stated else []
    if not all(said(label, recommended) for label in decision.stated):
        parts.append("recommendation")
    return " and ".join(parts)


def _acts(text: str, situation: Situation) -> tuple[str, ...]:
    """The action that a text gives in the form that is asked for."""
    label, status = read_answer(text, situation)
    return (label,) if label is not None and status == "ok" and situation.answer != "text" else ()


def _recommends(text: str, situation: Situation) -> tuple[str, ...]:
    return read_recommendation(text, situation)[0] if situation.answer != "text" else ()


def _between(label: str, given: Sequence[Sequence[str]], situation: Situation) -> bool:
    """Whether a number lies among those of several answers, as their mean or median does."""
    if situation.answer != "number" or sum(map(bool, given)) < 2:
        return False
    numbers = [float(Fraction(x)) for labels in given for x in labels]
    return min(numbers) <= float(Fraction(label)) <= max(numbers)


def _mentions(text: str, label: str, situation: Situation) -> bool:
    """Whether a text names a label in any way: by itself, or by its place or letter among the actions."""
    names = [label]
    if situation.answer == "action" and label in situation.actions:
        place = situation.actions.index(label)
        names += [str(place), str(place + 1), *([chr(ord("A") + place)] if place < LETTERS else [])]
    whole = (re.compile(rf"(?<!\w){re.escape(n)}(?!\w)", re.IGNORECASE if len(n) > 1 else 0) for n in names)
    return any(name.search(text) for name in whole)


def _void(
    source: int | None,
    ended: Status,
    read: Status,
    reader: Callable[[str, Situation], tuple[object, Status]],
    text: str,
    situation: Situation,
) -> bool:
    """Whether the end of a call is the outcome: a call that was refused or failed has no answer, whatever its text
    holds; a truncated answer has one where the line that gives it is complete; the failure of another call counts only
    where nothing could be read.
    """
    if ended == "ok":
        return False
    if read == "unparsable" or (source is not None and ended in ("refused", "error")):
        return True
    cut = source is not None and ended == "truncated"
    return cut and reader(text, situation) != reader(whole_lines(text), situation)


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


def _label(label: str, situation: Situation) -> tuple[str | None, Status]:
    """A label that an adapter gave, or none: nothing is corrected."""
    if situation.answer == "action":
        return (label, "ok") if label in situation.actions else (None, "illegal")
    read = canonical_number(label) if situation.answer == "number" else label
    return (read, "ok") if read else (None, "unparsable")


def _use(call: ToolCall, results: Mapping[str, str]) -> ToolUse:
    """A call with what a later request says that it returned; LangGraph words an error of a tool as its result."""
    result = results.get(call.id, "")
    failed = result.startswith("Error")
    return ToolUse(call.name, call.arguments, "" if failed else result, result if failed else "", call.id)


def turns_of_calls(calls: Any) -> tuple[list[Turn], list[Response]]:
    """The turns of a graph's calls, and how each call ended."""
    turns, ends = [], []
    count: dict[str, int] = {}
    asked_with = (message for one in calls for message in one.request.messages if message.tool_call_id)
    results = {message.tool_call_id: message.content for message in asked_with}
    for asked in calls:
        key, response = asked.answer.result()
        lane = count[asked.node] = count.get(asked.node, -1) + 1
        ended: Status = "absent" if response.status == "ok" else response.status
        turns.append(
            Turn(
                asked.node,
                "model",
                lane,
                asked.sample,
                response.text,
                status=ended,
                key=key,
                usage=response.usage,
                cost=response.cost,
                slot=asked.slot,
                fault=answer_fault(response, asked.request.messages, read=False),
                unsent=unsent_settings(asked.request.sampling, response),
                tools=tuple(_use(call, results) for call in response.tool_calls),
            )
        )
        ends.append(response)
    return turns, ends
