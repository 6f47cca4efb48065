"""The commands that read runs, as a user writes them: `score`, `compare`, `check`, `show`, `judge`, `report`, ..."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from ..files import is_file
from ..ledger.file import FILE
from .arguments import AsJson, IntervalKind, LogFile, LogLevel, Metrics, RunFolder, Wide, names_of
from .output import echo_json, terminal
from .strict import StrictCommand, refuse_unused
from .threads import few_threads
from .waiting import waiting

SECTION = "Results"


def add_result_commands(app: typer.Typer) -> None:
    """Add the commands to an application."""
    for command in (score, compare, check, show, view, judge, report, export):
        app.command(cls=StrictCommand, rich_help_panel=SECTION)(command)
    app.command("import", cls=StrictCommand, rich_help_panel=SECTION)(import_run)


def score(
    context: typer.Context,
    run: RunFolder,
    metric: Metrics = None,
    evaluator: Annotated[
        list[str] | None, typer.Option(help="Also this evaluator, NAME or FILE.py:NAME; may be repeated.")
    ] = None,
    baseline: Annotated[str | None, typer.Option(help="Compare with this variant.")] = None,
    interval: IntervalKind = "robust",
    turns: Annotated[
        bool | None, typer.Option(help="Read the transcripts too; by default where the run is not large.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Print every metric that is measured.")] = False,
    two_way: Annotated[
        bool, typer.Option("--two-way", help="Only the two-way tables: models by variants, and their interaction.")
    ] = False,
    by_item: Annotated[
        bool, typer.Option("--by-item", help="Only how effects differ: by item, difficulty, what is untried.")
    ] = False,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Score a stored run again; needs no model, no network and no key."""
    few_threads(run)
    with waiting(f"reading {run}"):
        from ..result import open_run

    result, console, kind = open_run(run), terminal(), cast(Any, interval)
    if two_way:
        refuse_unused(context, ("metric", "baseline", "interval", "two_way", "wide", "as_json"), "two-way tables")
        from ..reports.two_way import show_two_way

        with waiting(f"scoring {run}"):
            tables = result.two_way(metric, baseline, kind)
        if as_json:
            echo_json(tables)
        else:
            show_two_way(tables, console, wide)
        return
    if by_item:
        refuse_unused(context, ("metric", "baseline", "interval", "by_item", "wide", "as_json"), "effects by item")
        from ..reports.forest import show_heterogeneity

        with waiting(f"scoring {run}"):
            effects = [e for name in metric or ["gap"] for e in result.heterogeneity(name, kind, baseline)]
        if as_json:
            echo_json(effects)
        else:
            show_heterogeneity(effects, console, wide)
        return
    from ..reports.terminal import show_estimates, show_scorecard

    names = metric or ([] if evaluator else None)
    with waiting(f"scoring {run}"):
        headline, items = not (every or as_json), as_json and names is None
        card = result.score(names, baseline, kind, evaluator or (), turns, headline, items, mixed=False)
    if as_json:
        echo_json(card)
    elif every or names is not None:
        show_estimates(card, console, measured_only=every, wide=wide)
    else:
        show_scorecard(card, result.experiment, console=console, wide=wide)


def compare(
    run: RunFolder,
    a: Annotated[str, typer.Argument(help="A variant; or a second run folder.", metavar="A")],
    b: Annotated[
        str | None, typer.Argument(help="Another variant; with two runs: which variant of both.", metavar="B")
    ] = None,
    metric: Metrics = None,
    interval: IntervalKind = "robust",
    shared: Annotated[
        bool, typer.Option("--shared", help="Of imported runs: only the items and trials that both arms hold.")
    ] = False,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Compare two variants of a run, or a variant in two runs: RUN A B, or RUN1 RUN2 [VARIANT]."""
    few_threads(run)
    from ..reports.comparison import show_comparison
    from ..result import open_run

    kind: Any = interval
    with waiting(f"comparing in {run}"):
        first = open_run(a) if is_file(Path(a) / FILE) else a
        comparisons = open_run(run).compare(first, b, metric, kind, shared)
    if as_json:
        echo_json(comparisons)
    else:
        show_comparison(comparisons, terminal(), wide)


def import_run(
    kind: Annotated[
        str,
        typer.Argument(
            help="The format by name: akrasia list importers.", metavar="KIND", autocompletion=names_of("importers")
        ),
    ],
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
    as_json: AsJson = False,
) -> None:
    """Make a run of what was run elsewhere: a table, logs of other tools, published outputs."""
    from .import_run import import_command

    import_command(
        kind,
        source,
        out,
        terminal(as_json),
        given={"map": map_, "threshold": threshold, "rule": rule},
        more=option or (),
        names={"task": task, "model": model, "variant": variant, "baseline": baseline},
        fresh=fresh,
        yes=yes,
        as_json=as_json,
    )


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
    as_json: AsJson = False,
    junit: Annotated[Path | None, typer.Option(help="Also write it to this file as JUnit XML.")] = None,
) -> None:
    """Check figures of a run: exit code 0 all hold, 1 one does not, 3 one cannot be said, 2 bad input."""
    few_threads(run)
    from .check import check_command

    options: dict[str, Any] = {"level": level, "interval": interval, "task": task, "model": model}
    code = check_command(run, checks, terminal(), evaluators=evaluator or (), as_json=as_json, junit=junit, **options)
    if code:
        raise typer.Exit(code)


def show(
    run: RunFolder,
    episode: Annotated[int | None, typer.Argument(help="The episode of one situation.", show_default=False)] = None,
    step: Annotated[int | None, typer.Argument(help="Its step.", show_default=False)] = None,
    variant: Annotated[list[str] | None, typer.Option(help="Only this variant; may be repeated.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    gap: Annotated[
        bool, typer.Option("--gap", help="List the steps where a variant knew and did not do, side by side.")
    ] = False,
    most: Annotated[int, typer.Option("--most", help="With --gap: at most so many steps; 0 for all.")] = 10,
    html: Annotated[Path | None, typer.Option(help="With --gap: write them to this HTML file instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one situation of a run: what was seen, what was right, what every agent said; or with --gap the steps where
    a variant knew and did not do; without either, where, when and with which versions the run was played.
    """
    few_threads(run)
    from .show import show_command

    console = terminal()
    show_command(run, episode, step, variant or (), model, console, gap=gap, most=most, html=html, as_json=as_json)


def view(
    runs: Annotated[
        list[Path] | None, typer.Argument(help="Run folders, or folders of runs; by default runs/.", metavar="[RUN]...")
    ] = None,
    port: Annotated[int, typer.Option(help="Where to listen; 0 takes a free port.")] = 8642,
    host: Annotated[str, typer.Option(help="Where to listen; by default this machine alone can look.")] = "127.0.0.1",
    bundle: Annotated[
        Path | None, typer.Option(help="Write the pages into this folder instead, for a web page.")
    ] = None,
    read_only: Annotated[bool, typer.Option("--read-only", help="Take no labels: write nothing at all.")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="Open a browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at runs in a browser: every situation with all variants side by side (extra: viewer)."""
    from .view import serve_runs, viewed_runs, write_runs

    found, console = viewed_runs(runs or []), terminal(as_json)
    if bundle is not None:
        write_runs(found, bundle, console, as_json)
    else:
        serve_runs(found, console, host, port, read_only, open_page, as_json)


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
    from ..errors import RunStopped
    from ..result import open_run
    from ..telemetry.log import logged
    from .judge import show_judged

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
    show_judged(judged, terminal(), implied)
    typer.echo(f"Both numbers, with and without the judges: akrasia score {run}")


def report(
    run: RunFolder,
    out: Annotated[Path | None, typer.Option(help="File; by default report.html in the run folder.")] = None,
    files: Annotated[
        Path | None,
        typer.Option(help="Also write charts (PNG, SVG, PDF) and tables (CSV, Markdown, LaTeX) into this folder."),
    ] = None,
    mixed: Annotated[
        bool, typer.Option("--mixed", help="Fit a mixed model beside each effect by item (extra mixed; slow).")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write the self-contained HTML report of a stored run; --files needs the extra figures."""
    few_threads(run)
    from ..result import open_run

    with waiting(f"scoring {run}"):
        result = open_run(run)
        written = [] if files is None else result.report_files(files)
        path = result.report(out, mixed)
    if as_json:
        echo_json({"report": str(path), "files": [str(one) for one in written]})
    else:
        typer.echo("\n".join(map(str, [path, *written])))


def export(
    run: RunFolder,
    to: Annotated[Path, typer.Argument(help="The file; its ending names the format: .jsonl, .parquet, .csv, ...")],
    form: Annotated[str | None, typer.Option("--format", help="The format by name: akrasia list exporters.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write a run's records to a file."""
    from ..result import open_run

    with waiting(f"reading {run}"):
        path = open_run(run).export(to, form)
    if as_json:
        echo_json({"export": str(path), "provenance": f"{path}.provenance.json"})
    else:
        typer.echo(str(path))
