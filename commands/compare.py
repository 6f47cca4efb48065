"""Two variants of a run, or one variant in two runs, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..evals.compare import Comparison
from ..ledger.file import FILE
from ..result import open_run

__all__ = ["compared"]


def compared(
    run: Path, first: str, second: str | None, metrics: Sequence[str] | None = None, interval: Any = "robust"
) -> tuple[Comparison, ...]:
    """What `akrasia compare RUN A B` or `akrasia compare RUN1 RUN2 [VARIANT]` found.

    Raises:
        UsageError: the arms cannot be paired, or a name is unknown.
    """
    return open_run(run).compare(open_run(first) if _is_run(first) else first, second, metrics, interval)


def _is_run(name: str) -> bool:
    try:
        return (Path(name) / FILE).is_file()
    except OSError:  # a name too long, say: no folder
        return False
