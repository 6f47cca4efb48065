"""An agent takes its turn: it asks the model in its slot, or concludes from the turns of others.

Invariant: every agent's turn is made here, so that faults, outcomes and what is counted are the same for all roles.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import cast

from ..models.sampling import with_settings
from ..records import Draw, Response, Situation, Status, Turn
from .answers.forms import of_one_form
from .answers.implied import read_implied
from .answers.parsing import abstains, whole_lines
from .ballots import read_confidence
from .base import AGENTS, Agent, Context, ModelRole, OracleRole, ParsedAnswer, Prompt, Role, RuleRole, without_call
from .call_faults import answer_fault, unsent_settings
from .contracts import MISREAD, calling, check_parsed, check_prompt, check_turn, is_misread, lacks_method
from .cues import mention_of
from .options import ModelOptions
from .phrases import joined
from .rationales import UNSHOWN, rationale_of
from .tool_use import ask_with_tools, read_claims, without_claims


@cache
def _role(factory: Callable[..., Role]) -> tuple[Role, RuleRole | None]:
    """(the role, the same if it is a rule): roles hold no state, so one instance of each is enough."""
    role = factory()
    return role, role if isinstance(role, RuleRole) else None


async def speak(
    agent: Agent, name: str, context: Context, reads: tuple[Turn, ...], lane: int = 0, sample: int = 0
) -> Turn:
    """Let an agent take its turn.

    Args:
        name: the agent's name in the plan.
        reads: the turns it may see, in the plan's order.
        lane: which of the parallel copies of this node it is.
        sample: the sample number k of its draw.
    """
    role, rule = _role(AGENTS.factory(agent.role))
    situation = context.situation
    names = tuple(t.agent for t in reads)
    draw = Draw(context.episode, context.step, sample)
    if error := lacks_method(role, name):
        raise error
    if rule is not None:
        if context.oracle is not None and isinstance(rule, OracleRole):
            with calling(rule, name, "reveal"):
                turn = rule.reveal(context.oracle)
            check_turn(role.name, name, "reveal", turn, situation)
        else:
            with calling(rule, name, "conclude"):
                turn = rule.conclude(agent, situation, reads, draw)
            check_turn(role.name, name, "conclude", turn, situation)
        return replace(turn, agent=name, role=role.name, lane=lane, sample=sample, reads=names)
    speaker, slot = cast(ModelRole, role), agent.slot or role.name
    info = context.models.info(slot)
    with calling(speaker, name, "prompt"):
        prompt = speaker.prompt(agent, situation, reads, info.style)
    check_prompt(role.name, name, prompt, Prompt)
    sampling = with_settings(info.sampling(prompt.sampling), context.sampling)
    called = None
    if rounds := agent.options_as(ModelOptions).tools:
        called = await ask_with_tools(context.models, slot, prompt.messages, sampling, draw, context.tools, rounds)
        key, response, said = called.key, called.response, without_claims(called.response.text)
    else:
        key, response = await context.models.ask(slot, prompt.messages, sampling, draw)
        said = response.text
    before = reads[0] if reads else Turn(name, role.name)
    with calling(speaker, name, "read"):
        parsed = speaker.read(agent, situation, said, response)
        again = parsed
        if response.status == "truncated":
            again = speaker.read(agent, situation, whole_lines(said), response)
    check_parsed(role.name, name, parsed, ParsedAnswer, situation)
    kind = getattr(agent.declared, "rationale", "answer")
    if kind != "answer" and (parsed.stated or parsed.action):
        text, stated = rationale_of(kind, response, situation)
        parsed = replace(parsed, rationale=text, stated=stated)
        again = replace(again, stated=rationale_of(kind, response, situation, whole_lines)[1])
    answer = _by_outcome(parsed, again, response)
    misread = is_misread(speaker, parsed, said, situation)
    read = any(field is not None and field[1] == "ok" for field in (answer.stated, answer.action))
    options = agent.options_as(ModelOptions)
    if options.may_abstain and answer.action is not None and abstains(response.text):
        answer = replace(answer, action=(None, "abstained"))
    reasons = answer.rationale is not None and answer.stated is not None
    if options.resample_from is not None and reasons:  # it went on from the beginning of its own answer
        answer = replace(answer, rationale=joined(prompt.messages[-2].content, f" {answer.rationale}"))
    implying = (answer.rationale or "", response.reasoning if kind == "answer" else "")
    cue = mention_of(situation, response)
    if cue is not None and before.cue is not None:
        cue = replace(cue, mentioned=cue.mentioned or before.cue.mentioned)
    fault = answer_fault(response, prompt.messages, read) or (MISREAD if misread else "")
    if kind != "answer" and not response.reasoning:
        fault = fault or UNSHOWN
    confidence = read_confidence(response.text)[0] if options.confidence else None
    return Turn(
        agent=name,
        role=role.name,
        lane=lane,
        sample=sample,
        text=response.text,
        rationale=before.rationale if answer.rationale is None else answer.rationale,
        stated=before.stated if answer.stated is None else answer.stated[0],
        stated_status=before.stated_status if answer.stated is None else answer.stated[1],
        action=before.action if answer.action is None else answer.action[0],
        status=before.status if answer.action is None else answer.action[1],
        key=key,
        usage=response.usage if called is None else called.usage,
        cost=response.cost if called is None else called.cost,
        probs=response.probs,
        mass=response.mass,
        reads=names,
        confidence=before.confidence if confidence is None else confidence,
        planted=before.planted,
        slot=slot,
        fault=fault,
        unsent=unsent_settings(sampling, response),
        prompt=prompt.messages if called is None else called.messages,
        tools=() if called is None else called.uses,
        earlier=() if called is None else called.earlier,
        offered=called is not None,
        claims=None if called is None else read_claims(response.text),
        implied=read_implied(implying[0], situation, implying[1]) if reasons else before.implied,
        cue=cue,
    )


def pass_on(name: str, reads: tuple[Turn, ...], lane: int, sample: int) -> Turn:
    """The turn of an agent that need not speak: the first turn that it reads."""
    first = without_call(reads[0])
    return replace(first, agent=name, lane=lane, sample=sample, text="", reads=(first.agent,), skipped=True)


def agreed(turns: tuple[Turn, ...], level: float, situation: Situation) -> bool:
    """Whether a share of at least `level` of the turns holds one position; abstentions are in the denominator.

    Texts are one position where they have one normal form.
    """
    counts = Counter(t.position for t in of_one_form(turns, situation) if t.position is not None)
    return bool(counts) and max(counts.values()) >= level * len(turns) - 1e-9


def _by_outcome(answer: ParsedAnswer, again: ParsedAnswer, response: Response) -> ParsedAnswer:
    """The answer, given how its call ended: a call that was refused or failed has none, whatever its text holds.

    Args:
        again: what is read without the line in which the answer was cut off; else the answer itself.
    """
    stated, action = answer.stated, answer.action
    if stated is not None:
        status = _outcome(stated[1], stated == again.stated, response)
        stated = (stated[0] if status == "ok" else (), status)
    if action is not None:
        status = _outcome(action[1], action == again.action, response)
        action = (action[0] if status == "ok" else None, status)
    return ParsedAnswer(answer.rationale, stated, action)


def _outcome(parsed: Status, complete: bool, response: Response) -> Status:
    """A failed call is its own outcome; a truncated answer counts where the line that gives it is complete."""
    if response.status in ("refused", "error"):
        return response.status
    if response.status == "truncated" and parsed != "absent" and (parsed == "unparsable" or not complete):
        return "truncated"
    return parsed
