"""The actor: names the action and nothing else, alone or after reading a reasoner's rationale.

Its request lists the legal actions as `choices`: a model whose token probabilities are visible is read off those, any
other answers `ACTION=X` in text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import PlanError
from ..models.base import Style
from ..options import flag
from ..records import Message, Response, Sampling, Situation, Turn
from .answers.parsing import read_answer
from .base import AGENTS, Agent, ParsedAnswer, Prompt
from .bound import JSON_FORM, bind_to_actions, read_bound_answer
from .few_shot import few_shot_prompt
from .follow_up import continue_conversation
from .options import option, text, text_map
from .phrases import answer_form, hint_lines, introduce, text_or_filler
from .rationales import RationaleOptions
from .rendering import render_situation

RATIONALE = "A reasoner has thought about this situation and wrote:\n\n{rationale}\n\nNow it is your turn to act."
FORM = "Answer with one line and nothing else:\nACTION=X\nwhere X is the {noun} you choose."


@dataclass(frozen=True, kw_only=True)
class ActorOptions(RationaleOptions):
    """What may be set on an actor.

    Attributes:
        blind: it sees the rationale and the names of the actions, and nothing else of the situation.
        hide_rationale: it does not read the rationale, which is kept beside what it does.
        constrain: its answer is bound to the legal actions.
        commit: it restates the recommendation before it acts; the wording is in `form`.
        introduction: the text around the rationale, with "{rationale}" in its place.
        form: how its answer must end; "{noun}" is what an action is called.
    """

    blind: bool = option(False, flag)
    hide_rationale: bool = option(False, flag)
    constrain: bool = option(False, flag)
    commit: bool = option(False, flag, chat_only=True)
    hints: Mapping[str, str] = option({}, text_map)
    introduction: str = option(RATIONALE, text, chat_only=True)
    form: str = option(FORM, text, chat_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hide_rationale and self.move != "open":
            raise PlanError(
                "the rationale cannot be hidden from an actor that goes on in a conversation",
                f"its move is {self.move!r}, and the conversation is about the rationale",
                "Hide it in a plan whose actor acts once, such as reason_then_act().",
            )


class Actor:
    """Role "actor"; its options are `ActorOptions`."""

    name = "actor"
    options = ActorOptions

    def prompt(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        options = agent.options_as(ActorOptions)
        if options.hide_rationale:
            reads = tuple(t for t in reads if t.role == "summariser" and not t.rationale)
        if style != "chat":
            return few_shot_prompt("act", agent, situation, reads, style)
        form = answer_form(options, options.form.replace("{noun}", situation.noun))
        sampling = Sampling(max_tokens=512 if situation.answer == "text" else 64)
        if options.constrain and situation.actions:
            sampling = bind_to_actions(sampling, situation)
            form += f"\n{JSON_FORM}"
        if agent.move != "open":
            return Prompt(continue_conversation(agent, reads, form), sampling)
        parts = [_menu(situation) if options.blind else render_situation(situation)]
        parts += [text_or_filler(options, introduce(t)) for t in reads if t.role == "summariser" and not t.rationale]
        rationale = next((t.rationale.strip() for t in reads if t.rationale), "")
        if rationale:
            parts.append(options.introduction.replace("{rationale}", text_or_filler(options, rationale)))
        return Prompt(
            (Message("user", "\n\n".join([*parts, hint_lines(options.hints, situation.noun) + form])),), sampling
        )

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        if agent.options_as(ActorOptions).constrain or text.strip() in situation.actions:
            return ParsedAnswer(action=read_bound_answer(text, situation))
        return ParsedAnswer(action=read_answer(text, situation))


def _menu(situation: Situation) -> str:
    """What a blind actor sees: what it may do."""
    if not situation.actions:
        return situation.question
    return f"The {situation.noun}s to choose from are: {', '.join(situation.actions)}. {situation.question}"


AGENTS.register("actor", Actor)
