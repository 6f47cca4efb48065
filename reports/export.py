"""Records out of a run: as stored (JSON lines), or as the table (Parquet, CSV). Whole or not at all."""

from __future__ import annotations

import io
import os
import tempfile
from pathlib import Path

import polars as pl

from ..errors import BadOption, RunFolderError
from ..ledger.ledger import read_ledger

__all__ = ["export", "write_whole"]

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
        ledger = read_ledger(folder)
        try:
            data = b"".join(record + b"\n" for record in ledger.raw_records())
        finally:
            ledger.close()
        return write_whole(path, data)
    buffer = io.BytesIO()
    if path.suffix == ".parquet":
        table.write_parquet(buffer)
    else:
        table.write_csv(buffer)
    return write_whole(path, buffer.getvalue())


def write_whole(path: Path, data: bytes, make_folder: bool = True) -> Path:
    """Write a file so that a reader sees the old one or the new one, never a part.

    Raises:
        RunFolderError: the file cannot be written.
    """
    try:
        if make_folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            os.unlink(name)
            raise
    except OSError as error:
        raise RunFolderError(
            f"{str(path)!r} cannot be written", error.strerror or str(error), "Choose another path."
        ) from None
    return path
