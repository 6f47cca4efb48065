"""Two variants of a run, or one variant in two runs, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..api import open_run
from ..errors import BadOption
from ..evals.compare import COMPARED, Comparison, compare, compare_runs
from ..experiments.ledger import FILE

__all__ = ["compared"]


def compared(
    run: Path, first: str, second: str | None, metrics: Sequence[str] | None = None, interval: Any = "robust"
) -> tuple[Comparison, ...]:
    """What `akrasia compare RUN A B` or `akrasia compare RUN1 RUN2 [VARIANT]` found.

    Raises:
        UsageError: the arms cannot be paired, or a name is unknown.
    """
    chosen = tuple(metrics or COMPARED)
    if _is_run(first):
        one, other = open_run(run), open_run(first)
        return compare_runs(
            (str(run), one.records, one.experiment), (first, other.records, other.experiment), second, chosen, interval
        )
    if second is None:
        raise BadOption(
            "there is one arm to compare", f"{first!r} is no run folder",
            "Name two variants, akrasia compare RUN A B, or two runs, akrasia compare RUN1 RUN2.",
        )  # fmt: skip
    return compare(open_run(run).records, first, second, chosen, interval)


def _is_run(name: str) -> bool:
    try:
        return (Path(name) / FILE).is_file()
    except OSError:  # a name too long, say: no folder
        return False
