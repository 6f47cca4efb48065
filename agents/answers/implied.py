"""What a reasoning implies with its conclusion cut off, where it states a value for every action.

The conclusion is everything from the first line that names the answer (`BEST=`, `ACTION=`) on. Before it, values are
read from the last of these that names every action:
  1. a `<values>` block (Schmied et al. 2025, App. C.1.3);
  2. a list or table of lines, each of which begins with an action and gives its value: "Red: 0.5 + 1.2 = 1.7",
     "- Red (3 pulls): index = 1.7", "| Red | 3 | 1.7 |" below a heading that names a value, "Blue: never tried";
  3. outcomes of moves, one a line: "4: draw".
The highest value is what is implied. Of an open question with a number it is the result of the last equation.

Invariant: values are read for every action or for none. What names all actions and cannot be read whole is
`unparsable`; a reasoning that states no values is `absent`, and then it is not known what it implies.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ...records import Implied, Situation, Status, plain_signs
from ...tasks.numbers import canonical_number
from .label_names import Names, names_of
from .markers import own_line_begins
from .parsing import read_recommendation
from .values import top_of_values

LONGEST = 40_000
_BLOCK = re.compile(r"<(ucb_)?values>.*?</(ucb_)?values>", re.IGNORECASE | re.DOTALL)
_BULLET = re.compile(r"[ \t]*(?:[-*•+]|\d{1,3}[.)])?[ \t]*[*_`\"'|]{0,4}[ \t]*")
_KEY = re.compile(r"[\"'`*_]{0,4}[ \t]*(?:\([^()\n]{0,80}\))?[\"'`*_]{0,4}[ \t]*(?:[:=|]|->|→|–|-(?=[ \t]))[ \t*_`]*")
_ASIDE = re.compile(r"\([^()\n]*\)")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_ENDLESS = re.compile(
    r"\W*(?:\+?inf(?:init[ey]|inity)?\b|∞|untried\b|unexplored\b|(?:never|not(?: yet)?) (?:been )?(?:tried|pressed|"
    r"pulled|chosen|taken|played)\b)[^\d\n]*",
    re.IGNORECASE,
)
_OUTCOME = re.compile(r"\b(win|draw|tie|los[es]|loss|lose)\w{0,3}\b", re.IGNORECASE)
_OUTCOMES = {"win": 1.0, "draw": 0.0, "tie": 0.0, "los": -1.0}
_VALUED = re.compile(r"\b(?:index|ucb\w*|values?|scores?|total|sum|estimate|utility|bound)\b", re.IGNORECASE)
_COUNTED = re.compile(
    r"\b(?:n|pulls?|presses|count|times|tries|mean|average|avg|bonus|rewards?|steps?)$", re.IGNORECASE
)
_MARKED_WITHIN = re.compile(r"(?<![a-z0-9])(?:BEST|ACTION)[\"'`*_\])]*\s*[=:]", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?:(?<=[.!?])[ \t]+|\n)(?=\S)")
_CONCLUDES = re.compile(
    r"^\W*(?:so|therefore|thus|hence|overall|finally|in (?:conclusion|summary)|to conclude|consequently|my (?:choice|"
    r"answer|recommendation|decision|pick)|the best)\b|\b(?:i|we)(?:'ll|'d| will| would| should)? (?:\w+ )?(?:choose|"
    r"pick|select|take|recommend|go (?:for|with)|press|pull|settle)\b|\bis (?:\w+ )?(?:the )?(?:best|right) (?:\w+ )?"
    r"(?:choice|option|action|pick|move)\b",
    re.IGNORECASE,
)
_RULE_LINE = re.compile(r"[\s|:+=-]*")
_EQUATION = re.compile(r"\d\s*[+\-*/×x]\s*[\d(][^=\n]*=\s*\$?([+-]?\d[\d,]*(?:\.\d+)?)")


def read_implied(text: str, situation: Situation, thought: str = "") -> Implied:
    """What the reasoning implies, and what its conclusion says apart from any values.

    Args:
        text: the answer.
        thought: what the model thought before it, where it shows it.
    """
    shown = plain_signs(f"{thought}\n{text}" if thought else text)[-LONGEST:]
    labels, status = _implied(without_conclusion(shown), situation)
    concluded = read_recommendation(_BLOCK.sub("", text), situation)
    return Implied(labels, status, *concluded)


def without_conclusion(text: str) -> str:
    """A reasoning up to the first line that names its answer."""
    place = 0
    for line in text.splitlines(keepends=True):
        if own_line_begins(line):
            return text[:place]
        place += len(line)
    return text


def reasoning_alone(text: str) -> str:
    """A reasoning without anything that concludes, for a reader of prose.

    Cut off are the first line that names the answer and all below it, and the sentences before it that draw the
    conclusion in words ("So I choose Red.", "Therefore Red is best."), as they are written in English.
    """
    marked = _MARKED_WITHIN.search(kept := without_conclusion(text))
    kept = kept[: kept.rfind("\n", 0, marked.start()) + 1] if marked else kept
    kept = kept.rstrip()
    while kept:
        begin = max((m.end() for m in _SENTENCE_END.finditer(kept)), default=0)
        if not _CONCLUDES.search(kept[begin:]):
            break
        kept = kept[:begin].rstrip()
    return kept.strip()


def _implied(reasoning: str, situation: Situation) -> tuple[tuple[str, ...], Status]:
    if situation.answer == "number":
        found = _EQUATION.findall(reasoning)
        number = canonical_number(found[-1]) if found else None
        return ((number,), "ok") if number is not None else ((), "absent")
    if situation.answer == "text" or len(situation.actions) < 2:
        return (), "absent"
    names = names_of(tuple(situation.actions))
    if _BLOCK.search(reasoning):
        highest = top_of_values(reasoning, names)
        return (highest, "ok") if highest else ((), "unparsable")
    listed = _last_list(reasoning, names)
    if listed is None:
        return (), "absent"
    values = _values(listed)
    if values is None:
        return (), "unparsable"
    top = max(values.values())
    return tuple(a for a in names.actions if values[a] == top), "ok"


@dataclass(frozen=True, slots=True)
class _Listed:
    """A list of lines that names every action once: what stands behind each, and the cells of the heading above."""

    rest: dict[str, str]
    heading: tuple[str, ...]


def _last_list(text: str, names: Names) -> _Listed | None:
    """The last run of lines that begin with an action each and name all of them."""
    last: _Listed | None = None
    rest: dict[str, str] = {}
    before = heading = ""
    for line in [*text.splitlines(), "end"]:
        entry = _entry(line, names)
        if entry is not None:
            if not rest or entry[0] in rest:
                rest, heading = {}, before
            rest[entry[0]] = entry[1]
            if len(rest) == len(names.actions):
                last = _Listed(dict(rest), tuple(c.strip() for c in heading.strip().strip("|").split("|")))
        elif not _RULE_LINE.fullmatch(line):
            rest, before = {}, line
    return last


def _entry(line: str, names: Names) -> tuple[str, str] | None:
    """(action, what stands behind it) of a line that begins with one."""
    begin = _BULLET.match(line)
    for place in (begin.end() if begin else 0, len(line) - len(line.lstrip(" \t*_`|"))):
        found = names.label_at(line, place)
        end = None if found is None else _KEY.match(line, found[1])
        if found is not None and end is not None:
            return found[0], line[end.end() :]
    return None


def _values(listed: _Listed) -> dict[str, float] | None:
    """A value for every action; None where one of them cannot be told, or they are not of one kind."""
    column = _column(listed)
    read = {label: _value(rest, column) for label, rest in listed.rest.items()}
    if any(value is None for value in read.values()):
        return None
    kinds = {value[1] for value in read.values() if value is not None and value[1] != "endless"}
    return {label: value[0] for label, value in read.items() if value is not None} if len(kinds) <= 1 else None


def _column(listed: _Listed) -> int | None:
    """Which cell behind the action holds its value, by the heading of a table; None where there is no table."""
    if not all("|" in rest.strip().rstrip("|") or len(listed.heading) == 2 for rest in listed.rest.values()):
        return None
    named = [i for i, cell in enumerate(listed.heading) if _VALUED.search(cell)]
    return named[-1] - 1 if named and named[-1] > 0 else None


def _value(rest: str, column: int | None) -> tuple[float, str] | None:
    """(value, what kind of value) that a line gives."""
    rest = rest.replace("**", "").replace("`", "")
    if column is not None:
        cells = rest.strip().strip("|").split("|")
        rest = cells[column] if column < len(cells) else ""
    elif "|" in rest.strip().rstrip("|"):
        return None  # a table whose columns are not named
    rest = _ASIDE.sub("", rest).strip().rstrip("|.;, ")
    if _ENDLESS.fullmatch(rest):
        return float("inf"), "endless"
    left, sign, right = rest.rpartition("=") if "=" in rest else rest.rpartition("≈")
    if sign:
        name = left.rpartition(",")[2].strip()
        if _ENDLESS.fullmatch(right):
            return float("inf"), "endless"
        number = _NUMBER.fullmatch(right.strip())
        counted = _COUNTED.search(name) and not re.search(r"[+*/×]", name)  # a mean is no value, mean + bonus is one
        return None if number is None or counted else (float(number[0]), "number")
    numbers = _NUMBER.findall(rest)
    if numbers:
        return (
            None
            if len(numbers) > 1 or _COUNTED.search(rest.partition(numbers[0])[0].strip(" :"))
            else (
                float(numbers[0]),
                "number",
            )
        )
    outcomes = {found.casefold()[:3] if found.casefold()[:3] == "los" else found.casefold() for found in
                _OUTCOME.findall(rest)}  # fmt: skip
    return (_OUTCOMES[outcomes.pop()], "outcome") if len(outcomes) == 1 else None
