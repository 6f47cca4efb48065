"""Which agents a model can play that continues texts and follows no instructions.

Invariant: what such a model would not notice is refused before the first call: its variant would be the baseline under
another name, and its null effect no finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..agents.base import Agent
from ..agents.few_shot import chat_only_option
from ..errors import PlanError


def check_continues(variant: str, node: str, agent: Agent, reads: Sequence[str]) -> None:
    """Refuse an agent whose words a model in completion style does not have, or whose prompt has no place for them.

    An actor answers with a label alone there: asked again by itself, it would repeat it by design.

    Args:
        reads: the roles of the agents that it reads.

    Raises:
        PlanError: naming what it asks for.
    """
    if agent.role == "summariser" or agent.move == "ballot":
        raise PlanError(
            f"{variant!r} asks a model in completion style for a {'ballot' if agent.move == 'ballot' else 'summary'}",
            "it needs one that follows instructions",
            "Use another model, or vote by plurality.",
        )
    if agent.role == "readout":
        raise PlanError(
            f"{variant!r} asks a model in completion style for a readout",
            "its answers are bare labels already, or it has no words to be asked in",
            "Use a model that is prompted by instructions, or drop constrained_readout.",
        )
    if agent.role == "actor" and agent.move != "open" and all(role == "actor" for role in reads):
        raise PlanError(
            f"{variant!r} asks an actor alone to look again",
            "a model in completion style has no words there",
            "Start from reason_act or reason_then_act, or use a model that is prompted by instructions.",
        )
    if option := chat_only_option(agent):
        raise PlanError(
            f"{variant!r} asks for what a model in completion style would not notice",
            f"{option!r} of {node!r} has no place in a prompt that is continued",
            "Use a model that is prompted by instructions, or drop the variant.",
        )


def check_continues_views(variant: str, views: Iterable[Any]) -> None:
    """Refuse a change of texts that a prompt in completion style does not hold.

    Raises:
        PlanError: naming the intervention.
    """
    for change in views:
        if getattr(change, "chat_only", False):
            raise PlanError(
                f"{variant!r} changes what a model in completion style is not shown",
                f"{change.spec!r} changes instruction or question, and a prompt that is continued has neither",
                "Use a model that is prompted by instructions, or drop the variant.",
            )
