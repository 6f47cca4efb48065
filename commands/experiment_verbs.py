"""The commands that make and run experiments: `demo`, `init`, `plan` and `run`, as a user writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import (
    AsJson,
    Changes,
    Episodes,
    LogFile,
    LogLevel,
    ModelName,
    TaskName,
    Trials,
    Variants,
    Wide,
    names_of,
)
from .output import terminal
from .strict import StrictCommand
from .waiting import waiting

SECTION = "Experiments"


def add_experiment_commands(app: typer.Typer) -> None:
    """Add the commands to an application."""
    for command in (demo, init, plan, run):
        app.command(cls=StrictCommand, rich_help_panel=SECTION)(command)


def demo(
    out: Annotated[
        Path | None, typer.Option(help="Run folder; by default runs/demo. What was played is shown.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Ask this model in the place of the embedded one; the organism is then left out.",
            autocompletion=names_of("models"),
        ),
    ] = None,
    episodes: Annotated[int | None, typer.Option(help="Episodes of the question, instead of 10.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Play it again: remove the runs there first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask whether another look, a critic, a vote or a debate closes the gap of a small model in this process."""
    with waiting("loading what the demo needs"):
        from .demo import demo_command

    if not demo_command(terminal(as_json), out=out, model=model, episodes=episodes, fresh=fresh, as_json=as_json):
        raise typer.Exit(3)


def init(
    file: Annotated[Path, typer.Argument(help="The file to write; its name names the experiment.")] = Path(
        "experiment.toml"
    ),
    task: TaskName = None,
    model: ModelName = None,
    variant: Variants = None,
    example: Annotated[
        str | None,
        typer.Option(help="Copy this example instead: akrasia list examples.", autocompletion=names_of("examples")),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a commented experiment file to start from: what is decided, by which model, and what is changed."""
    from .init import init_command

    init_command(file, task, model, variant, force, as_json, example)


def plan(
    experiment: Annotated[Path | None, typer.Argument(help="A TOML file.")] = None,
    task: TaskName = None,
    model: ModelName = None,
    variant: Variants = None,
    episodes: Episodes = None,
    trials: Trials = None,
    changes: Changes = None,
    answer_tokens: Annotated[int, typer.Option(help="Assumed length of an answer that holds a reasoning.")] = 160,
    effect: Annotated[
        float | None, typer.Option(help="The smallest difference of the gap that matters: how many episodes find it?")
    ] = None,
    power: Annotated[float | None, typer.Option(help="Probability of finding it; by default 0.8.")] = None,
    pilot: Annotated[Path | None, typer.Option(help="A run of the same task that shows how episodes differ.")] = None,
    comparisons: Annotated[
        int | None, typer.Option(help="Contrasts that share the error rate; by default as many as verdicts correct.")
    ] = None,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Show what an experiment would do and cost, and how many episodes an effect needs, without asking any model."""
    with waiting("loading what a plan needs"):
        from .plan import plan_command

    plan_command(
        experiment,
        {"task": task, "model": model, "variants": variant, "episodes": episodes, "trials": trials},
        changes or [],
        answer_tokens,
        terminal(),
        effect=effect,
        power=power,
        pilot=pilot,
        comparisons=comparisons,
        wide=wide,
        as_json=as_json,
    )


def run(
    experiment: Annotated[
        Path | None, typer.Argument(help="A TOML file; with --resume also a run folder, or nothing: the latest.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; by default runs/NAME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    resume_or_start: Annotated[
        bool, typer.Option("--resume-or-start", help="Go on with the run in the folder, or begin where there is none.")
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over: remove the run in the folder first.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Answer from the ledger only.")] = False,
    task: TaskName = None,
    model: ModelName = None,
    variant: Variants = None,
    episodes: Episodes = None,
    trials: Trials = None,
    until: Annotated[
        str | None, typer.Option(help='Stop once this is known: "gap +- 0.05", "gap difference +- 0.05".')
    ] = None,
    race: Annotated[
        int | None, typer.Option(help="Drop, as the run goes on, who can no longer be among so many best by the gap.")
    ] = None,
    race_per: Annotated[str, typer.Option(help='With --race: best per "point" of the gap, or per "dollar".')] = "point",
    workers: Annotated[int | None, typer.Option(help="Processes that play, instead of the file's.")] = None,
    executor: Annotated[str | None, typer.Option(help="local, processes, ray, or one that is installed.")] = None,
    address: Annotated[str | None, typer.Option(help="Of the Ray cluster; by default this machine.")] = None,
    keep_going: Annotated[
        bool,
        typer.Option(
            "--keep-going",
            help="Go on also where the first 8 decisions of a variant (32 where none can be read) all failed alike.",
        ),
    ] = False,
    changes: Changes = None,
    report: Annotated[bool, typer.Option(help="Write report.html when the run ends.")] = True,
    log_level: LogLevel = None,
    log_file: LogFile = None,
    otel: Annotated[
        bool, typer.Option("--otel", help="Export traces to OTEL_EXPORTER_OTLP_ENDPOINT (extra: otel).")
    ] = False,
    otel_texts: Annotated[bool, typer.Option("--otel-texts", help="With prompts and answers in the traces.")] = False,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Run an ablation and show its scorecard."""
    with waiting("loading what a run needs"):
        from .run import run_command

    options = {
        "task": task,
        "variants": variant,
        "episodes": episodes,
        "trials": trials,
        "until": until,
        "workers": workers,
        "executor": executor,
        "address": address,
        "keep_going": keep_going or None,
        "model": model,
    }
    complete = run_command(
        experiment,
        options,
        changes or [],
        terminal(as_json),
        out=out,
        resume=resume or resume_or_start,
        start=resume_or_start,
        fresh=fresh,
        offline=offline,
        report=report,
        log_level=log_level,
        log_file=log_file,
        otel=otel,
        otel_texts=otel_texts,
        wide=wide,
        as_json=as_json,
        race=race,
        race_per=race_per,
    )
    if not complete:
        raise typer.Exit(3)
