"""The moves by which an agent takes up a conversation again: look again, revise, discuss, and their placebo.

Invariant: a move adds one user message at the end of the conversation it takes up, followed by the reminder of the
answer's form, which is the same for every move. No move says or hints whether the answer so far is right: that would
leak the oracle (Huang et al. 2024, D8). The placebo of a move has the same shape and length and no content.
"""

from __future__ import annotations

import re

from ..errors import PlanError, UnknownName
from ..records import Message, Turn
from .base import Agent
from .phrases import filler

__all__ = ["MOVES", "quoted", "take_up"]

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
    "reflect": (
        "Before this is final, reflect: write down in one or two sentences what in your reasoning could be mistaken, "
        "and then keep or change your answer as you see fit."
    ),
    "self_correct": (
        "Read your answer again, look for a mistake in it, and correct it if you find one; keep it if you find none."
    ),
    "confront": "{said}",
    "ballot": "{others}",
    "revise": (
        "Another agent has commented on your answer:\n\n{others}\n\nConsider the comment, and keep or change your "
        "answer as you then see fit."
    ),
    "discuss": (
        "Other agents have answered the same question:\n\n{others}\n\nConsider what they say, and keep or change your "
        "answer as you then see fit."
    ),
}


def take_up(agent: Agent, reads: tuple[Turn, ...], form: str) -> tuple[Message, ...]:
    """The conversation of `reads[0]`, its answer, and the agent's move; `reads[1:]` are the others' turns.

    Options: `wording` (instead of the move's own), `signed` (others are shown by name), `show_confidence`.

    Raises:
        PlanError: there is no conversation to take up, or nobody else to read where the move needs one.
    """
    move = agent.move
    if move not in MOVES:
        raise UnknownName.among("move", move, MOVES)
    if not reads:
        raise PlanError(f"the move {move!r} has no conversation to take up", remedy="Let the agent read another one.")
    own, others = reads[0], reads[1:]
    wording = str(agent.options.get("wording", MOVES[move]))
    if not others and move == "ballot":
        wording = ""
    if "{others}" in wording and not others:
        raise PlanError(f"the move {move!r} has nobody else to read", remedy="Let the agent read a second agent.")
    heard = quoted(agent, others)
    if agent.options.get("blank"):
        wording = filler(wording.replace("{others}", "")) + ("\n\n{others}" if "{others}" in wording else "")
        heard = filler(heard)
    text = wording.replace("{others}", heard)
    asked = f"{text}\n\n{form}" if text else form
    return (*own.prompt, Message("assistant", own.last_words), Message("user", asked))


def quoted(agent: Agent, others: tuple[Turn, ...]) -> str:
    """What others said, as this agent is shown it: anonymous or signed, with their confidence or without."""
    signed, sure = agent.options.get("signed"), agent.options.get("show_confidence")
    said = []
    for i, turn in enumerate(others, start=1):
        name = turn.agent.partition(".")[0] if signed else f"agent {i}"
        felt = f", {turn.confidence:.0%} sure" if sure and turn.confidence is not None else ""
        said.append(f"--- {name}{felt} ---\n{_without_confidence(turn.text)}")
    return "\n\n".join(said)


def _without_confidence(text: str) -> str:
    return re.sub(r"^\s*CONFIDENCE\s*[=:].*$", "", text, flags=re.IGNORECASE | re.MULTILINE).strip()
