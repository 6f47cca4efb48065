"""The executor: does what the rationale recommends, without a model. It closes the gap by construction.

A rationale that ties several actions is executed by the first of them in display order; one that recommends nothing
leaves the step without an action.
"""

from __future__ import annotations

from dataclasses import replace

from ..records import Draw, Situation, Turn, Usage
from .base import AGENTS, Agent, need

__all__ = ["StatedPolicy"]


class StatedPolicy:
    """Role "executor"."""

    name = "executor"

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        heard = need(reads, "executor")
        done = next((a for a in situation.actions or heard.stated if a in heard.stated), None)
        return replace(
            heard,
            text="" if done is None else f"ACTION={done}",
            action=done,
            status="ok" if done is not None else heard.stated_status,
            usage=Usage(),
            cost=0.0,
            key="",
            answer=heard.last_words,
            probs=None,
            mass=None,
        )


AGENTS.register("executor", StatedPolicy)
