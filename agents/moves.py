"""The moves by which an agent takes up a conversation again: look again, revise, discuss, and their placebo.

Invariant: a move adds one user message at the end of the conversation it takes up, followed by the reminder of the
answer's form, which is the same for every move. No move says or hints whether the answer so far is right: that would
leak the oracle (Huang et al. 2024, D8). The placebo of a move has the same shape and length and no content.
"""

from __future__ import annotations

from ..errors import PlanError, UnknownName
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


def take_up(move: str, reads: tuple[Turn, ...], form: str) -> tuple[Message, ...]:
    """The conversation of `reads[0]`, its answer, and the move; `reads[1:]` are the others' turns.

    Raises:
        PlanError: there is no conversation to take up, or nobody else to read where the move needs one.
    """
    if move not in MOVES:
        raise UnknownName.among("move", move, MOVES)
    if not reads:
        raise PlanError(f"the move {move!r} has no conversation to take up", remedy="Let the agent read another one.")
    own, others = reads[0], reads[1:]
    if "{others}" in MOVES[move] and not others:
        raise PlanError(f"the move {move!r} has nobody else to read", remedy="Let the agent read a second agent.")
    said = "\n\n".join(f"--- agent {i} ---\n{t.text.strip()}" for i, t in enumerate(others, start=1))
    text = MOVES[move].replace("{others}", said)
    return (*own.prompt, Message("assistant", own.last_words), Message("user", f"{text}\n\n{form}"))
