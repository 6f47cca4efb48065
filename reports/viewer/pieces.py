"""A text as pieces with marks, so that a template never handles anything but plain text.

Invariants: the pieces of a text, joined, are the text, but for what is said to be left out and for characters that
would act on a terminal or on the order of writing, which are shown by name; no piece holds markup.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..text import STEERING, plain_text

LONGEST = 24_000  # characters of one text on a page; the whole text has an address of its own
HEAD, TAIL = 16_000, 6_000
FOLDED = 320  # characters that are alike before they are folded away
_ACTING = re.compile(f"[{''.join(map(chr, STEERING))}]")


@dataclass(frozen=True, slots=True)
class Mark:
    """A kind of mark on the characters from `begin` up to `end` of a text."""

    begin: int
    end: int
    kind: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a text.

    Attributes:
        kind: "" plain; "stated", "done", "hit" (a word that was searched for); "same" and "differs" beside another
            text; "fold", alike and long; "acting", the name of a character that is not shown itself; "cut", what is
            left out.
    """

    text: str
    kind: str = ""


def marked_pieces(text: str, marks: Iterable[Mark] = (), whole: bool = False) -> list[Piece]:
    """The pieces of a text.

    Args:
        marks: where they overlap, the first of them counts.
        whole: leave nothing out, however long it is.
    """
    pieces: list[Piece] = []
    for begin, end, kind in _spans(len(text), [m for m in marks if m.end > m.begin]):
        pieces += _clipped(text, begin, end, kind, whole)
    return [shown for piece in pieces for shown in _shown(piece)]


def found_in(text: str, words: str) -> list[Mark]:
    """Where `words` occur in a text, whatever their case; none where nothing is searched for."""
    if not words:
        return []
    return [Mark(m.start(), m.end(), "hit") for m in re.finditer(re.escape(words), text, re.IGNORECASE)][:200]


def common_ends(text: str, other: str) -> tuple[int, int]:
    """How many characters two texts share at their beginning, and how many of the rest at their end."""
    begin = _common(text, other)
    rest = min(len(text), len(other)) - begin
    end = _common(text[len(text) - rest :][::-1], other[len(other) - rest :][::-1]) if rest else 0
    return begin, end


def _common(text: str, other: str) -> int:
    low, high = 0, min(len(text), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if text[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _spans(length: int, marks: Sequence[Mark]) -> Iterator[tuple[int, int, str]]:
    """(begin, end, kind) of the stretches of a text that have one kind each."""
    ends = sorted({0, length, *(p for m in marks for p in (m.begin, m.end) if 0 <= p <= length)})
    for begin, end in zip(ends, ends[1:], strict=False):
        yield begin, end, next((m.kind for m in marks if m.begin <= begin and end <= m.end), "")


def _clipped(text: str, begin: int, end: int, kind: str, whole: bool) -> Iterator[Piece]:
    """A stretch, without its middle where it is too long for a page."""
    if kind == "same" and end - begin > FOLDED:
        kind = "fold"
    if whole or end - begin <= LONGEST:
        yield Piece(text[begin:end], kind)
        return
    yield Piece(text[begin : begin + HEAD], kind)
    yield Piece(f"{end - begin - HEAD - TAIL:,} characters are left out here", "cut")
    yield Piece(text[end - TAIL : end], kind)


def _shown(piece: Piece) -> Iterator[Piece]:
    """A piece with the names of the characters in it that act on what shows it."""
    place = 0
    if piece.kind == "fold" or not _ACTING.search(piece.text):
        yield Piece(plain_text(piece.text), piece.kind) if piece.kind == "fold" else piece
        return
    for acting in _ACTING.finditer(piece.text):
        if acting.start() > place:
            yield Piece(piece.text[place : acting.start()], piece.kind)
        yield Piece(plain_text(acting[0]), "acting")
        place = acting.end()
    if place < len(piece.text):
        yield Piece(piece.text[place:], piece.kind)
