"""`akrasia compare`: two variants of a run, or a variant in two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..files import is_file
from .arguments import AsJson, IntervalKind, Metrics, RunFolder, Wide
from .output import echo_json, terminal
from .threads import few_threads
from .waiting import waiting


def compare(
    run: RunFolder,
    a: Annotated[str, typer.Argument(help="A variant; or a second run folder.", metavar="A")],
    b: Annotated[
        str | None, typer.Argument(help="Another variant; with two runs: which variant of both.", metavar="B")
    ] = None,
    metric: Metrics = None,
    interval: IntervalKind = "robust",
    shared: Annotated[
        bool, typer.Option("--shared", help="Of imported runs: only the items and trials that both arms hold.")
    ] = False,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Compare two variants of a run, or a variant in two runs: RUN A B, or RUN1 RUN2 [VARIANT]."""
    few_threads(run)
    from ..ledger.file import FILE
    from ..reports.comparison import show_comparison
    from ..result import open_run

    kind: Any = interval
    with waiting(f"comparing in {run}"):
        first = open_run(a) if is_file(Path(a) / FILE) else a
        comparisons = open_run(run).compare(first, b, metric, kind, shared)
    if as_json:
        echo_json(comparisons)
    else:
        show_comparison(comparisons, terminal(), wide)
