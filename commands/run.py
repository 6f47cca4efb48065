"""`akrasia run`: the settings of an experiment, the run with its progress, and its scorecard at the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import BadOption, RunFolderError
from ..files import is_file
from .arguments import AsJson, Changes, Episodes, LogFile, LogLevel, ModelName, TaskName, Trials, Variants, Wide
from .output import echo_json, terminal
from .waiting import waiting

if TYPE_CHECKING:
    from ..result import Result

START = (
    "Write an experiment file with: akrasia init, then: akrasia plan experiment.toml and akrasia run experiment.toml. "
    "Or name what to run: akrasia run --model embedded --variant reason_act --variant 'reason_act | critique'."
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
        from ..experiments.config import assemble
        from ..ledger import holds_run
        from ..models.near_names import warnings_of_names
        from ..telemetry.log import logged
        from ..telemetry.otel import exported
        from .playing import is_complete, play
        from .settings import tell

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
    resume = resume or resume_or_start
    folder, settings, notes = _settings(experiment, out, resume, changes or [], options)
    if otel_texts and not otel:
        raise BadOption("--otel-texts says what traces hold, and none are exported", remedy="Add --otel.")
    if resume and fresh:
        raise BadOption("--resume and --fresh exclude each other", remedy="Use one of them.")
    assembled = assemble(settings)
    into = out or folder or Path("runs") / assembled.name
    if resume and not resume_or_start and not offline and not holds_run(into):
        remedy = "Leave out --resume to begin one; --resume-or-start does either."
        raise RunFolderError(f"there is no run to resume in {str(into)!r}", remedy=remedy)
    tell([*notes, *assembled.unasked(), *warnings_of_names(assembled.backends)])
    with logged(log_level, log_file) as log, exported(otel, otel_texts) as exporter:
        try:
            racing = None if race is None else (race, "gap", race_per)
            console = terminal(as_json)
            result = play(assembled, settings, into, resume, fresh, offline, [*log, *exporter], console, racing)
        except KeyboardInterrupt:
            typer.echo("akrasia: interrupted at once. Every answer that was stored is kept.", err=True)
            typer.echo(f"Go on with: akrasia run --resume {into}", err=True)
            raise typer.Exit(130) from None
    _show(result, report, wide, as_json)
    if not is_complete(result):
        raise typer.Exit(3)


def _show(result: Result, report: bool, wide: bool, as_json: bool) -> None:
    with waiting("scoring the run"):
        path = result.report() if report and not result.records.is_empty() else None
    if as_json:
        echo_json(_as_json(result, path))
    elif not result.records.is_empty():
        result.show(wide=wide)
        if result.race is not None:
            typer.echo(str(result.race))
        _say_what_is_next(result.folder, path)


def _as_json(result: Result, report: Path | None) -> dict[str, Any]:
    outcome = result.outcome
    return {
        "run": str(result.folder),
        "report": None if report is None else str(report),
        "stopped": "" if outcome is None or outcome.stopped is None else str(outcome.stopped),
        "planned": None if outcome is None else outcome.planned,
        "missing": None if outcome is None else outcome.missing,
        "usage": None if outcome is None else outcome.run_usage,
        "scorecard": None if result.records.is_empty() else result.score(),
    }


def _say_what_is_next(folder: Path, report: Path | None) -> None:
    if report is not None:
        typer.echo(f"Report: {report}")
    typer.echo(f"Where it knew and did not do: akrasia show {folder} --gap")
    typer.echo(f"Trace a number: akrasia show {folder} EPISODE STEP")


def _settings(
    experiment: Path | None, out: Path | None, resume: bool, changes: Sequence[str], options: Mapping[str, Any]
) -> tuple[Path | None, dict[str, Any], list[str]]:
    """(run folder if one was named or is the latest, settings of the experiment, notes on them)."""
    from ..ledger import read_ledger
    from ..ledger.file import FILE
    from ..ledger.imported import refuse_imported
    from .settings import experiment_settings, merged_with

    if experiment is None and not resume:
        if all(options[name] is None for name in ("task", "model", "variants")):
            raise BadOption("no experiment is named", "nothing says what to run", START)
        return None, *experiment_settings(None, changes, options)
    if experiment is None:
        experiment = out if out is not None and is_file(out / FILE) else _latest()
    if not is_file(experiment / FILE):
        if resume and experiment.is_dir():
            raise RunFolderError(
                f"there is no run to resume in {str(experiment)!r}", f"it holds no {FILE}", "Name the folder of a run."
            )
        return None, *experiment_settings(experiment, changes, options)
    if not resume:
        raise RunFolderError(f"{str(experiment)!r} is a run folder", remedy="Use --resume to go on with it.")
    with read_ledger(experiment) as ledger:
        refuse_imported(ledger.imported(), experiment)
        stored = ledger.meta("settings")
    if stored is None:
        raise RunFolderError(
            f"the run in {str(experiment)!r} was started from Python",
            remedy="Resume it by the same call of akrasia.run(...).",
        )
    return experiment, *merged_with(json.loads(stored), changes, options)


def _latest() -> Path:
    from ..ledger.file import FILE

    runs = sorted(Path("runs").glob(f"*/{FILE}"), key=lambda p: p.stat().st_mtime)
    if not runs:
        raise RunFolderError("there is no run to resume under runs/", remedy="Name its folder.")
    return runs[-1].parent
