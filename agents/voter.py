"""The voter: counts positions, asks no model.

A turn's position is the action it takes, or the first action it recommends if it was not asked to act: an answer whose
action cannot be read abstains, whatever it recommends. The action and the recommendation are counted apart, since a
group may recommend one thing and do another. Ties go to the position that was taken first in the plan's order, which
for a group that contains the baseline is the baseline's. The outcome of a vote in which all abstain is that of the
first turn that was asked to act.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from ..records import Situation, Turn, Usage
from .base import AGENTS, Agent, need

__all__ = ["Voter", "plurality"]


def plurality(positions: list[str | None]) -> str | None:
    """The most frequent position, the earliest among ties; None if there is none."""
    counts = Counter(p for p in positions if p is not None)
    return max(counts, key=counts.__getitem__) if counts else None  # max and Counter keep first-seen order


class Voter:
    """Role "voter": plurality with ties to the earliest."""

    name = "voter"

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...]) -> Turn:
        first = need(reads, "voter")
        stated = _recommended(reads)
        actor = next((t for t in reads if t.status != "absent"), None)
        done = plurality([_position(t) for t in reads]) if actor else None
        chosen = done or (stated[0] if stated else None)
        winner = next((t for t in reads if chosen and chosen == _position(t)), None)
        winner = winner or next((t for t in reads if chosen in t.stated), first)
        agreed = ", ".join(_position(t) or "-" for t in reads)
        return replace(
            winner,
            text=f"votes: {agreed}",
            rationale=winner.rationale,
            stated=stated,
            stated_status="ok" if stated else first.stated_status,
            action=done,
            status="ok" if done is not None else (actor or first).status,
            usage=Usage(),
            cost=0.0,
            key="",
            answer=winner.last_words,
            probs=None,
            mass=None,
        )


def _recommended(reads: tuple[Turn, ...]) -> tuple[str, ...]:
    """A group's recommendation: every member of a tied one has a vote; of those on top, what the first one names."""
    counts = Counter(label for t in reads for label in t.stated)
    top = max(counts.values(), default=0)
    first = next((t for t in reads if any(counts[label] == top for label in t.stated)), None)
    return tuple(label for label in first.stated if counts[label] == top) if first else ()


def _position(turn: Turn) -> str | None:
    return turn.action if turn.status != "absent" else (turn.stated[0] if turn.stated else None)


AGENTS.register("voter", Voter)
