"""The critic: comments on another agent's answer without being told whether it is right.

It sees the same situation as the agent that it comments on, and every hint that it is given stands in that agent's
prompt too (equal information, Huang et al. 2024). It names the action that it thinks best. In a debate this counts as
its own position, and as nothing else: what is stated and done is up to the agent that revises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..models.base import Style
from ..options import flag
from ..records import Message, Response, Sampling, Situation, Turn
from .answers.parsing import read_recommendation
from .base import AGENTS, Agent, ParsedAnswer, Prompt, first_read
from .few_shot import few_shot_prompt
from .options import ModelOptions, option, text, text_map
from .phrases import answer_form, hint_lines, text_or_filler
from .rendering import render_situation

ANSWERS = "Agents have answered as follows.\n\n{answers}"
COMMENT = (
    "Comment on this in at most five sentences: check each step of the reasoning against the situation, say what is "
    "wrong or missing if anything is."
)
FORM = "End with one line\nBEST=X\nwhere X is the {noun} that you think is best."


@dataclass(frozen=True, kw_only=True)
class CriticOptions(ModelOptions):
    """What may be set on a critic.

    Attributes:
        blind: it sees no situation, only the answers.
        introduction: the text around the answers, with "{answers}" in their place.
        comment: what it is told to do.
        form: how its answer must end; "{noun}" is what an action is called.
    """

    blind: bool = option(False, flag, chat_only=True)
    hints: Mapping[str, str] = option({}, text_map, chat_only=True)
    introduction: str = option(ANSWERS, text, chat_only=True)
    comment: str = option(COMMENT, text, chat_only=True)
    form: str = option(FORM, text, chat_only=True)


class Critic:
    """Role "critic"; its options are `CriticOptions`."""

    name = "critic"
    options = CriticOptions

    def prompt(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        options = agent.options_as(CriticOptions)
        first_read(reads, "critic")
        if style != "chat":
            return few_shot_prompt("criticise", agent, situation, reads, style)
        answers = "\n\n".join(f"--- {_called(t)} ---\n{t.text.strip()}" for t in reads)
        introduction = options.introduction.replace("{answers}", text_or_filler(options, answers))
        comment = text_or_filler(options, options.comment.replace("{noun}", situation.noun))
        form = answer_form(options, options.form.replace("{noun}", situation.noun))
        shown = [] if options.blind else [render_situation(situation)]
        text = "\n\n".join([*shown, introduction, f"{comment} {hint_lines(options.hints, situation.noun)}{form}"])
        return Prompt((Message("user", text),), Sampling(max_tokens=256))

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        return ParsedAnswer(stated=read_recommendation(text, situation), action=(None, "absent"))


def _called(turn: Turn) -> str:
    """What an agent is called in front of its answer; a graph from elsewhere reasons, whatever is inside."""
    return "reasoner" if turn.role == "external" else turn.role


AGENTS.register("critic", Critic)
