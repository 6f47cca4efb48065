"""Which option of a question is right: what a key says, read as a letter or label, as a text, or as an index.

Invariant: a key that can be read in two ways is no key. Whether the keys of a file count from 0 or from 1 is seen from
all its rows together, or said by the user.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..records import normal_form

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
KEYS = ("letter", "text", "index0", "index1")
MOST_LIKELY = 20  # keys without a 0 among them, from which on they are believed to count from 1

_COLUMN = re.compile(r"(?:option|opt|choice|answer|ending|sol|alt)[ _-]*([0-9]{1,2})", re.IGNORECASE)
LABEL = re.compile(r"(?:the )?(?:option|choice|answer)?[ _:-]*[(\[]?([a-z])[)\].:]*", re.IGNORECASE)
PREFIX = re.compile(r"\s*(?:\(([A-Z])\)|\[([A-Z])\]|([A-Z])[.):：、])\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of a row.

    Attributes:
        texts: in the order of the file; empty for an open question.
        labels: their names in the file, lower-case; empty where they have none.
        numbers: they are JSON numbers, so a number is one of them and not an index.
        counted: they stand in columns that are numbered from 1.
        marked: the places of those that the row itself marks as right; None where it marks none.
    """

    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    numbers: bool = False
    counted: bool = False
    marked: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class QuestionDraft:
    """A row with its parts found.

    Attributes:
        keys: (column, value) of every key of the row, the one that counts first.
        start: what an index counts from, where the file's layout says it.
    """

    row: int
    text: str
    choices: Choices
    keys: tuple[tuple[str, Any], ...]
    start: int | None = None

    def right(self, key: str, start: int | None) -> int | str:
        """The place of the right option, or why there is none.

        Args:
            key: "auto" or one of `KEYS`.
            start: what an index counts from in this file; None where that is not known.
        """
        if self.choices.marked is not None:
            marked = self.choices.marked
            return marked[0] if len(marked) == 1 else f"{len(marked)} of its choices are marked as right"
        column, value = self.keys[0]
        places, counts = self._places(value, key, start)
        said = _short(value)
        if counts and index_in(value) == len(self.choices.texts):
            return f"its answer {said} is none of its choices counted from 0; say key = 'index1' if it counts from 1"
        if counts:
            return f"its answer {said} may count from 0 or from 1: give its letter, or say key = 'index0' or 'index1'"
        if len(places) != 1:
            return f"its answer {said} is {'two' if places else 'none'} of its choices"
        (found,) = places
        for other, named in self.keys[1:]:
            if found not in self._places(named, "auto", start)[0]:
                return f"its {column} {said} and its {other} {_short(named)} are not the same choice"
        return found

    def _places(self, value: Any, key: str, start: int | None) -> tuple[set[int], bool]:
        """(places of the options that a key may mean, whether that depends on what an index counts from)."""
        index = index_in(value)
        by_label = self._by_label(str(value if index is None else index)) if key in ("auto", "letter") else set()
        by_text = self._by_text(value) if key in ("auto", "text") else set()
        indices = key in ("index0", "index1") or (key == "auto" and not self.choices.numbers and not by_label)
        if index is None or not indices:
            return by_label | by_text, False
        start = int(key[-1]) if key in ("index0", "index1") else start if self.start is None else self.start
        starts = (0, 1) if start is None else (start,)
        by_index = {index - s for s in starts if 0 <= index - s < len(self.choices.texts)}
        return by_text | by_index, start is None and bool(by_index - by_text)

    def _by_label(self, text: str) -> set[int]:
        stripped = text.strip()
        labels = self.choices.labels or tuple(LETTERS[: len(self.choices.texts)].lower())
        column = _COLUMN.fullmatch(stripped)
        if column is not None:  # "option2": a column of that name
            numbers = [str(i + 1) for i in range(len(self.choices.texts))] if self.choices.counted else labels
            return {numbers.index(column[1])} if column[1] in numbers else set()
        match = LABEL.fullmatch(stripped)
        for name in filter(None, (stripped.lower(), match and match[1].lower())):
            if name in labels:
                return {labels.index(name)}
        dressed = PREFIX.fullmatch(stripped)
        if dressed is None:
            return set()
        letter = (dressed[1] or dressed[2] or dressed[3]).lower()
        place = labels.index(letter) if letter in labels else -1
        said = normal_form(dressed[4])
        return {place} if place >= 0 and normal_form(self.choices.texts[place]) == said else set()

    def _by_text(self, value: Any) -> set[int]:
        text = unicodedata.normalize("NFC", str(value).strip())
        exact = {i for i, option in enumerate(self.choices.texts) if option == text}
        loose = normal_form(text)
        return exact or {i for i, o in enumerate(self.choices.texts) if loose and normal_form(o) == loose}


def count_from(drafts: Sequence[QuestionDraft]) -> int | None:
    """What the indices of a file count from; None where they do not show it."""
    seen = []
    for draft in drafts:
        choices = draft.choices
        if not choices.texts or choices.numbers or draft.start is not None:
            continue
        for _, value in draft.keys:
            index = index_in(value)
            if index is not None and not draft._by_text(value) and str(index) not in choices.labels:
                seen.append((index, len(choices.texts), choices.counted))
    zero = any(index == 0 for index, _, _ in seen)
    top = [counted for index, size, counted in seen if index == size]
    if zero:
        return None if top else 0
    return 1 if top and (all(top) or len(seen) >= MOST_LIKELY) else None


def index_in(value: Any) -> int | None:
    """A whole number from 0, also where a table made a float or a text of it."""
    text = str(value).strip()
    match = re.fullmatch(r"([0-9]{1,3})(?:\.0)?", text)
    return int(match[1]) if match else None


def _short(value: Any) -> str:
    return repr(str(value)[:40])
