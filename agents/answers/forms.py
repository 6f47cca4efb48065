"""One form for answers that are compared: votes, early stops and rounds of a debate."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ...records import Situation, Turn, normal_form


def of_one_form(turns: Iterable[Turn], situation: Situation) -> tuple[Turn, ...]:
    """The turns, with texts of one normal form written as the first of them: "Paris" for "paris" and "**Paris**.".

    Actions and numbers are one form already.
    """
    turns = tuple(turns)
    if situation.answer != "text":
        return turns
    first: dict[str, str] = {}

    def one(text: str) -> str:
        return first.setdefault(normal_form(text), text)

    return tuple(
        replace(t, stated=tuple(dict.fromkeys(map(one, t.stated))), action=None if t.action is None else one(t.action))
        for t in turns
    )
