"""The command line. Nothing heavy is imported before a command needs it.

Exit codes: 0 done; 1 something failed; 2 bad usage, nothing written; 3 the run stopped early and can be resumed (also
where a provider refuses the credentials once a run is under way, and where the first decisions of a variant all failed
alike); 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any

import typer

from .commands.lazy_commands import GroupedCommands
from .errors import AkrasiaError, Denied, UsageError

TRACEBACK = "AKRASIA_TRACEBACK"  # set to anything, an error that nobody expected shows where it came from

app = typer.Typer(
    name="akrasia",
    cls=GroupedCommands,
    help="Measure why language-model agents know the right action and do another, and test what closes the gap.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@cache
def program() -> Any:
    """All commands as click knows them, made once in a process; each is imported when it is called."""
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> None:
    """The `akrasia` command; always ends in `SystemExit`. By default its arguments are those of the process."""
    try:
        program()(arguments, prog_name="akrasia")
    except AkrasiaError as error:
        _end(str(error), 2 if isinstance(error, UsageError | Denied) else 1)
    except KeyboardInterrupt:
        _end("interrupted.", 130)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        kind = type(error).__name__
        what = f"something went wrong that akrasia did not expect: {kind}: {error}"
        _end(f"{what}. With {TRACEBACK}=1 in the environment it shows where; please report that.", 1)


def _end(sentence: str, code: int) -> None:
    typer.echo(f"akrasia: {sentence}", err=True)
    sys.exit(code)


def _version(wanted: bool) -> None:
    if wanted:
        from . import __version__

        typer.echo(f"akrasia {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = (
        False
    ),
) -> None:
    """Options of the program itself."""
