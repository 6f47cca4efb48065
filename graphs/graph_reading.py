"""From what a LangGraph graph concluded to a decision: its calls as turns, its output read like any answer.

Invariant: a label that an adapter gives is taken as it is or not at all; what the last call ended with is the outcome
where nothing can be read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ..agents.answers.parsing import canonical_number, read_answer, read_recommendation, whole_lines
from ..errors import PlanError
from ..models.providers.provider_errors import scrubbed
from ..records import Decision, Response, Situation, Status, Turn
from .adapters import GraphOutput

__all__ = ["VOLATILE", "check_output", "decision_of_output", "error_reason", "failed_decision", "turns_of_calls"]

VOLATILE = re.compile(r"( at )?0x[0-9a-f]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def check_output(name: str, answer: GraphOutput) -> GraphOutput:
    """What an adapter gave, if it is of the types that it must be."""
    stated = answer.stated
    for what, value, fits, expected in (
        ("text", answer.text, isinstance(answer.text, str), "a text"),
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
    turns[source] = replace(turns[source], stated=stated, stated_status=stated_status, action=done, status=status)
    return Decision(rationale, stated, stated_status, done, status, turns=tuple(turns))


def _source(text: str, turns: list[Turn], ends: list[Response]) -> tuple[int | None, Status]:
    """The last call whose answer is `text`, and how it ended; where there is none, how the last call ended."""
    source = next((i for i in reversed(range(len(ends))) if turns[i].text == text), None)
    return source, ends[-1 if source is None else source].status if ends else "ok"


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


def turns_of_calls(calls: Any) -> tuple[list[Turn], list[Response]]:
    """The turns of a graph's calls, and how each call ended."""
    turns, ends = [], []
    count: dict[str, int] = {}
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
            )
        )
        ends.append(response)
    return turns, ends
