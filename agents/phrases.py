"""What is said around a prompt's content: hints, requests for a confidence, and content taken out.

Invariant: hints are keyed by name and shown in the order of their names, so that interventions which add one commute.
`filler` stands in for a text with as many word pieces and nothing in it: two texts of the same length and shape cost
about the same tokens, and a placebo differs from its treatment in content alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..records import Turn
from .base import Agent

__all__ = ["closing", "filler", "hints", "pieces", "say", "told"]

CONFIDENCE = "\nAdd one line\nCONFIDENCE=N\nwhere N, from 0 to 100, is how sure you are that your answer is right."
PASSAGE = (
    "This part of the message is the same for everyone and is here only to mark the place in the conversation so there "
    "is nothing in it to read into and nothing to reply to as such and it goes on a little longer in the same way "
).split()
_PIECE = re.compile(r"[^\W\d_]{1,7}|\d{1,3}|[^\w\s]|_")


def pieces(text: str) -> int:
    """Word pieces of a text: letters by up to seven, digits by up to three, marks one by one."""
    return len(_PIECE.findall(text))


def filler(text: str) -> str:
    """A text with as many word pieces as `text` that says nothing about any situation."""
    wanted = pieces(text)
    words: list[str] = []
    while wanted > 0:
        word = PASSAGE[len(words) % len(PASSAGE)]
        words.append(word)
        wanted -= pieces(word)
    return " ".join(words)


def say(agent: Agent, text: str) -> str:
    """`text`, or a filler of its length where the agent is a placebo."""
    return filler(text) if agent.options.get("blank") else text


def hints(agent: Agent) -> str:
    """The agent's hints, one a line; empty where it has none."""
    given: Mapping[str, Any] = agent.options.get("hints", {})
    return "".join(f"{given[name]}\n" for name in sorted(given))


def closing(agent: Agent, form: str) -> str:
    """How the answer must end: the form, and the confidence where it is asked for."""
    return form + (CONFIDENCE if agent.options.get("confidence") else "")


def told(turn: Turn) -> str:
    """What an agent that begins a conversation is told beforehand: a summary, by name, or another's words."""
    if turn.role == "summariser":
        return f"A summary of what happened so far:\n{turn.text.strip()}"
    return f"Another agent said before you:\n{turn.text.strip()}"
