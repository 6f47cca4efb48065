"""Follow-ups: how an agent continues a conversation (look again, revise, discuss), and their placebo.

Invariant: a follow-up adds one user message at the end of the conversation, followed by the form of the answer, which
is the same for all of them. None says or hints whether the answer so far is right: that would leak the oracle (Huang et
al. 2024, D8). The placebo of a follow-up has the same shape and length and no content.
"""

from __future__ import annotations

import re

from ..errors import PlanError, UnknownName
from ..records import Message, Turn
from .answers.implied import without_conclusion
from .base import Agent
from .options import ModelOptions
from .phrases import filler_for, first_sentences, unrelated_text

# By the option `move`; "{others}" is what the agent reads beside its own conversation.
FOLLOW_UPS: dict[str, str] = {
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
    "resample": (
        "Go on exactly where your text above stops. Do not repeat it and do not comment on it: write what comes next, "
        "to the end of your answer."
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


def continue_conversation(agent: Agent, reads: tuple[Turn, ...], form: str) -> tuple[Message, ...]:
    """The conversation of `reads[0]`, its answer, and the agent's follow-up; `reads[1:]` are the others' turns.

    Raises:
        UnknownName, PlanError: see `follow_up_text`.
    """
    message = follow_up_text(agent, reads, form)
    return (*reads[0].prompt, Message("assistant", _own_words(agent, reads[0])), Message("user", message))


def _own_words(agent: Agent, own: Turn) -> str:
    """What the agent is shown of its own answer: all of it, or what stands before the sentence that is drawn anew."""
    options = agent.options_as(ModelOptions)
    if options.resample_from is None or options.blank:
        return own.last_words
    return first_sentences(without_conclusion(own.last_words), options.resample_from - 1)


def follow_up_text(agent: Agent, reads: tuple[Turn, ...], form: str) -> str:
    """What an agent is told when it continues the conversation of `reads[0]`; `reads[1:]` are the others' turns.

    Raises:
        UnknownName: there is no such follow-up.
        PlanError: there is no conversation to continue, or nobody else to read where the follow-up needs one.
    """
    options, move = agent.options_as(ModelOptions), agent.move
    if move not in FOLLOW_UPS:
        raise UnknownName.among("move", move, FOLLOW_UPS)
    if not reads:
        raise PlanError(f"the move {move!r} has no conversation to continue", remedy="Let the agent read another one.")
    others = reads[1:]
    wording = FOLLOW_UPS[move] if options.wording is None else options.wording
    if not others and move == "ballot":
        wording = ""
    if "{others}" in wording and not others:
        raise PlanError(f"the move {move!r} has nobody else to read", remedy="Let the agent read a second agent.")
    quotes = quote_turns(options, others)
    if options.blank:
        wording = filler_for(wording.replace("{others}", "")) + ("\n\n{others}" if "{others}" in wording else "")
        quotes = filler_for(quotes)
    text = wording.replace("{others}", quotes)
    return f"{text}\n\n{form}" if text else form


def quote_turns(options: ModelOptions, others: tuple[Turn, ...]) -> str:
    """The turns of others as an agent is shown them: anonymous or signed, with their confidence or without."""
    quotes = []
    for i, turn in enumerate(others, start=1):
        name = turn.agent.partition(".")[0] if options.signed else f"agent {i}"
        confidence = f", {turn.confidence:.0%} sure" if options.show_confidence and turn.confidence is not None else ""
        said = _without_confidence(turn.text)
        quotes.append(f"--- {name}{confidence} ---\n{unrelated_text(said, 3 * i) if options.unrelated else said}")
    return "\n\n".join(quotes)


def _without_confidence(text: str) -> str:
    return re.sub(r"^\s*CONFIDENCE\s*[=:].*$", "", text, flags=re.IGNORECASE | re.MULTILINE).strip()
