"""From text to what it recommends and what it does. The raw text is always kept elsewhere; nothing here guesses.

Invariant: a parser returns a typed outcome, `(labels, status)`. No label is ever invented: an answer that names no
legal action is `unparsable` or `illegal`, never the nearest one.

The recommendation ("stated") is read, in this order, from
  1. a `<values>` block of `label = number` pairs: all labels that tie at the top (Schmied et al. 2025, App. C.1.3);
  2. the last `BEST=X` line;
  3. the last sentence of the form "the best <noun> (now) is X".
The action ("done") is the last `ACTION=X` (last match wins, Schmied et al. 2025, App. B.2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..records import Status

__all__ = ["match_label", "read_action", "read_stated"]

_WORD = r"[\"'`*<\[(]*\s*([^\n\"'`*<>\[\]()=,;]+)"
_ACTION = re.compile(r"ACTION\s*[=:]\s*" + _WORD, re.IGNORECASE)
_BEST = re.compile(r"\bBEST\s*[=:]\s*" + _WORD, re.IGNORECASE)
_SENTENCE = re.compile(r"\bbest\s+\w+(?:\s+now)?\s+is\s+(?:the\s+)?" + _WORD, re.IGNORECASE)
_VALUES = re.compile(r"<(?:ucb_)?values>(.*?)</(?:ucb_)?values>", re.IGNORECASE | re.DOTALL)
_PAIR = re.compile(r"([^\n=:,;]+?)\s*[=:]\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|[+-]?inf\w*|∞)", re.IGNORECASE)


def match_label(text: str, actions: Sequence[str]) -> str | None:
    """The legal action that `text` begins with, as a whole word and whatever its case; None if there is none."""
    said = text.strip().casefold()
    for action in sorted(actions, key=len, reverse=True):
        name = action.casefold()
        if said.startswith(name) and not said[len(name) : len(name) + 1].isalnum():
            return action
    return None


def read_action(text: str, actions: Sequence[str]) -> tuple[str | None, Status]:
    """The action an answer takes: (label or None, `ok` | `illegal` | `unparsable`)."""
    found: list[str] = _ACTION.findall(text)
    if not found:
        return None, "unparsable"
    label = match_label(found[-1], actions)
    return label, "ok" if label is not None else "illegal"


def read_stated(text: str, actions: Sequence[str]) -> tuple[tuple[str, ...], Status]:
    """The actions a rationale recommends: (labels, `ok` | `illegal` | `unparsable`); ties give several labels."""
    from_values = _top_of_values(text, actions)
    if from_values:
        return from_values, "ok"
    for pattern in (_BEST, _SENTENCE):
        found: list[str] = pattern.findall(text)
        if found:
            label = match_label(found[-1], actions)
            return ((label,), "ok") if label is not None else ((), "illegal")
    return (), "unparsable"


def _top_of_values(text: str, actions: Sequence[str]) -> tuple[str, ...]:
    blocks: list[str] = _VALUES.findall(text)
    if not blocks:
        return ()
    values: dict[str, float] = {}
    for name, number in _PAIR.findall(blocks[-1]):
        label = match_label(name.lstrip("-*# \t"), actions)
        if label is not None:
            values[label] = float("inf") if number.lstrip("+").casefold().startswith(("inf", "∞")) else float(number)
    top = max(values.values(), default=0.0)
    return tuple(a for a in actions if values.get(a) == top) if values else ()
