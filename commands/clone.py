"""What a training says of itself while it goes on: a line every tenth of the way, with what is left of the time."""

from __future__ import annotations

from rich.console import Console

from ..training.supervised import TrainingProgress

__all__ = ["Told"]


class Told:
    """Prints the first update and every tenth of the way."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __call__(self, now: TrainingProgress) -> None:
        if now.update == 1 or now.update % max(1, now.updates // 10) == 0:
            left = now.seconds / now.update * (now.updates - now.update)
            self._console.print(
                f"update {now.update} of {now.updates}: loss {now.loss:.3f} nats per token; "
                f"{now.seconds:.0f} s, {left:.0f} s to go"
            )
