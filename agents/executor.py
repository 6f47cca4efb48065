"""The executor: does what the rationale recommends, without a model. So it closes the gap by construction.

A rationale that ties several actions is executed by the first of them in display order; one that recommends nothing
leaves the step without an action.
"""

from __future__ import annotations

from dataclasses import replace

from ..records import Draw, Situation, Turn
from .base import AGENTS, Agent, first_read, without_call
from .options import RoleOptions


class StatedPolicy:
    """Role "executor"; it takes no options."""

    name = "executor"
    options = RoleOptions

    def conclude(self, agent: Agent, situation: Situation, reads: tuple[Turn, ...], draw: Draw) -> Turn:
        rationale = first_read(reads, "executor")
        done = next((a for a in situation.actions or rationale.stated if a in rationale.stated), None)
        return replace(
            without_call(rationale),
            text="" if done is None else f"ACTION={done}",
            action=done,
            status="ok" if done is not None else rationale.stated_status,
        )


AGENTS.register("executor", StatedPolicy)
