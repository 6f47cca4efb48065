"""Records out of a run: as stored (JSON lines), or as the table (Parquet, CSV). Whole or not at all."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl

from ..errors import BadOption
from ..files import write_file
from ..ledger import read_ledger

__all__ = ["export"]

FORMATS = (".jsonl", ".parquet", ".csv")


def export(folder: Path, table: pl.DataFrame, path: Path) -> Path:
    """Write a run's records to `path`; the suffix chooses the format.

    `.jsonl` holds one record a line in canonical JSON, ordered by task, model, variant, episode and step: two runs
    with the same answers give the same bytes.

    Raises:
        BadOption: an unknown suffix.
        RunFolderError: the file cannot be written.
    """
    if path.suffix not in FORMATS:
        raise BadOption(f"the export format of {str(path)!r} is unknown", remedy=f"Use {', '.join(FORMATS)}.")
    if path.suffix == ".jsonl":
        with read_ledger(folder) as ledger:
            data = b"".join(record + b"\n" for record in ledger.raw_records())
        return write_file(path, data)
    buffer = io.BytesIO()
    if path.suffix == ".parquet":
        table.write_parquet(buffer)
    else:
        table.write_csv(buffer)
    return write_file(path, buffer.getvalue())
