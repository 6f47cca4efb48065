"""`akrasia judge`: what the parser left unread, how much of it judges could read, and how far they can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from ..errors import RunStopped
from .arguments import AsJson, LogFile, LogLevel, RunFolder
from .output import echo_json, terminal
from .waiting import waiting

if TYPE_CHECKING:
    from ..evals.judge import Judged


def judge(
    run: RunFolder,
    model: Annotated[list[str], typer.Option(help="A model that judges; may be repeated, and the majority stands.")],
    implied: Annotated[
        bool, typer.Option("--implied", help="Read which action a reasoning implies, with its conclusion cut off.")
    ] = False,
    calibrate: Annotated[int, typer.Option(help="Texts the parser read, to measure agreement on.")] = 50,
    calls: Annotated[int | None, typer.Option(help="Budget in calls over all judging of this run.")] = None,
    dollars: Annotated[float | None, typer.Option(help="Budget in US dollars over all judging of this run.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Texts under way at once.")] = None,
    log_level: LogLevel = None,
    log_file: LogFile = None,
    as_json: AsJson = False,
) -> None:
    """Let other models read the recommendations that the parser could not, and measure their agreement with it."""
    from ..result import open_run
    from ..telemetry.log import logged

    what = "what reasonings imply" if implied else "the recommendations that the parser left"
    budget = {"calls": calls, "dollars": dollars}
    try:
        with logged(log_level, log_file) as log, waiting(f"asking {', '.join(model)} for {what}", in_pipes=True):
            judged = open_run(run).judge(
                *model, calibrate=calibrate, budget=budget, concurrency=concurrency, on_event=log, implied=implied
            )
    except RunStopped as error:
        typer.echo(f"akrasia: judging stopped early: {error}", err=True)
        typer.echo("Go on with the same command.", err=True)
        raise typer.Exit(3) from None
    if as_json:
        echo_json(judged)
        return
    _show(judged, implied)
    typer.echo(f"Both numbers, with and without the judges: akrasia score {run}")


def _show(judged: Judged, implied: bool) -> None:
    """Print how many texts the judges read, how far they agree, and what they cost."""
    from ..reports.text import implied_sentence, judged_sentence

    console = terminal()
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
