"""The summariser: says again, in its own words, what happened or what another agent said.

Modes: "history" sums up the situation's past for the agents that read it; "paraphrase" rewrites the rationale it reads,
with the same meaning, for the agent that acts on it (Lanham et al. 2023, 2307.13702).
"""

from __future__ import annotations

from ..errors import PlanError, UnknownName
from ..models.base import Style
from ..records import Message, Response, Sampling, Situation, Turn
from .base import AGENTS, Agent, ParsedAnswer, Prompt, need
from .rendering import describe

__all__ = ["Summariser"]

ASKED = {
    "history": (
        "Sum up in at most six sentences what has happened so far, {noun} by {noun}, with numbers. Say nothing of "
        "what to do next."
    ),
    "paraphrase": (
        "Rewrite the following text in other words. Keep its meaning, its numbers and its last lines as they are, and "
        "add nothing.\n\n{rationale}"
    ),
}


class Summariser:
    """Role "summariser". Options: `mode` ("history" | "paraphrase") and `asked` (wording)."""

    name = "summariser"

    def check(self, agent: Agent) -> None:
        mode = agent.options.get("mode", "history")
        if mode not in ASKED:
            raise UnknownName.among("summariser mode", str(mode), ASKED)

    def call(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        self.check(agent)
        mode = str(agent.options.get("mode", "history"))
        if style != "chat":
            raise PlanError(
                "a summariser needs a model that is prompted by instructions", remedy="Give the slot 'summariser' one."
            )
        asked = str(agent.options.get("asked", ASKED[mode])).replace("{noun}", situation.noun)
        if mode == "paraphrase":
            rationale = need(reads, "summariser").rationale.strip()
            return Prompt((Message("user", asked.replace("{rationale}", rationale)),), Sampling())
        return Prompt((Message("user", f"{describe(situation)}\n\n{asked}"),), Sampling(max_tokens=256))

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        return ParsedAnswer(text) if agent.options.get("mode") == "paraphrase" else ParsedAnswer()


AGENTS.register("summariser", Summariser)
