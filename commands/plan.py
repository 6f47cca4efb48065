"""`akrasia plan`: what an experiment would do and cost, told without asking a model.

With an effect, a power, a pilot or a number of comparisons: also how many episodes it takes to find that effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console

from ..experiments.config import assemble, experiment_json
from ..experiments.experiment import Experiment
from ..experiments.planning.forecast import ANSWER_TOKENS, CostEstimate, Forecast, ForecastRow, forecast_run
from ..experiments.planning.power import POWER, PowerAnalysis, item_warnings, power_analysis
from ..models.near_names import warnings_of_names
from ..reports.tables import RowNamedTable, TableColumn
from ..reports.text import short_name
from ..result import open_run
from .output import echo_json
from .power import show_power
from .settings import experiment_settings, tell
from .waiting import waiting

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


def plan_command(
    path: Path | None,
    options: Mapping[str, Any],
    changes: Sequence[str],
    answer_tokens: int,
    console: Console,
    *,
    effect: float | None,
    power: float | None,
    pilot: Path | None,
    comparisons: int | None,
    wide: bool = False,
    as_json: bool = False,
) -> None:
    """Print the plan of an experiment and, where one of the last four is given, its power.

    Args:
        path: a TOML file.
        options: settings by their keys; those that are None were not given.
        changes: `key=value` of the option --set.
    """
    settings, notes = experiment_settings(path, changes, options)
    experiment = assemble(settings)
    tell([*notes, *warnings_of_names(experiment.backends)])
    with waiting("working out the prompts of every variant"):
        forecast = forecast_run(experiment, answer_tokens=answer_tokens)
    analysis = None
    if any(option is not None for option in (effect, power, pilot, comparisons)):
        measured = None if pilot is None else open_run(pilot)
        spreads = None if measured is None else (measured.records, measured.experiment)
        analysis = power_analysis(experiment, forecast, effect, POWER if power is None else power, comparisons, spreads)
    if as_json:
        echo_json(_as_json(experiment, forecast, analysis))
        return
    show_plan(experiment, console, answer_tokens, forecast, wide)
    if analysis is not None:
        show_power(analysis, experiment, console, wide)


def _as_json(experiment: Experiment, forecast: Forecast, analysis: PowerAnalysis | None) -> dict[str, Any]:
    sums = {"alone": forecast.alone, "shared": forecast.shared, "at_most": forecast.at_most}
    return {
        "experiment": experiment_json(experiment),
        "forecast": {**asdict(forecast), **{name: asdict(sum) for name, sum in sums.items()}},
        "situations": experiment.situations,
        "power": None if analysis is None else asdict(analysis),
        "warnings": item_warnings(experiment),
    }


def show_plan(
    experiment: Experiment,
    console: Console,
    answer_tokens: int = ANSWER_TOKENS,
    forecast: Forecast | None = None,
    wide: bool = False,
) -> None:
    """Print an experiment: what one decision of each variant takes, and what the whole run costs.

    Args:
        forecast: its forecast, where it was made already.
        wide: every column, whatever the width.
    """
    forecast = forecast or forecast_run(experiment, answer_tokens=answer_tokens)
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
