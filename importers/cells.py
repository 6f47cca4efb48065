"""Rows of named cells as decisions: what the table importer and every format with named fields share.

A format that has a field of its own for a role names it like the role: "item", "done", "right". Everything else is a
column that a map may name. A row may bring its transcript along.

Invariant: what is guessed is shown before the first row enters, and noted in the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, ClassVar

from ..options import real
from ..records import Message, Usage
from .base import SEVERAL, Intake, SourceRow
from .columns import BY_FILE, MOSTLY, ColumnMap, guessed_columns, map_of
from .grading import LABELS, as_text, as_verdict, compared, is_verdict, judged
from .sources import arms_of_files, files_of, json_rows, refuse_empty
from .transcripts import Transcript

FIRST = 1_000  # rows from which columns are guessed
EXAMPLE = 40  # characters of a value that are shown
SHORT = 200  # characters of an answer beyond which a verdict stands in its place
TEXTS = ("task", "question", "name", "rationale", "leaks", "control")
FIGURES = ("tokens_in", "tokens_out", "calls", "cost", "time", "confidence", "score")
DEPTH = 3  # levels of nested JSON that become columns
Cells = Mapping[str, str]
LocatedRow = tuple[str, Cells, Transcript | None]
FoundCells = tuple[Cells, Transcript | None] | str | None


def threshold_of(value: float | str | None) -> float | None:
    """The least score that is right, from a number or its text.

    Raises:
        BadOption: it is no number.
    """
    if value is None:
        return None
    try:
        return real("the threshold", float(value), -1e300, 1e300)
    except ValueError:
        return real("the threshold", value, -1e300, 1e300)


def flattened(value: Mapping[str, Any], before: str = "", depth: int = 1) -> dict[str, str]:
    """The fields of a row as cells, those within fields by their path: "metadata.level"."""
    cells: dict[str, str] = {}
    for name, part in value.items():
        if isinstance(part, dict) and depth < DEPTH:
            cells |= flattened(part, f"{before}{name}.", depth + 1)
        else:
            cells[f"{before}{name}"] = as_text(part)
    return cells


def of_file(rows: Iterable[LocatedRow], arm: str) -> Iterator[LocatedRow]:
    """The rows of one file of several, with the arm that it may be; as they are where that is ""."""
    for where, cells, transcript in rows:
        yield where, ({BY_FILE: arm, **cells} if arm else cells), transcript


def decisions(
    rows: Iterable[LocatedRow], told: str, threshold: float | None, intake: Intake, quiet: bool = False
) -> Iterator[SourceRow]:
    """One decision a row, or one an arm of each row.

    Args:
        told: which column is what, as for `map_of`; the rest is guessed.
        quiet: the format itself says which column is what, so nothing is shown.
    """
    following = iter(rows)
    first = list(islice(following, FIRST))
    if not first:
        return
    header = list(dict.fromkeys(chain.from_iterable(cells for _, cells, _ in first)))
    columns = guessed_columns(map_of(told, header), header, [cells for _, cells, _ in first])
    reader = _RowReader.of(columns, [cells for _, cells, _ in first], threshold)
    intake.options["map"] = columns.words
    _tell(columns, first[0][1], reader, intake, quiet)
    for where, cells, transcript in chain(first, following):
        for row in reader.rows(where, cells, intake):
            if transcript is not None:
                _with_transcript(row, transcript)
            yield row


def _tell(columns: ColumnMap, example: Cells, reader: _RowReader, intake: Intake, quiet: bool) -> None:
    """Show what was made of the columns, and note what a reader of the run must know."""
    own = {role for role, column in columns.columns.items() if role == column}
    guessed = columns.guessed - own
    if guessed:
        intake.note(f"columns were guessed: {', '.join(sorted(guessed))}")
    if not columns["trial"]:
        intake.note("no column names the trial: the k-th row of an item in an arm counts as its trial k")
    if intake.confirm is None or (quiet and not guessed):
        return
    shown = [
        (role, column, example.get(column, "")[:EXAMPLE], role in guessed) for role, column in columns.columns.items()
    ]
    shown += [("item", "the number of the row", "", "item" in guessed)] if columns.by_row else []
    shown += [("arm", arm, example.get(arm, "")[:EXAMPLE], "arms" in guessed) for arm in columns.arms]
    intake.confirm([*shown, ("right is", reader.meaning, "", False)])


def _with_transcript(row: SourceRow, transcript: Transcript) -> None:
    row.text = transcript.answer or row.text
    row.messages, row.turns, row.tool_calls = transcript.before, transcript.turns, transcript.tool_calls
    row.reasoning = transcript.reasoning
    row.calls = transcript.calls if row.calls is None else row.calls


@dataclass(frozen=True)
class _RowReader:
    """Makes decisions of the cells of a row."""

    columns: ColumnMap
    verdicts: bool
    labels: tuple[str, ...]
    threshold: float | None
    arm: str
    one_model: bool
    texts: tuple[str, ...]
    figures: bool

    @classmethod
    def of(cls, columns: ColumnMap, first: Sequence[Cells], threshold: float | None) -> _RowReader:
        """What the first rows say of the values: verdicts or keys, and the choices there are."""

        def held(column: str) -> list[str]:
            return [v for cells in first if (v := cells.get(column, "").strip())]

        right, done = held(columns["right"]), held(columns["done"])
        told = sum(map(is_verdict, right))
        verdicts = threshold is not None or told > len(right) * MOSTLY or _are_scores(right)
        verdicts = verdicts or not (columns["done"] or columns.arms)
        if verdicts and threshold is None and done and all(map(is_verdict, done)) and len({*right, *done}) > 1:
            verdicts = not {v.casefold() for v in right} <= {v.casefold() for v in done}
        if columns.arms and not columns["right"]:
            verdicts = True
        keys = set(held(columns["key"]) if verdicts else right)
        short = 1 < len(keys) <= LABELS and all(len(k) <= 3 and not any(c.isdigit() for c in k) for k in keys)
        models = set(held(columns["model"]))
        arm = columns["variant"] or (columns["model"] if len(models) > 1 else "")
        labels = tuple(sorted(keys)) if short else ()
        one_model = not columns["model"] or arm != columns["model"]
        texts, figures = tuple(r for r in TEXTS if columns[r]), any(columns[r] for r in FIGURES)
        return cls(columns, verdicts, labels, threshold, arm, one_model, texts, figures)

    @property
    def meaning(self) -> str:
        """How it is told whether an answer is right."""
        if self.threshold is not None:
            return f"a score of at least {self.threshold:g}"
        return "a verdict" if self.verdicts else "a key, with which the answer is compared"

    def rows(self, where: str, cells: Cells, intake: Intake) -> Iterator[SourceRow]:
        """The decisions of a row."""
        get = self.columns
        item = where.rpartition("row ")[2] if get.by_row else cells.get(get["item"], "").strip()
        if not item:
            intake.leave_out(where, f"its cell {get['item']} is empty, so nothing says what it is about")
            return
        for arm in get.arms:
            yield from self._graded(where, cells, item, cells.get(arm, ""), arm, intake)
        if not get.arms:
            yield from self._graded(where, cells, item, cells.get(get["done"], ""), "", intake)

    def _graded(
        self, where: str, cells: Cells, item: str, answer: str, arm: str, intake: Intake
    ) -> Iterator[SourceRow]:
        get = self.columns
        row = SourceRow(where, item, variant=arm or cells.get(self.arm, "").strip())
        failure = cells.get(get["error"], "").strip()
        if failure:
            row.done, row.status, row.text = None, "error", failure
            row.optimal = tuple(filter(None, [cells.get(get["key"], "").strip()]))
            problem = _with_details(row, self, cells)
            if problem:
                intake.leave_out(where, problem)
            else:
                yield row
            return
        if self.verdicts:
            told = answer if arm else cells.get(get["right"], "")
            right = as_verdict(told, self.threshold)
            if right is None:
                intake.leave_out(where, _no_verdict(told, arm or get["right"]))
                return
            answer = "" if arm else answer
            row.done, row.optimal = judged(answer if len(answer) <= SHORT else "", right)
            key = cells.get(get["key"], "").strip()
            if key and answer.strip() and not self._agrees(answer, key, right):
                intake.doubt(where, f"its verdict contradicts its answer and its key {get['key']}; the verdict counts")
        else:
            key = cells.get(get["right"], "").strip()
            if not key:
                intake.leave_out(where, f"its cell {get['right']} is empty, so nothing says what is right")
                return
            graded = compared(answer, key, self.labels)
            row.done, row.status, row.optimal = graded.done, graded.status, graded.optimal
            row.form, row.graded, row.actions = graded.form, graded.graded, graded.actions
        row.text = answer
        problem = _with_details(row, self, cells)
        if problem:
            intake.leave_out(where, problem)
            return
        yield row

    def _agrees(self, answer: str, key: str, right: bool) -> bool:
        """Whether a verdict fits an answer and its key, as far as the answer can be read."""
        graded = compared(answer, key, self.labels)
        if graded.done is None or (graded.form == "text" and len(answer) > EXAMPLE):
            return True
        return (graded.done in graded.optimal) == right


def _with_details(row: SourceRow, reader: _RowReader, cells: Cells) -> str:
    """Fill in what else a row holds; returns why it is no row, "" where it is one."""
    get = reader.columns
    held = {role: cells.get(column, "").strip() for role, column in get.columns.items()}
    if held.get("trial"):
        number = _whole(held["trial"])
        if number is None or number < 0:
            return f"its trial {get['trial']} is no whole number from 0 on"
        row.trial = number
    row.model = (held.get("model") or "") if reader.one_model else SEVERAL
    for role in reader.texts:
        setattr(row, role, held[role])
    if held.get("prompt"):
        row.messages = (Message("user", held["prompt"]),)
    if held.get("knows") or held.get("stated"):
        _with_stated(row, held)
    return _with_figures(row, get, held) if reader.figures else ""


def _with_figures(row: SourceRow, get: ColumnMap, held: Mapping[str, str]) -> str:
    """Fill in the numbers of a row; returns why it is no row, "" where it is one."""
    for role in FIGURES:
        if held.get(role) and _number(held[role]) is None:
            return f"its cell {get[role]} is no number"
    tokens = [_number(held.get(role, "")) for role in ("tokens_in", "tokens_out")]
    if None not in tokens:
        row.usage = Usage(int(tokens[0] or 0), int(tokens[1] or 0))
    calls = _number(held.get("calls", ""))
    row.calls = None if calls is None else int(calls)
    row.cost, row.latency = _number(held.get("cost", "")), _number(held.get("time", ""))
    row.confidence, row.reward = _number(held.get("confidence", "")), _number(held.get("score", ""))
    if row.confidence is not None and not 0 <= row.confidence <= 1:
        return f"its cell {get['confidence']} is no confidence from 0 to 1"
    if any(value is not None and value < 0 for value in (row.cost, row.latency, row.calls, *tokens)):
        return "it holds a cost, a time or a count below 0"
    return ""


def _with_stated(row: SourceRow, held: Mapping[str, str]) -> None:
    """What the rationale recommends, by its text or by a verdict on it."""
    knows = as_verdict(held["knows"]) if held.get("knows") else None
    if knows is not None:
        right = row.optimal[0] if row.optimal else "right"
        row.optimal = row.optimal or ("right",)
        row.stated, row.stated_status, row.stated_by_verdict = (right if knows else f"not {right}",), "ok", True
    elif held.get("stated"):
        read = compared(held["stated"], row.optimal[0], row.actions) if row.optimal else None
        said = held["stated"] if read is None else read.done
        row.stated, row.stated_status = ((said,), "ok") if said is not None else ((), "unparsable")


def _are_scores(values: Sequence[str]) -> bool:
    """Whether values lie between right and wrong, which no key does."""
    numbers = [_number(v) for v in values]
    return all(n is not None and 0 <= n <= 1 for n in numbers) and any(n not in (0, 1) for n in numbers)


def _no_verdict(value: str, column: str) -> str:
    if not value.strip():
        return f"its cell {column} is empty, so nothing says whether it is right"
    try:
        float(value)
    except ValueError:
        return f"its cell {column} is neither right nor wrong"
    return f"its cell {column} is a score between right and wrong: name the least that is right with --threshold"


def _whole(text: str) -> int | None:
    number = _number(text)
    return int(number) if number is not None and number == int(number) else None


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) < 1e300 else None


@dataclass(frozen=True)
class CellImporter:
    """An importer of a format with named fields; a format gives `suffixes` and `cells`.

    Args:
        map: which field is what, for what the format itself does not fix: "right=metadata.gold,item=metadata.id".
        threshold: the least score that is right, where verdicts are scores.
    """

    map: str = ""
    threshold: float | str | None = None

    suffixes: ClassVar[tuple[str, ...]] = (".json", ".jsonl", ".ndjson")
    lists: ClassVar[tuple[str, ...]] = ()
    by_file: ClassVar[bool] = False  # whether each of several files is an arm where nothing else tells arms

    def __post_init__(self) -> None:
        """Refuse a threshold that is no number."""
        threshold_of(self.threshold)

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        """One decision a row of the format."""
        return decisions(self.located(source, intake), self.map, threshold_of(self.threshold), intake, quiet=True)

    def located(self, source: Path, intake: Intake) -> Iterator[LocatedRow]:
        """The rows of all files; what is no row of this format is left out."""
        files = files_of(source, self.suffixes, intake)
        for path, arm in arms_of_files(files, source).items():
            yield from of_file(self._of_one(path, intake), arm if self.by_file else "")

    def _of_one(self, path: Path, intake: Intake) -> Iterator[LocatedRow]:
        refuse_empty(path)
        for where, value in json_rows(path, intake, self.lists):
            found = self.cells(value, path, intake) if isinstance(value, dict) else _no_row(value)
            if found is None:
                intake.rows -= 1
            elif isinstance(found, str):
                intake.leave_out(where, found)
            else:
                yield where, *found

    def cells(self, row: dict[str, Any], path: Path, intake: Intake) -> FoundCells:
        """The cells of a row with its transcript, or why it is none; None where it is a part of another row."""
        raise NotImplementedError


def named_cells(own: Mapping[str, Any], rest: Mapping[str, Any]) -> dict[str, str]:
    """The cells of a row: those that a format names like roles, and all other fields by their own names."""
    named = {role: as_text(value) for role, value in own.items() if value is not None}
    return {**{k: v for k, v in flattened(rest).items() if k not in named}, **named}


def _no_row(value: Any) -> str:
    return f"it is no row of fields but a {type(value).__name__}"
