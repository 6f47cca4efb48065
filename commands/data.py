"""`akrasia data`: training data of a run, or of an expert."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..errors import BadOption
from .arguments import AsJson
from .output import echo_json
from .strict import refuse_unused

OF_RUN = ("out", "run", "form", "only", "variant", "model", "as_json")
OF_EXPERT = ("out", "form", "expert", "task", "changes", "plan", "style", "episodes", "seed", "as_json")


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
