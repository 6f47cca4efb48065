"""`akrasia plan`: what an experiment would do and cost, told without asking a model.

With an effect, a power, a pilot or a number of comparisons: also how many episodes it takes to find that effect.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from ..experiments.config import assemble, load
from ..experiments.planning.forecast import ANSWER_TOKENS, Forecast, ForecastRow, Spending, forecast
from ..experiments.planning.power import POWER, size
from ..experiments.runner import Experiment
from ..result import open_run
from .power import show_power

__all__ = ["plan_command", "show_plan"]

_HEADINGS = (
    "calls",
    "one after\nthe other",
    "new\ncalls",
    "prompt\ntokens",
    "answer\ntokens",
    "$ alone",
    "$ added",
    "$ at most",
)


def plan_command(
    path: Path,
    changes: Sequence[str],
    answer_tokens: int,
    console: Console,
    *,
    effect: float | None,
    power: float | None,
    pilot: Path | None,
    comparisons: int | None,
) -> None:
    """Print the plan of the experiment in a file and, where one of the last four is given, its power."""
    experiment = assemble(load(path, changes))
    if all(option is None for option in (effect, power, pilot, comparisons)):
        show_plan(experiment, console, answer_tokens)
        return
    measured = None if pilot is None else open_run(pilot)
    expected = forecast(experiment, answer_tokens=answer_tokens)
    seen = None if measured is None else (measured.records, measured.experiment)
    sizing = size(experiment, expected, effect, POWER if power is None else power, comparisons, seen)
    show_plan(experiment, console, answer_tokens, expected)
    show_power(sizing, experiment, console)


def show_plan(
    experiment: Experiment, console: Console, answer_tokens: int = ANSWER_TOKENS, expected: Forecast | None = None
) -> None:
    """Print an experiment: what one decision of each variant takes, and what the whole run costs.

    Args:
        expected: its forecast, where it was made already.
    """
    expected = expected or forecast(experiment, answer_tokens=answer_tokens)
    console.print(f"{experiment.name}: {experiment.design} design, seed {experiment.seed}")
    for (task, model), rows in groupby(expected.rows, key=lambda r: (r.task, r.model)):
        console.print(_table(f"{task}, {model}", list(rows)))
    for each in experiment.tasks:
        options = ", ".join(f"{k}={v}" for k, v in each.options.items())
        console.print(f"task: {each.name}({options})")
    for models in experiment.models:
        console.print(f"model: {models.label}")
    _show_sums(expected, experiment, console)


def _table(title: str, rows: list[ForecastRow]) -> Table:
    """One row a variant. Names wrap where the console is narrow, numbers never do."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("variant", overflow="fold", min_width=16)
    lines = [_cells(row) for row in rows]
    for i, heading in enumerate(_HEADINGS):
        width = max(len(cells[i]) for cells in lines)
        table.add_column(heading, justify="right", no_wrap=True, min_width=max(width, *map(len, heading.split("\n"))))
    for row, cells in zip(rows, lines, strict=True):
        table.add_row(row.variant, *cells)
    return table


def _cells(row: ForecastRow) -> list[str]:
    calls = "?" if row.calls is None else str(row.calls)
    if row.fewest is not None and row.fewest != row.calls:
        calls = f"{row.fewest}-{calls}"
    depth = "?" if row.depth is None else str(row.depth)
    if row.alone is None or row.new is None or row.new_most is None:
        return [calls, depth, *["?"] * 6]
    return [
        calls,
        depth,
        f"{row.new.calls:.3g}",
        f"{row.alone.prompt_tokens:,.0f}",
        f"{row.alone.completion_tokens:,.0f}",
        *(_dollars(s * row.decisions) for s in (row.alone, row.new, row.new_most)),
    ]


def _dollars(spending: Spending) -> str:
    if spending.dollars is None:
        return "?"
    if spending.dollars == 0:
        return "0"
    return "<0.01" if spending.dollars < 0.01 else f"{spending.dollars:,.2f}"


def _show_sums(expected: Forecast, experiment: Experiment, console: Console) -> None:
    answers, calls = round(expected.alone.calls), round(expected.shared.calls)
    console.print(
        f"{experiment.episodes} episodes; at most {experiment.situations} situations, {answers} answers asked for, "
        f"{calls} calls made ({calls / answers if answers else 1:.0%}; the rest is shared between variants)"
    )
    console.print(
        f"whole run: about ${_dollars(expected.shared)}, at most ${_dollars(expected.most)} with every answer as long "
        f"as it may be; ${_dollars(expected.alone)} if each variant were run by itself"
    )
    console.print(
        f"Calls and tokens are of one decision; dollars of the whole run: a variant by itself, what it adds to "
        f"those above it, and that at most. Assumed: {expected.answer_tokens} tokens an answer (--answer-tokens), "
        "every round played. Tokens are estimated from the prompts' text."
    )
    if expected.unpriced:
        console.print(
            f"?: no price is known for {', '.join(expected.unpriced)}. Give it one: [models.NAME] with name = ... and "
            "price = { prompt = 0.15, completion = 0.60 } (US dollars per million tokens)."
        )
    if expected.unknown:
        console.print(
            f"?: {', '.join(expected.unknown)} asks as its own graph does: nothing is known before, and no sum holds "
            "it."
        )
    budget = experiment.budget
    if budget.dollars is not None and expected.shared.dollars is not None and expected.shared.dollars > budget.dollars:
        console.print(f"The budget of ${budget.dollars:g} is likely to be spent before the run ends.")
    if budget.calls is not None and calls > budget.calls:
        console.print(f"The budget of {budget.calls} calls is likely to be spent before the run ends.")
