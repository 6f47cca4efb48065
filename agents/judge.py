"""The judge: reads a discussion and decides it; it sees the situation, and nothing that says who is right.

With `defer` it may leave the question open, and the discussion goes on (Liang et al. 2023, 2305.19118).
"""

from __future__ import annotations

import re

from ..models.base import Style
from ..records import Message, Response, Sampling, Situation, Turn
from .answers.parsing import read_answer, read_recommendation
from .base import AGENTS, Agent, ParsedAnswer, Prompt, need
from .few_shot import worked_call
from .follow_up import quoted
from .phrases import closing, hints, say
from .rendering import describe

__all__ = ["Judge"]

HEARD = "Agents have discussed this situation.\n\n{others}"
DECIDE = "You are the judge. Weigh what they say against the situation, and decide for yourself which {noun} is best."
FORM = "End with two lines\nBEST=X\nACTION=Y\nwhere X is the {noun} that is best and Y is the {noun} you choose."
DEFER = " If neither side has convinced you yet, end with the line UNDECIDED instead."
_UNDECIDED = re.compile(r"^[\s*_`]*UNDECIDED\b", re.MULTILINE)


class Judge:
    """Role "judge". Options: `defer`, `signed`, `hints`, and `heard`, `decide`, `form` (wording)."""

    name = "judge"

    def call(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        need(reads, "judge")
        if style != "chat":
            return worked_call("judge", agent, situation, reads, style)
        heard = str(agent.options.get("heard", HEARD)).replace("{others}", say(agent, quoted(agent, reads)))
        decide = say(agent, str(agent.options.get("decide", DECIDE)).replace("{noun}", situation.noun))
        form = closing(agent, str(agent.options.get("form", FORM)).replace("{noun}", situation.noun))
        form += DEFER if agent.options.get("defer") else ""
        text = "\n\n".join([describe(situation), heard, f"{decide}\n{hints(agent)}{form}"])
        return Prompt((Message("user", text),), Sampling())

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        if agent.options.get("defer") and _UNDECIDED.search(text):
            return ParsedAnswer(text, ((), "undecided"), (None, "undecided"))
        return ParsedAnswer(text, read_recommendation(text, situation), read_answer(text, situation))


AGENTS.register("judge", Judge)
