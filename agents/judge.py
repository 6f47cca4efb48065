"""The judge: reads a discussion and decides it. It sees the situation, and nothing that says who is right.

With `defer` it may leave the question open, and the discussion goes on (Liang et al. 2023, 2305.19118).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..models.base import Style
from ..options import flag
from ..records import Message, Response, Sampling, Situation, Turn
from .answers.parsing import read_answer, read_recommendation
from .base import AGENTS, Agent, ParsedAnswer, Prompt, first_read
from .few_shot import few_shot_prompt
from .follow_up import continue_conversation, quote_turns
from .options import ModelOptions, option, text, text_map
from .phrases import answer_form, hint_lines, text_or_filler
from .rendering import render_situation

DISCUSSION = "Agents have discussed this situation.\n\n{others}"
DECIDE = "You are the judge. Weigh what they say against the situation, and decide for yourself which {noun} is best."
FORM = "End with two lines\nBEST=X\nACTION=Y\nwhere X is the {noun} that is best and Y is the {noun} you choose."
DEFER = " If neither side has convinced you yet, end with the line UNDECIDED instead."
_UNDECIDED = re.compile(r"^[\s*_`]*UNDECIDED\b", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class JudgeOptions(ModelOptions):
    """What may be set on a judge.

    Attributes:
        defer: it may leave the question open, and the discussion goes on.
        introduction: the text around the discussion, with "{others}" in its place.
        decide: what it is told to do.
        form: how its answer must end; "{noun}" is what an action is called.
    """

    defer: bool = option(False, flag, chat_only=True)
    hints: Mapping[str, str] = option({}, text_map, chat_only=True)
    introduction: str = option(DISCUSSION, text, chat_only=True)
    decide: str = option(DECIDE, text, chat_only=True)
    form: str = option(FORM, text, chat_only=True)


class Judge:
    """Role "judge"; its options are `JudgeOptions`."""

    name = "judge"
    options = JudgeOptions

    def prompt(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        options = agent.options_as(JudgeOptions)
        first_read(reads, "judge")
        if style != "chat":
            return few_shot_prompt("judge", agent, situation, reads, style)
        form = answer_form(options, options.form.replace("{noun}", situation.noun)) + (DEFER if options.defer else "")
        if agent.move != "open":
            return Prompt(continue_conversation(agent, reads, form), Sampling())
        quotes = text_or_filler(options, quote_turns(options, reads))
        introduction = options.introduction.replace("{others}", quotes)
        decide = text_or_filler(options, options.decide.replace("{noun}", situation.noun))
        task = f"{decide}\n{hint_lines(options.hints, situation.noun)}{form}"
        return Prompt((Message("user", "\n\n".join([render_situation(situation), introduction, task])),), Sampling())

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        if agent.options_as(JudgeOptions).defer and _UNDECIDED.search(text):
            return ParsedAnswer(text, ((), "undecided"), (None, "undecided"))
        return ParsedAnswer(text, read_recommendation(text, situation), read_answer(text, situation))


AGENTS.register("judge", Judge)
