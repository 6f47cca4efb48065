"""From an answer's text to what it recommends and what it does. Nothing here guesses; the raw text is kept elsewhere.

Invariant: a reader returns a typed outcome, `(labels, status)`. What stands behind the last final marker is explained
to its end, or it is `unparsable` (`illegal` where it names something that is no legal action). Thoughts are split off
first; an answer that was cut off inside its thought is `truncated`.

The recommendation ("stated") is read, in this order, from
  1. a `<values>` block of `label = number` pairs: all labels that tie at the top (Schmied et al. 2025, App. C.1.3);
  2. the last final `BEST=X` (see `markers`);
  3. the last sentence of the form "the best <noun> (now) is X" that nobody denies, conditions or takes back.
The action ("done") is the last final `ACTION=X` (last match wins, Schmied et al. 2025, App. B.2).

Open questions have no labels: see `open_answers`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache

from ...records import Situation, Status, plain_signs, split_thoughts
from ...tasks.cells import cell_named
from .best_sentence import best_sentence
from .label_names import Names, names_of
from .labels import LabelReading, read_labels
from .markers import OFFERED, Marked, last_marked, own_line_begins, speaks_for_others
from .numbers import read_number
from .open_answers import read_open, with_lines
from .remarks import answers_again, is_taken_back
from .values import top_of_values

SHOWN = 60  # characters of the place where understanding stopped
_SPOKEN: dict[str, Callable[[str], str | None]] = {"tictactoe": cell_named}
_IS_RIGHT = re.compile(
    r"[\"'*_`)]{0,4} (?:would be|is|was|should be|would have been) (?:(?:also|equally|actually|really|in fact|"
    r"just as) )?"
    r"(?:the )?(?:correct|right|better|best|true)\b(?![^.\n]{0,80}\b(?:if|had|only when|unless|were)\b)",
    re.IGNORECASE,
)
_CONCEDES = re.compile(
    r"\b(?:i (?:realis|realiz|know|understand|admit|see|agree|acknowledg|recogni)\w*(?: full well)?(?: that)?|"
    r"i(?:'m| am) aware(?: that)?|although|though|even though|while|whereas)\s+(?:the\s+)?[\"'*_`]{0,3}$",
    re.IGNORECASE,
)
_VERDICT = re.compile(r"[\"'*_`]{0,3}(yes|no)\b[\"'*_`]{0,3}[,.!:;]", re.IGNORECASE)
_KEEPS = re.compile(
    r"^[^.!?\n]{0,120}\b(?:stick(?:ing)?|stay(?:ing)?|go(?:ing)?|choos(?:e|ing)|chose|pick(?:ing)?|press(?:ing)?|"
    r"tak(?:e|ing)|select(?:ing)?|prefer|play(?:ing)?) (?:with |to |on |for )?(?:the )?[\"'*_`]{0,3}",
    re.IGNORECASE,
)
_OPTION = re.compile(r"[\s*(]{0,4}([A-Z])[.):][ *]{1,3}\w")
_OFFERS = re.compile(
    r"(?:^|[.!?]\s)\W{0,6}(?:(?:however|that said|but|still|of course|though),? )?(?:if (?:you|we|i|the|exploration|"
    r"exploitation)\b|otherwise\b|for (?:exploration|"
    r"exploitation)\b)"
    r"[^.\n]{0,120}\b(?:press|choose|pick|take|select|try|go with|use|pull|play)\b[^.\n]{1,40}"
    r"|\b(?:should|shall) (?:i|we|you)\b[^.?\n]{1,80}\?"
    r"|(?:^|[.!?]\s)\W{0,6}(?:however|but|that said)\b[^.\n]{0,60}\b(?:might|may|could|would) (?:also )?be (?:\w+ )?"
    r"(?:better|best|preferable|right|a good)[^.\n]{0,40}",
    re.IGNORECASE | re.MULTILINE,
)
_HOWEVER = re.compile(
    r"(?:^|[.!?\n]\s{0,3})\W{0,6}(?:however|but|yet|still,|although|on the other hand)\b", re.IGNORECASE
)


def read_answer(text: str, situation: Situation) -> tuple[str | None, Status]:
    """What an answer does, for any kind of situation: (label, number or text, status)."""
    if situation.answer == "action":
        return read_action(text, situation.actions, _spoken(situation))
    split = split_thoughts(text)
    if split.cut:
        return None, "truncated"
    return read_open(plain_signs(split.text), "answer", situation)


def read_recommendation(text: str, situation: Situation) -> tuple[tuple[str, ...], Status]:
    """What a rationale recommends, for any kind of situation; an answer of its own counts where it names no best."""
    if situation.answer == "action":
        return read_stated(text, situation.actions, _spoken(situation))
    split = split_thoughts(text)
    if split.cut:
        return (), "truncated"
    shown = with_lines(plain_signs(split.text), situation)
    kind = "stated" if last_marked(shown, "stated") is not None else "answer"
    answer, status = read_open(shown, kind, situation)
    if answer is None and kind == "stated" and not _value_behind(shown, kind):
        answer, status = read_open(shown, "answer", situation)
    return ((answer,), status) if answer is not None else ((), status)


def holds_recommendation(text: str, situation: Situation) -> bool:
    """Whether a text names what it thinks best, legal or not; an answer of its own is none."""
    if situation.answer == "action":
        return read_stated(text, situation.actions, _spoken(situation))[1] not in ("unparsable", "truncated")
    return read_open(plain_signs(split_thoughts(text).text), "stated", situation)[0] is not None


def read_action(
    text: str, actions: Sequence[str], spoken: Callable[[str], str | None] | None = None
) -> tuple[str | None, Status]:
    """The action an answer takes: (label or None, `ok` | `illegal` | `unparsable` | `truncated`).

    Args:
        spoken: reads how a task's labels are named otherwise, such as a cell by its row and column.
    """
    split = split_thoughts(text)
    if split.cut:
        return None, "truncated"
    shown = plain_signs(split.text)
    marked = last_marked(shown, "done", tuple(actions))
    if marked is None or speaks_for_others(shown):
        return None, "unparsable"
    reading = _labels_of(marked, _names(actions, spoken), several=False)
    return (reading.labels[0], "ok") if reading.status == "ok" else (None, reading.status)


def read_stated(
    text: str, actions: Sequence[str], spoken: Callable[[str], str | None] | None = None
) -> tuple[tuple[str, ...], Status]:
    """What a rationale recommends: (labels, `ok`, `illegal`, `unparsable` or `truncated`); a tie has several labels."""
    return _read_stated(text, tuple(actions), spoken)


@lru_cache(maxsize=64)  # a reasoning is read for its recommendation, and again for what it implies
def _read_stated(
    text: str, actions: tuple[str, ...], spoken: Callable[[str], str | None] | None
) -> tuple[tuple[str, ...], Status]:
    split = split_thoughts(text)
    if split.cut:
        return (), "truncated"
    shown, names = plain_signs(split.text), _names(actions, spoken)
    from_values = top_of_values(shown, names)
    if from_values:
        return from_values, "ok"
    marked = last_marked(shown, "stated", actions)
    if marked is not None:
        reading = _labels_of(marked, names, several=True)
        return reading.labels, reading.status
    marked = best_sentence(shown)
    if marked is None or _HOWEVER.search(marked.after):
        return (), "unparsable"
    reading = _labels_of(marked, names, several=True)
    if any(len(label) == 1 and label not in marked.value for label in reading.labels):
        return (), "unparsable"  # "is a": an article, or a sentence that was broken off
    return reading.labels, reading.status


def abstains(text: str) -> bool:
    """Whether the last final `ACTION=` of an answer says ABSTAIN."""
    marked = last_marked(plain_signs(split_thoughts(text).text), "done")
    return marked is not None and marked.value.strip(" \t*_`.'\"()[]<>").upper() == "ABSTAIN"


def whole_lines(text: str) -> str:
    """A text without its last line, in which an answer was cut off."""
    return text[: text.rfind("\n") + 1]


def match_label(text: str, actions: Sequence[str]) -> str | None:
    """The legal action that `text` begins with, as a whole word and whatever its case; None if there is none."""
    shown = plain_signs(text).strip()
    found = names_of(tuple(actions)).label_at(shown, 0)
    return None if found is None else found[0]


def replace_action(text: str, actions: Sequence[str], label: str) -> str | None:
    """The answer with another action in the place of its own, all else as it was; None where it takes none.

    A bare label, which is what is chosen by token probability, is replaced whole.
    """
    if text.strip() in actions:
        return text.replace(text.strip(), label)
    answer = split_thoughts(text).text
    offset = len(text) - len(answer) if text.endswith(answer) else -1
    shown = plain_signs(answer)
    own, status = read_action(text, actions)
    marked = last_marked(shown, "done", tuple(actions))
    if own is None or status != "ok" or marked is None or offset < 0 or len(shown) != len(answer):
        return None
    names = names_of(tuple(actions))
    place = next((m for m in names.here.finditer(shown, marked.begin) if names.label_of(m) == own), None)
    return None if place is None else text[: offset + place.start()] + label + text[offset + place.end() :]


def unread_place(text: str, situation: Situation, stated: bool = False) -> str:
    """Where the reading of an answer stopped, in words; empty where it did not.

    Args:
        stated: ask for the recommendation, not for what is done.
    """
    read: tuple[object, Status] = read_recommendation(text, situation) if stated else read_answer(text, situation)
    if read[1] == "ok":
        return ""
    split = split_thoughts(text)
    if split.cut:
        return "the answer ends inside its thought"
    shown = with_lines(plain_signs(split.text), situation)
    kind = "stated" if stated else "done" if situation.answer == "action" else "answer"
    marked = last_marked(shown, kind, situation.actions) or (best_sentence(shown) if stated else None)
    if marked is None:
        return f"no final {'BEST=' if stated else 'ACTION='} was found"
    if not marked.value.strip():
        return "nothing stands behind the last marker"
    if _goes_on(marked, _names(situation.actions, _spoken(situation))):
        return f"{_short(marked.value)!r} is taken back or goes on below: {_short(marked.after.strip())!r}"
    if situation.answer == "number":
        stopped = read_number(marked.value).stopped
    else:
        stopped = read_labels(marked.value, _names(situation.actions, _spoken(situation)), several=stated).stopped
    return f"not understood from {_short(marked.value[stopped or 0 :].strip() or marked.value)!r} on"


def place_read(text: str, situation: Situation, stated: bool = False) -> tuple[int, int] | None:
    """Where in an answer stands what was read of it, as (begin, end); None where nothing was read, or it has no place.

    A marker or a sentence is meant together with the label behind it. A bare label is the whole answer. A
    recommendation that follows from a table of values stands nowhere.

    Args:
        stated: the place of the recommendation, not of what is done.
    """
    bare = text.strip()
    if not stated and bare in situation.actions:
        begin = text.index(bare)
        return begin, begin + len(bare)
    read: tuple[object, Status] = read_recommendation(text, situation) if stated else read_answer(text, situation)
    answer = split_thoughts(text).text
    offset, shown = len(text) - len(answer), with_lines(plain_signs(answer), situation)
    if read[1] != "ok" or not text.endswith(answer) or len(shown) != len(answer):
        return None
    kind = "stated" if stated else "done" if situation.answer == "action" else "answer"
    marked = last_marked(shown, kind, situation.actions) or (best_sentence(shown) if stated else None)
    if marked is None:
        return None
    end = marked.begin + len(marked.value.rstrip())
    if situation.answer == "action":
        named = _names(situation.actions, _spoken(situation)).here.search(shown, marked.begin, end)
        end = named.end() if named else end
    return offset + marked.start, offset + end


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _spoken(situation: Situation) -> Callable[[str], str | None] | None:
    return None if situation.own else _SPOKEN.get(situation.task)


def _names(actions: Sequence[str], spoken: Callable[[str], str | None] | None) -> Names:
    return names_of(tuple(actions), spoken or (cell_named if _are_cells(tuple(actions)) else None))


def _are_cells(actions: tuple[str, ...]) -> bool:
    """Whether labels can only be the free cells of a board: digits below 9 with a gap, as no counted list has."""
    return set(actions) < set("012345678") and actions != tuple("012345678")[: len(actions)]


def _labels_of(marked: Marked, names: Names, *, several: bool) -> LabelReading:
    if not marked.whole:
        return LabelReading((), "unparsable", len(marked.value))
    reading = read_labels(marked.value, names, several=several)
    if reading.status == "ok" and _goes_on(marked, names, reading.labels, stated=several):
        return LabelReading((), "unparsable", len(marked.value))
    return reading


def _goes_on(marked: Marked, names: Names, labels: tuple[str, ...] = (), *, stated: bool = False) -> bool:
    """Whether the text below takes the answer back, or lists another one right below.

    Args:
        stated: what is recommended is read; what is chosen below may differ from it, and is an answer of its own.
    """
    if is_taken_back(marked.after) or names.mentions_any(_offered_below(marked.after)):
        return True
    if labels and any(
        names.label_of(m) not in labels
        and _IS_RIGHT.match(marked.after, m.end())
        and not _CONCEDES.search(marked.after[max(0, m.start() - 60) : m.start()])
        and not _keeps_to(marked.after[m.end() : m.end() + 200], names, labels)
        for m in names.here.finditer(marked.after, 0, OFFERED)
    ):
        return True
    if labels and any(
        names.label_of(m) not in labels
        for line in answers_again(marked.after, stated=stated)
        if not own_line_begins(line.lstrip("\n")) and not _says_again(line, names, labels)
        for m in names.here.finditer(line)
        if len(m[0]) > 1 or m[0] in names.actions and not re.match(r" [a-z]", line[m.end() :])
    ):
        return True
    below = marked.after.lstrip("\n").partition("\n")[0].strip()
    verdict = _VERDICT.match(below) if names.own.keys() >= {"yes", "no"} else None
    if verdict is not None and labels and verdict[1].casefold() not in labels:
        return True
    if not below or len(below) > 80 or own_line_begins(below):
        return False
    if _lists_options(marked, below, labels):
        return True
    listed = read_labels(below, names, several=False) if names.mentions_any(below) else None
    bare = listed is not None and listed.status == "ok" and len(below) <= len(listed.labels[0]) + 8
    return bare and listed is not None and listed.labels[0] not in labels


def _says_again(line: str, names: Names, labels: tuple[str, ...]) -> bool:
    """Whether a line names the answer itself before any other label: "I pick Red even though Blue is higher"."""
    first = next(names.here.finditer(line), None)
    return (
        first is not None
        and first[0].casefold() in {label.casefold() for label in labels}
        and (len(first[0]) > 1 or first[0] in names.actions)
        and not re.search(
            r"\b(?:not|never|n't|over|from|than|instead of|away|between|or)\b|n't\b", line[: first.start()]
        )
        and not re.match(r"\W{0,4}(?:or|and|to)\b", line[first.end() :], re.IGNORECASE)
        and not re.search(r"\b(?:but|or|if|unless|wait|actually)\b", line[first.end() :], re.IGNORECASE)
    )


def _keeps_to(behind: str, names: Names, labels: tuple[str, ...]) -> bool:
    """Whether the sentence goes on with what is chosen all the same: "Blue is better, but I'll stick with Red"."""
    kept = _KEEPS.search(behind)
    first = None if kept is None else names.here.match(behind, kept.end())
    return first is not None and first[0].casefold() in {label.casefold() for label in labels}


def _lists_options(marked: Marked, below: str, labels: tuple[str, ...]) -> bool:
    """Whether the next line is another option, written out as the answer is: "B. Fever" and below it "D. Cough"."""
    option = _OPTION.match(below)
    return (
        option is not None
        and not marked.after.startswith("\n\n")
        and _OPTION.match(marked.value) is not None
        and option[1] not in labels
        and not re.search(r"\b(?:wrong|incorrect|not|because|since|is|was|has)\b", below, re.IGNORECASE)
    )


def _offered_below(after: str) -> str:
    """What the text below offers instead, such as "If you want to explore, press Blue"."""
    return " ".join(m[0] for m in _OFFERS.finditer(after, 0, OFFERED))


def _value_behind(text: str, kind: str) -> str:
    marked = last_marked(text, kind)
    return "" if marked is None else marked.value.strip()
