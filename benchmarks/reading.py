"""How well and how fast answers are read, on a table of our own whose right readings were decided beforehand.

    python benchmarks/reading.py [--rows FILE]

Prints for each kind of answer how many rows there are, how many were read silently wrong, invented (read where there is
no one reading) and missed, each missed row on demand (`--show`), and the time of a reading. Exits with 1 if a row is
silently wrong or invented, if more than 10 % are missed, or if a reading takes more than 100 microseconds.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from akrasia.agents.answers import READER_VERSION, read_answer, read_recommendation, unread_place
from akrasia.records import ReadingErrors, Situation, normal_form

ROWS = Path(__file__).with_name("reading.jsonl")
SLOWEST = 100  # microseconds
MOST_MISSED = 0.1
REPEATS = 5


@dataclass(frozen=True)
class ReadingRow:
    """An answer, and what a careful person reads in it: a label, a number, a tie of labels, or None."""

    kind: str
    labels: tuple[str, ...]
    field: str
    answer: str
    right: str | tuple[str, ...] | None

    @property
    def situation(self) -> Situation:
        """Where it was answered."""
        form: Literal["action", "number", "text"] = "action"
        if self.kind in ("number", "text"):
            form = "number" if self.kind == "number" else "text"
        task = "tictactoe" if self.kind.startswith("tic") else "own"
        return Situation(task, 0, 1, "", self.labels, noun="button", answer=form)

    def read(self) -> str | tuple[str, ...] | None:
        """What the reader makes of it."""
        if self.field == "done":
            return read_answer(self.answer, self.situation)[0]
        stated = read_recommendation(self.answer, self.situation)[0]
        return (stated[0] if len(stated) == 1 else stated) or None

    @property
    def verdict(self) -> str:
        """ "right", "silent", "invented" or "missed"."""
        read = self.read()
        if read == self.right or (self.kind == "text" and _alike(read, self.right)):
            return "right"
        return "missed" if read is None else "invented" if self.right is None else "silent"


def _alike(read: object, right: object) -> bool:
    """Whether two texts are graded as one."""
    return isinstance(read, str) and isinstance(right, str) and normal_form(read) == normal_form(right)


def load_rows(path: Path = ROWS) -> list[ReadingRow]:
    """The rows of a table."""
    rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    return [
        ReadingRow(
            r["kind"], tuple(r["labels"]), r["field"], r["answer"],
            tuple(r["right"]) if isinstance(r["right"], list) else r["right"],
        )
        for r in rows
    ]  # fmt: skip


def errors_of(rows: Iterable[ReadingRow]) -> dict[str, ReadingErrors]:
    """Kind -> its errors."""
    found: dict[str, ReadingErrors] = {}
    for row in rows:
        is_ = row.verdict
        one = ReadingErrors(1, is_ == "silent", is_ == "invented", is_ == "missed")
        found[row.kind] = found.get(row.kind, ReadingErrors(0, 0, 0, 0)) + one
    return found


def microseconds(rows: Iterable[ReadingRow]) -> Iterator[tuple[str, float]]:
    """(kind, microseconds of one reading), the fastest of some repeats."""
    for row in rows:
        situation, times = row.situation, []
        read = read_answer if row.field == "done" else read_recommendation
        for _ in range(REPEATS):
            begin = time.perf_counter()
            read(row.answer, situation)
            times.append(time.perf_counter() - begin)
        yield row.kind, 1e6 * min(times)


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=Path, default=ROWS, help="a table of rows as JSON lines")
    parser.add_argument("--show", action="store_true", help="print every row that is not read right")
    args = parser.parse_args()
    rows = load_rows(args.rows)
    errors = errors_of(rows)
    times: dict[str, list[float]] = {}
    for kind, time_ in microseconds(rows):
        times.setdefault(kind, []).append(time_)
    print(
        f"reader {READER_VERSION}\n{'kind':<18}{'rows':>6}{'silent':>8}{'invented':>10}{'missed':>8}{'us, median':>12}"
    )
    for kind, e in sorted(errors.items()):
        print(f"{kind:<18}{e.rows:>6}{e.silent:>8}{e.invented:>10}{e.missed:>8}{median(times[kind]):>12.0f}")
    total = sum(errors.values(), ReadingErrors(0, 0, 0, 0))
    typical = median(t for ts in times.values() for t in ts)
    print(f"{'all':<18}{total.rows:>6}{total.silent:>8}{total.invented:>10}{total.missed:>8}{typical:>12.0f}")
    if args.show:
        for row in rows:
            if row.verdict != "right":
                why = unread_place(row.answer, row.situation, stated=row.field == "stated")
                print(
                    f"{row.verdict}: {row.kind}, {row.answer!r}: right is {row.right!r}, read is {row.read()!r}; {why}"
                )
    bad = total.silent + total.invented > 0 or total.missed > MOST_MISSED * total.rows or typical > SLOWEST
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
