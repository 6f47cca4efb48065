"""Transcripts side by side: what two variants share at the start, and where they first part.

In a fork the same request in the same draw has one answer, kept under one key, so a shared prefix is known exactly and
is not guessed from texts that happen to be alike.

Invariant: turns are compared in their order; two turns are the same if the same agent in the same lane says the same
with the same answer of a model behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter

from ...records import Message, Turn
from ..show import message_speaker
from .pieces import Mark, common_ends

_SAID = attrgetter("agent", "role", "lane", "sample", "key", "text", "skipped")


@dataclass(frozen=True, slots=True)
class Parting:
    """Where a transcript parts from another.

    Attributes:
        shared: how many turns at the start are the same. words: what is different then; "" where nothing is.
    """

    shared: int
    words: str


def part(turns: Sequence[Turn], other: Sequence[Turn], prompts: Sequence[str], others: Sequence[str]) -> Parting:
    """How far `turns` goes along with `other`, and in which way it parts.

    Args:
        prompts, others: what stood before each turn, as text; "" where no model was asked.
    """
    shared = 0
    while shared < min(len(turns), len(other)) and _SAID(turns[shared]) == _SAID(other[shared]):
        shared += 1
    if shared == len(turns) == len(other):
        return Parting(shared, "")
    if shared == len(other):
        return Parting(shared, f"the baseline has decided; {_many(len(turns) - shared)} more")
    if shared == len(turns):
        return Parting(shared, f"it has decided; {_many(len(other) - shared)} of the baseline left out")
    mine, base = turns[shared], other[shared]
    if (mine.agent, mine.lane, mine.sample) != (base.agent, base.lane, base.sample):
        return Parting(shared, f"another speaks: {mine.agent}, where the baseline has {base.agent}")
    if not mine.key or not base.key:
        return Parting(shared, f"{mine.agent} holds another text")
    if not prompts[shared] and not others[shared]:
        return Parting(shared, f"{mine.agent} gives another answer")
    if prompts[shared] != others[shared]:
        return Parting(shared, f"{mine.agent} is asked differently")
    if mine.text == base.text:
        return Parting(shared, f"{mine.agent} is asked with other settings and says the same")
    return Parting(shared, f"{mine.agent} is asked the same and draws another answer")


def partner(turn: Turn, at: int, other: Sequence[Turn]) -> int | None:
    """Which turn of another transcript to lay beside one: the one in its place if of its role, else the first such."""
    if at < len(other) and other[at].role == turn.role:
        return at
    return next((n for n, t in enumerate(other) if t.role == turn.role), None)


def whole_prompt(messages: Sequence[Message]) -> tuple[str, list[Mark]]:
    """A prompt as one text, with marks on the names of its roles."""
    text, marks = "", []
    for message in messages:
        head = f"{message_speaker(message)}\n"
        marks.append(Mark(len(text), len(text) + len(head), "role"))
        text += f"{head}{message.shown.rstrip()}\n"
    return text.rstrip("\n"), marks


def prompt_marks(text: str, other: str) -> list[Mark]:
    """What a prompt shares with another at both ends, and what lies between; none where they share little or all."""
    begin, end = common_ends(text, other)
    if text == other or begin + end < len(text) // 4:
        return []
    rest = len(text) - end
    return [Mark(0, begin, "same"), Mark(begin, rest, "differs"), Mark(rest, len(text), "same")]


def _many(count: int) -> str:
    return f"{count} turn{'s' * (count > 1)}"
