"""A training in the terminal: what it will cost, how it goes, and what it changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from ..experiments.config import load_settings
from ..reports.comparison import show_comparison
from ..training.api import TrainingResult, train
from ..training.recipe import assemble_training
from .output import echo_json
from .settings import merged_with, tell

if TYPE_CHECKING:
    from ..training.recipe import Trainer
    from ..training.rlft import RLFTProgress
    from ..training.supervised import SFTProgress

SHOWN = ("reward", "valid", "optimal", "coverage", "kl", "entropy")


def train_with_progress(
    file: Path | None,
    options: Mapping[str, Any],
    changes: Sequence[str],
    out: Path | None,
    resume: bool,
    console: Console,
    as_json: bool = False,
) -> None:
    """Train, and print the progress and the result.

    Args:
        file: a TOML file.
        options: settings by their keys; those that are None were not given.
        changes: `key=value` of the option --set.
    """
    settings, notes = merged_with({} if file is None else load_settings(file), changes, options)
    assemble_training(settings)  # refuses a key that `train` would take for an argument of its own
    tell(notes)
    first_update: list[int] = []

    def on_start(trainer: Trainer) -> None:
        console.print(f"{trainer.parameters:,} parameters to train, on {trainer.device}.", highlight=False)

    def on_update(progress: RLFTProgress) -> None:
        update, updates, metrics = progress.update, progress.updates, progress.metrics
        time_left = _duration(progress.seconds_left)
        if not first_update:
            first_update.append(update)
            console.print(
                f"An update is {progress.turns} turns and {progress.tokens:,} tokens, and takes "
                f"{progress.seconds:.0f} s: {updates - update} more take about {time_left}.",
                highlight=False,
            )
        values = "  ".join(f"{name} {metrics[name]:.2f}" for name in SHOWN if name in metrics)
        console.print(f"[{update}/{updates}] {values}  ({time_left} left)", highlight=False, markup=False)

    result = train(**settings, out=out, resume=resume, on_update=on_update, on_start=on_start)
    if as_json:
        echo_json({"model": result.model, "folder": str(result.folder), "compared": result.compare()})
    else:
        show_training(result, console)


def show_training(result: TrainingResult, console: Console) -> None:
    """Print what a training changed."""
    for name, comparisons in result.compare().items():
        console.print(Text(f"\n{name}", style="bold"))
        show_comparison(comparisons, console)
    console.print(f"Trained model: {result.model}", highlight=False, soft_wrap=True)
    console.print(f"What it is: {result.folder / 'card.json'}", highlight=False, soft_wrap=True)


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


class SFTProgressPrinter:
    """Prints the first update, and then one line every tenth of the way."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, progress: SFTProgress) -> None:
        update, updates, seconds = progress.update, progress.updates, progress.seconds
        if update == 1 or update % max(1, updates // 10) == 0:
            seconds_left = seconds / update * (updates - update)
            self._console.print(
                f"update {update} of {updates}: loss {progress.loss:.3f} nats per token; "
                f"{seconds:.0f} s, {seconds_left:.0f} s to go"
            )
