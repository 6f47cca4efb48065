"""Progress of a fine-tuning in the terminal: one line every tenth of the way, with the time that is left."""

from __future__ import annotations

from rich.console import Console

from ..training.supervised import SFTProgress

__all__ = ["SFTProgressPrinter"]


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
