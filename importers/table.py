"""The importer `table`: CSV, TSV, JSON, JSON lines, Parquet, Excel and Hugging Face data sets, gzipped or not.

In the long form a row is one answer of one arm. In the wide form a row is an item, and each arm has a column of its
own: `--map item=id,arms=gpt_correct|claude_correct`, or `--map item=id,right=key,arms=gpt|claude` where the columns
hold answers.

Where no column names a variant and several models answer, the models are the arms. Of several files without such a
column each is an arm, unless their names are those of parts or repeats (`part-00001`, `run_2`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from ..errors import BadOption, MissingExtra, UnknownName
from .base import IMPORTERS, Intake, SourceRow
from .cells import LocatedRow, decisions, flattened, of_file, threshold_of
from .shapes import rows_of_object, unfolded
from .sources import arms_of_files, beginning, files_of, json_rows, refuse_empty, table_rows

SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".xls", ".ods", ".txt")
AT_ONCE = 50_000
HUB = "hf:"
LISTS = ("data", "rows", "results", "samples", "items", "examples")  # fields of an object that hold its rows
Located = Iterator[LocatedRow]


@dataclass(frozen=True)
class TableImporter:
    """A table of any kind; see `akrasia.importers.columns` for its roles.

    Args:
        map: which column is what, "item=question_id,variant=model,done=answer,right=key"; the rest is guessed.
        threshold: the least score that is right, where `right` is a score.
        delimiter: of a text table; by default the commonest sign of its header.
        split: of a Hugging Face data set.
        sheet: of an Excel file.
    """

    map: str = ""
    threshold: float | str | None = None
    delimiter: str = ""
    split: str = ""
    sheet: str = ""

    def __post_init__(self) -> None:
        """Refuse a threshold that is no number."""
        threshold_of(self.threshold)

    def recognises(self, source: Path) -> bool:
        """Any file that ends as tables do."""
        return source.name.lower().removesuffix(".gz").endswith(SUFFIXES)

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        """One decision a row, or one an arm of each row."""
        return decisions(self._located(source, intake), self.map, threshold_of(self.threshold), intake)

    def _located(self, source: Path, intake: Intake) -> Located:
        if str(source).startswith(HUB):
            return _hub_rows(str(source).removeprefix(HUB), self.split, intake)
        if source.is_dir() and any((source / n).is_file() for n in ("dataset_info.json", "dataset_dict.json")):
            return _saved_rows(source, self.split, intake)
        files = files_of(source, SUFFIXES, intake)
        return chain.from_iterable(
            of_file(self._file_rows(path, intake), arm) for path, arm in arms_of_files(files, source).items()
        )

    def _file_rows(self, path: Path, intake: Intake) -> Located:
        refuse_empty(path)
        head = beginning(path)
        name = path.name.lower().removesuffix(".gz")
        if head.startswith(b"PAR1"):
            return _parquet_rows(path, intake)
        if name.endswith((".xlsx", ".xls", ".ods")):
            return _excel_rows(path, self.sheet, intake)
        if b"\0" in head[:1000] and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise BadOption(
                f"{str(path)!r} is no table", "it holds bytes that no text has", "Give CSV, JSON, Parquet or Excel."
            )
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"[", b"{")):
            return _json_cells(path, intake)
        delimiter = "\t" if name.endswith(".tsv") and not self.delimiter else self.delimiter
        return ((where, cells, None) for where, cells in table_rows(path, intake, delimiter))


def _json_cells(path: Path, intake: Intake) -> Located:
    for where, value in unfolded(json_rows(path, intake, LISTS, rows_of_object), intake):
        if isinstance(value, dict):
            yield where, flattened(value), None
        else:
            intake.leave_out(where, f"it is no row of fields but a {type(value).__name__}")


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


def _excel_rows(path: Path, sheet: str, intake: Intake) -> Located:
    import polars as pl

    try:
        sheets = pl.read_excel(path, sheet_id=0, raise_if_empty=False)
    except (ImportError, ModuleNotFoundError):
        raise MissingExtra(
            "reading Excel files needs the package fastexcel", remedy="Install it: pip install 'akrasia[excel]'."
        ) from None
    except Exception as error:  # the reader is a stranger's, and raises types of its own
        raise BadOption(f"{str(path)!r} is no Excel file", str(error).partition("\n")[0], "Save it as .xlsx.") from None
    filled = [name for name, frame in sheets.items() if len(frame)]
    if sheet and sheet not in sheets:
        raise UnknownName.among("sheet", sheet, list(sheets))
    if not sheet and len(filled) > 1:
        raise BadOption(f"{str(path)!r} has several sheets", ", ".join(filled), "Name one: --option sheet=NAME.")
    if not (sheet or filled):
        raise BadOption(f"{str(path)!r} is empty", "there is no row in it", "Give the file that holds the rows.")
    yield from _named_rows(sheets[sheet or filled[0]], path.name, 0, intake)


def _named_rows(frame: Any, name: str, start: int, intake: Intake) -> Located:
    for number, row in enumerate(frame.iter_rows(named=True), start + 1):
        intake.rows += 1
        yield f"{name}, row {number}", flattened(row), None


def _saved_rows(folder: Path, split: str, intake: Intake) -> Located:
    files_of(folder / split if split and (folder / split).is_dir() else folder, (".arrow",), intake)
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
        yield f"{name}, row {number}", flattened(row), None


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
