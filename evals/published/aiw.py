"""Scores the published responses to Alice-in-Wonderland prompts (Nezhurina et al. 2024; repository LAION-AI/AIW).

A file is a JSON list (or JSON lines) of rows with `model`, `prompt`, `model_response` and `right_answer`. What its
authors made of a response, `parsed_answer` and `correct`, is compared with ours where it is there. Answers may be text,
numbers, "003", null or "null".

The rule that reads an answer is part of every result, since it moves the rates. Both look at the lower-cased response:
    first   the first integer behind the first "answer:", else behind the first "has", as the published script does;
            right for base models, whose text runs on into problems of their own.
    last    the same with the last "answer:" (or "has") that has an integer behind it; right for reflective models,
            whose text states an answer and then another.

Invariants: every row is either scored or reported with its number and the reason; a response without an integer is
scored, as wrong; answers are compared as numbers, so that "003" is 3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import scipy
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ...errors import BadOption, UnknownName
from ..inference import estimate

__all__ = [
    "RULES",
    "AiwScore",
    "AiwUnscored",
    "ModelScore",
    "Rate",
    "read_integer",
    "score_and_show",
    "score_file",
    "show_aiw_score",
]

Rule = Literal["first", "last"]
RULES: tuple[Rule, ...] = ("first", "last")
MARKERS = ("answer:", "has")
LONGEST = 110  # characters of a prompt that are printed
SHOWN = 10  # unscored rows that are printed; all are in the result

_INTEGER = re.compile(r"[0-9]+")
_NUMBER = re.compile(r"([-+]?)0*([0-9]+?)(?:\.0*)?")
_SPEAKER = re.compile(r".*<\|start_header_id\|>user<\|end_header_id\|>", re.DOTALL)
_TASK = re.compile(
    r"\s*(?:Before providing answer|Solve this problem|To answer the question|Provide the final|###).*", re.S
)


@dataclass(frozen=True, slots=True)
class AiwUnscored:
    """A row that cannot be scored: its number in the file, from 1, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class Rate:
    """Right answers of one model to one prompt, with the 95 % Wilson interval; trials are independent."""

    prompt: str
    right: str
    rows: int
    correct: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Share of right answers."""
        return self.correct / self.rows


@dataclass(frozen=True, slots=True)
class ModelScore:
    """One model: a variation is a distinct prompt, in the order of the file.

    `low` and `high` are the 95 % interval of its rate over prompts, each one cluster; of a single prompt it is the
    prompt's own, over its trials.
    """

    model: str
    rows: int
    parsed: int
    correct: int
    low: float
    high: float
    variations: tuple[Rate, ...]

    @property
    def spread(self) -> float:
        """Highest minus lowest rate over the variations: 0 for who solves all alike."""
        rates = [v.value for v in self.variations]
        return max(rates) - min(rates)


@dataclass(frozen=True, slots=True)
class AiwScore:
    """What a file of responses says under one rule.

    Attributes:
        rows: scored rows; `parsed` of them hold an integer, `correct` the right one.
        other: the other rule, and how many are right under that.
        agrees_parsed, agrees_correct: (rows on which we and the file agree, rows on which the file says anything).
    """

    path: str
    rule: Rule
    rows: int
    parsed: int
    correct: int
    other: tuple[Rule, int]
    agrees_parsed: tuple[int, int]
    agrees_correct: tuple[int, int]
    models: tuple[ModelScore, ...]
    unscored: tuple[AiwUnscored, ...]


def read_integer(response: str, rule: Rule) -> str | None:
    """The answer in a response under a rule, without leading zeros; None where there is none."""
    text = response.replace("\n", " ").lower()
    for marker in MARKERS:
        place = text.find(marker)
        if place < 0:
            continue
        if rule == "last":
            final = _last_integer(text)
            place = text.rfind(marker, place, final) if final > place else -1
        match = _INTEGER.search(text, place + len(marker)) if place >= 0 else None
        if match is not None:
            return match[0].lstrip("0") or "0"
    return None


def score_file(path: Path | str, rule: str = "first") -> AiwScore:
    """Score every row of a file of published responses.

    Raises:
        UnknownName: no such rule.
        BadOption: there is no such file, it is no list of rows, or none of them can be scored.
    """
    chosen = next((r for r in RULES if r == rule), None)
    if chosen is None:
        raise UnknownName.among("answer rule", str(rule), RULES)
    scored: list[_Row] = []
    unscored: list[AiwUnscored] = []
    for number, raw in _rows(Path(path)):
        row = _read(raw)
        if isinstance(row, str):
            unscored.append(AiwUnscored(number, row))
        else:
            scored.append(row)
    if not scored:
        first = f"row {unscored[0].row}: {unscored[0].reason}" if unscored else "it holds no row"
        raise BadOption(f"no row of {str(path)!r} can be scored", first, _REMEDY)
    other = RULES[1 - RULES.index(chosen)]
    answers = [read_integer(r.response, chosen) for r in scored]
    good = [s == r.right for s, r in zip(answers, scored, strict=True)]
    agreeing = [s == r.stored for s, r in zip(answers, scored, strict=True) if r.stored != _ABSENT]
    judged = [g == r.verdict for g, r in zip(good, scored, strict=True) if r.verdict is not None]
    return AiwScore(
        path=str(path),
        rule=chosen,
        rows=len(scored),
        parsed=sum(s is not None for s in answers),
        correct=sum(good),
        other=(other, sum(read_integer(r.response, other) == r.right for r in scored)),
        agrees_parsed=(sum(agreeing), len(agreeing)),
        agrees_correct=(sum(judged), len(judged)),
        models=tuple(_models(scored, answers, good)),
        unscored=tuple(unscored),
    )


def score_and_show(path: Path | str, rule: str, console: Console) -> AiwScore:
    """Score a file, print the result, return it."""
    score = score_file(path, rule)
    show_aiw_score(score, console)
    return score


def show_aiw_score(score: AiwScore, console: Console) -> None:
    """Print a score: totals, agreement with the file, rates per model and variation, and what could not be scored."""
    console.print(Text(f"{score.path}: rule {score.rule!r}", style="bold"))
    lines = [f"{score.parsed}/{score.rows} parsed, {score.correct} correct"]
    lines.append(f"under rule {score.other[0]!r}: {score.other[1]} correct")
    for name, (same, of) in (("answers", score.agrees_parsed), ("verdicts", score.agrees_correct)):
        lines.append(f"agrees {same}/{of} with the file's {name}" if of else f"the file holds no {name} of its own")
    console.print(Text("\n".join(lines)))
    if score.models:
        console.print(_table(score))
    if score.unscored:
        console.print(Text(f"{len(score.unscored)} rows could not be scored:", style="bold"))
    for row in score.unscored[:SHOWN]:
        console.print(Text(f"  {score.path}, row {row.row}: {row.reason}"))
    if len(score.unscored) > SHOWN:
        console.print(Text(f"  and {len(score.unscored) - SHOWN} more"))


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that can be scored; `stored` and `verdict` are what the file says of it."""

    model: str
    prompt: str
    response: str
    right: str
    stored: str | None
    verdict: bool | None


_ABSENT = "absent"


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    """The rows of a JSON list or of JSON lines, numbered from 1; a line that is no JSON is the error that it raises."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadOption(f"there is no file {str(path)!r}", remedy="Give the path of a response file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadOption(f"{str(path)!r} cannot be read", str(error), "Give a JSON file in UTF-8.") from None
    whole = _parsed(text)
    if isinstance(whole, list) and whole:
        yield from enumerate(whole, 1)
        return
    # Only "\n" ends a line of JSON: the text of a response may hold any other line separator.
    lines = [(n, _parsed(line)) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    if text.lstrip().startswith("[") or not any(isinstance(row, dict) and "model_response" in row for _, row in lines):
        why = str(whole) if isinstance(whole, Exception) else f"it holds a {type(whole).__name__}"
        if not text.strip() or whole in ([], {}):
            why = "it is empty"
        raise BadOption(f"{str(path)!r} is no response file", why, _REMEDY)
    yield from lines


_REMEDY = "A response file is a JSON list of rows with model, prompt, model_response and right_answer."


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        return error


def _read(raw: Any) -> _Row | str:
    """A row, or why there is none."""
    if isinstance(raw, Exception):
        return f"it is no JSON: {raw}"
    if not isinstance(raw, dict):
        return f"it is no row of fields but a {type(raw).__name__}"
    response, prompt = raw.get("model_response"), raw.get("prompt")
    if isinstance(prompt, list) and all(isinstance(p, str) for p in prompt):
        prompt = "\n".join(prompt)
    if not isinstance(response, str):
        return "model_response is absent" if response is None else f"model_response is a {type(response).__name__}"
    if not isinstance(prompt, str):
        return "prompt is absent" if prompt is None else f"prompt is a {type(prompt).__name__}"
    if any("\ud800" <= c <= "\udfff" for c in prompt + response):
        return "its text holds half a surrogate pair, which no file can hold"
    stored = raw.get("right_answer")
    right = _integer(stored)
    if right is None:
        return "right_answer is absent" if stored in (None, "null") else f"right_answer is {stored!r}, no whole number"
    stored = _integer(raw["parsed_answer"]) if "parsed_answer" in raw else _ABSENT
    model = raw.get("model")
    return _Row(
        model=model if isinstance(model, str) and model else "no model named",
        prompt=prompt,
        response=response,
        right=right,
        stored=stored,
        verdict={True: True, False: False, "true": True, "false": False}.get(_folded(raw.get("correct"))),
    )


def _folded(value: Any) -> Any:
    """What can be looked up: text in lower case, booleans as they are, all else None."""
    return value.casefold() if isinstance(value, str) else value if isinstance(value, bool) else None


def _integer(value: Any) -> str | None:
    """A whole number as text without leading zeros: "3" for 3, 3.0, "3", "003" and "3.0"; None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = _NUMBER.fullmatch(str(value).strip() if isinstance(value, float | str) else format(value, "d"))
    return None if match is None else ("-" if match[1] == "-" and match[2] != "0" else "") + match[2]


def _last_integer(text: str) -> int:
    """Where the last integer begins; -1 where there is none."""
    end = len(text)
    while end and not ("0" <= text[end - 1] <= "9"):
        end -= 1
    begin = end
    while begin and "0" <= text[begin - 1] <= "9":
        begin -= 1
    return begin if end else -1


def _models(rows: list[_Row], answers: list[str | None], good: list[bool]) -> Iterator[ModelScore]:
    order: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        order.setdefault(row.model, []).append(i)
    for model, mine in order.items():
        prompts: dict[str, list[int]] = {}
        for i in mine:
            prompts.setdefault(rows[i].prompt, []).append(i)
        rates = [_rate(prompt, [rows[i] for i in at], sum(good[i] for i in at)) for prompt, at in prompts.items()]
        read, correct = sum(answers[i] is not None for i in mine), sum(good[i] for i in mine)
        yield ModelScore(model, len(mine), read, correct, *_over_prompts(rates), tuple(rates))


def _rate(prompt: str, rows: list[_Row], correct: int) -> Rate:
    rights = dict.fromkeys(r.right for r in rows)
    return Rate(prompt, "|".join(rights), len(rows), correct, *_wilson(correct, len(rows)))


def _over_prompts(rates: list[Rate]) -> tuple[float, float]:
    """The interval of a rate over several prompts: the prompt is the item, however many trials it has."""
    if len(rates) == 1:
        return rates[0].low, rates[0].high
    right, trials = (np.array(x, float) for x in ([r.correct for r in rates], [r.rows for r in rates]))
    whole = estimate(right, trials, "accuracy")
    assert whole.low is not None and whole.high is not None
    return whole.low, whole.high


def _wilson(correct: int, rows: int) -> tuple[float, float]:
    ends = scipy.stats.binomtest(correct, rows).proportion_ci(method="wilson")
    return float(ends.low), float(ends.high)


def _table(score: AiwScore) -> Table:
    table = Table(
        title="right answers, 95 % Wilson intervals: of a prompt over its rows, of a model over its prompts",
        title_justify="left",
    )
    table.add_column("model, variation", overflow="fold")
    for name in ("truth", "right / rows", "rate", "interval", "spread"):
        table.add_column(name, justify="right")
    for model in score.models:
        table.add_row(Text(model.model, style="bold"), "", *_cells(model.correct, model), f"{model.spread:.3f}")
        for rate, label in zip(model.variations, _labels([v.prompt for v in model.variations]), strict=True):
            table.add_row(Text(f"  {label}"), Text(rate.right), *_cells(rate.correct, rate), "")
    return table


def _cells(correct: int, of: ModelScore | Rate) -> tuple[str, str, str]:
    return f"{correct} / {of.rows}", f"{correct / of.rows:.3f}", f"{of.low:.3f}, {of.high:.3f}"


def _labels(prompts: list[str]) -> list[str]:
    """What tells prompts apart: the story and its question; where these are alike, the instructions too."""
    texts = [" ".join(_SPEAKER.sub("", prompt).strip().removeprefix("### Problem:").split()) for prompt in prompts]
    problems = [_TASK.sub("", s) or s for s in texts]
    return [
        _cut(t) + (f" / {_cut(s[len(t) :].strip())}" if problems.count(t) > 1 else "")
        for s, t in zip(texts, problems, strict=True)
    ]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
