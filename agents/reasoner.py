"""The reasoner: thinks in words and recommends an action; in one call it may also act.

Modes: "reason" ends with the recommendation and leaves acting to an actor; "reason_act" ends with the recommendation
and the action, so that one answer holds both what is known and what is done (the protocol of Schmied et al. 2025).
"""

from __future__ import annotations

from ..errors import UnknownName
from ..models.base import Style
from ..records import Message, Response, Sampling, Situation, Turn
from .answers.parsing import read_answer, read_recommendation
from .base import AGENTS, Agent, ParsedAnswer, Prompt
from .few_shot import worked_call
from .follow_up import quoted, take_up
from .phrases import closing, hints, say, told
from .rendering import describe

__all__ = ["Reasoner"]

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


VOTE = "The discussion is over: vote. "
BALLOTS = {
    "ranking": VOTE + "End with one line\nRANKING=A > B > C\nthat ranks the {noun}s, best first.",
    "approval": VOTE + "End with one line\nAPPROVE=A, B\nthat names every {noun} you approve of.",
    "points": VOTE + "End with one line\nPOINTS=A:6, B:4\nthat splits 10 points on the {noun}s.",
}


def _who(agent: Agent) -> str:
    """Who the agent is told to be: a persona, and how readily it should agree with others."""
    persona, agreement = agent.options.get("persona"), agent.options.get("agreement")
    said = f"{persona}\n\n" if persona else ""
    return said if agreement is None else f"{said}{AGREE.replace('{level}', f'{agreement:.0%}')}\n\n"


class Reasoner:
    """Role "reasoner". Options: `mode` ("reason" | "reason_act"), `hints`, `confidence`, `think`, `form`."""

    name = "reasoner"
    mode = "reason"

    def check(self, agent: Agent) -> None:
        mode, ballot = agent.options.get("mode", self.mode), agent.options.get("ballot", "ranking")
        if mode not in FORMS:
            raise UnknownName.among("reasoner mode", str(mode), FORMS)
        if ballot not in BALLOTS:
            raise UnknownName.among("ballot", str(ballot), BALLOTS)

    def call(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style) -> Prompt:
        self.check(agent)
        mode = str(agent.options.get("mode", self.mode))
        if style != "chat":
            return worked_call(mode, agent, situation, reads, style)
        if agent.move == "ballot":
            kind = str(agent.options.get("ballot", "ranking"))
            return Prompt(
                take_up(agent, reads, BALLOTS[kind].replace("{noun}", situation.noun)), Sampling(max_tokens=256)
            )
        form = closing(agent, str(agent.options.get("form", FORMS[mode])).replace("{noun}", situation.noun))
        sampling = Sampling(max_tokens=int(agent.options.get("budget", Sampling().max_tokens)))
        if agent.move != "open":
            return Prompt(take_up(agent, reads, form), sampling)
        think = str(agent.options.get("think", THINK)).replace("{noun}", situation.noun)
        heard = "".join(f"{told(t)}\n\n" for t in reads if t.role == "summariser")
        others = tuple(t for t in reads if t.role != "summariser")
        heard += f"Other agents have said:\n\n{say(agent, quoted(agent, others))}\n\n" if others else ""
        text = f"{_who(agent)}{describe(situation)}\n\n{heard}{think}\n{hints(agent)}{form}"
        return Prompt((Message("user", text),), sampling)

    def read(self, agent: Agent, situation: Situation, text: str, response: Response) -> ParsedAnswer:
        if agent.move == "ballot":
            return ParsedAnswer()
        stated = read_recommendation(text, situation)
        acts = agent.options.get("mode", self.mode) == "reason_act"
        return ParsedAnswer(text, stated, read_answer(text, situation) if acts else None)


AGENTS.register("reasoner", Reasoner)
