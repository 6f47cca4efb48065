"""The importer `table`: CSV, TSV, JSON, JSON lines, Parquet, Excel and Hugging Face data sets, gzipped or not.

In the long form a row is one answer of one arm. In the wide form a row is an item, and each arm has a column of its
own: `--map item=id,arms=gpt_correct|claude_correct`, or `--map item=id,right=key,arms=gpt|claude` where the columns
hold answers.

Where no column names a variant and several models answer, the models are the arms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from ..errors import BadOption, MissingExtra
from ..options import real
from ..records import Message, Usage
from .base import IMPORTERS, SEVERAL, Intake, SourceRow
from .columns import ColumnMap, guessed_columns, map_of
from .grading import LABELS, as_text, as_verdict, compared, is_verdict, judged
from .sources import beginning, files_of, json_rows, refuse_empty, table_rows

__all__ = ["TableImporter"]

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xls", ".ods", ".txt")
FIRST = 1_000  # rows from which columns are guessed
EXAMPLE = 40  # characters of a value that are shown
DEPTH = 3  # levels of nested JSON that become columns
AT_ONCE = 50_000
HUB = "hf:"
Cells = Mapping[str, str]
Located = Iterator[tuple[str, Cells]]


@dataclass(frozen=True)
class TableImporter:
    """A table of any kind; see `akrasia.importers.columns` for its roles.

    Args:
        map: which column is what, "item=question_id,variant=model,done=answer,right=key"; the rest is guessed.
        threshold: the least score that is right, where `right` is a score.
        delimiter: of a text table; by default the commonest sign of its header.
        split: of a Hugging Face data set.
    """

    map: str = ""
    threshold: float | None = None
    delimiter: str = ""
    split: str = ""

    def __post_init__(self) -> None:
        """Refuse a threshold that is no number."""
        if self.threshold is not None:
            real("the threshold", self.threshold, -1e300, 1e300)

    def recognises(self, source: Path) -> bool:
        """Any file that ends as tables do."""
        return source.name.lower().removesuffix(".gz").endswith(SUFFIXES)

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        """One decision a row, or one an arm of each row."""
        rows = self._located(source, intake)
        first = list(islice(rows, FIRST))
        if not first:
            return
        header = list(dict.fromkeys(chain.from_iterable(cells for _, cells in first)))
        columns = guessed_columns(map_of(self.map, header), header, [cells for _, cells in first])
        reader = _RowReader.of(columns, [cells for _, cells in first], self.threshold)
        intake.options["map"] = columns.words
        self._tell(columns, first[0][1], reader, intake)
        for where, cells in chain(first, rows):
            yield from reader.rows(where, cells, intake)

    def _tell(self, columns: ColumnMap, example: Cells, reader: _RowReader, intake: Intake) -> None:
        """Show what was made of the columns, and note what a reader of the run must know."""
        if columns.guessed:
            intake.note(f"columns were guessed: {', '.join(sorted(columns.guessed))}")
        if not columns["trial"]:
            intake.note("no column names the trial: the k-th row of an item in an arm counts as its trial k")
        if intake.confirm is not None:
            told = [
                (role, column, example.get(column, "")[:EXAMPLE], role in columns.guessed)
                for role, column in columns.columns.items()
            ]
            told += [("item", "the number of the row", "", "item" in columns.guessed)] if columns.by_row else []
            told += [("arm", arm, example.get(arm, "")[:EXAMPLE], "arms" in columns.guessed) for arm in columns.arms]
            told.append(("right is", reader.meaning, "", False))
            intake.confirm(told)

    def _located(self, source: Path, intake: Intake) -> Located:
        if str(source).startswith(HUB):
            return _hub_rows(str(source).removeprefix(HUB), self.split, intake)
        if source.is_dir() and any((source / n).is_file() for n in ("dataset_info.json", "dataset_dict.json")):
            return _saved_rows(source, self.split, intake)
        return chain.from_iterable(self._file_rows(path, intake) for path in files_of(source, SUFFIXES, intake))

    def _file_rows(self, path: Path, intake: Intake) -> Located:
        refuse_empty(path)
        head = beginning(path)
        name = path.name.lower().removesuffix(".gz")
        if head.startswith(b"PAR1"):
            return _parquet_rows(path, intake)
        if name.endswith((".xlsx", ".xls", ".ods")):
            return _excel_rows(path, intake)
        if b"\0" in head[:1000] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise BadOption(
                f"{str(path)!r} is no table", "it holds bytes that no text has", "Give CSV, JSON, Parquet or Excel."
            )
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"[", b"{")):
            return _json_cells(path, intake)
        return table_rows(path, intake, "\t" if name.endswith(".tsv") and not self.delimiter else self.delimiter)


@dataclass(frozen=True)
class _RowReader:
    """Makes decisions of the cells of a row."""

    columns: ColumnMap
    verdicts: bool
    labels: tuple[str, ...]
    threshold: float | None
    arm: str
    one_model: bool

    @classmethod
    def of(cls, columns: ColumnMap, first: Sequence[Cells], threshold: float | None) -> _RowReader:
        """What the first rows say of the values: verdicts or keys, and the choices there are."""

        def held(column: str) -> list[str]:
            return [v for cells in first if (v := cells.get(column, "").strip())]

        right, done = held(columns["right"]), held(columns["done"])
        verdicts = threshold is not None or (bool(right) and all(map(is_verdict, right)))
        if verdicts and threshold is None and done and all(map(is_verdict, done)) and len({*right, *done}) > 1:
            verdicts = not {v.casefold() for v in right} <= {v.casefold() for v in done}
        if columns.arms and not columns["right"]:
            verdicts = True
        keys = set(held(columns["key"]) if verdicts else right)
        short = 1 < len(keys) <= LABELS and all(len(k) <= 3 and not any(c.isdigit() for c in k) for k in keys)
        models = set(held(columns["model"]))
        arm = columns["variant"] or (columns["model"] if len(models) > 1 else "")
        return cls(columns, verdicts, tuple(sorted(keys)) if short else (), threshold, arm, arm != columns["model"])

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
        if self.verdicts:
            told = answer if arm else cells.get(get["right"], "")
            right = as_verdict(told, self.threshold)
            if right is None:
                intake.leave_out(where, _no_verdict(told, arm or get["right"]))
                return
            answer = "" if arm else answer
            row.done, row.optimal = judged(answer if len(answer) <= 200 else "", right)
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
    row.task, row.question, row.name = held.get("task", ""), held.get("question", ""), held.get("name", "")
    row.rationale, row.leaks, row.control = held.get("rationale", ""), held.get("leaks", ""), held.get("control", "")
    if held.get("prompt"):
        row.messages = (Message("user", held["prompt"]),)
    _with_stated(row, held)
    for role in ("tokens_in", "tokens_out", "calls", "cost", "time", "confidence", "score"):
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
        row.stated, row.stated_status = (right if knows else "wrong",), "ok"
        if not knows and "wrong" in row.optimal:
            row.stated = ("not that",)
    elif held.get("stated"):
        read = compared(held["stated"], row.optimal[0], row.actions) if row.optimal else None
        said = held["stated"] if read is None else read.done
        row.stated, row.stated_status = ((said,), "ok") if said is not None else ((), "unparsable")


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


def _json_cells(path: Path, intake: Intake) -> Located:
    for where, value in json_rows(path, intake, ("data", "rows", "results", "samples", "items", "examples")):
        if not isinstance(value, dict):
            intake.leave_out(where, f"it is no row of fields but a {type(value).__name__}")
            continue
        cells: dict[str, str] = {}
        _flatten(value, "", cells)
        yield where, cells


def _flatten(value: Mapping[str, Any], before: str, cells: dict[str, str], depth: int = 1) -> None:
    for name, part in value.items():
        if isinstance(part, dict) and depth < DEPTH:
            _flatten(part, f"{before}{name}.", cells, depth + 1)
        else:
            cells[f"{before}{name}"] = as_text(part)


def _parquet_rows(path: Path, intake: Intake) -> Located:
    import polars as pl

    try:
        scan = pl.scan_parquet(path)
        height = int(scan.select(pl.len()).collect().item())
        for start in range(0, height, AT_ONCE):
            yield from _named_rows(scan.slice(start, AT_ONCE).collect(), path.name, start, intake)
    except pl.exceptions.PolarsError as error:
        raise BadOption(
            f"{str(path)!r} is no whole Parquet file", str(error).partition("\n")[0], "Write it again."
        ) from None


def _excel_rows(path: Path, intake: Intake) -> Located:
    import polars as pl

    try:
        frame = pl.read_excel(path)
    except (ImportError, ModuleNotFoundError):
        raise MissingExtra(
            "reading Excel files needs the package fastexcel", remedy="Install it: pip install 'akrasia[excel]'."
        ) from None
    except Exception as error:  # the reader is a stranger's, and raises types of its own
        raise BadOption(f"{str(path)!r} is no Excel file", str(error).partition("\n")[0], "Save it as .xlsx.") from None
    yield from _named_rows(frame, path.name, 0, intake)


def _named_rows(frame: Any, name: str, start: int, intake: Intake) -> Located:
    for number, row in enumerate(frame.iter_rows(named=True), start + 1):
        intake.rows += 1
        cells: dict[str, str] = {}
        _flatten(row, "", cells)
        yield f"{name}, row {number}", cells


def _saved_rows(folder: Path, split: str, intake: Intake) -> Located:
    files_of(folder, (".arrow",), intake)
    return _dataset_rows(_datasets().load_from_disk(str(folder)), folder.name, split, intake)


def _hub_rows(name: str, split: str, intake: Intake) -> Located:
    intake.name = name.rpartition("/")[2]
    intake.tool = f"the data set {name} of the Hugging Face hub"
    return _dataset_rows(_datasets().load_dataset(name), name, split, intake)


def _dataset_rows(found: Any, name: str, split: str, intake: Intake) -> Located:
    if isinstance(found, dict):
        if not split and len(found) > 1:
            raise BadOption(f"{name!r} has several splits", ", ".join(found), "Name one: --option split=NAME.")
        if split and split not in found:
            raise BadOption(f"{name!r} has no split {split!r}", f"it has {', '.join(found)}", "Name one of these.")
        found = found[split or next(iter(found))]
    for number, row in enumerate(found, 1):
        intake.rows += 1
        cells: dict[str, str] = {}
        _flatten(row, "", cells)
        yield f"{name}, row {number}", cells


def _datasets() -> Any:
    try:
        import datasets
    except ImportError:
        raise MissingExtra(
            "reading Hugging Face data sets needs the package datasets",
            remedy="Install it: pip install 'akrasia[datasets]'.",
        ) from None
    return datasets


IMPORTERS.register("table", TableImporter)
