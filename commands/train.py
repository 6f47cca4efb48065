"""`akrasia train`: a training in the terminal: what it will cost, how it goes, and what it changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from .arguments import AsJson
from .output import echo_json, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from ..training.api import TrainingResult
    from ..training.recipe import Trainer
    from ..training.rlft import RLFTProgress

SHOWN = ("reward", "valid", "optimal", "coverage", "kl", "entropy")


def train(
    training: Annotated[Path | None, typer.Argument(help="A TOML file.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the training; by default runs/NAME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the folder's last checkpoint.")] = False,
    task: Annotated[str | None, typer.Option(help="Task, instead of the file's.")] = None,
    plan: Annotated[str | None, typer.Option(help="Who decides, instead of the file's.")] = None,
    base: Annotated[str | None, typer.Option(help="What is trained: embedded, organism, or a path.")] = None,
    updates: Annotated[int | None, typer.Option(help="Updates, instead of the file's.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", help="Change one setting: rlft.learning_rate=3e-4.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a model by reinforcement on its own turns, and evaluate it before and after (extra: train)."""
    from ..experiments.config import load_settings
    from ..training.api import train as train_model
    from ..training.recipe import assemble_training
    from .settings import merged_with, tell

    options = {"task": task, "plan": plan, "base": base, "rlft.updates": updates}
    settings, notes = merged_with({} if training is None else load_settings(training), changes or [], options)
    assemble_training(settings)  # refuses a key that `train` would take for an argument of its own
    tell(notes)
    printer = _RLFTPrinter(console := terminal(as_json))
    result = train_model(**settings, out=out, resume=resume, on_update=printer.update, on_start=printer.start)
    if as_json:
        echo_json({"model": result.model, "folder": str(result.folder), "compared": result.compare()})
    else:
        _show(result, console)


class _RLFTPrinter:
    """Prints what is trained, how long it takes once one update is made, and a line for each update."""

    def __init__(self, console: Console) -> None:
        self._console, self._began = console, False

    def start(self, trainer: Trainer) -> None:
        self._console.print(f"{trainer.parameters:,} parameters to train, on {trainer.device}.", highlight=False)

    def update(self, progress: RLFTProgress) -> None:
        update, updates, metrics = progress.update, progress.updates, progress.metrics
        time_left = _duration(progress.seconds_left)
        if not self._began:
            self._began = True
            self._console.print(
                f"An update is {progress.turns} turns and {progress.tokens:,} tokens, and takes "
                f"{progress.seconds:.0f} s: {updates - update} more take about {time_left}.",
                highlight=False,
            )
        values = "  ".join(f"{name} {metrics[name]:.2f}" for name in SHOWN if name in metrics)
        self._console.print(f"[{update}/{updates}] {values}  ({time_left} left)", highlight=False, markup=False)


def _show(result: TrainingResult, console: Console) -> None:
    """Print what a training changed."""
    from ..reports.comparison import show_comparison

    for name, comparisons in result.compare().items():
        console.print(Text(f"\n{name}", style="bold"))
        show_comparison(comparisons, console)
    console.print(f"Trained model: {result.model}", highlight=False, soft_wrap=True)
    console.print(f"What it is: {result.folder / 'card.json'}", highlight=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
