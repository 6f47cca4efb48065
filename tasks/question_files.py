"""Question files as rows: JSON, JSON lines, CSV, TSV, GSM8K, MMLU and Hugging Face data sets, read as they are.

Invariant: every row becomes a `Question` or a `MalformedRow` with its number and the reason; none is silently dropped,
none is guessed. The number is the line of JSON lines, the record of a CSV file with its heading as record 1, or the row
of a JSON list or data set from 1. What a row may hold, and under which names, is in `question_rows.py`.

    jsonl   a JSON object a line, a JSON list of objects, or one object
    csv     a heading, and fields separated by commas, semicolons or tabs
    gsm8k   JSON lines whose answer ends in "#### 18" (Cobbe et al. 2021)
    mmlu    CSV without a heading: question, A, B, C, D, letter (Hendrycks et al. 2021)
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, cast

from ..errors import BadOption, MissingExtra
from ..records import normal_form
from .numbers import canonical_number
from .question_keys import LETTERS, QuestionDraft, count_from
from .question_rows import Row, draft_row, key_columns

FORMATS = ("jsonl", "csv", "gsm8k", "mmlu", "hf")
Kind = Literal["numeric", "choice", "exact"]
KINDS: tuple[Kind, ...] = ("numeric", "choice", "exact")
MARK = "####"
ENDINGS = {".jsonl": "json", ".ndjson": "json", ".json": "json", ".csv": "csv", ".tsv": "csv", ".tab": "csv"}
SEPARATORS = (",", ";", "\t")
NO_TEXTS = ("nan", "<na>", "null", "none", "n/a")  # what tables write where there is no answer


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
    data: str | Sequence[Row], path: str, layout: str, kind: str, key: str = "auto"
) -> tuple[str, list[Question], list[MalformedRow]]:
    """(layout, questions, malformed rows) of a file's text, or of the rows of a data set.

    Args:
        path: the file's name in errors; where the layout is "auto", its ending decides.
        layout: one of `FORMATS` or "auto".
        kind: one of `KINDS` or "auto".
        key: how the right option is named, one of `KEYS` or "auto".

    Raises:
        BadOption: the layout cannot be determined, or the file as a whole is not what its layout says.
    """
    if layout == "auto":
        layout = _layout(cast(str, data), path)
    rows = _read(data, layout, path) if isinstance(data, str) else iter(enumerate(data, 1))
    drafts = [(number, row if isinstance(row, str) else _draft(number, row, layout, kind)) for number, row in rows]
    start = count_from([draft for _, draft in drafts if isinstance(draft, QuestionDraft)])
    if layout == "mmlu" and key == "auto":
        key = "letter"
    good: list[Question] = []
    bad: list[MalformedRow] = []
    for number, draft in drafts:
        made = draft if isinstance(draft, str) else _question(draft, layout, kind, key, start)
        if isinstance(made, Question):
            good.append(made)
        else:
            bad.append(MalformedRow(number, made))
    return layout, good, bad


def load_from_hub(name: str, subset: str, split: str) -> list[Row]:
    """The rows of a Hugging Face data set; a number that stands for a class is replaced by the name of the class.

    Raises:
        MissingExtra: the package `datasets` is not installed.
        BadOption: there is no such data set, subset or split, or it cannot be reached.
    """
    try:
        datasets: Any = import_module("datasets")
    except ImportError:
        raise MissingExtra.of("datasets", "datasets") from None
    try:
        loaded = datasets.load_dataset(name, subset or None, split=split)
        features = getattr(loaded, "features", None) or {}
        classes = {column: names for column, f in features.items() if (names := getattr(f, "names", None))}
        return [_with_class_names(dict(row), classes) for row in loaded]
    except (OSError, ValueError) as error:
        what = f"the data set {name!r} cannot be loaded"
        raise BadOption(what, str(error), "Check its name, subset and split.") from None


def _with_class_names(row: Row, classes: dict[str, list[str]]) -> Row:
    for column, names in classes.items():
        place = row.get(column)
        if isinstance(place, int) and 0 <= place < len(names):
            row[column] = names[place]
    return row


def _layout(text: str, path: str) -> str:
    ending = Path(path).suffix.lower()
    if ENDINGS.get(ending) == "json":
        answers = (row.get("answer") for _, row in _read(text, "jsonl", path) if isinstance(row, dict))
        first = next((a for a in answers if a is not None), None)
        return "gsm8k" if isinstance(first, str) and MARK in first else "jsonl"
    if ENDINGS.get(ending) == "csv":
        heading, why = _heading(text)
        if all(key_columns(heading)):
            return "csv"
        if len(heading) == 6 and heading[-1].strip() in LETTERS[:4]:
            return "mmlu"
        why = why or f"its first record is {', '.join(heading)[:80] or 'empty'}"
        raise BadOption(f"the layout of {path!r} cannot be determined", why, "Give a heading with question and answer.")
    raise BadOption(f"the layout of {path!r} cannot be determined", f"its name ends in {ending!r}", "Give its format.")


def _heading(text: str) -> tuple[list[str], str]:
    """(the fields of the first record, why it cannot be read)."""
    first = next(_records(text, _separator(text)), (1, []))[1]
    return ([], f"row 1: {first}") if isinstance(first, str) else (first, "")


def _separator(text: str) -> str:
    """What separates the fields: the sign at which the first record falls into most fields; a comma where none does."""
    counts = {s: len(r) for s in SEPARATORS if isinstance(r := next(_records(text, s), (1, []))[1], list)}
    return max(counts, key=lambda s: counts[s]) if counts else ","


def _read(text: str, layout: str, path: str) -> Iterator[tuple[int, Row | str]]:
    """Numbered rows; a malformed row is a string that says what is wrong with it."""
    if layout in ("jsonl", "gsm8k"):
        yield from _json_rows(text, path)
        return
    names = ["question", *LETTERS[:4], "answer"]
    for number, record in _records(text, _separator(text)):
        if isinstance(record, str):
            yield number, record
        elif layout == "csv" and number == 1:
            names = [n.strip().casefold() for n in record]
            twice = {n for n in names if n and names.count(n) > 1}
            if twice:
                raise BadOption(f"{path!r} has two columns named {twice.pop()!r}", remedy="Rename or remove one.")
        elif len(record) != len(names):
            yield number, f"it has {len(record)} fields instead of {len(names)}"
        else:
            yield number, {n: v for n, v in zip(names, record, strict=True) if n}


def _json_rows(text: str, path: str) -> Iterator[tuple[int, Row | str]]:
    whole = text.strip()
    lines = text.split("\n")  # only "\n" ends a line of JSON: a text may hold any other line separator
    first = next((line for line in lines if line.strip()), "")
    if whole and (first.strip() == whole or isinstance(_object(first), str)):  # the file may be one value
        try:
            value = json.loads(whole)
        except (ValueError, RecursionError) as error:
            if whole.startswith("[") and not _is_json(first):
                raise BadOption(f"{path!r} is not a JSON list", str(error), "Mend it, or write a row a line.") from None
        else:
            tables = [v for v in value.values() if isinstance(v, list)] if isinstance(value, dict) else []
            if isinstance(value, list):
                yield from enumerate(map(_as_row, value), 1)
                return
            if isinstance(value, dict):
                one = not any(key_columns(value)) and len(tables) == 1
                yield from enumerate(map(_as_row, tables[0] if one else [value]), 1)
                return
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield number, _object(line)


def _object(line: str) -> Row | str:
    stripped = line.strip()
    try:
        row = json.loads(stripped.removesuffix(",") if stripped.startswith("{") else stripped)
    except (ValueError, RecursionError) as error:
        return f"it is not JSON: {error}"
    return _as_row(row)


def _as_row(value: Any) -> Row | str:
    return value if isinstance(value, dict) else f"it is not an object but a {type(value).__name__}"


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _records(text: str, separator: str) -> Iterator[tuple[int, list[str] | str]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
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


def _draft(number: int, row: Row, layout: str, kind: str) -> QuestionDraft | str:
    draft = draft_row(number, row, kind in ("numeric", "exact"))
    if isinstance(draft, str) or not draft.keys:
        return draft
    (column, answer), *others = draft.keys
    marked = MARK in str(answer)
    if layout == "gsm8k" or (layout == "hf" and marked):
        if not marked:
            return f"its answer has no {MARK!r}"
        return replace(draft, keys=((column, str(answer).rpartition(MARK)[2].strip().removeprefix("$")), *others))
    return draft


def _question(draft: QuestionDraft, layout: str, kind: str, key: str, start: int | None) -> Question | str:
    """The question, or why the row is malformed."""
    options = draft.choices.texts
    if options:
        place = draft.right(key, start)
        if isinstance(place, str):
            return place
        if kind in ("auto", "choice"):
            return Question(draft.row, draft.text, options[place], "choice", options)
        answer = options[place]
    elif kind == "choice":
        return "it has no choices"
    else:
        answer = str(draft.keys[0][1]).strip()
    value = canonical_number(answer)
    if kind == "numeric" or layout == "gsm8k" or (kind == "auto" and value is not None):
        if value is None:
            return f"its answer {answer[:40]!r} is not a number"
        return Question(draft.row, draft.text, value, "numeric")
    if not normal_form(answer) or (not options and kind == "auto" and answer.casefold() in NO_TEXTS):
        return "it has no answer"
    return Question(draft.row, draft.text, answer, "exact")
