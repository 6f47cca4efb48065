"""Ballots: what an agent writes beside its position (a ranking, approvals, points, a confidence), read from its text.

Invariant: a reader returns `(value, status)` and never invents a label. A line that names a label which is no action,
names one twice or gives negative points is `illegal` as a whole; one that cannot be read is `unparsable`. Either way
its value is empty, and the ballot is its position alone. The last marker wins, and no marker reaches past its line.

A confidence is a percentage (`80`, `80 %`, `80/100`, `1`), unless it has a decimal point and is at most 1 (`0.8`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from ..records import Status, Turn
from .answers.parsing import match_label

_OPEN = " \t\"'`*_<[({"
_CLOSE = _OPEN + ")]}>."
_NEXT = re.compile(r"(?<![A-Za-z0-9])(?:RANKING|APPROVE|POINTS|CONFIDENCE|ACTION|BEST)[\"'`*_\])]*[ \t]*=")
_POINTS = re.compile(
    r"[\"'`*_)\]]*\s*[:=]\s*[\"'`*_]*([+-]?(?:\d+(?:\.\d+)?|\.\d+))(?![\w/])\s*(?:points?\b|pts?\b|%)?", re.IGNORECASE
)
_SHARE = re.compile(r"([+-]?(?:\d+(?:\.\d+)?|\.\d+))(?:\s*(%|percent\b|/\s*100\b)|(?!\s*/|\s*-\s*\d|\w|\.\d))", re.I)


@dataclass(frozen=True)
class Ballot:
    """One vote. A ballot with a choice only ranks that one, approves of that one and gives it all points.

    Attributes:
        choice: the position; None is an abstention.
        ranking: best first; may be truncated.
        confidence: in [0, 1]; None where it was not given.
    """

    choice: str | None
    ranking: tuple[str, ...] = ()
    approved: tuple[str, ...] = ()
    points: Mapping[str, float] = field(default_factory=dict)
    confidence: float | None = None

    @property
    def ranked(self) -> tuple[str, ...]:
        """Best first; the choice alone where nothing was ranked."""
        return self.ranking or self._alone

    @property
    def approvals(self) -> tuple[str, ...]:
        """Everything approved of; the choice alone where nothing was."""
        return self.approved or self._alone

    @property
    def shares(self) -> dict[str, Fraction]:
        """One point, split as the ballot says; the choice has it all where no points were given."""
        points = {c: exact(p) for c, p in self.points.items()}
        total = sum(points.values(), Fraction())
        return {c: p / total for c, p in points.items()} if total > 0 else dict.fromkeys(self._alone, Fraction(1))

    @property
    def labels(self) -> tuple[str, ...]:
        """Every label on the ballot."""
        return tuple(dict.fromkeys((*self._alone, *self.ranking, *self.approved, *self.points)))

    @property
    def _alone(self) -> tuple[str, ...]:
        return () if self.choice is None else (self.choice,)


def exact(number: float) -> Fraction:
    """A number as it is written in decimals: 0.1 + 0.2 equals 0.3."""
    return Fraction(repr(float(number)))


@dataclass(frozen=True)
class BallotKind:
    """A kind of ballot.

    Attributes:
        form: how an agent is asked for it; "{noun}" is what an action is called. Empty where nothing is asked for.
        supports: the labels that a ballot of this kind supports, in its own order.
        show: the ballot as text, empty for an abstention.
    """

    form: str
    supports: Callable[[Ballot], tuple[str, ...]]
    show: Callable[[Ballot], str]


def _points_text(ballot: Ballot) -> str:
    return " ".join(f"{label}:{float(share):.3g}" for label, share in ballot.shares.items())


_VOTE = "The discussion is over: vote. "
BALLOTS = {
    "": BallotKind("", lambda b: () if b.choice is None else (b.choice,), lambda b: b.choice or ""),
    "ranking": BallotKind(
        _VOTE + "End with one line\nRANKING=A > B > C\nthat ranks the {noun}s, best first.",
        lambda b: b.ranked,
        lambda b: " > ".join(b.ranked),
    ),
    "approval": BallotKind(
        _VOTE + "End with one line\nAPPROVE=A, B\nthat names every {noun} you approve of.",
        lambda b: b.approvals,
        lambda b: " + ".join(b.approvals),
    ),
    "points": BallotKind(
        _VOTE + "End with one line\nPOINTS=A:6, B:4\nthat splits 10 points on the {noun}s.",
        lambda b: tuple(b.shares),
        _points_text,
    ),
}
"""The kinds of ballots by name; "" is the position that an agent's answer holds anyway."""


def read_ballot(turn: Turn, actions: Sequence[str]) -> Ballot:
    """The ballot of a turn: its position, and the ranking, approvals, points and confidence that its text gives."""
    confidence = turn.confidence if turn.confidence is not None else read_confidence(turn.text)[0]
    return Ballot(
        turn.position,
        read_ranking(turn.text, actions)[0],
        read_approved(turn.text, actions)[0],
        read_points(turn.text, actions)[0],
        confidence,
    )


def read_ranking(text: str, actions: Sequence[str]) -> tuple[tuple[str, ...], Status]:
    """The last `RANKING=A > B > C`, best first; commas separate where there is no ">"."""
    entries = _behind(text, "RANKING")
    return _labels(entries, r">|≻" if re.search(r">|≻", entries.strip(_CLOSE)) else r"[,;]", actions)


def read_approved(text: str, actions: Sequence[str]) -> tuple[tuple[str, ...], Status]:
    """The last `APPROVE=A, C`."""
    return _labels(_behind(text, "APPROVED?"), r"[,;&]|\band\b", actions)


def read_points(text: str, actions: Sequence[str]) -> tuple[dict[str, float], Status]:
    """The last `POINTS=A:5, B:3`."""
    rest = _behind(text, "POINTS").replace("\N{MINUS SIGN}", "-").rstrip(_CLOSE)
    points: dict[str, float] = {}
    while rest.strip(_CLOSE):
        label, rest = _label(rest, actions)
        if label is None or label in points:
            return {}, "illegal"
        number = _POINTS.match(rest)
        if number is None:
            return {}, "unparsable"
        points[label] = float(number[1])
        if not 0 <= points[label] < float("inf"):
            return {}, "illegal"
        rest = re.sub(r"^[\s,;.)\]}\"'`*_]*(?:and\b)?", "", rest[number.end() :])
    return (points, "ok") if points else ({}, "unparsable")


def read_confidence(text: str) -> tuple[float | None, Status]:
    """The last `CONFIDENCE=80`, `80 %` or `0.8`, as a share."""
    number = _SHARE.match(_behind(text, "CONFIDENCE").replace("\N{MINUS SIGN}", "-").lstrip(_OPEN))
    if number is None:
        return None, "unparsable"
    value = float(number[1])
    if number[2] or "." not in number[1] or value > 1:
        value /= 100
    return (value, "ok") if 0 <= value <= 1 else (None, "illegal")


def _behind(text: str, name: str) -> str:
    """The text behind the last marker of that name, up to the end of its line or the next marker."""
    marks = list(re.finditer(rf"(?<![a-z0-9]){name}[\"'`*_\])]*[ \t]*[=:]", text, re.IGNORECASE))
    if not marks:
        return ""
    line = text[marks[-1].end() :].partition("\n")[0]
    after = _NEXT.search(line)
    return line[: after.start()] if after else line


def _label(text: str, actions: Sequence[str]) -> tuple[str | None, str]:
    """The label that `text` begins with, and the rest."""
    for start in (text.lstrip(), text.lstrip(_OPEN)):
        label = match_label(start, actions)
        if label is not None:
            return label, start[len(label) :]
    return None, text


def _labels(entries: str, separator: str, actions: Sequence[str]) -> tuple[tuple[str, ...], Status]:
    """The labels of a list. Beside its label an entry may hold other words, but no other label."""
    if not entries.strip(_CLOSE):
        return (), "unparsable"
    labels: list[str] = []
    names = re.compile("|".join(rf"(?<!\w){re.escape(a)}(?!\w)" for a in actions) or r"(?!)")
    rest: str | None = entries.strip()
    while rest is not None:
        label, rest = _label(rest, actions)
        if label is None or label in labels:
            return (), "illegal"
        labels.append(label)
        cut = re.search(separator, rest)
        aside, rest = (rest[: cut.start()], rest[cut.end() :]) if cut else (rest, None)
        if names.search(aside) or "=" in aside:
            return (), "illegal"  # "A or B > C", "A = B > C": not one label
        if rest is not None and not rest.strip(_CLOSE):
            rest = None  # a separator at the end
    return tuple(labels), "ok"
