"""Prompts for models that continue text: worked examples, or the bare form of a fine-tuned model, no instructions.

A model of 135M parameters follows no instructions and compares no numbers, but it continues a pattern. So its reasoner
is shown solved examples (other episodes) and the rule's value of every action, sorted, and completes "the highest
score is ..."; its actor is shown the raw history, line by line, and the rationale, and completes "Step=4 Action=" with
its likeliest legal label. What such a reasoner knows is what it reads off that table: `STYLE_NOTES` says so in reports.

A model in the style "tuned" was trained to think in this very form: its reasoner sees the lines that its actor sees,
raw history and all, and completes "Thought:"; nothing is computed for it.

Invariants: a conversation only grows at its end, so a server can reuse its beginning; ties in the table stand in an
order drawn from the history's content, so that the first label is no answer by its position; no oracle comes here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import PlanError, UnknownName
from ..models.base import Style
from ..options import flag
from ..records import Message, Quantity, Sampling, Situation, Turn, digest
from ..rng import named_rng
from .base import Agent, Prompt
from .options import ModelOptions, RoleOptions, chat_only_names, option, text_map
from .phrases import filler_for, hint_lines, introduce, is_filler, joined
from .rendering import render_situation, shown_lines

STYLE_NOTES = {
    "completion": (
        "prompted with worked examples: the reasoner reads the rule's values as a sorted table, the actor reads the "
        "raw history and the rationale"
    ),
    "tuned": (
        "prompted in the form that it was fine-tuned on: reasoner and actor read the same raw history, the actor the "
        "rationale as well"
    ),
}
START = "the highest score is"
INFINITE = "9.9"
TEMPERATURE = 0.3  # a model this small falls apart at 1.0
SHOWN = 3  # examples; each is prefilled once per sequence
CONCLUSION = 48  # tokens of a conclusion, which takes 20: after others' views it is often said twice
THOUGHT = 96  # tokens of a tuned model's thought, at most

_FOLLOW_UPS = {
    "again": "\n\nLook again.\n",
    "placebo": "\n\nThe sky is blue.\n",
    "reflect": "\n\nWhat could be wrong?\n",
    "self_correct": "\n\nIs there a mistake?\n",
    "confront": "\n\nThat is wrong. Try again.\n",
}


def chat_only_option(agent: Agent) -> str | None:
    """An option of the agent that has no place in these prompts: its variant would change nothing and look measured."""
    names = chat_only_names(agent.declared or ModelOptions, agent.options)
    if agent.move in ("revise", "discuss") and "wording" in agent.options:
        names.append("wording")
    return names[0] if names else None


@dataclass(frozen=True, kw_only=True)
class _Shown(RoleOptions):
    """What several roles take that changes these prompts."""

    hints: Mapping[str, str] = option({}, text_map)
    blind: bool = option(False, flag)


def few_shot_prompt(
    kind: str, agent: Agent, situation: Situation, reads: tuple[Turn, ...], style: Style = "completion"
) -> Prompt:
    """The prompt of an agent whose model continues texts.

    Args:
        kind: "reason", "reason_act", "act", "criticise" or "judge".
        agent: its move says how it continues its conversation, its hints stand before its thought as notes.
        style: "completion" or "tuned".
    """
    move, blank = agent.move, agent.options_as(ModelOptions).blank
    tuned = style == "tuned"
    start = "" if tuned else _start(situation)
    ask = _lines(agent, situation) if tuned else _ask(situation)
    if kind == "act":
        return _act(agent, situation, reads, start)
    if kind == "judge":
        message = Message("user", f"{_other_views(reads[1:], situation, blank, start)}\n\n{ask}")
        return Prompt((*_conversation(reads[0]), message), _sampling("reason_act", situation, tuned))
    if agent.move == "ballot":
        raise PlanError("a ballot needs a model that is prompted by instructions", remedy="Vote by plurality instead.")
    if kind == "criticise":
        others = _other_views(reads[1:], situation, blank, start)
        message = Message("user", f"{others}\nCritic:{start}")
        return Prompt((*_conversation(reads[0]), message), _sampling("reason", situation, tuned))
    if move == "open":
        text = "" if tuned else _solved(kind, situation)
        text += "".join(f"{introduce(t)}\n" for t in reads) + ("" if tuned else _notes(agent, situation)) + ask
        return Prompt((Message("user", text),), _sampling(kind, situation, tuned))
    if not reads:
        raise PlanError(f"the move {move!r} has no conversation to continue", remedy="Let the agent read another one.")
    if move in _FOLLOW_UPS:
        between = f"\n\n{filler_for(_FOLLOW_UPS[move])}\n" if blank else _FOLLOW_UPS[move]
    elif move == "revise":
        comments = "".join(f"\n{joined(f'Critic:{start}', t.text)}" for t in reads[1:])
        between = (f"\nCritic: {filler_for(comments)}" if blank else comments) + "\n\n"
    elif move == "discuss":
        between = _other_views(reads[1:], situation, blank, start) + "\n\n"
    else:
        raise UnknownName.among("move", move, [*_FOLLOW_UPS, "revise", "discuss"])
    return Prompt((*_conversation(reads[0]), Message("user", between + ask)), _sampling(kind, situation, tuned))


def action_prefix(situation: Situation) -> str:
    """The beginning of the history line that holds what is done in this situation; the action follows."""
    return f"Step={situation.step} Action="


def _lines(agent: Agent, situation: Situation) -> str:
    """What a tuned reasoner completes: the lines that its actor sees, and the beginning of a thought."""
    if not situation.actions:
        return f"{render_situation(situation)}\nThought:"
    return "\n".join([*_actor_lines(agent, situation), "Thought:"])


def _actor_lines(agent: Agent, situation: Situation) -> list[str]:
    """The menu, what is shown of the past, and the agent's notes, line by line."""
    noun = situation.noun.capitalize()
    observation = [situation.observation] if situation.observation else []
    past = [] if agent.options_as(_Shown).blind else [*observation, *shown_lines(situation)]
    return [f"{noun}s: {', '.join(situation.actions)}", *past, *_notes(agent, situation).splitlines()]


def _solved(kind: str, situation: Situation) -> str:
    """Solved examples; none where the values that they are read off are hidden."""
    hidden = situation.quantity("index") is not None and _index(situation) is None
    return "".join(_example(e.situation, e.action, kind) for e in (() if hidden else situation.examples[:SHOWN]))


def _notes(agent: Agent, situation: Situation) -> str:
    hints = hint_lines(agent.options_as(_Shown).hints, situation.noun)
    return "".join(f"Note: {line}\n" for line in hints.splitlines())


def _other_views(others: tuple[Turn, ...], situation: Situation, blank: bool, start: str) -> str:
    views = "".join(f"\nOther view: {_view(t, situation, start)}" for t in others)
    return f"\nOther view: {filler_for(views)}" if blank and views else views


def _act(agent: Agent, situation: Situation, reads: tuple[Turn, ...], start: str) -> Prompt:
    """The actor continues no conversation of its own: it always reads the history and what others thought."""
    lines = _actor_lines(agent, situation)
    thoughts = [_view(t, situation, start) for t in reads if t.role != "actor"]
    blank = agent.options_as(ModelOptions).blank
    lines += [f"Thought: {filler_for(t) if blank else t}" for t in thoughts]
    if not situation.actions:
        text = "\n".join([render_situation(situation), *lines[1:], "Answer:"])
        return Prompt((Message("user", text),), Sampling(TEMPERATURE, max_tokens=64, stop=("\n\n",)))
    lines.append(action_prefix(situation))
    return Prompt((Message("user", "\n".join(lines)),), Sampling(temperature=0.0, choices=situation.actions))


def _conversation(turn: Turn) -> tuple[Message, ...]:
    return (*turn.prompt, Message("assistant", turn.last_words))


def _view(turn: Turn, situation: Situation, start: str) -> str:
    if turn.role == "actor" or not turn.rationale:
        return f"the best {situation.noun} now is {turn.action}."
    said = turn.text if turn.role == "critic" else turn.rationale
    return said.strip() if is_filler(said) else joined(start.strip(), said).lstrip()


def _start(situation: Situation) -> str:
    """How every thought begins, where the situation has scores to read off."""
    return f" {START}" if _index(situation) else ""


def _index(situation: Situation) -> Quantity | None:
    """The rule's values; None as well where nothing of the past is shown, for they are computed from it."""
    return situation.quantity("index") if situation.shows else None


def _sampling(kind: str, situation: Situation, tuned: bool) -> Sampling:
    if tuned:  # an act is a line of the history: what would come next is its reward
        return Sampling(TEMPERATURE, max_tokens=THOUGHT, stop=("\n\n", " Reward") if kind == "reason_act" else ("\n",))
    if not _index(situation):
        return Sampling(TEMPERATURE, max_tokens=128, stop=("\n\n",))
    if kind == "reason_act":
        return Sampling(TEMPERATURE, max_tokens=36, stop=("\n\n",))
    return Sampling(TEMPERATURE, max_tokens=CONCLUSION, stop=("\n",))


def _example(situation: Situation, action: str, kind: str) -> str:
    value = _scores(situation).get(action)
    if value is None:
        return ""
    action_line = f"\nACTION={action}" if kind == "reason_act" else ""
    solved = f" {value}, which belongs to {action}. So the best {situation.noun} now is {action}.{action_line}\n\n"
    return _ask(situation, first=action) + solved


def _ask(situation: Situation, first: str | None = None) -> str:
    scores = _scores(situation, first)
    if not scores:
        return f"{render_situation(situation)}\nThought:"
    return f"Scores: {', '.join(f'{a} {v}' for a, v in scores.items())}\nThought: {START}"


def _scores(situation: Situation, first: str | None = None) -> dict[str, str]:
    """The rule's value of each action as text, highest first; ties in a drawn order, or with `first` leading."""
    index = _index(situation)
    if index is None:
        return {}
    values = dict(zip(situation.actions, index.values, strict=True))
    tie = named_rng(0, "ties", digest([situation.actions, situation.history])).permutation(len(values))
    order = dict(zip(situation.actions, tie, strict=True))
    ranked = sorted(
        values, key=lambda a: (-(float("inf") if values[a] is None else values[a] or 0.0), a != first, order[a])
    )
    return {a: INFINITE if (v := values[a]) is None else f"{v:.1f}" for a in ranked}
