"""From an answer's text to what it recommends and what it does. Nothing here guesses; the raw text is kept elsewhere.

Invariant: a parser returns a typed outcome, `(labels, status)`. No label is ever invented: an answer that names no
legal action is `unparsable` or `illegal`, never the nearest one.

The recommendation ("stated") is read, in this order, from
  1. a `<values>` block of `label = number` pairs: all labels that tie at the top (Schmied et al. 2025, App. C.1.3);
  2. the last `BEST=X` line;
  3. the last sentence of the form "the best <noun> (now) is X".
The action ("done") is the last `ACTION=X` (last match wins, Schmied et al. 2025, App. B.2) that is no quoted line of
the history.

Open questions have no labels. A number is the first one behind the last `ACTION=`, `BEST=` or `Answer:`, or behind the
last "=" of its working on that line (`6 + 1 = 7`), in canonical form ("7", "-0.5"); a text is all behind the last
marker. Neither reaches past a marker of the other kind: an empty `BEST=` does not borrow the `ACTION=` below it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...records import Situation, Status
from ...tasks.numbers import canonical_number

__all__ = [
    "canonical_number",
    "holds_recommendation",
    "match_label",
    "read_action",
    "read_answer",
    "read_recommendation",
    "read_stated",
    "replace_action",
]

_MARK = r"[\"'`*_\])]*"  # quotes and markdown around a word
_OPEN = r"[\s\"'`*_<\[(]*"
_WORD = rf"(?!{_OPEN}(?:ACTION|BEST){_MARK}\s*[=:])"  # an empty `ACTION=` does not swallow the line below it
_WORD += _OPEN + r"([^\n\"'`*<>\[\]()=,;]+)"
_ACTION = re.compile(r"(?<![a-z0-9])ACTION" + _MARK + r"\s*[=:]" + _WORD, re.IGNORECASE)
_HISTORY = re.compile(r"Step\s*=\s*\d+\s+Action\s*=[^\n]*?Reward\s*=", re.IGNORECASE)  # a quoted past step
_BEST = re.compile(r"(?<![a-z0-9])BEST" + _MARK + r"\s*[=:]" + _WORD, re.IGNORECASE)
_SENTENCE = re.compile(r"\bbest\s+\w+(?:\s+now)?\s+is\s+(?:the\s+)?" + _WORD, re.IGNORECASE)
_VALUES = re.compile(r"<(?:ucb_)?values>(.*?)</(?:ucb_)?values>", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|inf(?:init[ey])?\b|∞)", re.IGNORECASE)
_ARITHMETIC = re.compile(r"(?:[\s\d.+\-*/^×√]|sqrt|ln|log)*", re.IGNORECASE)
_OPERATORS = tuple("+-*/^×")


_MARKER = r"(?:(?<![a-z0-9])(?:{names})" + _MARK + r"\s*[=:]|###\s*answer\s*:?)"
_ANSWER = re.compile(_MARKER.format(names="ACTION|answer"), re.IGNORECASE)
_OPINION = re.compile(_MARKER.format(names="BEST"), re.IGNORECASE)
_COUNT = re.compile(
    r"(?:(?<![\w.)])[-+])?(?:(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?|\.\d+)(?:e[-+]?\d+)?",
    re.IGNORECASE | re.ASCII,
)


def read_answer(text: str, situation: Situation) -> tuple[str | None, Status]:
    """What an answer does, for any kind of situation: (label, number or text, status)."""
    if situation.answer == "action":
        return read_action(text, situation.actions)
    return _open(text, _ANSWER, situation)


def read_recommendation(text: str, situation: Situation) -> tuple[tuple[str, ...], Status]:
    """What a rationale recommends, for any kind of situation; an answer of its own counts where it names no best."""
    if situation.answer == "action":
        return read_stated(text, situation.actions)
    for marker in (_OPINION, _ANSWER):
        answer, status = _open(text, marker, situation)
        if answer is not None:
            return (answer,), status
    return (), "unparsable"


def holds_recommendation(text: str, situation: Situation) -> bool:
    """Whether a text names what it thinks best, legal or not; an answer of its own is none."""
    if situation.answer == "action":
        return read_stated(text, situation.actions)[1] != "unparsable"
    return _open(text, _OPINION, situation)[0] is not None


def _open(text: str, marker: re.Pattern[str], situation: Situation) -> tuple[str | None, Status]:
    places = list(marker.finditer(text))
    if not places:
        return None, "unparsable"
    behind = text[places[-1].end() :]
    other = _ANSWER if marker is _OPINION else _OPINION
    cut = other.search(behind)
    answer = (behind[: cut.start()] if cut else behind).strip()
    if situation.answer == "number":
        # `6 + 1 = 7` answers 7: on the marker's own line, what stands behind the last "=" is the result.
        line = answer.partition("\n")[0].rpartition("=")[2] or answer
        number = _COUNT.search(line.replace("\N{MINUS SIGN}", "-")) or _COUNT.search(
            answer.replace("\N{MINUS SIGN}", "-")
        )
        canonical = None if number is None else canonical_number(number[0])
        return (canonical, "ok") if canonical is not None else (None, "unparsable")
    return (answer, "ok") if answer else (None, "unparsable")


def match_label(text: str, actions: Sequence[str]) -> str | None:
    """The legal action that `text` begins with, as a whole word and whatever its case; None if there is none.

    A label of one letter must stand alone or in its own case: "a new one" does not name the button A.
    """
    start = text.strip()
    for action in sorted(actions, key=len, reverse=True):
        name = action.casefold()
        if not start.casefold().startswith(name):
            continue
        rest = start.casefold()[len(name) :]
        if rest[:1].isalnum() or (rest[:1] in tuple("_-.'’") and rest[1:2].isalnum()):
            continue
        if len(action) == 1 and not start.startswith(action) and any(c.isalnum() for c in rest):
            continue
        return action
    return None


def read_action(text: str, actions: Sequence[str]) -> tuple[str | None, Status]:
    """The action an answer takes: (label or None, `ok` | `illegal` | `unparsable`)."""
    labels: list[str] = _ACTION.findall(_HISTORY.sub("", text))
    if not labels:
        return None, "unparsable"
    label = match_label(labels[-1], actions)
    return label, "ok" if label is not None else "illegal"


def replace_action(text: str, actions: Sequence[str], label: str) -> str | None:
    """The answer with another action in the place of its own, all else as it was; None where it takes none.

    A bare label, which is what is chosen by token probability, is replaced whole.
    """
    if text.strip() in actions:
        return text.replace(text.strip(), label)
    unquoted = _HISTORY.sub(lambda m: " " * len(m[0]), text)
    matches = list(_ACTION.finditer(unquoted))
    own = match_label(matches[-1][1], actions) if matches else None
    if own is None:
        return None
    begin = matches[-1].start(1) + len(matches[-1][1]) - len(matches[-1][1].lstrip())
    return text[:begin] + label + text[begin + len(own) :]


def read_stated(text: str, actions: Sequence[str]) -> tuple[tuple[str, ...], Status]:
    """The actions a rationale recommends: (labels, `ok` | `illegal` | `unparsable`); ties give several labels."""
    from_values = _top_of_values(text, actions)
    if from_values:
        return from_values, "ok"
    for pattern in (_BEST, _SENTENCE):
        labels: list[str] = pattern.findall(text)
        if labels:
            label = match_label(labels[-1], actions)
            return ((label,), "ok") if label is not None else ((), "illegal")
    return (), "unparsable"


def _top_of_values(text: str, actions: Sequence[str]) -> tuple[str, ...]:
    blocks: list[str] = _VALUES.findall(text)
    if not blocks or not actions:
        return ()
    names = "|".join(re.escape(a) for a in sorted(actions, key=len, reverse=True))
    key = re.compile(rf"(?<![\w-])({names})(?![\w-]){_MARK}\s*[=:]", re.IGNORECASE)
    block = _without_asides(blocks[-1], re.compile(names, re.IGNORECASE))
    entries = list(key.finditer(block))
    values: dict[str, float] = {}
    unread: set[str] = set()
    for here, after in zip(entries, [*entries[1:], None], strict=False):
        label = match_label(here[1], actions)
        value = _value(block[here.end() : after.start() if after else None])
        if label is not None and value is not None:
            values[label] = value
        elif label is not None:
            unread.add(label)
    if unread - values.keys():
        return ()  # the highest of those that could be read may not be the highest
    top = max(values.values(), default=0.0)
    return tuple(a for a in actions if values.get(a) == top)


def _without_asides(text: str, name: re.Pattern[str]) -> str:
    """The text without what stands in parentheses, except names: `Red (n=3): 1.7` is `Red : 1.7`."""
    before = ""
    while before != text:
        before, text = (
            text,
            re.sub(r"\(([^()]*)\)", lambda m: f" {m[1]} " if name.fullmatch(m[1].strip()) else "", text),
        )
    return text


def _value(text: str) -> float | None:
    """The number that an entry ends with: 1.7 in `1.7`, in `0.5 + 1.2 = 1.7` and in `mean + bonus = 1.7`, else None."""
    entry = re.split(r"[\n;]|,(?!\d)", text.replace("**", "").lstrip(" \t\n\"'`"), maxsplit=1)[0]
    parts = re.split(r"[=≈]", entry)
    for part, last in zip(parts, [*[False] * (len(parts) - 1), True], strict=True):
        term = part.strip(" \t\"'`~")
        number = _NUMBER.match(term)
        unfinished = number is not None and term[number.end() :].strip().startswith(_OPERATORS)
        if number is not None and not unfinished and (last or not _ARITHMETIC.fullmatch(term)):
            return float(number[0].casefold().replace("∞", "inf").replace("infinite", "inf"))
        if last or (number is None and not any(o in term for o in _OPERATORS)):
            return None
    return None
