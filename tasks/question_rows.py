"""One row of a question file, whatever its columns are called: what is asked, the options, and which of them is right.

Invariant: a row whose options are not understood is no open question. A row is a draft first, since what its key means
may depend on the other rows (`question_keys.py`).
"""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from ..records import digest
from .question_keys import LABEL, LETTERS, PREFIX, Choices, QuestionDraft, index_in

Row = dict[str, Any]

QUESTION = (
    "question", "query", "problem", "question_stem", "stem", "prompt", "sentence", "ctx", "goal", "input",
    "startphrase",
)  # fmt: skip
CONTEXT = (
    "context", "passage", "article", "paragraph", "story", "document", "body", "premise", "scenario", "dialogue",
    "background", "sentence", "support",
)  # fmt: skip
OPTIONS = ("choices", "options", "endings", "alternatives", "candidates", "answer_choices", "answers")
ANSWER = (
    "answer", "answerkey", "answer_key", "correct_answer", "correct", "correct_option", "correct_choice",
    "right_answer", "answer_idx", "answer_index", "answer_letter", "correct_index", "correct_idx", "correct_label",
)  # fmt: skip
ANSWER_ELSE = ("label", "gold", "target", "cop")  # keys only where no column of `ANSWER` is there
FAMILIES = (
    "", "option", "opt", "op", "choice", "answer", "ans", "alternative", "alt", "candidate", "ending", "sol", "hyp",
)  # fmt: skip
WRONG = re.compile(r"(?:distractor|(?:incorrect|wrong|false)_answer)(?:s|_?[0-9]{1,2})?")
RIGHT_BESIDE_WRONG = ("correct_answer", "right_answer", "best_answer", "answer")
MISSING = ("nan", "<na>", "null")

_MEMBER = re.compile(r"(.*?)[ _.-]?([a-z]|[0-9]{1,2})", re.DOTALL)


def draft_row(number: int, row: Row, open_kind: bool) -> QuestionDraft | str:
    """The parts of a row, or why it is no question.

    Args:
        open_kind: the user says that answers are numbers or texts, so a single letter may be one.
    """
    columns = {_named(name): value for name, value in row.items()}
    if len(columns) < len(row):
        return "two of its columns have one name"
    if isinstance(columns.get("question"), Mapping):  # ARC and CommonsenseQA as published: question = {stem, choices}
        columns = {**columns, **{_named(k): v for k, v in columns.pop("question").items()}}
    text = _asked(columns)
    if isinstance(text, tuple):
        return text[0]
    found = _options(columns)
    if isinstance(found, str):
        return found
    keys = _keys(columns) if found.marked is None else ()
    if isinstance(keys, str):
        return keys
    if any("\ud800" <= c <= "\udfff" for part in (text, *found.texts, *(str(v) for _, v in keys)) for c in part):
        return "its text holds half a surrogate pair, which no file can hold"
    if not found.texts and not open_kind:
        unseen = _unseen(columns, keys)
        if unseen:
            return unseen
    start = 0 if "endings" in columns and "ctx" in columns else None  # HellaSwag's labels count from 0
    return QuestionDraft(number, text, found, keys if found.texts else keys[:1], start)


def key_columns(names: Iterable[str]) -> tuple[bool, bool]:
    """Whether among the names of columns there are a question and a key."""
    known = set(map(_named, names))
    return bool(known & set(QUESTION)), bool(known & {*ANSWER, *ANSWER_ELSE})


def _named(column: object) -> str:
    return str(column).strip().lower().replace(" ", "_")


def _asked(columns: Row) -> str | tuple[str]:
    """The text that is shown, with what it is about; or (why there is none,)."""
    name = next((n for n in QUESTION if isinstance(columns.get(n), str) and not _is_missing(columns[n])), None)
    if name is None:
        several = isinstance(columns.get("questions"), list | tuple)
        return ("it holds several questions: write a row for each",) if several else ("it has no question",)
    about = []
    for context in CONTEXT:
        value = columns.get(context)
        if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
            value = "\n".join(value)
        if value is None or (isinstance(value, str) and _is_missing(value)):
            continue
        if not isinstance(value, str):
            return (f"its {context} is a {type(value).__name__} and cannot be shown",)
        about.append(value.strip())
    return "\n\n".join(dict.fromkeys([*about, columns[name].strip()]))


def _is_missing(value: Any) -> bool:
    if isinstance(value, float):
        return not isfinite(value)
    return value is None or (isinstance(value, str) and value.strip().lower() in ("", *MISSING))


def _options(columns: Row) -> Choices | str:
    """The options of a row, or what is wrong with them."""
    found: list[Choices | str] = []
    if isinstance(columns.get("mc1_targets"), Mapping):
        found.append(_marked(columns["mc1_targets"]))
    for name in OPTIONS:
        value = columns.get(name)
        if _is_missing(value) or (name == "answers" and (found or not isinstance(value, list | tuple))):
            continue
        found.append(_listed(value))
    found += _families(columns)
    found += [] if found else _beside_wrong(columns)
    wrong = next((each for each in found if isinstance(each, str)), None)
    if wrong is not None:
        return wrong
    sets = {each.texts: each for each in found if isinstance(each, Choices)}
    if len(sets) > 1:
        return "it has two sets of choices"
    return next(iter(sets.values()), Choices())


def _marked(value: Mapping[str, Any]) -> Choices | str:
    """Options with 1 for a right one and 0 for others, as in TruthfulQA: two lists, or a table by text."""
    texts, marks = value.get("choices"), value.get("labels")
    if texts is None and marks is None:
        texts, marks = list(value), list(value.values())
    if not isinstance(texts, list | tuple) or not isinstance(marks, list | tuple) or len(texts) != len(marks):
        return "its mc1_targets are not choices with labels"
    return _checked(texts, marked=tuple(i for i, mark in enumerate(marks) if mark == 1))


def _listed(value: Any) -> Choices | str:
    """Options in one column: a list, a table of labels, texts beside labels, or one of these written as text."""
    if isinstance(value, str):
        value = _literal(value)
    labels: list[str] = []
    marked = None
    if isinstance(value, Mapping):
        texts = next((value[n] for n in ("text", "texts", "choices", "options") if n in value), None)
        if isinstance(texts, list | tuple):
            labels = [str(v).strip().lower() for v in value.get("label", value.get("labels")) or ()]
            value = texts
        else:
            kept = _without_tail(list(value.items()))
            labels, value = [str(k).strip().lower() for k, _ in kept], [v for _, v in kept]
    elif isinstance(value, list | tuple) and value and all(isinstance(v, Mapping) for v in value):
        marks = [_part(v, ("is_correct", "iscorrect", "correct")) for v in value]
        if all(isinstance(mark, bool) for mark in marks):
            marked = tuple(i for i, mark in enumerate(marks) if mark)
        labels = [str(v).strip().lower() for v in (_part(v, ("label", "key", "letter", "id")) for v in value) if v]
        value = [_part(v, ("text", "value", "option", "content", "answer")) for v in value]
    if not isinstance(value, list | tuple) or any(isinstance(v, bool) for v in value):
        return "its choices are not a list of texts"
    if labels and (len(labels) != len(value) or len(set(labels)) < len(labels)):
        return f"it has {len(value)} choices and {len(set(labels))} labels for them"
    return _checked(value, tuple(labels), marked=marked)


def _literal(text: str) -> Any:
    """A list or table that is written out in one cell, as JSON or as Python prints it; else the text."""
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return text


def _part(item: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((item[n] for n in names if n in item), None)


def _families(columns: Row) -> list[Choices | str]:
    """Options in columns of their own: A, B, C; option1, option2; choice_a, choice_b; ..."""
    members: dict[tuple[str, bool], dict[str, Any]] = {}
    for name, value in columns.items():
        match = _MEMBER.fullmatch(name)
        if match and match[1] in FAMILIES and name not in (*OPTIONS, *QUESTION, *CONTEXT, *ANSWER):
            members.setdefault((match[1], match[2].isdecimal()), {})[match[2]] = value
    found: list[Choices | str] = []
    for (_, numbers), family in members.items():
        first = ("0" if "0" in family else "1") if numbers else "a"
        names = [str(int(first) + i) if numbers else chr(ord(first) + i) for i in range(len(family))]
        if first not in family or len(family) < 2:
            continue
        if set(names) != set(family):
            found.append(f"its columns of choices leave some out: {', '.join(sorted(family)).upper()}")
            continue
        kept = _without_tail([(n, family[n]) for n in names])
        if kept:
            labels = () if first == "1" else tuple(n for n, _ in kept)
            found.append(_checked([v for _, v in kept], labels, first == "1"))
    return found


def _beside_wrong(columns: Row) -> list[Choices | str]:
    """The options of a row that tells the right one from wrong ones, as SciQ and GPQA do, in an order of their own."""
    wrong: list[Any] = []
    for name, value in columns.items():
        if WRONG.fullmatch(name):
            value = _literal(value) if isinstance(value, str) and name.endswith("s") else value
            wrong += value if isinstance(value, list | tuple) else [value]
    right = next((columns[n] for n in RIGHT_BESIDE_WRONG if not _is_missing(columns.get(n))), None)
    if not wrong or right is None:
        return []
    options = [right, *(value for _, value in _without_tail(list(enumerate(wrong))))]
    return [_checked(sorted(options, key=lambda option: digest(str(option).strip(), 8)))]


def _without_tail(pairs: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Without the empty ones at the end, which rows with fewer choices have."""
    while pairs and _is_missing(pairs[-1][1]):
        pairs = pairs[:-1]
    return pairs


def _checked(
    values: Sequence[Any], labels: tuple[str, ...] = (), counted: bool = False, marked: tuple[int, ...] | None = None
) -> Choices | str:
    if any(_is_missing(v) for v in values):
        empty = [(labels[i] if labels else str(i + 1)).upper() for i, v in enumerate(values) if _is_missing(v)]
        return f"one of its choices is empty: {', '.join(empty)}"
    if not all(isinstance(v, str | int | float) for v in values):
        return "its choices are not a list of texts"
    texts = tuple(unicodedata.normalize("NFC", str(v).strip()) for v in values)
    if not 2 <= len(texts) <= len(LETTERS):
        return f"it has {len(texts)} choices; 2 to {len(LETTERS)} can be shown"
    dressed = [m for m in map(PREFIX.fullmatch, texts) if m and m[4].strip()]
    letters = "".join(m[1] or m[2] or m[3] for m in dressed)
    if letters == LETTERS[: len(texts)]:
        texts = tuple(m[4].strip() for m in dressed)
    elif sorted(letters) == list(LETTERS[: len(texts)]):
        return f"the letters in its choices are in the order {', '.join(letters)}"
    if len(set(texts)) < len(texts):
        return "two of its choices are alike"
    return Choices(texts, labels, all(isinstance(v, int | float) for v in values), counted, marked)


def _keys(columns: Row) -> tuple[tuple[str, Any], ...] | str:
    names = [n for n in ANSWER if n in columns] or [n for n in ANSWER_ELSE if n in columns]
    keys = tuple((n, columns[n]) for n in names if not _is_missing(columns[n]))
    if not keys:
        return "it has no answer"
    for _, value in keys:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return f"its answer is a {type(value).__name__}"
    return keys


def _unseen(columns: Row, keys: Sequence[tuple[str, Any]]) -> str:
    """Why an open question is believed to have options that were not understood; empty where it is not."""
    value = keys[0][1]
    match = LABEL.fullmatch(str(value).strip())
    if match and (match[1].isupper() or match[1] in "abcdefghij"):
        return f"its answer is the letter {str(value).strip()!r} and it has no options: name their column options"
    for name, column in columns.items():
        if not isinstance(column, list | tuple) or len(column) < 2 or not all(isinstance(c, str) for c in column):
            continue
        index = index_in(value)
        if str(value).strip() in column or (index is not None and index <= len(column)):
            return f"its {name} may be its choices: call that column options, or say kind = 'numeric' or 'exact'"
    return ""
