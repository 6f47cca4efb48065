"""What judges said of a run, as it lies beside the run's own ledger. `judging` writes it; reading it asks no model."""

from __future__ import annotations

from pathlib import Path

from ..ledger import read_ledger
from ..ledger.file import FILE
from ..records import decode
from .judge import Judged

__all__ = ["FOLDER", "read_judged"]

FOLDER = "judge"


def read_judged(folder: Path) -> Judged | None:
    """What judges said of a run; None where nobody judged it."""
    if not (folder / FOLDER / FILE).is_file():
        return None
    with read_ledger(folder / FOLDER) as ledger:
        stored = ledger.meta("judged")
    return None if stored is None else decode(Judged, stored)
