"""An experiment played in a terminal: its progress, what an interruption does, and what is missing at the end.

Invariant: a run that is not complete says what is missing and how to go on, whatever it printed before.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from ..api import execute, run_size
from ..errors import RunStopped
from ..events import Listener
from ..experiments.experiment import Experiment
from ..racing import race_into
from ..reports.progress import RunProgress
from ..result import Result


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
