"""The actor: names the action and nothing else, alone or with a reasoner's rationale before its eyes.

Its request lists the legal actions as `choices`: a model whose token probabilities are visible is read off those, any
other answers `ACTION=X` in text.
"""

from __future__ import annotations

from ..models.base import Style
from ..records import Message, Response, Sampling, Situation, Turn
from .base import AGENTS, Agent, Call, Said
from .moves import take_up
from .parsing import read_answer
from .rendering import describe
from .worked import worked_call

__all__ = ["Actor"]

HEARD = "A reasoner has thought about this situation and wrote:\n\n{rationale}\n\nNow it is your turn to act."
FORM = "Answer with one line and nothing else:\nACTION=X\nwhere X is the {noun} you choose."


class Actor:
    """Role "actor". Options: `move`, `heard` and `form` (wording)."""

    name = "actor"

    def call(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Call:
        if style == "completion":
            return worked_call("act", agent.move, situation, reads)
        form = str(agent.options.get("form", FORM)).replace("{noun}", situation.noun)
        sampling = Sampling(max_tokens=512 if situation.answer == "text" else 64)
        if agent.move != "open":
            return Call(take_up(agent.move, reads, form), sampling)
        parts = [describe(situation)]
        if reads and reads[0].rationale:
            heard = str(agent.options.get("heard", HEARD))
            parts.append(heard.replace("{rationale}", reads[0].rationale.strip()))
        return Call((Message("user", "\n\n".join([*parts, form])),), sampling)

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> Said:
        if text.strip() in situation.actions:  # a bare label: the answer was chosen among them
            return Said(action=(text.strip(), "ok"))
        return Said(action=read_answer(text, situation))


AGENTS.register("actor", Actor)
