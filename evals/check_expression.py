"""Checks as text: `gap < 0.2`, `doing(reason_act | critique) >= 70%`, `gap(a) < gap(b)`, `doing(a) - doing(b) > 0.05`.

    check       comparison { "and" comparison }
    comparison  side ("<" | "<=" | ">" | ">=") side
    side        ["+" | "-"] term { ("+" | "-") term }
    term        number ["%"] | metric [ "(" variant ")" ]

A variant is named as the scorecard prints it, with its own parentheses and bars, in quotes or without.

Invariant: every comparison is brought to one form, a figure or the difference of two against a number, or it is refused
with the place in the text where it goes wrong.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple, NoReturn

from ..errors import BadOption

Comparator = Literal["<", "<=", ">", ">="]
_FLIPPED: dict[Comparator, Comparator] = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_HOLDS: dict[Comparator, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EXAMPLES = "Write for example 'gap < 0.2', 'doing(reason_act | critique) >= 70%' or 'gap(a) < gap(b)'."
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:\s*%)?(?![\w.]))"
    r"|(?P<name>[^\W\d]\w*)|(?P<compare><=|>=|==|!=|<|>|=|≤|≥|≠)|(?P<sign>[+\-−])|(?P<other>\S))"
)
_UNICODE = {"≤": "<=", "≥": ">=", "−": "-"}
_DIGITS = 12  # of sums of constants: 0.3 - 0.1 is 0.2


class CheckedFigure(NamedTuple):
    """A metric of a variant; of every variant where none is named."""

    metric: str
    variant: str | None = None

    def __str__(self) -> str:
        return self.metric if self.variant is None else f"{self.metric}({self.variant})"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One comparison: `first`, or `first - second`, against a number.

    Attributes:
        text: as it was written; percent: whether the number was given in percent.
    """

    text: str
    first: CheckedFigure
    second: CheckedFigure | None
    comparator: Comparator
    bound: float
    percent: bool = False

    @property
    def upwards(self) -> bool:
        """Whether larger figures are on the right side."""
        return self.comparator in (">", ">=")

    def holds_at(self, value: float) -> bool:
        """Whether a value meets it."""
        return _HOLDS[self.comparator](value, self.bound)


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


@dataclass
class _Side:
    """What stands on one side of a comparison."""

    figures: list[tuple[int, CheckedFigure]]
    constant: float = 0.0
    percent: bool = False


def parse_checks(text: str) -> list[Requirement]:
    """The comparisons of a check, which must all hold.

    Raises:
        BadOption: it does not parse, names no metric, or is no figure or difference of two against a number.
    """
    if not isinstance(text, str) or not text.strip():
        raise BadOption(f"the check {text!r} is empty", remedy=_EXAMPLES)
    tokens = list(_tokens(text))
    ends = [i for i, token in enumerate(tokens) if token.kind == "name" and token.text.lower() == "and"]
    parts = zip([0, *(i + 1 for i in ends)], [*ends, len(tokens)], strict=True)
    places = [*(token.at for token in tokens), len(text)]
    return [_comparison(text, tokens[start:stop], places[stop]) for start, stop in parts]


def _refuse(text: str, at: int, why: str, remedy: str = _EXAMPLES) -> NoReturn:
    where = f"at its end: {why}" if at >= len(text.rstrip()) else f"at character {at + 1}, {text[at:][:12]!r}: {why}"
    raise BadOption(f"the check {text!r} cannot be read", where, remedy)


def _tokens(text: str) -> Iterator[_Token]:
    """Numbers, names, comparisons, signs, and what stands in the parentheses behind a name."""
    at, named = 0, False
    while at < len(text) and text[at:].strip():
        match = _TOKEN.match(text, at)
        assert match is not None and match.lastgroup is not None
        kind, start = match.lastgroup, match.start(match.lastgroup)
        found = match.group(kind)
        if found == "(" and named:
            end = _closing(text, start)
            yield _Token("variant", text[start + 1 : end], start)
            at, named = end + 1, False
            continue
        yield _Token(kind, _UNICODE.get(found, found), start)
        at, named = match.end(), kind == "name"


def _closing(text: str, start: int) -> int:
    """Where the parenthesis that opens at `start` closes; parentheses in quotes do not count."""
    for quotes in (True, False):  # an apostrophe in a name opens no quotation
        depth, quote = 0, ""
        for at in range(start, len(text)):
            char = text[at]
            if quote:
                quote = "" if char == quote else quote
            elif quotes and char in "\"'":
                quote = char
            elif char in "()":
                depth += 1 if char == "(" else -1
                if not depth:
                    return at
    _refuse(text, start, "the parenthesis is never closed", "Close it behind the variant's name.")


def _comparison(text: str, tokens: list[_Token], end: int) -> Requirement:
    """One comparison of a text; `end` is where it ends there."""
    for token in tokens:
        if token.kind == "name" and token.text.lower() in ("or", "not"):
            _refuse(text, token.at, "checks must all hold", "Join them by 'and', or give several.")
    places = [i for i, token in enumerate(tokens) if token.kind == "compare"]
    if not places:
        _refuse(text, end, "a comparison is missing")
    first = tokens[places[0]]
    if first.text not in _FLIPPED:
        _refuse(text, first.at, "a figure that is estimated is never equal to a number", "Use <, <=, > or >=.")
    if len(places) > 1:
        _refuse(text, tokens[places[1]].at, "this is a second comparison", "Join two by 'and', or give two checks.")
    comparator = first.text
    left = _side(text, tokens[: places[0]], first.at)
    right = _side(text, tokens[places[0] + 1 :], end)
    figures = left.figures + [(-sign, figure) for sign, figure in right.figures]
    bound = round(right.constant - left.constant, _DIGITS)
    return _requirement(text[tokens[0].at : end].strip(), figures, comparator, bound, left.percent or right.percent)


def _requirement(
    text: str, figures: list[tuple[int, CheckedFigure]], comparator: Comparator, bound: float, percent: bool
) -> Requirement:
    """The one form: a positive figure, less another one, against a number."""
    if not figures:
        raise BadOption(f"the check {text!r} names no metric", remedy=_EXAMPLES)
    if figures[0][0] < 0:
        figures, comparator, bound = [(-sign, f) for sign, f in figures], _FLIPPED[comparator], -bound
    plus, minus = ([f for s, f in figures if s == sign] for sign in (1, -1))
    if len(plus) != 1 or len(minus) > 1:
        raise BadOption(
            f"the check {text!r} adds up figures",
            "a check is about one figure, or the difference of two",
            "Give several checks: they must all hold.",
        )
    second = minus[0] if minus else None
    if second == plus[0]:
        raise BadOption(f"the check {text!r} compares {second} with itself", remedy="Name two variants.")
    if not math.isfinite(bound):
        raise BadOption(f"the check {text!r} holds a number that is too large", remedy=_EXAMPLES)
    return Requirement(text, plus[0], second, comparator, bound + 0.0, percent)


def _side(text: str, tokens: list[_Token], end: int) -> _Side:
    side, sign, expecting = _Side([]), 1, True
    last: CheckedFigure | None = None
    for place, token in enumerate(tokens):
        if token.kind == "variant" and last is not None and tokens[place - 1].kind == "name":
            side.figures[-1] = (side.figures[-1][0], CheckedFigure(last.metric, _variant(text, token)))
        elif token.kind == "sign" and (not expecting or place == 0):
            sign, expecting = (-1 if token.text == "-" else 1), True
        elif token.kind == "number" and expecting:
            percent = token.text.endswith("%")
            side.constant += sign * float(token.text.rstrip("% \t")) / (100 if percent else 1)
            side.percent, expecting, sign = side.percent or percent, False, 1
        elif token.kind == "name" and expecting:
            last = CheckedFigure(token.text)
            side.figures.append((sign, last))
            expecting, sign = False, 1
        else:
            _refuse(
                text, token.at, "this is not expected here" if not expecting else "a metric or a number is expected"
            )
    if expecting:
        _refuse(text, end, "a metric or a number is expected")
    return side


def _variant(text: str, token: _Token) -> str:
    name = token.text.strip()
    if len(name) > 1 and name[0] == name[-1] and name[0] in "\"'" and name[0] not in name[1:-1]:
        name = name[1:-1].strip()
    if not name:
        _refuse(text, token.at, "the parentheses name no variant", "Name one, or leave them out.")
    return name
