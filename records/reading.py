"""How well answers are read: the reader's version, and its errors on a table whose right readings are known.

The table is `benchmarks/reading.jsonl`, rows of our own as several families of models write them; `make reading` counts
again, and a test compares the counts with these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

READER_VERSION = "5"


@dataclass(frozen=True, slots=True)
class ReadingErrors:
    """What a reader makes of rows whose right reading is known.

    Attributes:
        rows: how many there are; silent: another label or number was read; invented: one was read where there is none;
            missed: nothing was read where there is something, which is visible as `unparsable` or `illegal`.
    """

    rows: int
    silent: int
    invented: int
    missed: int

    def __add__(self, other: ReadingErrors) -> ReadingErrors:
        return ReadingErrors(
            self.rows + other.rows,
            self.silent + other.silent,
            self.invented + other.invented,
            self.missed + other.missed,
        )

    @property
    def counts(self) -> str:
        """The errors in words, without the number of rows."""
        return f"{self.silent} silently wrong, {self.invented} invented, {self.missed} missed"

    def __str__(self) -> str:
        return f"{self.counts} of {self.rows}"


READER_ERRORS: dict[str, ReadingErrors] = {
    "bandit colours": ReadingErrors(2253, 0, 0, 121),
    "film titles": ReadingErrors(231, 0, 0, 7),
    "letters A-J": ReadingErrors(163, 0, 0, 5),
    "multiple choice": ReadingErrors(690, 0, 0, 43),
    "number": ReadingErrors(1900, 0, 0, 55),
    "text": ReadingErrors(48, 0, 0, 0),
    "tic-tac-toe": ReadingErrors(327, 0, 0, 20),
    "tool calls": ReadingErrors(155, 0, 0, 0),
    "yes/no": ReadingErrors(338, 0, 0, 29),
}
"""Kind of answer -> the errors of this version on its rows."""

_CALL_SIGNS = frozenset("()[]{}=,")
_FEW_CHOICES = 5  # of a multiple choice; more letters are buttons with letters


def answer_kind(task: str, form: str, labels: Sequence[str]) -> str:
    """Which kind of answer of the table a question's answers are; a kind that the table has no rows of is named too.

    Args:
        task: the task's name in the run.
        form: "action", "number" or "text"; labels: the legal actions, empty where there are none.
    """
    if form in ("number", "text") or not labels:
        return form if form != "action" else "text"
    if {label.casefold() for label in labels} == {"yes", "no"}:
        return "yes/no"
    if task.startswith("tictactoe"):
        return "tic-tac-toe"
    if any(_CALL_SIGNS.intersection(label) for label in labels):
        return "tool calls"
    if all(len(label) == 1 and label.isalpha() for label in labels):
        return "multiple choice" if len(labels) <= _FEW_CHOICES else "letters A-J"
    if all(label.isdigit() for label in labels):
        return "digits as labels"
    return "bandit colours" if all(len(label.split()) == 1 for label in labels) else "film titles"
