"""The moves by which an agent takes up a conversation again: look again, revise, discuss, and their placebo.

Invariant: a move adds one user message at the end of the conversation it takes up, followed by the reminder of the
answer's form, which is the same for every move. No move says or hints whether the answer so far is right: that would
leak the oracle (Huang et al. 2024, D8). The placebo of a move has the same shape and length and no content.
"""

from __future__ import annotations

from ..errors import PlanError, UnknownName
from ..models.base import Style
from ..records import Message, Turn

__all__ = ["MOVES", "take_up"]

# Wording in chat style; `{others}` is what the agent reads beside its own conversation.
MOVES: dict[str, str] = {
    "again": (
        "Please look at the situation and at your answer once more. Check each step of your reasoning against what you "
        "were shown, and keep or change your answer as you then see fit."
    ),
    "placebo": (
        "This message only marks the next part of our conversation. It is sent to everyone at this point, in the same "
        "words, and there is nothing in it to read into or to reply to as such."
    ),
    "revise": (
        "Another agent has commented on your answer:\n\n{others}\n\nConsider the comment, and keep or change your "
        "answer as you then see fit."
    ),
    "discuss": (
        "Other agents have answered the same question:\n\n{others}\n\nConsider what they say, and keep or change your "
        "answer as you then see fit."
    ),
}

_COMPLETION: dict[str, str] = {
    "again": "\nLet me check the scores once more.",
    "placebo": "\nThis line only marks the next part.",
    "revise": "\nA comment: {others}\nLet me consider it.",
    "discuss": "\nOthers say: {others}\nLet me consider it.",
}


def take_up(move: str, reads: tuple[Turn, ...], form: str, style: Style) -> tuple[Message, ...]:
    """The conversation of `reads[0]`, its answer, and the move; `reads[1:]` are the others' turns.

    Raises:
        PlanError: there is no conversation to take up, or nobody else to read where the move needs one.
    """
    table = MOVES if style == "chat" else _COMPLETION
    if move not in table:
        raise UnknownName.among("move", move, table)
    if not reads:
        raise PlanError(f"the move {move!r} has no conversation to take up", remedy="Let the agent read another one.")
    own, others = reads[0], reads[1:]
    if "{others}" in table[move] and not others:
        raise PlanError(f"the move {move!r} has nobody else to read", remedy="Let the agent read a second agent.")
    joiner = "\n\n" if style == "chat" else " "
    said = joiner.join(_quote(t, i, style) for i, t in enumerate(others, start=1))
    text = table[move].replace("{others}", said)
    end = f"{text}\n\n{form}" if style == "chat" else f"{text}{form}"
    return (*own.prompt, Message("assistant", own.last_words), Message("user", end))


def _quote(turn: Turn, number: int, style: Style) -> str:
    text = turn.text.strip()
    return f"--- agent {number} ---\n{text}" if style == "chat" else text
