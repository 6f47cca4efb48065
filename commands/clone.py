"""`akrasia clone`: the embedded model, fine-tuned on an expert's play."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .arguments import AsJson
from .output import echo_json, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from ..training.supervised import SFTProgress


def clone(
    out: Annotated[Path, typer.Option(help="The adapter: a .gguf file, used as embedded:FILE.")],
    expert: Annotated[str, typer.Option(help="A reference player of the task, or oracle.")] = "ucb",
    task: Annotated[str | None, typer.Option(help="What the expert plays; by default bandit.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help="An option of the task: arms=10.")] = None,
    plan: Annotated[
        str, typer.Option(help="act (clones behaviour), reason_act or reason_then_act (clone thoughts).")
    ] = "reason_then_act",
    episodes: Annotated[int, typer.Option(help="Plays of the expert.")] = 100,
    updates: Annotated[int, typer.Option(help="Optimiser steps.")] = 100,
    batch: Annotated[int, typer.Option(help="Pairs of prompt and answer per step.")] = 16,
    learning_rate: Annotated[float, typer.Option(help="At its peak.")] = 1e-3,
    rank: Annotated[int, typer.Option(help="Of the LoRA.")] = 8,
    seed: Annotated[int, typer.Option(help="Of the plays, the first weights and the order.")] = 0,
    base: Annotated[str | None, typer.Option(help="Weights other than the embedded model's: a GGUF file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fine-tune the embedded model on an expert's play, with or without its rationale (extra: train)."""
    from ..training import clone as clone_expert
    from .settings import named_task

    console = terminal(as_json)
    made = clone_expert(
        out,
        named_task(task, changes),
        expert,
        plan=plan,
        episodes=episodes,
        updates=updates,
        batch=batch,
        learning_rate=learning_rate,
        rank=rank,
        seed=seed,
        base=base,
        on_start=console.print,
        on_update=_ProgressPrinter(console),
    )
    if as_json:
        echo_json({"adapter": str(made.adapter), "training": made.training})
        return
    t = made.training
    typer.echo(f"{made.adapter}: loss {t.first_loss:.3f} -> {t.last_loss:.3f} nats per token, {t.seconds:.0f} s")
    typer.echo(f"Measure it: akrasia run --model embedded:{made.adapter} --variant {plan}")


class _ProgressPrinter:
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
