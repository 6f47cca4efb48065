"""`akrasia compare`: two variants of a run, or one variant in two runs, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ..files import is_file
from ..ledger.file import FILE
from ..reports.comparison import show_comparison
from ..result import open_run
from .output import echo_json
from .waiting import waiting


def compare_command(
    run: Path,
    a: str,
    b: str | None,
    metrics: Sequence[str] | None,
    interval: Any,
    as_json: bool,
    console: Console,
    wide: bool = False,
    shared: bool = False,
) -> None:
    """Print what `akrasia compare RUN A B` or `akrasia compare RUN1 RUN2 [VARIANT]` asks for.

    Raises:
        UsageError: the arms cannot be paired, or a name is unknown.
    """
    with waiting(f"comparing in {run}"):
        comparisons = open_run(run).compare(open_run(a) if is_file(Path(a) / FILE) else a, b, metrics, interval, shared)
    if as_json:
        echo_json(comparisons)
    else:
        show_comparison(comparisons, console, wide)
