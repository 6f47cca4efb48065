"""What judges said of a run, as it lies beside the run's own ledger. `judging` writes it; reading it asks no model."""

from __future__ import annotations

from pathlib import Path

from ..ledger import read_ledger
from ..ledger.file import FILE
from ..records import decode
from .judge import Judged

FOLDER = "judge"
RECOMMENDED = "judged"
IMPLIED = "judged_implied"


def read_judged(folder: Path, of: str = RECOMMENDED) -> Judged | None:
    """What judges said of a run: of its recommendations, or of what is implied; None where nobody judged it."""
    if not (folder / FOLDER / FILE).is_file():
        return None
    with read_ledger(folder / FOLDER) as ledger:
        stored = ledger.meta(of)
    return None if stored is None else decode(Judged, stored)
