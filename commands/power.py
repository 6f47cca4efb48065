"""How large an experiment must be: the episodes that an effect needs, what they cost, and what fewer of them show."""

from __future__ import annotations

from itertools import groupby

from rich import box
from rich.console import Console
from rich.table import Table

from ..experiments.planning.power import CORRELATION, DISCORDANCE, Need, Sizing
from ..experiments.runner import Experiment

__all__ = ["show_power"]


def show_power(sizing: Sizing, experiment: Experiment, console: Console) -> None:
    """Print a sizing: a table of variants, then the sums."""
    for (task, model), needs in groupby(sizing.needs, key=lambda n: (n.task, n.model)):
        console.print(_table(f"Power on {task}, {model}", list(needs), sizing, experiment))
    measured = any(n.measured for n in sizing.needs)
    console.print(
        f"Planned: the paired difference of the gap from the baseline's, found with probability {sizing.power:g}, "
        f"at 0.05 over {sizing.comparisons} comparisons "
        f"(each at {0.05 / sizing.comparisons:.2g}, as Holm's correction begins)."
    )
    console.print(
        "Spread between episodes: measured in the pilot; a variant that it lacks is taken to spread like its widest."
        if measured
        else f"Spread between episodes: assumed, from arms that differ at {DISCORDANCE:.0%} of the steps and a "
        f"correlation of {CORRELATION:g} between the steps of an episode. --pilot RUN measures it."
    )
    if sizing.episodes is not None and sizing.cost is not None:
        c = sizing.cost
        dollars = "unknown dollars (no price is known)" if c.dollars is None else f"${c.dollars:,.2f}"
        console.print(
            f"For a difference of {sizing.effect:g}: {sizing.episodes:,} episodes per task and model, "
            f"{c.calls:,.0f} calls, {c.prompt_tokens:,.0f} tokens in and {c.completion_tokens:,.0f} out, {dollars}."
        )


def _table(title: str, needs: list[Need], sizing: Sizing, experiment: Experiment) -> Table:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("variant", overflow="fold")
    headings = ["spread"]
    headings += [] if sizing.effect is None else [f"episodes for {sizing.effect:g}"]
    headings.append(f"found by {experiment.episodes} episodes")
    headings += [] if sizing.within is None else [f"found by the budget's {sizing.within}"]
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for n in needs:
        cells = [f"{n.spread:.2f}"]
        cells += [] if sizing.effect is None else [f"{n.episodes:,}"]
        cells.append(_effect(n.detectable))
        cells += [] if sizing.within is None else [_effect(n.affordable)]
        table.add_row(n.variant, *cells)
    return table


def _effect(value: float | None) -> str:
    return "nothing" if value is None or value > 1 else f"{value:.2f}"
