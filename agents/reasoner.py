"""The reasoner: thinks in words and recommends an action; in one call it may also act.

Modes: "reason" ends with the recommendation and leaves acting to an actor; "reason_act" ends with the recommendation
and the action, so that one answer holds both what is known and what is done (the protocol of Schmied et al. 2025).
"""

from __future__ import annotations

from ..errors import UnknownName
from ..models.base import Style
from ..records import Message, Response, Sampling, Situation, Turn
from .base import AGENTS, Agent, Call, Said
from .moves import take_up
from .parsing import read_answer, read_recommendation
from .rendering import describe
from .worked import worked_call

__all__ = ["Reasoner"]

THINK = (
    "Think step by step: work out what the situation says about every {noun}, and say which {noun} is best and why. "
    "Keep it short."
)
FORMS = {
    "reason": ("End with one line\nBEST=X\nwhere X is the {noun} that your reasoning recommends. You do not act yet."),
    "reason_act": (
        "End with two lines\nBEST=X\nACTION=Y\nwhere X is the {noun} that your reasoning recommends and Y is the "
        "{noun} you choose."
    ),
}


class Reasoner:
    """Role "reasoner". Options: `mode` ("reason" | "reason_act"), `move`, `think` and `form` (wording)."""

    name = "reasoner"

    def call(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Call:
        mode = str(agent.options.get("mode", "reason"))
        if mode not in FORMS:
            raise UnknownName.among("reasoner mode", mode, FORMS)
        if style == "completion":
            return worked_call(mode, agent.move, situation, reads)
        form = str(agent.options.get("form", FORMS[mode])).replace("{noun}", situation.noun)
        if agent.move != "open":
            return Call(take_up(agent.move, reads, form), Sampling())
        think = str(agent.options.get("think", THINK)).replace("{noun}", situation.noun)
        text = f"{describe(situation)}\n\n{think}\n{form}"
        return Call((Message("user", text),), Sampling())

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> Said:
        stated = read_recommendation(text, situation)
        acts = agent.options.get("mode", "reason") == "reason_act"
        return Said(text, stated, read_answer(text, situation) if acts else None)


AGENTS.register("reasoner", Reasoner)
