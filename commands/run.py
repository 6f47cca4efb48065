"""`akrasia run`: the settings of an experiment, the run with its progress, and its scorecard at the end.

Invariant: a run that is not complete says what is missing and how to go on, whatever it printed before.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from ..api import execute, run_size
from ..errors import BadOption, RunFolderError, RunStopped
from ..events import Listener
from ..experiments.config import assemble
from ..experiments.experiment import Experiment
from ..files import is_file
from ..ledger import holds_run, read_ledger
from ..ledger.file import FILE
from ..ledger.imported import refuse_imported
from ..models.near_names import warnings_of_names
from ..racing import race_into
from ..reports.progress import RunProgress
from ..result import Result
from ..telemetry.log import logged
from ..telemetry.otel import exported
from .output import echo_json
from .settings import experiment_settings, merged_with, tell
from .waiting import waiting

START = (
    "Write an experiment file with: akrasia init, then: akrasia plan experiment.toml and akrasia run experiment.toml. "
    "Or name what to run: akrasia run --model embedded --variant reason_act --variant 'reason_act | critique'."
)


def run_command(
    experiment: Path | None,
    options: Mapping[str, Any],
    changes: Sequence[str],
    console: Console,
    *,
    out: Path | None,
    resume: bool,
    fresh: bool,
    offline: bool,
    report: bool,
    log_level: str | None,
    log_file: Path | None,
    otel: bool,
    otel_texts: bool,
    start: bool = False,
    wide: bool = False,
    as_json: bool = False,
    race: int | None = None,
    race_per: str = "point",
) -> bool:
    """Run an experiment and show its scorecard; false where episodes are missing.

    Args:
        experiment: a TOML file; with `resume` also a run folder, or None for the latest run.
        options: settings by their keys; those that are None were not given. See `akrasia.experiments.merging`.
        changes: `key=value` of the option --set.
        report: write the HTML report too.
        start: with `resume`, begin a run where there is none.
        console: where progress and scorecard are printed; with `as_json` stderr.
        race: drop, as the run goes on, who can no longer be among so many best; race_per: "point" or "dollar".
    """
    if experiment is None and not resume and all(options.get(name) is None for name in ("task", "model", "variants")):
        raise BadOption("no experiment is named", "nothing says what to run", START)
    if experiment is None and resume and out is not None and is_file(out / FILE):
        experiment = out
    folder, (settings, notes) = _settings(experiment, resume, changes, options)
    if otel_texts and not otel:
        raise BadOption("--otel-texts says what traces hold, and none are exported", remedy="Add --otel.")
    if resume and fresh:
        raise BadOption("--resume and --fresh exclude each other", remedy="Use one of them.")
    assembled = assemble(settings)
    into = out or folder or Path("runs") / assembled.name
    if resume and not start and not offline and not holds_run(into):
        remedy = "Leave out --resume to begin one; --resume-or-start does either."
        raise RunFolderError(f"there is no run to resume in {str(into)!r}", remedy=remedy)
    tell([*notes, *assembled.unasked(), *warnings_of_names(assembled.backends)])
    with logged(log_level, log_file) as log, exported(otel, otel_texts) as exporter:
        try:
            racing = None if race is None else (race, "gap", race_per)
            result = play(assembled, settings, into, resume, fresh, offline, [*log, *exporter], console, racing)
        except KeyboardInterrupt:
            typer.echo("akrasia: interrupted at once. Every answer that was stored is kept.", err=True)
            typer.echo(f"Go on with: akrasia run --resume {into}", err=True)
            raise typer.Exit(130) from None
    with waiting("scoring the run"):
        path = result.report() if report and not result.records.is_empty() else None
    if as_json:
        echo_json(_as_json(result, path))
    elif not result.records.is_empty():
        result.show(wide=wide)
        if result.race is not None:
            typer.echo(str(result.race))
        _say_what_is_next(result.folder, path)
    return is_complete(result)


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


def is_complete(result: Result) -> bool:
    """Whether every episode was played to its end; says what is missing where not."""
    outcome = result.outcome
    if outcome is None or (outcome.stopped is None and not outcome.missing):
        return True
    given_up = f"calls that were given up: {outcome.run_usage.failed}"
    reason = given_up if outcome.stopped is None else f"the run stopped early: {outcome.stopped}"
    typer.echo(f"akrasia: {reason}", err=True)
    typer.echo(f"{outcome.missing} of {outcome.planned} episodes are not complete.", err=True)
    typer.echo(f"Go on with: akrasia run --resume {result.folder}", err=True)
    return False


def _settings(
    experiment: Path | None, resume: bool, changes: Sequence[str], options: Mapping[str, Any]
) -> tuple[Path | None, tuple[dict[str, Any], list[str]]]:
    """(run folder if one was named, (settings of the experiment, notes on them))."""
    if experiment is None and not resume:
        return None, experiment_settings(None, changes, options)
    if experiment is None:
        runs = sorted(Path("runs").glob(f"*/{FILE}"), key=lambda p: p.stat().st_mtime)
        if not runs:
            raise RunFolderError("there is no run to resume under runs/", remedy="Name its folder.")
        experiment = runs[-1].parent
    if not is_file(experiment / FILE):
        if resume and experiment.is_dir():
            raise RunFolderError(
                f"there is no run to resume in {str(experiment)!r}", f"it holds no {FILE}", "Name the folder of a run."
            )
        return None, experiment_settings(experiment, changes, options)
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
    return experiment, merged_with(json.loads(stored), changes, options)


def play(
    experiment: Experiment,
    settings: dict[str, Any],
    folder: Path,
    resume: bool,
    fresh: bool,
    offline: bool,
    listeners: Sequence[Listener],
    console: Console,
    racing: tuple[int, str, str] | None = None,
) -> Result:
    """Play the experiment. The first interruption stops it and keeps the answers under way, the second breaks off."""

    def on_start(stop: Callable[[RunStopped], None]) -> None:
        loop = asyncio.get_running_loop()

        def interrupted() -> None:
            for name in (signal.SIGINT, signal.SIGTERM):
                _restore(loop, name)
            progress.stopping()
            stop(RunStopped("interrupted"))

        for name in (signal.SIGINT, signal.SIGTERM):
            _handle(loop, name, interrupted)

    with RunProgress(run_size(experiment, folder, resume), console) as progress:
        options: dict[str, Any] = {
            "resume": resume,
            "fresh": fresh,
            "offline": offline,
            "settings": settings,
            "on_event": [progress, *listeners],
            "on_start": on_start,
        }
        if racing is not None:
            return asyncio.run(race_into(experiment, folder, *racing, **options))
        return asyncio.run(execute(experiment, folder, **options))


def _handle(loop: asyncio.AbstractEventLoop, name: signal.Signals, act: Callable[[], None]) -> None:
    """Have the loop call `act` at a signal; where a loop knows no signals (Windows), from the interpreter's handler."""
    try:
        loop.add_signal_handler(name, act)
    except NotImplementedError:
        signal.signal(name, lambda *_: loop.call_soon_threadsafe(act))


def _restore(loop: asyncio.AbstractEventLoop, name: signal.Signals) -> None:
    try:
        loop.remove_signal_handler(name)
    except NotImplementedError:
        signal.signal(name, signal.default_int_handler if name == signal.SIGINT else signal.SIG_DFL)
