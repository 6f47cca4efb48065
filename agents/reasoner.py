"""The reasoner: thinks in words and recommends an action; in one call it may also act.

Modes: "reason" ends with the recommendation and leaves acting to an actor; "reason_act" ends with the recommendation
and the action, so that one answer holds both what is known and what is done (the protocol of Schmied et al. 2025).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..models.base import Style
from ..records import Message, Response, Sampling, Situation, Turn
from .answers.parsing import read_answer, read_recommendation
from .ballots import BALLOTS
from .base import AGENTS, Agent, ParsedAnswer, Prompt
from .few_shot import few_shot_prompt
from .follow_up import continue_conversation, quote_turns
from .options import name_of, number, option, text, text_map, whole_from
from .phrases import answer_form, hint_lines, introduce, text_or_filler
from .rationales import RationaleOptions
from .rendering import render_situation

THINK = (
    "Think step by step: work out what the situation says about every {noun}, and say which {noun} is best and why. "
    "Keep it short."
)
AGREE = "In this discussion, agree with the other agents {level} of the time."
FORMS = {
    "reason": ("End with one line\nBEST=X\nwhere X is the {noun} that your reasoning recommends. You do not act yet."),
    "reason_act": (
        "End with two lines\nBEST=X\nACTION=Y\nwhere X is the {noun} that your reasoning recommends and Y is the "
        "{noun} you choose."
    ),
}


@dataclass(frozen=True, kw_only=True)
class ReasonerOptions(RationaleOptions):
    """What may be set on a reasoner or a debater.

    Attributes:
        mode: "reason" or "reason_act"; by default the role's own.
        think: what it is told to do; "{noun}" is what an action is called.
        form: how its answer must end; by default that of its mode.
        budget: the most tokens of its answer.
        ballot: the kind of ballot that it is asked for when it votes.
        persona: who it is told to be.
        agreement: how readily it is told to agree with others, in [0, 1] (Smit et al. 2024).
    """

    mode: str | None = option(None, name_of("reasoner mode", FORMS))
    hints: Mapping[str, str] = option({}, text_map)
    think: str = option(THINK, text, chat_only=True)
    form: str | None = option(None, text, chat_only=True)
    budget: int | None = option(None, whole_from(1), chat_only=True)
    ballot: str = option("ranking", name_of("ballot", [name for name in BALLOTS if name]))
    persona: str = option("", text, chat_only=True)
    agreement: float | None = option(None, number(0, 1), chat_only=True)


class Reasoner:
    """Role "reasoner"; its options are `ReasonerOptions`."""

    name = "reasoner"
    mode = "reason"
    options = ReasonerOptions

    def prompt(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        options = agent.options_as(ReasonerOptions)
        mode = options.mode or self.mode
        if style != "chat":
            return few_shot_prompt(mode, agent, situation, reads, style)
        if agent.move == "ballot":
            form = BALLOTS[options.ballot].form.replace("{noun}", situation.noun)
            return Prompt(continue_conversation(agent, reads, form), Sampling(max_tokens=256))
        form = FORMS[mode] if options.form is None else options.form
        form = answer_form(options, form.replace("{noun}", situation.noun))
        sampling = Sampling() if options.budget is None else Sampling(max_tokens=options.budget)
        if agent.move != "open":
            return Prompt(continue_conversation(agent, reads, form), sampling)
        think = options.think.replace("{noun}", situation.noun)
        before = "".join(f"{introduce(t)}\n\n" for t in reads if t.role == "summariser")
        others = tuple(t for t in reads if t.role != "summariser")
        if others:
            before += f"Other agents have said:\n\n{text_or_filler(options, quote_turns(options, others))}\n\n"
        task = f"{think}\n{hint_lines(options.hints, situation.noun)}{form}"
        text = f"{_persona(options)}{render_situation(situation)}\n\n{before}{task}"
        return Prompt((Message("user", text),), sampling)

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        if agent.move == "ballot":
            return ParsedAnswer()
        acts = (agent.options_as(ReasonerOptions).mode or self.mode) == "reason_act"
        stated = read_recommendation(text, situation)
        return ParsedAnswer(text, stated, read_answer(text, situation) if acts else None)


def _persona(options: ReasonerOptions) -> str:
    """Who the agent is told to be, and how readily it is told to agree with others."""
    persona = f"{options.persona}\n\n" if options.persona else ""
    if options.agreement is None:
        return persona
    return f"{persona}{AGREE.replace('{level}', f'{options.agreement:.0%}')}\n\n"


AGENTS.register("reasoner", Reasoner)
