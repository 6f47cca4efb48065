"""Answers bound to the legal actions: by token probabilities, a grammar or a schema, whichever the model takes.

A model that takes none of these answers in text, as without the bound.
"""

from __future__ import annotations

import re
from dataclasses import replace

from ..records import Sampling, Situation, Status, encode
from .answers.parsing import read_answer

JSON_FORM = 'Where your answer is bound to JSON, write {"action": "X"} instead.'
_OBJECT = re.compile(r'\{\s*"action"\s*:\s*"([^"]*)"\s*\}')


def bind_to_actions(sampling: Sampling, situation: Situation) -> Sampling:
    """The sampling with the legal actions as choices and as a JSON schema."""
    properties = {"action": {"type": "string", "enum": list(situation.actions)}}
    kind = {"type": "object", "properties": properties, "required": ["action"], "additionalProperties": False}
    return replace(sampling, choices=situation.actions, schema=encode(kind).decode())


def read_bound_answer(text: str, situation: Situation) -> tuple[str | None, Status]:
    """What a bound answer does: a bare label, the JSON object of the schema, or else as any answer is read."""
    bare = text.strip()
    if bound := _OBJECT.fullmatch(bare):
        bare = bound[1]
    return (bare, "ok") if bare in situation.actions else read_answer(text, situation)
