"""Where a run comes from that was made elsewhere: which files, read by which importer, and what they do not hold.

Invariant: a ledger holds this under one setting, in the same transaction as its records, exactly where its records were
imported. It holds no path, no name of a host and no name of a user.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import RunFolderError

IMPORTED = "imported"  # the setting that holds it


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """One file that was read: its name without its folder, its size in bytes, and the hash of these."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class RowsLeftOut:
    """Rows that are no records for one reason: how many they are, and where the first of them stand."""

    reason: str
    rows: int
    first: tuple[str, ...] = ()

    def __str__(self) -> str:
        more = ", ..." if self.rows > len(self.first) else ""
        return f"{self.rows:,} row{'s' * (self.rows != 1)}: {self.reason} ({'; '.join(self.first)}{more})"


@dataclass(frozen=True, slots=True)
class ImportedFrom:
    """Where the records of an imported run come from.

    Attributes:
        kind: the importer; options: those that it was called with, among them which column was read as what.
        akrasia: the version that imported them; at: when, in UTC, to the second, in ISO 8601.
        tool: what wrote the source and in which version, as far as the source says.
        files: in the order in which they were read; a folder's by their names.
        rows: how many were read; records: how many entered.
        absent: what the source does not hold and so is measured nowhere, such as "tokens".
        notes: what had to be assumed, as sentences.
        left_out: rows that did not enter, by reason.
        doubted: rows that entered and contradict themselves, by reason.
        reader: version of the reader by which answers were read here; "" where the source says which are right.
    """

    kind: str
    akrasia: str
    at: str
    files: tuple[ImportedFile, ...]
    rows: int
    records: int
    tool: str = ""
    options: Mapping[str, str] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: tuple[RowsLeftOut, ...] = ()
    doubted: tuple[RowsLeftOut, ...] = ()
    reader: str = ""

    @property
    def sentence(self) -> str:
        """That the run was imported and from what, as every surface says it."""
        names = ", ".join(f.name for f in self.files[:2]) + (
            f" and {len(self.files) - 2} more files" if len(self.files) > 2 else ""
        )
        made = f", made by {self.tool}" if self.tool else ""
        return (
            f"imported as {self.kind} from {names}{made}: made elsewhere, so nothing is drawn again and nothing resumed"
        )

    @property
    def lines(self) -> list[tuple[str, str]]:
        """All of it for a reader: what is told, and what it is."""
        told = [
            ("run", f"imported {self.at} as {self.kind}, by akrasia {self.akrasia}"),
            ("made by", self.tool),
            *(("file", f"{f.name}, {f.size:,} bytes, sha256 {f.sha256}") for f in self.files[:20]),
            ("more files", f"{len(self.files) - 20:,}" if len(self.files) > 20 else ""),
            ("read with", ", ".join(f"{name} = {value}" for name, value in self.options.items())),
            ("rows", f"{self.rows:,} read, {self.records:,} entered"),
            ("not in the source", ", ".join(self.absent)),
            *(("assumed", note) for note in self.notes),
            *(("left out", str(one)) for one in self.left_out),
            ("left out", "" if self.left_out else "nothing"),
            *(("in doubt", str(one)) for one in self.doubted),
        ]
        return [(what, text) for what, text in told if text]

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing a number of the run."""
        lost = sum(one.rows for one in self.left_out)
        reasons = "; ".join(str(one) for one in self.left_out[:3]) + ("; ..." if len(self.left_out) > 3 else "")
        return [
            self.sentence,
            *([f"{lost:,} of {self.rows:,} rows of the source are in no number: {reasons}"] if lost else []),
            *(f"{one}" for one in self.doubted),
        ]


def refuse_imported(imported: ImportedFrom | None, folder: Path | str) -> None:
    """Refuse to go on with a run that was not played here.

    Raises:
        RunFolderError: it was imported.
    """
    if imported is not None:
        raise RunFolderError(
            f"the run in {str(folder)!r} cannot be resumed",
            f"it was {imported.sentence}",
            "Import its source again with --fresh, or play a run of your own into another folder.",
        )
