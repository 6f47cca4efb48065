"""`akrasia show`: one situation of a run, or where the run comes from."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from ..agents.answers import unread_place
from ..errors import BadOption
from ..records import Situation
from ..reports.show import show_run, show_step
from ..result import open_run

__all__ = ["show_command"]


def show_command(run: Path, episode: int | None, step: int | None, variant: str | None, console: Console) -> None:
    """Print what `akrasia show RUN [EPISODE STEP]` asks for.

    Raises:
        BadOption: an episode without a step, or a variant without both.
        UnknownName: the run has no such step or variant.
    """
    if episode is not None and step is not None:
        show_step(run, episode, step, variant, console, _unread)
    elif episode is not None or variant is not None:
        raise BadOption(
            "one situation has an episode and a step", "not both were given", "Write: akrasia show RUN EPISODE STEP."
        )
    else:
        result = open_run(run)
        show_run(result.sessions, result.missing_sentence, console, result.imported)


def _unread(text: str, situation: Situation, stated: bool) -> str:
    return unread_place(text, situation, stated=stated)
