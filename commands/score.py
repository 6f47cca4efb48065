"""`akrasia score`: the scorecard of a stored run, made again; or its two-way tables, or its effects by item."""

from __future__ import annotations

from typing import Annotated, Any, cast

import typer

from .arguments import AsJson, IntervalKind, Metrics, RunFolder, Wide
from .output import echo_json, terminal
from .strict import refuse_unused
from .threads import few_threads
from .waiting import waiting


def score(
    context: typer.Context,
    run: RunFolder,
    metric: Metrics = None,
    evaluator: Annotated[
        list[str] | None, typer.Option(help="Also this evaluator, NAME or FILE.py:NAME; may be repeated.")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="Compare with this variant.")] = None,
    interval: IntervalKind = "robust",
    turns: Annotated[
        bool | None, typer.Option(help="Read the transcripts too; by default where the run is not large.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print every metric that is measured.")] = False,
    two_way: Annotated[
        bool, typer.Option("--two-way", help="Only the two-way tables: models by variants, and their interaction.")
    ] = False,
    by_item: Annotated[
        bool, typer.Option("--by-item", help="Only how effects differ: by item, difficulty, what is untried.")
    ] = False,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Score a stored run again; needs no model, no network and no key."""
    few_threads(run)
    with waiting(f"reading {run}"):
        from ..result import open_run

    result, console, kind = open_run(run), terminal(), cast(Any, interval)
    if two_way:
        refuse_unused(context, ("metric", "baseline", "interval", "two_way", "wide", "as_json"), "two-way tables")
        from ..reports.two_way import show_two_way

        with waiting(f"scoring {run}"):
            tables = result.two_way(metric, baseline, kind)
        if as_json:
            echo_json(tables)
        else:
            show_two_way(tables, console, wide)
        return
    if by_item:
        refuse_unused(context, ("metric", "baseline", "interval", "by_item", "wide", "as_json"), "effects by item")
        from ..reports.forest import show_heterogeneity

        with waiting(f"scoring {run}"):
            effects = [e for name in metric or ["gap"] for e in result.heterogeneity(name, kind, baseline)]
        if as_json:
            echo_json(effects)
        else:
            show_heterogeneity(effects, console, wide)
        return
    from ..reports.terminal import show_estimates, show_scorecard

    names = metric or ([] if evaluator else None)
    with waiting(f"scoring {run}"):
        headline, items = not (every or as_json), as_json and names is None
        card = result.score(names, baseline, kind, evaluator or (), turns, headline, items, mixed=False)
    if as_json:
        echo_json(card)
    elif every or names is not None:
        show_estimates(card, console, measured_only=every, wide=wide)
    else:
        show_scorecard(card, result.experiment, console=console, wide=wide)
