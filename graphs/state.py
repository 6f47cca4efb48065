"""The state that flows through a compiled plan, and how a decision is read off its end.

Invariant: a node writes the turns of its own name and nothing else, so the merge of parallel branches does not depend
on which finished first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, TypedDict

from ..records import Decision, Turn, Usage

__all__ = ["Floor", "Turns", "decide", "spent"]

Turns = Mapping[str, tuple[Turn, ...]]


def _merge(old: Turns, new: Turns) -> Turns:
    return {**old, **new}


class Floor(TypedDict):
    """LangGraph state: what has been said so far, per node and lane."""

    turns: Annotated[Turns, _merge]


def decide(turns: Turns, order: tuple[str, ...], decision: str) -> Decision:
    """The decision that stands in the turn of the plan's decision node; the transcript follows `order`."""
    last = turns[decision][0]
    return Decision(
        rationale=last.rationale,
        stated=last.stated,
        stated_status=last.stated_status,
        done=last.action if last.status == "ok" else None,
        status=last.status,
        probs=last.probs,
        mass=last.mass,
        turns=tuple(replace(t, prompt=(), answer="", rationale="") for name in order for t in turns.get(name, ())),
    )


def spent(decision: Decision) -> tuple[int, Usage, float | None]:
    """Nominal (calls, usage, dollars) of a decision taken alone; dollars are None where a price is unknown."""
    calls, usage, dollars = 0, Usage(), 0.0
    known = True
    for turn in decision.turns:
        if turn.key:
            calls += 1
            usage += turn.usage
            known = known and turn.cost is not None
            dollars += turn.cost or 0.0
    return calls, usage, round(dollars, 12) if known else None
