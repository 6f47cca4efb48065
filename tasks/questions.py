"""Question sets: one question per episode, from a file or a Hugging Face data set.

Episode i asks question i modulo their number, so a run of n episodes over n questions asks each once. A number is
compared as a number, a choice as its letter, and a text as `question_files.normal` reads it: a set with texts among
its answers *grades* its open questions into "right" and "wrong" (the whole answer, or its first line, must be right).

Invariants: a task is its file's path and the hash of its content, so a stored run is never rebuilt from other
questions; choices are shuffled by the episode's seed alone; rows that are no questions are warned of by file and row
and left out.
"""

from __future__ import annotations

import hashlib
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import BadOption
from ..options import flag, one_of
from ..records import Oracle, Situation, digest
from ..rng import named_rng
from .base import TASKS, legal
from .numbers import canonical_number
from .question_files import FORMATS, KINDS, LETTERS, Malformed, Question, from_hub, normal, questions_of

__all__ = ["GradedQuestionSet", "QuestionSet", "QuestionState", "questions"]

HASH = 16  # hex digits of the content's SHA-256 that identify it
SHOWN = 5  # malformed rows that a warning spells out
GRADES = ("right", "wrong")

OWN = (
    Question(1, "A shelf holds 4 boxes of 6 cups. 5 cups break. How many cups are whole?", "19", "numeric"),
    Question(2, "Which of these numbers is prime?", "13", "choice", ("9", "13", "15", "21")),
    Question(3, "What is the English word for a group of wolves?", "pack", "exact"),
    Question(4, "A train leaves at 9:40 and arrives at 11:05. How many minutes does it take?", "85", "numeric"),
)
"""A few questions of our own, to see what a set looks like before there is a file."""


@dataclass(frozen=True, slots=True)
class QuestionState:
    """A point of an episode: which question, in which order its choices stand, and whether it is answered."""

    seed: int
    place: int
    order: tuple[int, ...]
    over: bool = False


@dataclass(frozen=True)
class QuestionSet:
    """A set of questions; see the module's docstring. Build it with `questions(...)`, which reads and checks the file.

    `malformed` are the rows that were left out.
    """

    path: str
    format: str
    kind: str
    shuffle_choices: bool
    subset: str
    split: str
    sha256: str
    questions: tuple[Question, ...] = field(repr=False)
    malformed: tuple[Malformed, ...] = field(repr=False, default=())
    name = "questions"

    @property
    def options(self) -> dict[str, Any]:
        return {
            "path": self.path, "format": self.format, "kind": self.kind, "shuffle_choices": self.shuffle_choices,
            "subset": self.subset, "split": self.split, "sha256": self.sha256,
        }  # fmt: skip

    def start(self, seed: int) -> QuestionState:
        place = seed % len(self.questions)
        order = range(len(self.questions[place].choices))
        if self.shuffle_choices:
            order = named_rng(seed, "questions", "choices").permutation(len(order)).tolist()
        return QuestionState(seed, place, tuple(order))

    def situation(self, state: QuestionState) -> Situation:
        asked = self.questions[state.place]
        shown = [asked.text, *(f"{LETTERS[i]}. {asked.choices[c]}" for i, c in enumerate(state.order))]
        ways = {"numeric": "Answer with a number.", "exact": "Answer in as few words as you can."}
        return Situation(
            task=self.name,
            step=0,
            horizon=1,
            instruction="Answer the question.",
            observation="\n".join(shown),
            actions=self._labels(state),
            noun="option" if asked.choices else "answer",
            shows=(),
            question=ways.get(asked.kind, "Which option is right?"),
            answer={"numeric": "number", "exact": "text"}.get(asked.kind, "action"),  # type: ignore[arg-type]
            item=f"row {asked.row}",
        )

    def oracle(self, state: QuestionState) -> Oracle:
        asked = self.questions[state.place]
        if asked.kind == "choice":
            labels = self._labels(state)
            right = labels[state.order.index(asked.choices.index(asked.answer))]
        else:
            labels, right = self._open_labels(asked)
        worth = {label: float(label == right) for label in labels}
        return Oracle((right,), (), dict(worth), {a: 1 - v for a, v in worth.items()}, 1.0, (), "answer")

    def step(self, state: QuestionState, action: str) -> tuple[QuestionState, float, bool]:
        asked = self.questions[state.place]
        if asked.kind == "choice":
            legal(action, self._labels(state))
        elif asked.kind == "numeric":
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

    def _labels(self, state: QuestionState) -> tuple[str, ...]:
        return tuple(LETTERS[: len(state.order)])

    def _open_labels(self, asked: Question) -> tuple[tuple[str, ...], str]:
        """What an open answer may be called, and which of these is right: here, the right number."""
        return (asked.answer,), asked.answer

    def _label(self, state: QuestionState, answer: str) -> str:
        """What an answer is called in the oracle's sets."""
        return answer


@dataclass(frozen=True)
class GradedQuestionSet(QuestionSet):
    """A set with texts among its answers: those, and the numbers beside them, are graded into "right" and "wrong"."""

    def grade(self, state: QuestionState, answer: str) -> str:
        """The label of an answer; that of a choice is its letter."""
        return self._label(state, answer)

    def _open_labels(self, asked: Question) -> tuple[tuple[str, ...], str]:
        return GRADES, GRADES[0]

    def _label(self, state: QuestionState, answer: str) -> str:
        asked = self.questions[state.place]
        if asked.kind == "choice":
            return answer
        if asked.kind == "numeric":
            return GRADES[canonical_number(answer) != asked.answer]
        said = (answer, answer.strip().partition("\n")[0])
        return GRADES[all(normal(s) != normal(asked.answer) for s in said)]


def questions(
    path: str = "",
    format: str = "auto",
    kind: str = "auto",
    shuffle_choices: bool = False,
    subset: str = "",
    split: str = "test",
    sha256: str = "",
) -> QuestionSet:
    """Questions from a file: JSON lines, CSV, the GSM8K and MMLU layouts, or a Hugging Face data set.

    Args:
        path: the file, or the name of the data set where `format` is "hf"; by default four questions of our own.
        format: "jsonl", "csv", "gsm8k", "mmlu", "hf", or "auto" by the file's ending and first row.
        kind: "numeric", "choice", "exact", or "auto" row by row; where choices are given and "numeric" or "exact" is
            asked for, they are not shown and the right one's text is the answer.
        shuffle_choices: show the choices in an order drawn by the episode's seed.
        subset, split: of a data set.
        sha256: the first 16 hex digits of what was read before; anything else is refused.

    Raises:
        BadOption: the file is absent, unreadable, empty of questions, or not the one that `sha256` names.
        UnknownName: no such format or kind. MissingExtra: `datasets` is not installed.
    """
    one_of("questions format option", format, ("auto", *FORMATS))
    one_of("questions kind option", kind, ("auto", *KINDS))
    flag("shuffle_choices", shuffle_choices)
    for option, text in (("path", path), ("subset", subset), ("split", split), ("sha256", sha256)):
        if not isinstance(text, str | Path):
            raise BadOption(f"{option} is {text!r}", remedy="Use a text.")
    path = str(path)
    if not path:
        given = {"format": format != "auto", "kind": kind != "auto", "subset": bool(subset), "split": split != "test",
                 "sha256": bool(sha256)}  # fmt: skip
        if any(given.values()):
            named = ", ".join(name for name, is_given in given.items() if is_given)
            raise BadOption(f"{named} is given without a path", remedy="Name the file with path=...")
        return GradedQuestionSet("", "auto", "auto", shuffle_choices, "", "test", "", OWN)
    data: str | list[dict[str, Any]]
    if format == "hf":
        data = from_hub(path, subset, split)
        found = digest([str(sorted(row.items())) for row in data])[:HASH]
    else:
        content = _content(path)
        found = hashlib.sha256(content.encode()).hexdigest()[:HASH]
        data = content.removeprefix("\ufeff")
    if sha256 and found != sha256:
        why = f"its SHA-256 begins with {found}, not with {sha256}"
        raise BadOption(f"the questions {path!r} have changed", why, "Restore them, or leave sha256 out to use these.")
    layout, good, bad = questions_of(data, path, format, kind)
    _warn(path, len(good), bad)
    if not good:
        why = f"row {bad[0].row}: {bad[0].reason}" if bad else "it is empty"
        raise BadOption(f"{path!r} holds no question", why, "See akrasia.tasks.question_files for the layouts.")
    made = GradedQuestionSet if any(q.kind == "exact" for q in good) else QuestionSet
    return made(path, layout, kind, shuffle_choices, subset, split, found, tuple(good), tuple(bad))


def _content(path: str) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise BadOption(f"there is no file {path!r}", remedy="Give the path of a question file.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadOption(f"{path!r} cannot be read", str(error), "Give a text file in UTF-8.") from None


def _warn(path: str, good: int, bad: list[Malformed]) -> None:
    if not bad:
        return
    told = "; ".join(f"row {m.row}: {m.reason}" for m in bad[:SHOWN]) + ("; ..." if len(bad) > SHOWN else "")
    warnings.warn(
        f"{path}: {len(bad)} of {good + len(bad)} rows are no questions and are left out: {told}", stacklevel=3
    )


TASKS.register("questions", questions)
