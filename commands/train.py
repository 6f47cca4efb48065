"""A training in the terminal: what it will take, how it goes, and what it changed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from ..reports.comparison import show_comparison
from ..training.api import TrainingResult, train

if TYPE_CHECKING:
    from ..training.recipe import Learner
    from ..training.rlft import Update

__all__ = ["train_shown"]

SHOWN = ("reward", "valid", "optimal", "coverage", "kl", "entropy")


def train_shown(settings: dict[str, Any], out: Path | None, resume: bool, console: Console) -> None:
    """Train as settings say, and print what happens."""
    said: list[int] = []

    def began(learner: Learner) -> None:
        console.print(f"{learner.parameters:,} parameters to train, on {learner.device}.", highlight=False)

    def tell(u: Update) -> None:
        if not said:
            said.append(u.update)
            console.print(
                f"An update is {u.turns} turns and {u.tokens:,} tokens, and takes {u.seconds:.0f} s: "
                f"{u.updates - u.update} more take about {_span(u.left)}.", highlight=False,
            )  # fmt: skip
        figures = "  ".join(f"{n} {u.figures[n]:.2f}" for n in SHOWN if n in u.figures)
        console.print(f"[{u.update}/{u.updates}] {figures}  ({_span(u.left)} left)", highlight=False, markup=False)

    done = train(**settings, out=out, resume=resume, tell=tell, began=began)
    show_training(done, console)


def show_training(done: TrainingResult, console: Console) -> None:
    """Print what a training changed."""
    for name, found in done.compare().items():
        console.print(Text(f"\n{name}", style="bold"))
        show_comparison(found, console)
    console.print(f"Trained model: {done.model}", highlight=False, soft_wrap=True)
    console.print(f"What it is: {done.folder / 'card.json'}", highlight=False, soft_wrap=True)


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
