"""The commands that train: `train`, `data` and `clone`, as a user writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson
from .output import echo_json, terminal
from .strict import StrictCommand, refuse_unused

SECTION = "Training"
OF_RUN = ("out", "run", "form", "only", "variant", "model", "as_json")
OF_EXPERT = ("out", "form", "expert", "task", "changes", "plan", "style", "episodes", "seed", "as_json")


def add_training_commands(app: typer.Typer) -> None:
    """Add the commands to an application."""
    for command in (train, data, clone):
        app.command(cls=StrictCommand, rich_help_panel=SECTION)(command)


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
    from .train import train_with_progress

    options = {"task": task, "plan": plan, "base": base, "rlft.updates": updates}
    train_with_progress(training, options, changes or [], out, resume, terminal(as_json), as_json)


def data(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="A .jsonl file.")],
    run: Annotated[Path | None, typer.Argument(help="A run folder; or name an expert.", metavar="RUN")] = None,
    form: Annotated[str, typer.Option(help="sft (to imitate) or preference (a better and a worse answer).")] = "sft",
    only: Annotated[
        str, typer.Option(help="Of a run, for sft: optimal, follows (what it recommends, and right) or valid answers.")
    ] = "optimal",
    variant: Annotated[
        list[str] | None, typer.Option(help="Of a run: this variant, instead of the baseline; may be repeated.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Of a run: only this model; may be repeated.")] = None,
    expert: Annotated[
        str | None, typer.Option(help="Instead of a run a reference player: ucb, greedy, oracle.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="What the expert plays; by default bandit.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help="An option of the task: arms=10.")] = None,
    plan: Annotated[
        str, typer.Option(help="Whose prompts the expert answers: act, reason_act or reason_then_act.")
    ] = "reason_act",
    style: Annotated[str, typer.Option(help="Of the model to be trained: chat, completion or tuned.")] = "chat",
    episodes: Annotated[int, typer.Option(help="Plays of the expert.")] = 100,
    seed: Annotated[int, typer.Option(help="Which plays.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Write training data: of a run (its good answers, or its gap corrected), or of an expert with its rationale."""
    from ..errors import BadOption
    from ..result import open_run
    from ..training import expert_data
    from .settings import named_task

    if (run is None) == (expert is None):
        raise BadOption("data come of a run or of an expert", remedy="Name a run folder, or --expert ucb.")
    if run is not None:
        if form == "preference":
            refuse_unused(context, [name for name in OF_RUN if name != "only"], "pairs of a better and a worse answer")
        refuse_unused(context, OF_RUN, "the data of a run")
        found = open_run(run).data(out, form, only=only, variants=variant or (), models=model or ())
    else:
        refuse_unused(context, OF_EXPERT, "the data of an expert")
        named = named_task(task, changes)
        found = expert_data(out, named, str(expert), form, plan=plan, style=style, episodes=episodes, seed=seed)
    if as_json:
        echo_json({"file": str(out), "rows": len(found.rows), "steps": found.steps, "left_out": dict(found.left_out)})
    else:
        typer.echo(f"{out}: {found}")


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
    from .train import SFTProgressPrinter

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
        on_update=SFTProgressPrinter(console),
    )
    if as_json:
        echo_json({"adapter": str(made.adapter), "training": made.training})
        return
    t = made.training
    typer.echo(f"{made.adapter}: loss {t.first_loss:.3f} -> {t.last_loss:.3f} nats per token, {t.seconds:.0f} s")
    typer.echo(f"Measure it: akrasia run --model embedded:{made.adapter} --variant {plan}")
