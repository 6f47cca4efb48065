"""`akrasia data`: training data of a run, or of an expert."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from ..errors import BadOption
from ..result import open_run
from ..training import expert_data
from .output import echo_json
from .settings import named_task
from .strict import refuse_unused

OF_RUN = ("out", "run", "form", "only", "variant", "model", "as_json")
OF_EXPERT = ("out", "form", "expert", "task", "changes", "plan", "style", "episodes", "seed", "as_json")


def data_command(
    context: typer.Context,
    out: Path,
    run: Path | None,
    form: str,
    *,
    only: str,
    variants: Sequence[str],
    models: Sequence[str],
    expert: str | None,
    task: str | None,
    changes: Sequence[str] | None,
    plan: str,
    style: str,
    episodes: int,
    seed: int,
    as_json: bool = False,
) -> None:
    """Write the data, and say what they are.

    Raises:
        BadOption: neither or both of run and expert are named, or an option is for the other one.
    """
    if (run is None) == (expert is None):
        raise BadOption("data come of a run or of an expert", remedy="Name a run folder, or --expert ucb.")
    if run is not None:
        if form == "preference":
            refuse_unused(context, [name for name in OF_RUN if name != "only"], "pairs of a better and a worse answer")
        refuse_unused(context, OF_RUN, "the data of a run")
        found = open_run(run).data(out, form, only=only, variants=variants, models=models)
    else:
        refuse_unused(context, OF_EXPERT, "the data of an expert")
        named = named_task(task, changes)
        found = expert_data(out, named, str(expert), form, plan=plan, style=style, episodes=episodes, seed=seed)
    if as_json:
        echo_json({"file": str(out), "rows": len(found.rows), "steps": found.steps, "left_out": dict(found.left_out)})
    else:
        typer.echo(f"{out}: {found}")
