"""How well answers are read: the reader's version, and its errors on a table whose right readings are known.

The table is `benchmarks/reading.jsonl`, rows of our own as several families of models write them; `make reading` counts
again, and a test compares the counts with these.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["READER_ERRORS", "READER_VERSION", "ReadingErrors"]

READER_VERSION = "2"


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

    def __str__(self) -> str:
        return f"{self.silent} silently wrong, {self.invented} invented, {self.missed} missed of {self.rows}"


READER_ERRORS: dict[str, ReadingErrors] = {
    "bandit colours": ReadingErrors(422, 0, 0, 5),
    "film titles": ReadingErrors(65, 0, 0, 0),
    "letters A-J": ReadingErrors(74, 0, 0, 0),
    "multiple choice": ReadingErrors(155, 0, 0, 2),
    "number": ReadingErrors(494, 0, 0, 4),
    "tic-tac-toe": ReadingErrors(116, 0, 0, 4),
    "tool calls": ReadingErrors(17, 0, 0, 0),
    "yes/no": ReadingErrors(88, 0, 0, 3),
}
"""Kind of answer -> the errors of this version on its rows."""
