"""`akrasia judge`: what the parser left unread, how much of it judges could read, and how far they can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import typer
from rich.console import Console
from rich.text import Text

from ..errors import RunStopped
from ..evals.judge import Judged
from ..reports.text import implied_sentence, judged_sentence
from ..result import open_run
from ..telemetry.log import logged
from .output import echo_json
from .waiting import waiting


def judge_command(
    run: Path,
    models: Sequence[str],
    calibrate: int,
    budget: Mapping[str, float | None],
    concurrency: int | None,
    console: Console,
    *,
    log_level: str | None,
    log_file: Path | None,
    as_json: bool = False,
    implied: bool = False,
) -> bool:
    """Let models judge a run and print what came out; false where they stopped early."""
    try:
        what = "what reasonings imply" if implied else "the recommendations that the parser left"
        asked = f"asking {', '.join(models)} for {what}"
        with logged(log_level, log_file) as log, waiting(asked, in_pipes=True):
            judged = open_run(run).judge(
                *models, calibrate=calibrate, budget=budget, concurrency=concurrency, on_event=log, implied=implied
            )
    except RunStopped as error:
        typer.echo(f"akrasia: judging stopped early: {error}", err=True)
        typer.echo("Go on with the same command.", err=True)
        return False
    if as_json:
        echo_json(judged)
        return True
    _show(judged, console, implied)
    typer.echo(f"Both numbers, with and without the judges: akrasia score {run}")
    return True


def _show(judged: Judged, console: Console, implied: bool) -> None:
    named = sum(row["implied" if implied else "stated"] is not None for row in judged.steps)
    left = f"{len(judged.steps)} recommendations unread"
    if implied:
        left = f"open what {len(judged.steps)} reasonings imply"
    console.print(
        f"The parser left {left}; the judges read {named} of them and could not tell {len(judged.steps) - named}."
    )
    console.print(Text((implied_sentence if implied else judged_sentence)(judged)), soft_wrap=True)
    cost = judged.cost
    dollars = "at an unknown price" if cost.get("dollars") is None else f"${cost['dollars']:.4f}"
    console.print(
        f"The judges' own account: {cost.get('calls') or 0:,.0f} answers, {cost.get('prompt_tokens') or 0:,.0f} tokens "
        f"in, {cost.get('completion_tokens') or 0:,.0f} out, {dollars}."
    )
