"""The command line. Nothing heavy is imported before a command needs it.

Exit codes: 0 done; 1 something failed; 2 bad usage, nothing written; 3 the run stopped early and can be resumed (also
where a provider refuses the credentials once a run is under way, and where the first decisions of a variant all failed
alike).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .commands.learning import add_training_commands
from .commands.strict import StrictCommand
from .errors import AkrasiaError, Denied, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from .result import Result

__all__ = ["app", "main"]

app = typer.Typer(
    name="akrasia",
    help="Measure why language-model agents know the right action and do another, and test what closes the gap.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
tasks = typer.Typer(help="The decision problems; akrasia list tasks names them.", no_args_is_help=True)
graphs = typer.Typer(help="The agent graphs; akrasia list graphs names them.", no_args_is_help=True)
app.add_typer(tasks, name="tasks")
app.add_typer(graphs, name="graphs")
RunFolder = Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")]
LogLevel = Annotated[
    str | None, typer.Option(help="Say on stderr what happens: debug, info, warning or error and above.")
]
LogFile = Annotated[Path | None, typer.Option(help="Write it to this file as JSON lines instead.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """The `akrasia` command; always ends in `SystemExit`. By default its arguments are those of the process."""
    try:
        app(arguments, prog_name="akrasia")
    except AkrasiaError as error:
        typer.echo(f"akrasia: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError | Denied) else 1)
    except KeyboardInterrupt:
        typer.echo("akrasia: interrupted. What was answered is kept: resume with --resume.", err=True)
        sys.exit(130)


@app.command(cls=StrictCommand)
def run(
    experiment: Annotated[
        Path | None, typer.Argument(help="A TOML file; with --resume also a run folder, or nothing: the latest.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Run folder; by default runs/NAME.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start over: remove the run in the folder first.")] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Answer from the ledger only.")] = False,
    task: Annotated[str | None, typer.Option(help="Task, instead of the file's.")] = None,
    model: Annotated[str | None, typer.Option(help="Model, instead of the file's.")] = None,
    variant: Annotated[list[str] | None, typer.Option(help="Variant, instead of the file's; may be repeated.")] = None,
    episodes: Annotated[int | None, typer.Option(help="Episodes, instead of the file's.")] = None,
    until: Annotated[
        str | None, typer.Option(help='Stop once this is known: "gap +- 0.05", "gap difference +- 0.05".')
    ] = None,
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
    changes: Annotated[list[str] | None, typer.Option("--set", help="Change one setting: task.arms=10.")] = None,
    report: Annotated[bool, typer.Option(help="Write report.html when the run ends.")] = True,
    log_level: LogLevel = None,
    log_file: LogFile = None,
    otel: Annotated[
        bool, typer.Option("--otel", help="Export traces to OTEL_EXPORTER_OTLP_ENDPOINT (extra: otel).")
    ] = False,
    otel_texts: Annotated[bool, typer.Option("--otel-texts", help="With prompts and answers in the traces.")] = False,
) -> None:
    """Run an ablation and show its scorecard."""
    from .commands.run import run_command

    options = {
        "task": task,
        "variants": variant,
        "episodes": episodes,
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
        _console(),
        out=out,
        resume=resume,
        fresh=fresh,
        offline=offline,
        report=report,
        log_level=log_level,
        log_file=log_file,
        otel=otel,
        otel_texts=otel_texts,
    )
    if not complete:
        raise typer.Exit(3)


add_training_commands(app)


@app.command(cls=StrictCommand)
def plan(
    experiment: Annotated[Path | None, typer.Argument(help="A TOML file.")] = None,
    task: Annotated[str | None, typer.Option(help="Task, instead of the file's.")] = None,
    model: Annotated[str | None, typer.Option(help="Model, instead of the file's.")] = None,
    variant: Annotated[list[str] | None, typer.Option(help="Variant, instead of the file's; may be repeated.")] = None,
    episodes: Annotated[int | None, typer.Option(help="Episodes, instead of the file's.")] = None,
    changes: Annotated[list[str] | None, typer.Option("--set", help="Change one setting: task.arms=10.")] = None,
    answer_tokens: Annotated[int, typer.Option(help="Assumed length of an answer that holds a reasoning.")] = 160,
    effect: Annotated[
        float | None, typer.Option(help="The smallest difference of the gap that matters: how many episodes find it?")
    ] = None,
    power: Annotated[float | None, typer.Option(help="Probability of finding it; by default 0.8.")] = None,
    pilot: Annotated[Path | None, typer.Option(help="A run of the same task that shows how episodes differ.")] = None,
    comparisons: Annotated[
        int | None, typer.Option(help="Contrasts that share the error rate; by default as many as verdicts correct.")
    ] = None,
) -> None:
    """Show what an experiment would do and cost, and how many episodes an effect needs, without asking any model."""
    from .commands.plan import plan_command

    plan_command(
        experiment,
        {"task": task, "model": model, "variants": variant, "episodes": episodes},
        changes or [],
        answer_tokens,
        _console(),
        effect=effect,
        power=power,
        pilot=pilot,
        comparisons=comparisons,
    )


@app.command(cls=StrictCommand)
def score(
    context: typer.Context,
    run: RunFolder,
    metric: Annotated[list[str] | None, typer.Option(help="Only this metric; may be repeated.")] = None,
    evaluator: Annotated[
        list[str] | None, typer.Option(help="Also this evaluator, NAME or FILE.py:NAME; may be repeated.")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="Compare with this variant.")] = None,
    interval: Annotated[str, typer.Option(help="Kind of 95 % interval: robust or bootstrap.")] = "robust",
    turns: Annotated[
        bool | None, typer.Option(help="Read the transcripts too; by default where the run is not large.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print every metric that is measured.")] = False,
    two_way: Annotated[
        bool, typer.Option("--two-way", help="Only the two-way tables: models by variants, and their interaction.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scorecard as JSON.")] = False,
) -> None:
    """Score a stored run again; needs no model, no network and no key."""
    from .commands.score import score_command

    score_command(
        context,
        run,
        _console(),
        metrics=metric,
        evaluators=evaluator or (),
        baseline=baseline,
        interval=interval,
        turns=turns,
        every=every,
        two_way=two_way,
        as_json=as_json,
    )


@app.command("import", cls=StrictCommand)
def import_(
    kind: Annotated[str, typer.Argument(help="The format by name: akrasia list importers.", metavar="KIND")],
    source: Annotated[str, typer.Argument(help="The file or folder; for table also hf:OWNER/NAME.", metavar="SOURCE")],
    out: Annotated[Path, typer.Option(help="Run folder that is made of it.")],
    map_: Annotated[
        str | None, typer.Option("--map", help="table: item=question_id,variant=model,done=answer,right=key.")
    ] = None,
    threshold: Annotated[float | None, typer.Option(help="The least score that is right.")] = None,
    rule: Annotated[str | None, typer.Option(help="aiw: which answer of a response counts, first or last.")] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", help="Another option of the format, name=value; may be repeated.")
    ] = None,
    task: Annotated[str, typer.Option(help="What the questions are called, where the source does not say.")] = "",
    model: Annotated[str, typer.Option(help="The model, where the source does not say.")] = "",
    variant: Annotated[str, typer.Option(help="The arm, where the source does not say.")] = "",
    baseline: Annotated[str, typer.Option(help="The arm that others are compared with; by default the first.")] = "",
    fresh: Annotated[bool, typer.Option("--fresh", help="Replace the run in the folder.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Take guessed columns without asking.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Make a run of what was run elsewhere: a table, logs of other tools, published outputs."""
    from .commands.import_run import import_command

    import_command(
        kind,
        source,
        out,
        _console(),
        given={"map": map_, "threshold": threshold, "rule": rule},
        more=option or (),
        names={"task": task, "model": model, "variant": variant, "baseline": baseline},
        fresh=fresh,
        yes=yes,
        as_json=as_json,
    )


@app.command(cls=StrictCommand)
def compare(
    run: RunFolder,
    a: Annotated[str, typer.Argument(help="A variant; or a second run folder.", metavar="A")],
    b: Annotated[
        str | None, typer.Argument(help="Another variant; with two runs: which variant of both.", metavar="B")
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Compare this metric; may be repeated.")] = None,
    interval: Annotated[str, typer.Option(help="Kind of 95 % interval: robust or bootstrap.")] = "robust",
    shared: Annotated[
        bool, typer.Option("--shared", help="Of imported runs: only the items and trials that both arms hold.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compare two variants of a run, or a variant in two runs: RUN A B, or RUN1 RUN2 [VARIANT]."""
    from .commands.compare import compare_command

    compare_command(run, a, b, metric, interval, as_json, _console(), shared)


@app.command(cls=StrictCommand)
def check(
    run: RunFolder,
    checks: Annotated[
        list[str], typer.Argument(help='"gap < 0.2", "doing(VARIANT) >= 70%", "gap(A) < gap(B)".', metavar="CHECK...")
    ],
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    interval: Annotated[str, typer.Option(help="Kind of interval: robust or bootstrap.")] = "robust",
    evaluator: Annotated[
        list[str] | None, typer.Option(help="An evaluator that checks name, NAME or FILE.py:NAME; may be repeated.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Only on this task.")] = None,
    model: Annotated[str | None, typer.Option(help="Only with this model.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    junit: Annotated[Path | None, typer.Option(help="Also write it to this file as JUnit XML.")] = None,
) -> None:
    """Check figures of a run: exit code 0 all hold, 1 one does not, 3 one cannot be said, 2 bad input."""
    from .commands.check import check_command

    options: dict[str, Any] = {"level": level, "interval": interval, "task": task, "model": model}
    code = check_command(run, checks, _console(), evaluators=evaluator or (), as_json=as_json, junit=junit, **options)
    if code:
        raise typer.Exit(code)


@app.command(cls=StrictCommand)
def judge(
    run: RunFolder,
    model: Annotated[list[str], typer.Option(help="A model that judges; may be repeated, and the majority stands.")],
    calibrate: Annotated[int, typer.Option(help="Texts the parser read, to measure agreement on.")] = 50,
    calls: Annotated[int | None, typer.Option(help="Budget in calls over all judging of this run.")] = None,
    dollars: Annotated[float | None, typer.Option(help="Budget in US dollars over all judging of this run.")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Texts under way at once.")] = None,
    log_level: LogLevel = None,
    log_file: LogFile = None,
) -> None:
    """Let other models read the recommendations that the parser could not, and measure their agreement with it."""
    from .commands.judge import judge_command

    budget = {"calls": calls, "dollars": dollars}
    if not judge_command(
        run, model, calibrate, budget, concurrency, _console(), log_level=log_level, log_file=log_file
    ):
        raise typer.Exit(3)


@app.command(cls=StrictCommand)
def report(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option(help="File; by default report.html in the run folder.")] = None,
) -> None:
    """Write the self-contained HTML report of a stored run."""
    typer.echo(str(_open(run).report(out)))


@app.command(cls=StrictCommand)
def export(
    run: RunFolder,
    to: Annotated[Path, typer.Argument(help="The file; its ending names the format: .jsonl, .parquet or .csv.")],
    form: Annotated[str | None, typer.Option("--format", help="The format by name: akrasia list exporters.")] = None,
) -> None:
    """Write a run's records to a file."""
    typer.echo(str(_open(run).export(to, form)))


@app.command(cls=StrictCommand)
def show(
    run: RunFolder,
    episode: Annotated[int | None, typer.Argument(show_default=False)] = None,
    step: Annotated[int | None, typer.Argument(show_default=False)] = None,
    variant: Annotated[str | None, typer.Option(help="Only this variant.")] = None,
) -> None:
    """Show one situation of a run: what was seen, what was right, what every agent said; without EPISODE and STEP,
    where, when and with which versions the run was played.
    """
    from .commands.show import show_command

    show_command(run, episode, step, variant, _console())


@app.command("list", cls=StrictCommand)
def list_(
    kind: Annotated[
        str,
        typer.Argument(
            help="Of what: tasks, graphs, interventions, agents, metrics, evaluators, models, executors, protocols, "
            "importers, exporters or runs."
        ),
    ],
) -> None:
    """List what is known by name."""
    from .commands.catalogue import show_list

    show_list(kind, _console())


@tasks.command("show", cls=StrictCommand, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def tasks_show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A task; its options follow as --option value.")],
    seed: Annotated[int, typer.Option(help="Which episode.")] = 0,
    steps: Annotated[int, typer.Option(help="How many steps to show, taking an optimal action in between.")] = 1,
) -> None:
    """Show what an agent sees, the legal actions and the oracle: akrasia tasks show bandit --arms 5 --seed 0."""
    from .commands.tasks import show_task

    show_task(name, context.args, seed, steps, _console())


@graphs.command("show", cls=StrictCommand)
def graphs_show(
    expression: Annotated[str, typer.Argument(help='A variant: "reason_act | critique(rounds=2)".')],
    svg: Annotated[Path | None, typer.Option(help="Write the picture as SVG.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write the picture as PNG.")] = None,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print Mermaid text instead.")] = False,
) -> None:
    """Show a variant's agents, who reads whom, and what a decision costs in calls."""
    from .commands.graphs import show_graph
    from .interventions import parse

    show_graph(parse(expression), _console(), svg, png, mermaid)


@app.command(cls=StrictCommand)
def doctor(
    model: Annotated[str | None, typer.Option(help="Ask this model one tiny question, which is billed.")] = None,
) -> None:
    """Check this machine: versions, weights, native libraries, and which provider keys are set; or one model."""
    from .commands.doctor import ask_once, examine

    if not (examine(_console()) if model is None else ask_once(_console(), model)):
        raise typer.Exit(1)


def _open(folder: Path) -> Result:
    from .result import open_run

    return open_run(folder)


def _console() -> Console:
    from .reports.text import plain_console

    return plain_console()
