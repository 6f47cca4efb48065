"""The importer `aiw`: published responses to Alice-in-Wonderland prompts (Nezhurina et al. 2024; LAION-AI/AIW).

A file is a JSON list (or JSON lines) of rows with `model`, `prompt`, `model_response` and `right_answer`; a folder is
all of its files. Answers may be text, numbers, "003", null or "null". The models are the arms, a distinct prompt is an
item, and the responses to it are its trials, in the order of the file.

The rule that reads an answer is part of every figure, since it moves the rates. Both look at the lower-cased response:
    first   the first integer behind the first "answer:", else behind the first "has", as the published script does;
            right for base models, whose text runs on into problems of their own.
    last    the same with the last "answer:" (or "has") that has an integer behind it; right for reflective models,
            whose text states an answer and then another.
A row without a right answer whose `prompt_id` is one of the parametric prompts (100 to 108) is right if the response
contains M +1, X +1 or Y +1, by the expression of the published script (which takes no blank behind the sign).

Invariants: a response without an integer is a decision that cannot be read, and so is not right; answers are compared
as numbers, so that "003" is 3. What the file itself says of a response, `parsed_answer` and `correct`, is compared with
ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..errors import BadOption
from ..options import one_of
from ..records import Message, digest
from .base import IMPORTERS, SEVERAL, UNNAMED, Intake, SourceRow
from .sources import beginning, files_of, json_rows, refuse_empty

Rule = Literal["first", "last"]
RULES: tuple[Rule, ...] = ("first", "last")
MARKERS = ("answer:", "has")
LONGEST = 110  # characters of a prompt that name its item
LFS = b"version https://git-lfs"
PARAMETERS = {
    **dict.fromkeys(("100", "101", "102"), "M"),
    **dict.fromkeys(("103", "104", "105"), "X"),
    **dict.fromkeys(("106", "107", "108"), "Y"),
}
"""Prompt id -> the letter whose successor is the answer (`scripts/plot.py` of the repository)."""

_PARAMETRIC = {letter: re.compile(letter + r"(?:\s*\+|\s+\s*)1") for letter in "MXY"}
_INTEGER = re.compile(r"[0-9]+")
_NUMBER = re.compile(r"([-+]?)0*([0-9]+?)(?:\.0*)?")
_SPEAKER = re.compile(r".*<\|start_header_id\|>user<\|end_header_id\|>", re.DOTALL)
_TASK = re.compile(
    r"\s*(?:Before providing answer|Solve this problem|To answer the question|Provide the final|###).*", re.S
)
_VERDICTS = {True: True, False: False, "true": True, "false": False}


def read_integer(response: str, rule: str) -> str | None:
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


@dataclass(frozen=True)
class AiwImporter:
    """Published responses to Alice-in-Wonderland prompts, read by a published rule.

    Args:
        rule: which answer of a response counts, "first" or "last".
    """

    rule: str = "first"

    def __post_init__(self) -> None:
        """Refuse a rule that is none."""
        one_of("answer rule", self.rule, RULES)

    def recognises(self, source: Path) -> bool:
        """Rows with a prompt, a response and a right answer."""
        path = next(iter(sorted(source.rglob("*.json"))), source) if source.is_dir() else source
        head = beginning(path) if path.is_file() else b""
        return b'"model_response"' in head and b'"prompt"' in head

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        """One decision for each response."""
        intake.name, intake.tool = "aiw", "LAION-AI/AIW"
        intake.options["rule"] = self.rule
        counts = _Counts(self.rule)
        for path in files_of(source, (".json", ".jsonl"), intake):
            refuse_empty(path)
            head = beginning(path)
            if head.startswith(LFS):
                intake.leave_out(path.name, "it is a pointer of Git LFS and not the file itself: fetch it with git lfs")
                continue
            if source.is_dir() and b'"model_response"' not in head:
                intake.note(f"{path.name} holds no responses and was passed over")
                continue
            if not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"[", b"{")):
                raise BadOption(f"{str(path)!r} is no response file", "it is no JSON", _REMEDY)
            for where, raw in json_rows(path, intake):
                row = _read(raw, where, self.rule, counts)
                if isinstance(row, str):
                    intake.leave_out(where, row)
                else:
                    yield row
        for sentence in counts.sentences():
            intake.note(sentence)


_REMEDY = "A response file is a JSON list of rows with model, prompt, model_response and right_answer."


@dataclass
class _Counts:
    """How the two rules, and what the files say of their own responses, agree with what is read."""

    rule: str
    right: int = 0
    other: int = 0
    parametric: int = 0
    stored_answers: list[bool] = field(default_factory=list)
    stored_verdicts: list[bool] = field(default_factory=list)

    def sentences(self) -> Iterator[str]:
        """The counts in words."""
        other = RULES[1 - RULES.index(self.rule)]
        yield f"rule {self.rule!r}: {self.right:,} right; under rule {other!r} it would be {self.other:,}"
        for name, same in (("answers", self.stored_answers), ("verdicts", self.stored_verdicts)):
            if same:
                yield f"what is read agrees with {sum(same):,} of {len(same):,} {name} of the source"
        if self.parametric:
            yield f"{self.parametric:,} responses to parametric prompts are read by the published expression for M + 1"


def _read(raw: Any, where: str, rule: str, counts: _Counts) -> SourceRow | str:
    """A row as a decision, or why it is none."""
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
    stored, verdict = raw.get("right_answer"), _VERDICTS.get(_folded(raw.get("correct")))
    right, letter = _integer(stored), PARAMETERS.get(str(raw.get("prompt_id")))
    if right is None and letter is None:
        return "right_answer is absent" if stored in (None, "null") else f"right_answer is {stored!r}, no whole number"
    model = raw.get("model")
    row = SourceRow(
        where,
        item=_name(prompt),
        name=_name(prompt),
        variant=model if isinstance(model, str) and model else UNNAMED,
        model=SEVERAL,
        text=response,
        question=prompt,
        messages=(Message("user", prompt),),
        form="number",
        graded="reader",
    )
    if right is None:
        assert letter is not None
        said = _PARAMETRIC[letter].search(response) is not None
        row.done, row.optimal, row.form = f"{letter} + 1" if said else "another answer", (f"{letter} + 1",), "text"
        counts.parametric += 1
        counts.right += said
        counts.other += said
    else:
        row.done, row.optimal = read_integer(response, rule), (right,)
        said = row.done == right
        counts.right += said
        counts.other += read_integer(response, "last" if rule == "first" else "first") == right
        if "parsed_answer" in raw:
            counts.stored_answers.append(_integer(raw["parsed_answer"]) == row.done)
    if verdict is not None:
        counts.stored_verdicts.append(verdict == said)
    return row


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


def _name(prompt: str) -> str:
    """What tells prompts apart for a reader: the story and its question, and a hash of all of it."""
    whole = " ".join(_SPEAKER.sub("", prompt).strip().removeprefix("### Problem:").split())
    story = _TASK.sub("", whole) or whole
    return f"{story[:LONGEST]}{'...' * (len(story) > LONGEST)} [{digest(prompt, 3)}]"


IMPORTERS.register("aiw", AiwImporter)
