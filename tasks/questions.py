"""Question sets: one question per episode, from a file or a Hugging Face data set.

Episode i asks question i modulo their number, so a run of n episodes over n questions asks each once. A number is
compared as a number, a choice as its letter, and a text after `akrasia.records.normal_form`. A set with texts among
its answers *grades* its open questions into "right" and "wrong"; the whole answer, or its first line, must be right.

Invariants: a task is its file's path and the hash of its content, so a stored run is never rebuilt from other
questions. Choices are shuffled by the episode's seed alone. Malformed rows are left out, with a warning that names file
and row.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import BadOption
from ..options import flag, one_of
from ..records import Oracle, Situation, digest, normal_form
from ..rng import named_rng
from .base import action_index, named_task
from .numbers import canonical_number
from .question_files import FORMATS, KINDS, MalformedRow, Question, load_from_hub, parse_questions
from .question_keys import KEYS, LETTERS
from .tools import CALCULATOR, TaskTool

HASH = 16  # hex digits of the content's SHA-256 that identify it
ENOUGH = 8  # questions from which one place of all right options is no chance
SHOWN = 5  # malformed rows that a warning lists
GRADES = ("right", "wrong")
ENCODINGS = ("utf-8", "utf-16", "cp1252")

BUILT_IN = (
    Question(1, "A shelf holds 4 boxes of 6 cups. 5 cups break. How many cups are whole?", "19", "numeric"),
    Question(2, "Which of these numbers is prime?", "13", "choice", ("9", "13", "15", "21")),
    Question(3, "What is the English word for a group of wolves?", "pack", "exact"),
    Question(4, "A train leaves at 9:40 and arrives at 11:05. How many minutes does it take?", "85", "numeric"),
)
"""A few questions of our own, to try a set without a file."""


@dataclass(frozen=True, slots=True)
class QuestionState:
    """A point of an episode: the question, the order of its choices, and whether it is answered."""

    seed: int
    place: int
    order: tuple[int, ...]
    over: bool = False


@dataclass(frozen=True)
class QuestionSet:
    """A set of questions; see the module's docstring. Build it with `questions(...)`, which reads and checks the file.

    `malformed` holds the rows that were left out.
    """

    path: str
    format: str
    kind: str
    shuffle_choices: bool
    subset: str
    split: str
    sha256: str
    questions: tuple[Question, ...] = field(repr=False)
    malformed: tuple[MalformedRow, ...] = field(repr=False, default=())
    key: str = "auto"
    encoding: str = "utf-8"
    name = "questions"

    @property
    def options(self) -> dict[str, Any]:
        return {
            "path": self.path,
            "format": self.format,
            "kind": self.kind,
            "shuffle_choices": self.shuffle_choices,
            "subset": self.subset,
            "split": self.split,
            "sha256": self.sha256,
            **({} if self.key == "auto" else {"key": self.key}),
            **({} if self.encoding == "utf-8" else {"encoding": self.encoding}),
        }

    @property
    def cycle(self) -> int:
        """How many episodes ask every question once."""
        return len(self.questions)

    def item(self, seed: int) -> str:
        """The question, by its row in the file: neither another order of its choices nor a second row is another."""
        return self._name(self._first_places[self._content(seed % len(self.questions))])

    def start(self, seed: int) -> QuestionState:
        place = seed % len(self.questions)
        order = range(len(self.questions[place].choices))
        if self.shuffle_choices:
            order = named_rng(seed, "questions", "choices").permutation(len(order)).tolist()
        return QuestionState(seed, place, tuple(order))

    def tools(self, state: QuestionState) -> tuple[TaskTool, ...]:
        """A calculator."""
        return (CALCULATOR,)

    def situation(self, state: QuestionState) -> Situation:
        question = self.questions[state.place]
        shown = [question.text, *(f"{LETTERS[i]}. {question.choices[c]}" for i, c in enumerate(state.order))]
        requests = {"numeric": "Answer with a number.", "exact": "Answer in as few words as you can."}
        return Situation(
            task=self.name,
            step=0,
            horizon=1,
            instruction="Answer the question.",
            observation="\n".join(shown),
            actions=self._labels(state),
            noun="option" if question.choices else "answer",
            shows=(),
            question=requests.get(question.kind, "Which option is right?"),
            answer={"numeric": "number", "exact": "text"}.get(question.kind, "action"),  # type: ignore[arg-type]
            item=self._name(state.place),
        )

    def oracle(self, state: QuestionState) -> Oracle:
        question = self.questions[state.place]
        if question.kind == "choice":
            labels = self._labels(state)
            right = labels[state.order.index(question.choices.index(question.answer))]
        else:
            labels, right = self._open_labels(question)
        worth = {label: float(label == right) for label in labels}
        return Oracle((right,), (), dict(worth), {a: 1 - v for a, v in worth.items()}, 1.0, (), "answer")

    def step(self, state: QuestionState, action: str) -> tuple[QuestionState, float, bool]:
        question = self.questions[state.place]
        if question.kind == "choice":
            action_index(action, self._labels(state))
        elif question.kind == "numeric":
            number = canonical_number(action)
            if number is None:
                raise BadOption(f"{action!r} is not a number", remedy="Answer with a number, such as 7.")
            action = number
        after, over = self.forfeit(state)
        return after, float(self._label(state, action) in self.oracle(state).optimal), over

    def forfeit(self, state: QuestionState) -> tuple[QuestionState, bool]:
        if state.over:
            raise BadOption("the episode is over", "its one question was answered")
        return QuestionState(state.seed, state.place, state.order, True), True

    @cached_property
    def _first_places(self) -> dict[tuple[Any, ...], int]:
        """Where each question comes first, by its content."""
        return {self._content(place): place for place in reversed(range(len(self.questions)))}

    def _content(self, place: int) -> tuple[Any, ...]:
        question = self.questions[place]
        return question.text, question.answer, question.kind, tuple(sorted(question.choices))

    def _name(self, place: int) -> str:
        return f"row {self.questions[place].row}"

    def _labels(self, state: QuestionState) -> tuple[str, ...]:
        return tuple(LETTERS[: len(state.order)])

    def _open_labels(self, question: Question) -> tuple[tuple[str, ...], str]:
        """The labels of an open answer, and the right one of them; here the label is the right number itself."""
        return (question.answer,), question.answer

    def _label(self, state: QuestionState, answer: str) -> str:
        """The label of an answer in the oracle's sets."""
        return answer


@dataclass(frozen=True)
class GradedQuestionSet(QuestionSet):
    """A set with texts among its answers: texts and numbers are graded into "right" and "wrong"."""

    def grade(self, state: QuestionState, answer: str) -> str:
        """The label of an answer; the label of a choice is its letter."""
        return self._label(state, answer)

    def _open_labels(self, question: Question) -> tuple[tuple[str, ...], str]:
        return GRADES, GRADES[0]

    def _label(self, state: QuestionState, answer: str) -> str:
        question = self.questions[state.place]
        if question.kind == "choice":
            return answer
        if question.kind == "numeric":
            return GRADES[canonical_number(answer) != question.answer]
        first = answer.strip().partition("\n")[0]
        readings = (answer, first, first.strip(" *_`()[]{}!"))
        return GRADES[all(normal_form(r) != normal_form(question.answer) for r in readings)]


@named_task("questions", "this framework, in the layouts of GSM8K (2110.14168) and MMLU (2009.03300)")
def questions(
    path: str = "",
    format: str = "auto",
    kind: str = "auto",
    shuffle_choices: bool = False,
    subset: str = "",
    split: str = "test",
    sha256: str = "",
    key: str = "auto",
    encoding: str = "utf-8",
) -> QuestionSet:
    """Questions from a file: JSON, CSV, the GSM8K and MMLU layouts, or a Hugging Face data set; see docs/questions.md.

    Args:
        path: the file, or the name of the data set where `format` is "hf"; by default four questions of our own.
        format: "jsonl", "csv", "gsm8k", "mmlu", "hf", or "auto" by the file's ending and first row.
        kind: "numeric", "choice", "exact", or "auto" row by row. Where a row has choices and the kind is "numeric" or
            "exact", the choices are not shown and the text of the right one is the answer.
        shuffle_choices: show the choices in an order drawn by the episode's seed.
        subset, split: of a data set.
        key: how the right option is named: "letter", "text", "index0" (counted from 0), "index1" (from 1), or "auto"
            row by row, where a key that could mean two options makes a malformed row.
        encoding: of the file: "utf-8" (with or without a byte order mark), "utf-16" or "cp1252".
        sha256: the first 16 hex digits of the content's hash; a file with another hash is refused.

    Raises:
        BadOption: the file is absent, unreadable, empty of questions, or not the one that `sha256` names.
        UnknownName: no such format or kind. MissingExtra: `datasets` is not installed.
    """
    one_of("questions format option", format, ("auto", *FORMATS))
    one_of("questions kind option", kind, ("auto", *KINDS))
    one_of("questions key option", key, ("auto", *KEYS))
    one_of("questions encoding option", encoding, ENCODINGS)
    flag("shuffle_choices", shuffle_choices)
    for option, text in (("path", path), ("subset", subset), ("split", split), ("sha256", sha256)):
        if not isinstance(text, str | Path):
            raise BadOption(f"{option} is {text!r}", remedy="Use a text.")
    path = str(path)
    if not path:
        changed = {
            "format": format != "auto",
            "kind": kind != "auto",
            "subset": bool(subset),
            "split": split != "test",
            "sha256": bool(sha256),
            "key": key != "auto",
            "encoding": encoding != "utf-8",
        }
        if any(changed.values()):
            named = ", ".join(name for name, is_set in changed.items() if is_set)
            raise BadOption(f"{named} is given without a path", remedy="Name the file with path=...")
        return GradedQuestionSet("", "auto", "auto", shuffle_choices, "", "test", "", BUILT_IN)
    data: str | list[dict[str, Any]]
    if format == "hf":
        data = load_from_hub(path, subset, split)
        content_hash = digest([str(sorted(row.items())) for row in data])[:HASH]
    else:
        content = _content(path, encoding)
        content_hash = hashlib.sha256(content.encode()).hexdigest()[:HASH]
        data = content.removeprefix("\ufeff")
    if sha256 and content_hash != sha256:
        why = f"its SHA-256 begins with {content_hash}, not with {sha256}"
        raise BadOption(f"the questions {path!r} have changed", why, "Restore them, or leave sha256 out to use these.")
    layout, good, bad = parse_questions(data, path, format, kind, key)
    _warn(path, len(good), bad)
    if not good:
        why = f"row {bad[0].row}: {bad[0].reason}" if bad else "it is empty"
        raise BadOption(f"{path!r} holds no question", why, "See akrasia.tasks.question_files for the layouts.")
    if not shuffle_choices:
        _warn_of_one_place(path, good)
    made = GradedQuestionSet if any(q.kind == "exact" for q in good) else QuestionSet
    return made(
        path, layout, kind, shuffle_choices, subset, split, content_hash, tuple(good), tuple(bad), key, encoding
    )


def _content(path: str, encoding: str) -> str:
    try:
        return Path(path).read_bytes().decode(encoding)
    except FileNotFoundError:
        raise BadOption(f"there is no file {path!r}", remedy="Give the path of a question file.") from None
    except UnicodeError as error:
        others = ", ".join(repr(e) for e in ENCODINGS if e != encoding)
        raise BadOption(
            f"{path!r} is not in {encoding.upper()}", str(error), f"Say encoding = one of {others}."
        ) from None
    except OSError as error:
        raise BadOption(f"{path!r} cannot be read", str(error), "Give a text file.") from None


def _warn_of_one_place(path: str, good: Sequence[Question]) -> None:
    """Say where whoever prefers one place is scored right, as in the files of TruthfulQA."""
    places = [q.choices.index(q.answer) for q in good if q.kind == "choice"]
    if len(places) >= ENOUGH and len(set(places)) == 1:
        warnings.warn(
            f"{path}: the right option is {LETTERS[places[0]]} in all {len(places)} questions, so a liking for that "
            "place is scored as right: set shuffle_choices",
            stacklevel=3,
        )


def _warn(path: str, good: int, bad: list[MalformedRow]) -> None:
    if not bad:
        return
    listed = "; ".join(f"row {m.row}: {m.reason}" for m in bad[:SHOWN]) + ("; ..." if len(bad) > SHOWN else "")
    warnings.warn(
        f"{path}: {len(bad)} of {good + len(bad)} rows are not questions and are left out: {listed}", stacklevel=3
    )
