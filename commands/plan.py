"""What an experiment would do, told without asking a model: calls and depth per variant, and what sharing saves."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from ..experiments.runner import Experiment

__all__ = ["show_plan"]


def show_plan(experiment: Experiment, console: Console) -> None:
    """Print an experiment: its variants, the calls of one decision, and the most calls the run can make."""
    table = Table(title=f"{experiment.name}: {experiment.design} design, seed {experiment.seed}", title_justify="left")
    for heading in ("variant", "calls per decision", "one after the other", "new calls"):
        table.add_column(heading, justify="left" if heading == "variant" else "right")
    seen: set[str] = set()
    naive = shared = 0
    for variant in experiment.variants:
        asked = variant.plan.asks()
        new = asked - seen if experiment.design == "fork" else asked
        seen |= asked
        naive, shared = naive + len(asked), shared + len(new)
        table.add_row(variant.name, str(len(asked)), str(variant.plan.depth), str(len(new)))
    console.print(table)
    for task in experiment.tasks:
        options = ", ".join(f"{k}={v}" for k, v in task.options.items())
        console.print(f"task: {task.name}({options})")
    for models in experiment.models:
        console.print(f"model: {models.label}")
    decisions = experiment.situations
    console.print(
        f"{experiment.episodes} episodes; at most {decisions} situations, {decisions * naive} answers asked for, "
        f"{decisions * shared} calls made ({shared / naive if naive else 1:.0%}; the rest is shared between variants)"
    )
