"""The actor: names the action and nothing else, alone or with a reasoner's rationale before its eyes.

Its request lists the legal actions as `choices`: a model whose token probabilities are visible is read off those, any
other answers `ACTION=X` in text.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..models.base import Style
from ..records import Message, Response, Sampling, Situation, Turn, encode
from .answers.parsing import read_answer
from .base import AGENTS, Agent, ParsedAnswer, Prompt
from .few_shot import worked_call
from .follow_up import take_up
from .phrases import closing, hints, say, told
from .rendering import describe

__all__ = ["Actor"]

HEARD = "A reasoner has thought about this situation and wrote:\n\n{rationale}\n\nNow it is your turn to act."
FORM = "Answer with one line and nothing else:\nACTION=X\nwhere X is the {noun} you choose."


_BOUND = re.compile(r'\{\s*"action"\s*:\s*"([^"]*)"\s*\}')


class Actor:
    """Role "actor". Options: `move`, `hints`, `blind` (sees the rationale only), `constrain`, and `heard`, `form`.

    With `deaf` it does not read the rationale, which is kept beside what it does.
    """

    name = "actor"

    def call(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        if agent.options.get("deaf"):
            reads = tuple(t for t in reads if t.role == "summariser" and not t.rationale)
        if style != "chat":
            return worked_call("act", agent, situation, reads, style)
        form = closing(agent, str(agent.options.get("form", FORM)).replace("{noun}", situation.noun))
        sampling = Sampling(max_tokens=512 if situation.answer == "text" else 64)
        if agent.options.get("constrain") and situation.actions:
            sampling = replace(sampling, choices=situation.actions, schema=_schema(situation.actions))
            form += '\nWhere your answer is bound to JSON, write {"action": "X"} instead.'
        if agent.move != "open":
            return Prompt(take_up(agent, reads, form), sampling)
        parts = [_menu(situation) if agent.options.get("blind") else describe(situation)]
        parts += [say(agent, told(t)) for t in reads if t.role == "summariser" and not t.rationale]
        thought = next((t.rationale.strip() for t in reads if t.rationale), "")
        if thought:
            parts.append(str(agent.options.get("heard", HEARD)).replace("{rationale}", say(agent, thought)))
        return Prompt((Message("user", "\n\n".join([*parts, hints(agent) + form])),), sampling)

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        bare = text.strip()
        if agent.options.get("constrain") and (found := _BOUND.fullmatch(bare)):
            bare = found[1]
        if bare in situation.actions:  # a bare label: the answer was chosen among them
            return ParsedAnswer(action=(bare, "ok"))
        return ParsedAnswer(action=read_answer(text, situation))


def _menu(situation: Situation) -> str:
    """What a blind actor sees: what it may do."""
    if not situation.actions:
        return situation.question
    return f"The {situation.noun}s to choose from are: {', '.join(situation.actions)}. {situation.question}"


def _schema(actions: tuple[str, ...]) -> str:
    properties = {"action": {"type": "string", "enum": list(actions)}}
    kind = {"type": "object", "properties": properties, "required": ["action"], "additionalProperties": False}
    return encode(kind).decode()


AGENTS.register("actor", Actor)
