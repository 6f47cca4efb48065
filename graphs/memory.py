"""What a graph from elsewhere remembers of an episode: its conversation of the step before.

Invariant: a conversation belongs to one run, one episode, one plan, one speaker and one lane of it, and to the models
that play. It is a value: whoever goes on with it leaves it as it is. An episode begins without one, so a resumed run,
which plays an episode from its first step, remembers the same.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from ..agents.base import Context

_OF_RUNS: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()


def recall(context: Context, plan: str, node: str, lane: int) -> Any:
    """The conversation of the step before; None at the first step, or where there was none.

    Args:
        plan: the plan's fingerprint; node, lane: who speaks.
    """
    known = _OF_RUNS.setdefault(context.models.gateway, {})
    key = _key(context, plan, node, lane)
    if context.step == 0:
        known.pop(key, None)
    return known.get(key)


def remember(context: Context, plan: str, node: str, lane: int, conversation: Any) -> None:
    """Keep a conversation for the next step."""
    _OF_RUNS.setdefault(context.models.gateway, {})[_key(context, plan, node, lane)] = conversation


def _key(context: Context, plan: str, node: str, lane: int) -> Any:
    models = context.models
    speaker = (plan, node.partition(".")[0], lane)
    return models.player, tuple(sorted(models.slots.items())), context.episode, models.trial, speaker
