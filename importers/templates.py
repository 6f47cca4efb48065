"""Records of plain rows, made from templates: what rows of one shape share is encoded once.

A row is plain if it holds an answer and a key or a verdict, and none of what needs a stored answer or figures of its
own. The template of its shape is an ordinary record with marks in the place of what varies, encoded as every record is,
and cut at its marks. So a row costs a few joins instead of a record, its JSON and its line.

Invariant: a plain row gives the very bytes that `RecordMaker.record` gives for it, and their line; a test compares
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from ..ledger.step_rows import csv_line
from ..records import Record, encode
from .base import SourceRow

RIGHT = 12  # where in a shape it stands whether the answer is right
_NUMBERS = {"episode": 700_000_000_000_001, "trial": 700_000_000_000_003}
_TEXTS = ("item", "situation", "source", "done", "optimal", "text")
_MARKS = {name: f"@~{i}~@" for i, name in enumerate(_TEXTS)} | {n: str(v) for n, v in _NUMBERS.items()}
_NAMES = {mark: name for name, mark in _MARKS.items()}
_CUT = re.compile("(" + "|".join(map(re.escape, _NAMES)) + ")")


def is_plain(row: SourceRow) -> bool:
    """Whether a template can make the record of a row."""
    return (
        row.graded != "reader"
        and bool(row.item)
        and row.done != ""
        and row.stated_status == "absent"
        and len(row.optimal) <= 1
        and not (row.messages or row.turns or row.tool_calls or row.rationale or row.reasoning or row.name)
        and row.usage is None
        and row.calls is None
        and row.reward is None
        and row.cost is None
        and row.latency is None
        and row.confidence is None
    )


def shape_of(row: SourceRow, task: str, model: str, variant: str) -> tuple[object, ...]:
    """All that two plain rows must have in common to share a template."""
    right = row.done is not None and row.done in row.optimal
    choice = (row.done, row.optimal) if row.actions else (row.done is None, len(row.optimal))
    return (
        task, model, variant, row.status, row.form, row.graded, row.actions, row.greedy, row.leaks, row.control,
        row.probe, row.step, right, choice, not row.text,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class RowTemplate:
    """A record and its line, cut where rows of one shape differ."""

    record: tuple[bytes | str, ...]
    line: tuple[bytes | str, ...]

    @classmethod
    def of(cls, row: SourceRow, right: bool, make: Callable[[SourceRow, str, int, int], Record]) -> RowTemplate:
        """The template of a row's shape.

        Args:
            right: whether its answer is right.
            make: makes the record of a row with this situation, episode and trial.
        """
        fixed = bool(row.actions)
        done = row.done if fixed or row.done is None else _MARKS["done"]
        optimal = row.optimal if fixed or not row.optimal else (done or "",) if right else (_MARKS["optimal"],)
        marked = SourceRow(
            where=_MARKS["source"],
            item=_MARKS["item"],
            done=done,
            status=row.status,
            optimal=optimal,
            actions=row.actions,
            greedy=row.greedy,
            form=row.form,
            graded=row.graded,
            text=_MARKS["text"] if row.text else "",
            leaks=row.leaks,
            control=row.control,
            probe=row.probe,
            step=row.step,
        )
        data = encode(make(marked, _MARKS["situation"], _NUMBERS["episode"], _NUMBERS["trial"]))
        return cls(_cut(data.decode()), _cut(csv_line(data).decode()))

    def filled(self, row: SourceRow, situation: str, episode: int, trial: int) -> tuple[bytes, bytes]:
        """The record and the line of a row of this shape."""
        optimal = row.optimal[0] if row.optimal else ""
        texts = (row.item, situation, row.where, row.done or "", optimal, row.text)
        values = dict(zip(_TEXTS, [orjson.dumps(text)[1:-1] for text in texts], strict=True))
        values["episode"], values["trial"] = str(episode).encode(), str(trial).encode()
        record = b"".join([values[part] if type(part) is str else part for part in self.record])  # type: ignore[misc]
        values["item"], values["done"] = _cell(row.item), _cell(row.done or "")
        line = b"".join([values[part] if type(part) is str else part for part in self.line])  # type: ignore[misc]
        return record, line


def _cut(text: str) -> tuple[bytes | str, ...]:
    """A text cut at its marks: the pieces as bytes, the marks by their names."""
    return tuple(_NAMES.get(piece, piece.encode()) for piece in _CUT.split(text))


def _cell(text: str) -> bytes:
    return (text.replace('"', '""') if '"' in text else text).encode()
