"""Files that are written whole or not at all.

Invariant: whoever reads the path sees the old file or the new one, never a part, whatever ends the writer. A writer
that fails leaves no file behind.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import RunFolderError


def is_file(path: Path) -> bool:
    """Whether a file lies there; false too of a name that no file can have, such as one that is too long."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """An empty file beside `path`, to be filled in the block. At its end the file takes the place of `path`.

    Missing folders are made. If the block raises, `path` stays as it was.

    Raises:
        RunFolderError: the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
        os.close(handle)
        try:
            yield Path(name)
            _flush(name)
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise
    except OSError as error:
        raise RunFolderError(
            f"{str(path)!r} cannot be written", error.strerror or str(error), "Choose another path, or free the disk."
        ) from error


def write_file(path: Path, data: bytes) -> Path:
    """Write `data` to `path` and return the path.

    Raises:
        RunFolderError: the file cannot be written; one that was there before is kept.
    """
    with replacing(path) as part:
        part.write_bytes(data)
    return path


def _flush(name: str) -> None:
    """Have the data on the disk before the name points to it: a power cut must not leave an empty file there."""
    handle = os.open(name, os.O_RDWR)  # Windows flushes what is open for writing alone
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def writable(folder: Path) -> None:
    """Say that a folder cannot be written before anything is loaded; leaves no trace."""
    parent = folder
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise RunFolderError(
            f"the run folder {str(folder)!r} cannot be written",
            f"{str(parent)!r} is no writable folder",
            "Choose another --out.",
        )
