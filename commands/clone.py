"""Progress of a fine-tuning in the terminal: one line every tenth of the way, with the time that is left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from ..training import clone
from ..training.supervised import SFTProgress
from .output import echo_json
from .settings import named_task


def clone_command(
    out: Path,
    expert: str,
    task: str | None,
    changes: Sequence[str] | None,
    console: Console,
    as_json: bool = False,
    **options: Any,
) -> None:
    """Clone an expert, show the progress, and say how to measure the result; `options` are those of `clone`."""
    progress = SFTProgressPrinter(console)
    made = clone(out, named_task(task, changes), expert, on_start=console.print, on_update=progress, **options)
    t = made.training
    if as_json:
        echo_json({"adapter": str(made.adapter), "training": t})
        return
    typer.echo(f"{made.adapter}: loss {t.first_loss:.3f} -> {t.last_loss:.3f} nats per token, {t.seconds:.0f} s")
    typer.echo(f"Measure it: akrasia run --model embedded:{made.adapter} --variant {options['plan']}")


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
