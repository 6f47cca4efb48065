"""`akrasia score`: a stored run, scored again without any model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from ..result import open_run
from .output import echo_json
from .strict import refuse_unused
from .waiting import waiting


def score_command(
    context: typer.Context,
    run: Path,
    console: Console,
    *,
    metrics: Sequence[str] | None,
    evaluators: Sequence[str],
    baseline: str | None,
    interval: Any,
    turns: bool | None,
    every: bool,
    two_way: bool,
    by_item: bool,
    wide: bool,
    as_json: bool,
) -> None:
    """Score a stored run and print its scorecard, single metrics, or its two-way tables.

    Args:
        metrics: only these, as numbers; by default the whole scorecard.
        evaluators: also these; alone where no metric is named.
        every: print every metric that is measured.
        two_way: print the tables of models by variants instead; by_item: print how effects differ instead.

    Raises:
        UsageError: a name is unknown, or the run has no such table.
    """
    result = open_run(run)
    if two_way:
        refuse_unused(context, ("metric", "baseline", "interval", "two_way", "wide", "as_json"), "two-way tables")
        from ..reports.two_way import show_two_way

        with waiting(f"scoring {run}"):
            tables = result.two_way(metrics, baseline, interval)
        if as_json:
            echo_json(tables)
        else:
            show_two_way(tables, console, wide)
        return
    if by_item:
        refuse_unused(context, ("metric", "baseline", "interval", "by_item", "wide", "as_json"), "effects by item")
        from ..reports.forest import show_heterogeneity

        with waiting(f"scoring {run}"):
            told = [e for m in metrics or ["gap"] for e in result.heterogeneity(m, interval, baseline)]
        if as_json:
            echo_json(told)
        else:
            show_heterogeneity(told, console, wide)
        return
    from ..reports.terminal import show_estimates, show_scorecard

    names = metrics or ([] if evaluators else None)
    with waiting(f"scoring {run}"):
        headline, by_item = not (every or as_json), as_json and names is None
        card = result.score(names, baseline, interval, evaluators, turns, headline, by_item, mixed=False)
    if as_json:
        echo_json(card)
    elif every or names is not None:
        show_estimates(card, console, measured_only=every, wide=wide)
    else:
        show_scorecard(card, result.experiment, console=console, wide=wide)
