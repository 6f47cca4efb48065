"""The critic: comments on another agent's answer without being told whether it is right.

It sees the same situation as the agent it comments on, and every hint it is given stands in that agent's prompt too
(equal information, Huang et al. 2024). It names the action it thinks best, which counts as its own position in a debate
and as nothing else: what is stated and done is up to the agent that revises.
"""

from __future__ import annotations

from ..models.base import Style
from ..records import Message, Response, Sampling, Situation, Turn
from .answers.parsing import read_recommendation
from .base import AGENTS, Agent, ParsedAnswer, Prompt, need
from .few_shot import worked_call
from .phrases import closing, hints, say
from .rendering import describe

__all__ = ["Critic"]

ANSWERED = "Agents have answered as follows.\n\n{answers}"
COMMENT = (
    "Comment on this in at most five sentences: check each step of the reasoning against the situation, say what is "
    "wrong or missing if anything is."
)
FORM = "End with one line\nBEST=X\nwhere X is the {noun} that you think is best."


class Critic:
    """Role "critic". Options: `blind` (sees no situation), `hints`, and `answered`, `comment`, `form`."""

    name = "critic"

    def call(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        need(reads, "critic")
        if style != "chat":
            return worked_call("criticise", agent, situation, reads, style)
        answers = "\n\n".join(f"--- {t.role} ---\n{t.text.strip()}" for t in reads)
        answered = str(agent.options.get("answered", ANSWERED)).replace("{answers}", say(agent, answers))
        comment = say(agent, str(agent.options.get("comment", COMMENT)).replace("{noun}", situation.noun))
        form = closing(agent, str(agent.options.get("form", FORM)).replace("{noun}", situation.noun))
        seen = [] if agent.options.get("blind") else [describe(situation)]
        text = "\n\n".join([*seen, answered, f"{comment} {hints(agent)}{form}"])
        return Prompt((Message("user", text),), Sampling(max_tokens=256))

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        return ParsedAnswer(stated=read_recommendation(text, situation), action=(None, "absent"))


AGENTS.register("critic", Critic)
