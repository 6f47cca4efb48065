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

from ..api import execute
from ..errors import BadOption, RunFolderError, RunStopped
from ..events import Listener
from ..experiments.config import assemble
from ..experiments.experiment import Experiment
from ..ledger import read_ledger
from ..ledger.file import FILE
from ..ledger.imported import refuse_imported
from ..result import Result
from ..telemetry.log import logged
from ..telemetry.otel import exported
from .progress import RunProgress
from .settings import experiment_settings, merged_with, tell

__all__ = ["run_command"]


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
) -> bool:
    """Run an experiment and show its scorecard; false where episodes are missing.

    Args:
        experiment: a TOML file; with `resume` also a run folder, or None for the latest run.
        options: settings by their keys; those that are None were not given. See `akrasia.experiments.merging`.
        changes: `key=value` of the option --set.
        report: write the HTML report too.
    """
    if experiment is None and resume and out is not None and _is_file(out / FILE):
        experiment = out
    folder, (settings, notes) = _settings(experiment, resume, changes, options)
    if otel_texts and not otel:
        raise BadOption("--otel-texts says what traces hold, and none are exported", remedy="Add --otel.")
    if resume and fresh:
        raise BadOption("--resume and --fresh exclude each other", remedy="Use one of them.")
    assembled = assemble(settings)
    tell(notes)
    with logged(log_level, log_file) as log, exported(otel, otel_texts) as exporter:
        result = _play(assembled, settings, out or folder, resume, fresh, offline, [*log, *exporter], console)
    if not result.records.is_empty():
        result.show()
        if report:
            typer.echo(f"Report: {result.report()}")
            typer.echo(f"Trace a number: akrasia show {result.folder} EPISODE STEP")
    return _is_complete(result)


def _is_complete(result: Result) -> bool:
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
    if not _is_file(experiment / FILE):
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


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # for example a name that is too long
        return False


def _play(
    experiment: Experiment,
    settings: dict[str, Any],
    out: Path | None,
    resume: bool,
    fresh: bool,
    offline: bool,
    listeners: Sequence[Listener],
    console: Console,
) -> Result:
    """Play the experiment. The first interruption stops it and keeps the answers under way, the second breaks off."""
    folder = out or Path("runs") / experiment.name

    def on_start(stop: Callable[[RunStopped], None]) -> None:
        loop = asyncio.get_running_loop()

        def interrupted() -> None:
            for name in (signal.SIGINT, signal.SIGTERM):
                _restore(loop, name)
            stop(RunStopped("interrupted", remedy="Answers under way are being kept; once more stops at once."))

        for name in (signal.SIGINT, signal.SIGTERM):
            _handle(loop, name, interrupted)

    with RunProgress(experiment.situations, console) as progress:
        return asyncio.run(
            execute(
                experiment,
                folder,
                resume=resume,
                fresh=fresh,
                offline=offline,
                settings=settings,
                on_event=[progress, *listeners],
                on_start=on_start,
            )
        )


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
