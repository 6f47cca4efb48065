"""The readout: asks a speaker, after its free answer, for the label alone, bound to the legal ones where possible.

It measures how answers are read, and changes nothing: it stands behind the decision, nobody reads it, and what it says
is kept in its own turn. Where the free answer is read as another action than the readout names, it was misread, or the
model says something else when it is asked again.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..models.base import Style
from ..records import Message, Response, Sampling, Situation, Turn
from .base import AGENTS, Agent, ParsedAnswer, Prompt, first_read
from .bound import JSON_FORM, bind_to_actions, read_bound_answer
from .options import ModelOptions, option, text

ASK = "Do not think again and change nothing: name once more the {noun} that your last answer chose, by its name alone."
FORM = "Answer with one line and nothing else:\nACTION=X\nwhere X is that {noun}."


@dataclass(frozen=True, kw_only=True)
class ReadoutOptions(ModelOptions):
    """What may be set on a readout.

    Attributes:
        ask: what it is asked; "{noun}" is what an action is called.
    """

    ask: str = option(ASK, text, chat_only=True)


class Readout:
    """Role "readout"; its options are `ReadoutOptions`."""

    name = "readout"
    options = ReadoutOptions
    observes = True

    def prompt(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        own = first_read(reads, self.name)
        sampling = Sampling(temperature=0.0, max_tokens=512 if situation.answer == "text" else 64)
        lines = [agent.options_as(ReadoutOptions).ask, FORM]
        if situation.actions:
            sampling = bind_to_actions(sampling, situation)
            lines.append(JSON_FORM)
        question = Message("user", "\n".join(lines).replace("{noun}", situation.noun))
        return Prompt((*own.prompt, Message("assistant", own.last_words), question), sampling)

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        return ParsedAnswer(action=read_bound_answer(text, situation))


AGENTS.register("readout", Readout)
