"""The summariser: tells in its own words what happened, or what another agent wrote.

Modes: "history" sums up the situation's past for the agents that read it; "paraphrase" rewrites the rationale it reads,
with the same meaning, for the agent that acts on it (Lanham et al. 2023, 2307.13702).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import PlanError
from ..models.base import Style
from ..records import Message, Response, Sampling, Situation, Turn
from .base import AGENTS, Agent, ParsedAnswer, Prompt, first_read
from .options import ModelOptions, name_of, option, text
from .rendering import render_situation

INSTRUCTIONS = {
    "history": (
        "Sum up in at most six sentences what has happened so far, {noun} by {noun}, with numbers. Say nothing of "
        "what to do next."
    ),
    "paraphrase": (
        "Rewrite the following text in other words. Keep its meaning, its numbers and its last lines as they are, and "
        "add nothing.\n\n{rationale}"
    ),
}


@dataclass(frozen=True, kw_only=True)
class SummariserOptions(ModelOptions):
    """What may be set on a summariser.

    Attributes:
        mode: "history" or "paraphrase".
        instruction: what it is told to do; by default that of its mode.
    """

    mode: str = option("history", name_of("summariser mode", INSTRUCTIONS))
    instruction: str | None = option(None, text)


class Summariser:
    """Role "summariser"; its options are `SummariserOptions`."""

    name = "summariser"
    options = SummariserOptions

    def prompt(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        options = agent.options_as(SummariserOptions)
        if style != "chat":
            raise PlanError(
                "a summariser needs a model that is prompted by instructions", remedy="Give the slot 'summariser' one."
            )
        instruction = INSTRUCTIONS[options.mode] if options.instruction is None else options.instruction
        instruction = instruction.replace("{noun}", situation.noun)
        if options.mode == "paraphrase":
            rationale = first_read(reads, "summariser").rationale.strip()
            return Prompt((Message("user", instruction.replace("{rationale}", rationale)),), Sampling())
        text = f"{render_situation(situation)}\n\n{instruction}"
        return Prompt((Message("user", text),), Sampling(max_tokens=256))

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        paraphrases = agent.options_as(SummariserOptions).mode == "paraphrase"
        return ParsedAnswer(text) if paraphrases else ParsedAnswer()


AGENTS.register("summariser", Summariser)
