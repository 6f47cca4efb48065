"""A decision as a trajectory: the chat messages that agentevals, openevals and LangSmith read.

Invariant: a call of a tool stands in the trajectory once, followed by what the tool returned; nothing else is made up.

Source: agentevals 0.0.9 (`create_trajectory_match_evaluator`), OpenAI's chat messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..ledger import LedgerReader
from ..records import Message, Record, ToolUse, Turn


def trajectory(record: Record, ledger: LedgerReader | None = None) -> list[dict[str, Any]]:
    """What was said and called in a decision, as OpenAI's chat messages.

    Args:
        record: a record of a run.
        ledger: the ledger of that run, open for reading. With it the trajectory begins with what the first agent was
            asked; without it, with what it answered. Records hold no prompts.
    """
    turns = [turn for turn in record.decision.turns if not turn.skipped]
    messages = _asked(turns, ledger) if ledger is not None else []
    for place, turn in enumerate(turns):
        messages.extend(_of_turn(turn, place))
    return messages


def _asked(turns: list[Turn], ledger: LedgerReader) -> list[dict[str, Any]]:
    """The prompt of the first answer: all that stands before the first word of an assistant."""
    first = next((turn for turn in turns if turn.key), None)
    key = (first.earlier[0] if first.earlier else first.key) if first is not None else ""
    answer = ledger.answer(key) if key else None
    asked: list[dict[str, Any]] = []
    for message in answer.request.messages if answer is not None else ():
        if message.role not in ("system", "user"):
            break
        asked.append(_plain(message))
    return asked


def _plain(message: Message) -> dict[str, Any]:
    return {"role": message.role, "content": message.shown}


def _of_turn(turn: Turn, place: int) -> Iterator[dict[str, Any]]:
    """The words of a turn, and its calls: before the words where they led to them, beside them in a graph's call."""
    name = {"name": turn.agent}
    words = turn.answer or turn.text
    if not turn.tools:
        if words:
            yield {"role": "assistant", "content": words, **name}
        return
    calls = [_call(use, f"call_{place}_{i}") for i, use in enumerate(turn.tools)]
    beside = "" if turn.earlier else words
    yield {"role": "assistant", "content": beside, "tool_calls": calls, **name}
    for use, call in zip(turn.tools, calls, strict=True):
        yield {"role": "tool", "content": use.error or use.result, "tool_call_id": call["id"], "name": use.name}
    if turn.earlier and words:
        yield {"role": "assistant", "content": words, **name}


def _call(use: ToolUse, otherwise: str) -> dict[str, Any]:
    function = {"name": use.name, "arguments": use.arguments}
    return {"id": use.id or otherwise, "type": "function", "function": function}
