"""`akrasia plan`: what an experiment would do and cost, told without asking a model.

With an effect, a power, a pilot or a number of comparisons: also how many episodes it takes to find that effect.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..reports.tables import RowNamedTable, TableColumn
from .arguments import AsJson, Changes, Episodes, ModelName, TaskName, Trials, Variants, Wide
from .output import echo_json, terminal
from .waiting import waiting

if TYPE_CHECKING:
    from rich.console import Console

    from ..experiments.experiment import Experiment
    from ..experiments.planning.forecast import CostEstimate, Forecast, ForecastRow
    from ..experiments.planning.power import PowerAnalysis

_HEADINGS = (  # with their ranks, see `TableColumn`
    ("calls", 0),
    ("one after\nthe other", 4),
    ("new\ncalls", 5),
    ("prompt\ntokens", 2),
    ("answer\ntokens", 2),
    ("$ alone", 3),
    ("$ added", 0),
    ("$ at most", 1),
)


def plan(
    experiment: Annotated[Path | None, typer.Argument(help="A TOML file.")] = None,
    task: TaskName = None,
    model: ModelName = None,
    variant: Variants = None,
    episodes: Episodes = None,
    trials: Trials = None,
    changes: Changes = None,
    answer_tokens: Annotated[int, typer.Option(help="Assumed length of an answer that holds a reasoning.")] = 160,
    effect: Annotated[
        float | None, typer.Option(help="The smallest difference of the gap that matters: how many episodes find it?")
    ] = None,
    power: Annotated[float | None, typer.Option(help="Probability of finding it; by default 0.8.")] = None,
    pilot: Annotated[Path | None, typer.Option(help="A run of the same task that shows how episodes differ.")] = None,
    comparisons: Annotated[
        int | None, typer.Option(help="Contrasts that share the error rate; by default as many as verdicts correct.")
    ] = None,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Show what an experiment would do and cost, and how many episodes an effect needs, without asking any model."""
    with waiting("loading what a plan needs"):
        from ..experiments.config import assemble
        from ..experiments.planning.forecast import forecast_run
        from ..experiments.planning.power import POWER, power_analysis
        from ..models.near_names import warnings_of_names
        from ..result import open_run
        from .plan_power import show_power
        from .settings import experiment_settings, tell

    options = {"task": task, "model": model, "variants": variant, "episodes": episodes, "trials": trials}
    settings, notes = experiment_settings(experiment, changes or [], options)
    planned = assemble(settings)
    tell([*notes, *warnings_of_names(planned.backends)])
    with waiting("working out the prompts of every variant"):
        forecast = forecast_run(planned, answer_tokens=answer_tokens)
    analysis = None
    if any(option is not None for option in (effect, power, pilot, comparisons)):
        measured = None if pilot is None else open_run(pilot)
        spreads = None if measured is None else (measured.records, measured.experiment)
        analysis = power_analysis(planned, forecast, effect, POWER if power is None else power, comparisons, spreads)
    if as_json:
        echo_json(_as_json(planned, forecast, analysis))
        return
    console = terminal()
    show_plan(planned, forecast, console, wide)
    if analysis is not None:
        show_power(analysis, planned, console, wide)


def _as_json(experiment: Experiment, forecast: Forecast, analysis: PowerAnalysis | None) -> dict[str, Any]:
    from ..experiments.config import experiment_json
    from ..experiments.planning.power import item_warnings

    sums = {"alone": forecast.alone, "shared": forecast.shared, "at_most": forecast.at_most}
    return {
        "experiment": experiment_json(experiment),
        "forecast": {**asdict(forecast), **{name: asdict(sum) for name, sum in sums.items()}},
        "situations": experiment.situations,
        "power": None if analysis is None else asdict(analysis),
        "warnings": item_warnings(experiment),
    }


def show_plan(experiment: Experiment, forecast: Forecast, console: Console, wide: bool = False) -> None:
    """Print an experiment: what one decision of each variant takes, and what the whole run costs.

    Args:
        wide: every column, whatever the width.
    """
    console.print(f"{experiment.name}: {experiment.design} design, seed {experiment.seed}")
    for (task, model), rows in groupby(forecast.rows, key=lambda r: (r.task, r.model)):
        console.print(_table(f"{task}, {model}", list(rows), wide))
    for each in experiment.tasks:
        options = ", ".join(f"{k}={v}" for k, v in each.options.items())
        console.print(f"task: {each.name}({options})")
    for models in experiment.models:
        console.print(f"model: {models.label}")
    _show_sums(forecast, experiment, console)


def _table(title: str, rows: list[ForecastRow], wide: bool) -> RowNamedTable:
    """One row a variant."""
    from ..reports.text import short_name

    lines = [_cells(row) for row in rows]
    columns = [
        TableColumn(heading, [cells[i] for cells in lines], "right", rank)
        for i, (heading, rank) in enumerate(_HEADINGS)
    ]
    names = [short_name(row.variant, rows[0].variant) if i else row.variant for i, row in enumerate(rows)]
    return RowNamedTable(title, "variant", names, columns, wide)


def _cells(row: ForecastRow) -> list[str]:
    calls = "?" if row.calls is None else str(row.calls)
    if row.fewest_calls is not None and row.fewest_calls != row.calls:
        calls = f"{row.fewest_calls}-{calls}"
    depth = "?" if row.depth is None else str(row.depth)
    if row.alone is None or row.added is None or row.added_at_most is None:
        return [calls, depth, *["?"] * 6]
    return [
        calls,
        depth,
        f"{row.added.calls:.3g}",
        f"{row.alone.prompt_tokens:,.0f}",
        f"{row.alone.completion_tokens:,.0f}",
        *(_dollars(cost * row.decisions) for cost in (row.alone, row.added, row.added_at_most)),
    ]


def _dollars(cost: CostEstimate) -> str:
    if cost.dollars is None:
        return "?"
    if cost.dollars == 0:
        return "0"
    return "<0.01" if cost.dollars < 0.01 else f"{cost.dollars:,.2f}"


def _show_sums(forecast: Forecast, experiment: Experiment, console: Console) -> None:
    from ..experiments.planning.power import item_warnings

    answers, calls = round(forecast.alone.calls), round(forecast.shared.calls)
    console.print(
        f"{experiment.episodes} episodes; at most {experiment.situations} situations"
        f"{f', each decided {experiment.trials} times' if experiment.trials > 1 else ''}, {answers} answers asked for, "
        f"{calls} calls made ({calls / answers if answers else 1:.0%}; the rest is shared between variants)"
    )
    console.print(
        f"whole run: about ${_dollars(forecast.shared)}, at most ${_dollars(forecast.at_most)} with every answer as "
        f"long as it may be; ${_dollars(forecast.alone)} if each variant were run by itself"
    )
    console.print(
        f"Calls and tokens are of one decision{' with all its trials' if experiment.trials > 1 else ''}; dollars of "
        "the whole run: a variant by itself, what it adds to "
        f"those above it, and that at most. Assumed: {forecast.answer_tokens} tokens an answer (--answer-tokens), "
        "every round played, no tool called. Tokens are estimated from the prompts' text."
    )
    for warning in item_warnings(experiment):
        console.print(f"! {warning}.")
    if forecast.unpriced:
        console.print(
            f"?: no price is known for {', '.join(forecast.unpriced)}. Give it one: [models.NAME] with name = ... and "
            "price = { prompt = 0.15, completion = 0.60 } (US dollars per million tokens)."
        )
    if forecast.unknown:
        console.print(
            f"?: {', '.join(forecast.unknown)} decides by a graph of its own; its calls are unknown, in no sum."
        )
    budget = experiment.budget
    if budget.dollars is not None and forecast.shared.dollars is not None and forecast.shared.dollars > budget.dollars:
        console.print(f"The budget of ${budget.dollars:g} is likely to be spent before the run ends.")
    if budget.calls is not None and calls > budget.calls:
        console.print(f"The budget of {budget.calls} calls is likely to be spent before the run ends.")
