"""How large an experiment must be: the episodes that an effect needs, what they cost, and what fewer of them show."""

from __future__ import annotations

from itertools import groupby

from rich.console import Console

from ..experiments.experiment import Experiment
from ..experiments.planning.power import CORRELATION, DISCORDANCE, PowerAnalysis, VariantPower
from ..reports.tables import RowNamedTable, TableColumn
from ..reports.text import short_name


def show_power(analysis: PowerAnalysis, experiment: Experiment, console: Console, wide: bool = False) -> None:
    """Print a power analysis: a table of variants, then the sums."""
    for (task, model), variants in groupby(analysis.variants, key=lambda v: (v.task, v.model)):
        console.print(_table(f"Power on {task}, {model}", list(variants), analysis, experiment, wide))
    measured = any(v.measured for v in analysis.variants)
    console.print(
        f"Planned: the paired difference of the gap from the baseline's, found with probability {analysis.power:g}, "
        f"at 0.05 over {analysis.comparisons} comparisons "
        f"(each at {0.05 / analysis.comparisons:.2g}, as Holm's correction begins)."
    )
    console.print(
        "Spread between items: measured in the pilot; a variant that it lacks is taken to spread like its widest."
        if measured
        else f"Spread between items: assumed, from arms that differ at {DISCORDANCE:.0%} of the steps and a "
        f"correlation of {CORRELATION:g} between the steps of an item. --pilot RUN measures it."
    )
    beyond = {v.task: v.items for v in analysis.variants if v.episodes is None}
    for task, items in beyond.items() if analysis.effect is not None else ():
        console.print(
            f"For a difference of {analysis.effect:g} {task} has too few items: asking the same ones again does not "
            f"find it, in any number of episodes. The {experiment.episodes} planned ones are about {items}."
        )
    if analysis.episodes is not None and analysis.cost is not None:
        c = analysis.cost
        dollars = "unknown dollars (no price is known)" if c.dollars is None else f"${c.dollars:,.2f}"
        console.print(
            f"For a difference of {analysis.effect:g}: {analysis.episodes:,} episodes per task and model, "
            f"{c.calls:,.0f} calls, {c.prompt_tokens:,.0f} tokens in and {c.completion_tokens:,.0f} out, {dollars}."
        )


def _table(
    title: str, variants: list[VariantPower], analysis: PowerAnalysis, experiment: Experiment, wide: bool
) -> RowNamedTable:
    baseline = experiment.variants[0].name
    columns = [TableColumn("spread", [f"{v.spread:.2f}" for v in variants], "right", rank=1)]
    if analysis.effect is not None:
        needed = ["none" if v.episodes is None else f"{v.episodes:,}" for v in variants]
        columns.append(TableColumn(f"episodes\nfor {analysis.effect:g}", needed, "right"))
    found = [_effect(v.detectable) for v in variants]
    columns.append(TableColumn(f"found by\n{experiment.episodes} episodes", found, "right"))
    if analysis.affordable is not None:
        found = [_effect(v.detectable_in_budget) for v in variants]
        columns.append(TableColumn(f"found by the\nbudget's {analysis.affordable}", found, "right"))
    return RowNamedTable(title, "variant", [short_name(v.variant, baseline) for v in variants], columns, wide)


def _effect(value: float | None) -> str:
    return "nothing" if value is None or value > 1 else f"{value:.2f}"
