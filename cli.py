"""The command line. Nothing heavy is imported before a command needs it.

Exit codes: 0 done; 1 something failed; 2 bad usage, nothing written; 3 the run stopped early and can be resumed (also
where a provider refuses the credentials once a run is under way).
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .errors import AkrasiaError, BadOption, Denied, UsageError

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


@app.command()
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


@app.command()
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
) -> None:
    """Fine-tune a model by reinforcement on its own turns, and evaluate it before and after (extra: train)."""
    from .commands.train import train_with_progress
    from .experiments.config import load_settings, override

    settings = {} if training is None else load_settings(training)
    for key, value in (("task", task), ("plan", plan), ("base", base)):
        if value is not None:
            settings[key] = value
    if updates is not None:
        override(settings, f"rlft.updates={updates}")
    for change in changes or []:
        override(settings, change)
    train_with_progress(settings, out, resume, _console())


@app.command()
def plan(
    experiment: Annotated[Path, typer.Argument(help="A TOML file.")],
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
        changes or [],
        answer_tokens,
        _console(),
        effect=effect,
        power=power,
        pilot=pilot,
        comparisons=comparisons,
    )


@app.command()
def score(
    what: Annotated[str, typer.Argument(help="A run folder; or a published format: aiw, potemkin, greedy-table.")],
    source: Annotated[Path | None, typer.Argument(help="The published file or folder.")] = None,
    rule: Annotated[str, typer.Option(help="aiw: which answer of a response counts, first or last.")] = "first",
    cell: Annotated[list[float] | None, typer.Option(help="greedy-table: six cells in percent, row by row.")] = None,
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
    """Score a stored run, or published responses, again; needs no model, no network and no key."""
    from .commands.score import score_command

    score_command(
        what,
        source,
        _console(),
        rule=rule,
        cells=cell,
        metrics=metric,
        evaluators=evaluator or (),
        baseline=baseline,
        interval=interval,
        turns=turns,
        every=every,
        two_way=two_way,
        as_json=as_json,
    )


@app.command()
def compare(
    run: RunFolder,
    a: Annotated[str, typer.Argument(help="A variant; or a second run folder.", metavar="A")],
    b: Annotated[
        str | None, typer.Argument(help="Another variant; with two runs: which variant of both.", metavar="B")
    ] = None,
    metric: Annotated[list[str] | None, typer.Option(help="Compare this metric; may be repeated.")] = None,
    interval: Annotated[str, typer.Option(help="Kind of 95 % interval: robust or bootstrap.")] = "robust",
    as_json: Annotated[bool, typer.Option("--json", help="Print the comparison as JSON.")] = False,
) -> None:
    """Compare two variants of a run, or a variant in two runs: RUN A B, or RUN1 RUN2 [VARIANT]."""
    from .commands.compare import compare_command

    compare_command(run, a, b, metric, interval, as_json, _console())


@app.command()
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


@app.command()
def report(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option(help="File; by default report.html in the run folder.")] = None,
) -> None:
    """Write the self-contained HTML report of a stored run."""
    typer.echo(str(_open(run).report(out)))


@app.command()
def export(
    run: RunFolder,
    to: Annotated[Path, typer.Argument(help="The file; its ending names the format: .jsonl, .parquet or .csv.")],
    form: Annotated[str | None, typer.Option("--format", help="The format by name: akrasia list exporters.")] = None,
) -> None:
    """Write a run's records to a file."""
    typer.echo(str(_open(run).export(to, form)))


@app.command()
def data(
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
    task: Annotated[str, typer.Option(help="What the expert plays.")] = "bandit",
    changes: Annotated[list[str] | None, typer.Option("--set", help="An option of the task: arms=10.")] = None,
    plan: Annotated[
        str, typer.Option(help="Whose prompts the expert answers: act, reason_act or reason_then_act.")
    ] = "reason_act",
    style: Annotated[str, typer.Option(help="Of the model to be trained: chat, completion or tuned.")] = "chat",
    episodes: Annotated[int, typer.Option(help="Plays of the expert.")] = 100,
    seed: Annotated[int, typer.Option(help="Which plays.")] = 0,
) -> None:
    """Write training data: of a run (its good answers, or its gap corrected), or of an expert with its rationale."""
    if (run is None) == (expert is None):
        raise BadOption("data come of a run or of an expert", remedy="Name a run folder, or --expert ucb.")
    if run is not None:
        found = _open(run).data(out, form, only=only, variants=variant or (), models=model or ())
    else:
        from .training import expert_data

        found = expert_data(
            out, _named(task, changes), cast(str, expert), form, plan=plan, style=style, episodes=episodes, seed=seed
        )
    typer.echo(f"{out}: {found}")


@app.command()
def clone(
    out: Annotated[Path, typer.Option(help="The adapter: a .gguf file, used as embedded:FILE.")],
    expert: Annotated[str, typer.Option(help="A reference player of the task, or oracle.")] = "ucb",
    task: Annotated[str, typer.Option(help="What the expert plays.")] = "bandit",
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
) -> None:
    """Fine-tune the embedded model on an expert's play, with or without its rationale (extra: train)."""
    from .commands.clone import SFTProgressPrinter
    from .training import clone

    console = _console()
    made = clone(
        out,
        _named(task, changes),
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
    t = made.training
    typer.echo(f"{made.adapter}: loss {t.first_loss:.3f} -> {t.last_loss:.3f} nats per token, {t.seconds:.0f} s")
    typer.echo(f"Measure it: akrasia run --model embedded:{made.adapter} --variant {plan}")


@app.command()
def show(
    run: RunFolder,
    episode: Annotated[int, typer.Argument()],
    step: Annotated[int, typer.Argument()],
    variant: Annotated[str | None, typer.Option(help="Only this variant.")] = None,
) -> None:
    """Show one situation of a run: what was seen, what was right, what every agent said."""
    from .reports.show import show_step

    show_step(run, episode, step, variant, _console())


@app.command("list")
def list_(
    kind: Annotated[
        str,
        typer.Argument(
            help="Of what: tasks, graphs, interventions, agents, metrics, evaluators, models, executors, protocols, "
            "exporters or runs."
        ),
    ],
) -> None:
    """List what is known by name."""
    from .commands.catalogue import show_list

    show_list(kind, _console())


@tasks.command("show", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def tasks_show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A task; its options follow as --option value.")],
    seed: Annotated[int, typer.Option(help="Which episode.")] = 0,
    steps: Annotated[int, typer.Option(help="How many steps to show, taking an optimal action in between.")] = 1,
) -> None:
    """Show what an agent sees, the legal actions and the oracle: akrasia tasks show bandit --arms 5 --seed 0."""
    from .commands.tasks import show_task

    show_task(name, context.args, seed, steps, _console())


@graphs.command("show")
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


@app.command()
def doctor(
    model: Annotated[str | None, typer.Option(help="Ask this model one tiny question, which is billed.")] = None,
) -> None:
    """Check this machine: versions, weights, native libraries, and which provider keys are set; or one model."""
    from .commands.doctor import ask_once, examine

    if not (examine(_console()) if model is None else ask_once(_console(), model)):
        raise typer.Exit(1)


def _named(task: str, changes: list[str] | None) -> dict[str, Any]:
    """A task by its name and options."""
    from .experiments.config import override

    options: dict[str, Any] = {"name": task}
    for change in changes or []:
        override(options, change)
    return options


def _open(folder: Path) -> Result:
    from .result import open_run

    return open_run(folder)


def _console() -> Console:
    from .reports.text import plain_console

    return plain_console()
