"""Question files as rows: JSON lines, CSV, GSM8K, MMLU and Hugging Face data sets, read as they are.

Invariant: every row becomes a `Question` or a `MalformedRow` with its number and the reason; none is silently dropped,
none is guessed. The number is the line of JSON lines, the record of a CSV file with its heading as record 1, or the row
of a data set from 1.

    jsonl   {"question": ..., "answer": ..., "choices": [...]}. The answer to a choice is its letter, its text, or,
            where choices are texts, its 0-based index as a JSON integer. An answer that fits two choices is malformed
    csv     a heading with question and answer, and for choices A, B, C, ...
    gsm8k   JSON lines whose answer ends in "#### 18" (Cobbe et al. 2021)
    mmlu    CSV without a heading: question, A, B, C, D, letter (Hendrycks et al. 2021)
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast

from ..errors import BadOption, MissingExtra
from ..records import normal_form
from .numbers import canonical_number

__all__ = [
    "FORMATS",
    "KINDS",
    "LETTERS",
    "Kind",
    "MalformedRow",
    "Question",
    "load_from_hub",
    "normalise_text",
    "parse_questions",
]

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FORMATS = ("jsonl", "csv", "gsm8k", "mmlu", "hf")
Kind = Literal["numeric", "choice", "exact"]
KINDS: tuple[Kind, ...] = ("numeric", "choice", "exact")
MARK = "####"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `answer` is a canonical number, the right one of `choices`, or a text, as `kind` says."""

    row: int
    text: str
    answer: str
    kind: Kind
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MalformedRow:
    """A row that is not a question, and why."""

    row: int
    reason: str


def parse_questions(
    data: str | Sequence[Row], path: str, layout: str, kind: str
) -> tuple[str, list[Question], list[MalformedRow]]:
    """(layout, questions, malformed rows) of a file's text, or of the rows of a data set.

    Args:
        path: the file's name in errors; where the layout is "auto", its ending decides.
        layout: one of `FORMATS` or "auto".
        kind: one of `KINDS` or "auto".

    Raises:
        BadOption: the layout cannot be determined.
    """
    if layout == "auto":
        layout = _layout(cast(str, data), path)
    rows = _read(data, layout) if isinstance(data, str) else iter(enumerate(data, 1))
    good: list[Question] = []
    bad: list[MalformedRow] = []
    for number, row in rows:
        made = row if isinstance(row, str) else _question(number, row, layout, kind)
        if isinstance(made, Question):
            good.append(made)
        else:
            bad.append(MalformedRow(number, made))
    return layout, good, bad


def load_from_hub(name: str, subset: str, split: str) -> list[Row]:
    """The rows of a Hugging Face data set.

    Raises:
        MissingExtra: the package `datasets` is not installed.
        BadOption: there is no such data set, subset or split, or it cannot be reached.
    """
    try:
        datasets: Any = import_module("datasets")
    except ImportError:
        raise MissingExtra.of("datasets", "datasets") from None
    try:
        return [dict(row) for row in datasets.load_dataset(name, subset or None, split=split)]
    except (OSError, ValueError) as error:
        what = f"the data set {name!r} cannot be loaded"
        raise BadOption(what, str(error), "Check its name, subset and split.") from None


def normalise_text(text: str) -> str:
    """A text as exact answers are compared: case, spaces, quotes, emphasis and a final full stop do not count."""
    return normal_form(text)


def _layout(text: str, path: str) -> str:
    ending = Path(path).suffix.lower()
    if ending in (".jsonl", ".ndjson", ".json"):
        answers = (row.get("answer") for _, row in _read(text, "jsonl") if isinstance(row, dict))
        first = next((a for a in answers if a is not None), None)
        return "gsm8k" if isinstance(first, str) and MARK in first else "jsonl"
    if ending == ".csv":
        try:
            heading = next(csv.reader(io.StringIO(text, newline="")), [])
        except csv.Error as error:
            raise BadOption(
                f"the layout of {path!r} cannot be determined", f"row 1: {error}", "Mend its quotes."
            ) from None
        if {"question", "answer"} <= {name.strip().casefold() for name in heading}:
            return "csv"
        if len(heading) == 6 and heading[-1].strip() in LETTERS[:4]:
            return "mmlu"
        why = f"its first record is {', '.join(heading)[:80] or 'empty'}"
        raise BadOption(f"the layout of {path!r} cannot be determined", why, "Give a heading with question and answer.")
    raise BadOption(f"the layout of {path!r} cannot be determined", f"its name ends in {ending!r}", "Give its format.")


def _read(text: str, layout: str) -> Iterator[tuple[int, Row | str]]:
    """Numbered rows; a malformed row is a string that says what is wrong with it."""
    if layout in ("jsonl", "gsm8k"):
        # Only "\n" ends a line of JSON: the text of a question may hold any other line separator.
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                yield number, _object(line)
        return
    names = ("question", *LETTERS[:4], "answer")
    for number, record in _records(text):
        if isinstance(record, str):
            yield number, record
        elif layout == "csv" and number == 1:
            names = tuple(n.strip().upper() if len(n.strip()) == 1 else n.strip().casefold() for n in record)
        elif len(record) != len(names):
            yield number, f"it has {len(record)} fields instead of {len(names)}"
        else:
            row: Row = dict(zip(names, record, strict=True))
            choices = [row[letter] for letter in LETTERS if row.get(letter, "").strip()]
            yield number, {**row, "choices": choices} if choices else row


def _object(line: str) -> Row | str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"it is not JSON: {error}"
    return row if isinstance(row, dict) else f"it is not an object but a {type(row).__name__}"


def _records(text: str) -> Iterator[tuple[int, list[str] | str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 0
    while True:
        number += 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, f"it is not CSV: {error}"
            continue
        if any(field.strip() for field in record):
            yield number, record


def _question(number: int, row: Row, layout: str, kind: str) -> Question | str:
    """The question, or why the row is malformed."""
    text, answer, choices = row.get("question"), row.get("answer"), row.get("choices")
    if not isinstance(text, str) or not text.strip():
        return "it has no question"
    parts = [text, answer, *(choices if isinstance(choices, list | tuple) else ())]
    if any("\ud800" <= c <= "\udfff" for part in parts if isinstance(part, str) for c in part):
        return "its text holds half a surrogate pair, which no file can hold"
    if isinstance(answer, bool) or not isinstance(answer, str | int | float) or not str(answer).strip():
        return "it has no answer" if answer is None or answer == "" else f"its answer is a {type(answer).__name__}"
    if layout == "gsm8k" or (layout == "hf" and MARK in str(answer)):
        if MARK not in str(answer):
            return f"its answer has no {MARK!r}"
        answer = str(answer).rpartition(MARK)[2].strip().removeprefix("$")
    if choices is not None:
        options = _choices(choices)
        if isinstance(options, str):
            return options
        right = _right(answer, choices, options, letters_only=layout == "mmlu")
        if right not in options:
            return right
        if kind in ("auto", "choice"):
            return Question(number, text.strip(), right, "choice", options)
        answer = right
    elif kind == "choice":
        return "it has no choices"
    value = canonical_number(str(answer))
    if kind == "numeric" or layout == "gsm8k" or (kind == "auto" and value is not None):
        return (
            f"its answer {str(answer)[:40]!r} is not a number"
            if value is None
            else _made(number, text, value, "numeric")
        )
    return _made(number, text, str(answer).strip(), "exact") if normalise_text(str(answer)) else "it has no answer"


def _made(number: int, text: str, answer: str, kind: Kind) -> Question:
    return Question(number, text.strip(), answer, kind)


def _choices(choices: Any) -> tuple[str, ...] | str:
    if not isinstance(choices, list) or not all(isinstance(c, str | int | float) for c in choices):
        return "its choices are not a list of texts"
    options = tuple(str(c).strip() for c in choices)
    if not 2 <= len(options) <= len(LETTERS):
        return f"it has {len(options)} choices; 2 to {len(LETTERS)} can be shown"
    return (
        options
        if len(set(options)) == len(options) and all(options)
        else "two of its choices are alike, or one is empty"
    )


def _right(answer: str | int | float, choices: list[Any], options: tuple[str, ...], letters_only: bool) -> str:
    """The right option, or why there is none."""
    matches: set[str] = set()
    if isinstance(answer, str):
        place = LETTERS.find(answer.strip()) if len(answer.strip()) == 1 else -1
        matches |= {options[place]} if 0 <= place < len(options) else set()
        matches |= {answer.strip()} & set(options) if not letters_only else set()
    elif all(isinstance(c, str) for c in choices):
        matches |= {options[answer]} if isinstance(answer, int) and 0 <= answer < len(options) else set()
    else:
        matches |= {str(answer)} & set(options)
    if len(matches) == 1:
        return matches.pop()
    return f"its answer {str(answer)[:40]!r} is {'two' if matches else 'none'} of its choices"
