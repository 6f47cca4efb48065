"""The state that flows through a compiled plan, and how a decision is read from its end.

Invariant: a node writes the turns of its own name and nothing else, so the merge of parallel branches does not depend
on which finished first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, NotRequired, TypedDict

from ..records import Decision, Situation, Turn, Usage

Turns = Mapping[str, tuple[Turn, ...]]


Tags = Mapping[str, str]
Inside = Mapping[str, tuple[tuple[Turn, ...], ...]]


def _merge(old: Turns, new: Turns) -> Turns:
    return {**old, **new}


def _merge_inside(old: Inside, new: Inside) -> Inside:
    return {**old, **new}


def join_tags(old: Tags, new: Tags) -> Tags:
    """Tags of several graphs: what they say is listed in the order of the alphabet, whoever came first."""
    both = {name: {*_parts(old, name), *_parts(new, name)} for name in {**old, **new}}
    return {name: ", ".join(sorted(parts)) for name, parts in both.items()}


def _parts(tags: Tags, name: str) -> list[str]:
    return tags[name].split(", ") if name in tags else []


class PlanState(TypedDict):
    """LangGraph state: the turns so far, by node and lane.

    Attributes:
        inside: the turns that graphs from elsewhere took inside, by node and lane: they stand in the transcript.
        tags: what happened inside of them.
    """

    turns: Annotated[Turns, _merge]
    inside: NotRequired[Annotated[Inside, _merge_inside]]
    tags: NotRequired[Annotated[Tags, join_tags]]


def decision_from(
    turns: Turns, order: tuple[str, ...], decision: str, situation: Situation, inside: Inside | None = None
) -> Decision:
    """The decision in the turn of the plan's decision node; the transcript follows `order`.

    In the place of a graph from elsewhere stand the turns of its calls. Where an intervention renamed the actions,
    labels are given back in the task's own names; texts stay as they are.
    """
    own = dict(zip(situation.actions, situation.own, strict=True)) if situation.own else {}
    transcript = tuple(
        _in_own_names(replace(t, prompt=(), answer="", rationale=""), own)
        for name in order
        for t in (_numbered(inside[name]) if inside and name in inside else turns.get(name, ()))
    )
    transcript = tuple(_decided(t) if t.agent == decision else t for t in transcript)
    last = _decided(_in_own_names(turns[decision][0], own))
    return Decision(
        rationale=last.rationale,
        stated=last.stated,
        stated_status=last.stated_status,
        done=last.action if last.status == "ok" else None,
        status=last.status,
        probs=last.probs,
        mass=last.mass,
        turns=transcript,
        shown_as={true: shown for shown, true in own.items()},
    )


def _numbered(lanes: tuple[tuple[Turn, ...], ...]) -> tuple[Turn, ...]:
    """The turns of a graph's lanes; those of one agent inside are numbered through."""
    times: Counter[str] = Counter()
    numbered = []
    for turn in (turn for lane in lanes for turn in lane):
        numbered.append(replace(turn, lane=times[turn.agent]))
        times[turn.agent] += 1
    return tuple(numbered)


def _decided(turn: Turn) -> Turn:
    """The turn that decides: it was asked to act, so an action that it does not give is one that cannot be read."""
    return replace(turn, status="unparsable") if turn.status == "absent" else turn


def _in_own_names(turn: Turn, own: Mapping[str, str]) -> Turn:
    if not own:
        return turn
    return replace(
        turn,
        stated=tuple(own.get(a, a) for a in turn.stated),
        planted=tuple(own.get(a, a) for a in turn.planted),
        implied=None
        if turn.implied is None
        else replace(
            turn.implied,
            labels=tuple(own.get(a, a) for a in turn.implied.labels),
            concluded=tuple(own.get(a, a) for a in turn.implied.concluded),
        ),
        cue=None if turn.cue is None else replace(turn.cue, label=own.get(turn.cue.label, turn.cue.label)),
        action=None if turn.action is None else own.get(turn.action, turn.action),
        probs=None if turn.probs is None else {own.get(a, a): p for a, p in turn.probs.items()},
    )


def decision_cost(decision: Decision) -> tuple[int, Usage, float | None]:
    """(calls, usage, dollars) of a decision as if it were taken alone; dollars are None where a price is unknown."""
    calls, usage, dollars = 0, Usage(), 0.0
    known = True
    for turn in decision.turns:
        if turn.key:
            calls += 1 + len(turn.earlier)
            usage += turn.usage
            known = known and turn.cost is not None
            dollars += turn.cost or 0.0
    return calls, usage, round(dollars, 12) if known else None
