"""`akrasia import`: a run made of what was run elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import BadOption, UnknownName
from ..importers import IMPORTERS, guess_kind, import_run
from ..ledger.imported import ImportedFrom
from .output import echo_json


def import_command(
    kind: str,
    source: str,
    out: Path,
    console: Console,
    *,
    given: Mapping[str, Any],
    more: Sequence[str],
    names: Mapping[str, str],
    fresh: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Print what `akrasia import KIND SOURCE --out RUN` made of a source.

    Args:
        given: options of some formats that have a name of their own; None where they were not given.
        more: others, as name=value.
        names: task, model, variant and baseline, "" where they were not given.
        yes: take guesses without asking.

    Raises:
        UsageError: no such format or option, or the source is not of that format.
    """
    options = {name: value for name, value in given.items() if value is not None} | _options(more)
    if kind not in IMPORTERS:
        raise UnknownName.among("importer", kind, IMPORTERS)

    def confirm(told: Sequence[tuple[str, str, str, bool]]) -> None:
        _confirm(told, console, yes, as_json)

    try:
        imported = import_run(kind, source, out, fresh=fresh, confirm=confirm, **names, **options)
    except BadOption as error:
        raise _with_guess(error, kind, Path(source)) from None
    if as_json:
        echo_json(imported)
    else:
        _show(imported, out, console)


def _options(more: Sequence[str]) -> dict[str, str]:
    options = {}
    for text in more:
        name, sign, value = text.partition("=")
        if not sign:
            raise BadOption(f"--option holds {text!r}", "it has no value", "Write --option name=value.")
        if name in options:
            raise BadOption(f"--option names {name} twice", remedy="Give it once.")
        options[name.strip()] = value
    return options


def _confirm(told: Sequence[tuple[str, str, str, bool]], console: Console, yes: bool, quiet: bool) -> None:
    """Show what was read as what, and ask where something was guessed and somebody is there to answer."""
    guessed = any(is_guess for *_, is_guess in told)
    if not quiet:
        table = Table(title="columns", title_justify="left")
        for heading in ("what", "column", "in the first row", ""):
            table.add_column(heading, overflow="fold")
        for what, column, example, is_guess in told:
            table.add_row(what, Text(column), Text(" ".join(example.split())), "guessed" if is_guess else "")
        console.print(table)
    if guessed and not yes and not quiet and sys.stdin.isatty() and not typer.confirm("Is that right?", default=True):
        raise BadOption(
            "nothing was imported", "the guess was not taken", "Name the columns: --map item=COLUMN,right=COLUMN."
        )


def _show(imported: ImportedFrom, out: Path, console: Console) -> None:
    console.print(
        Text(f"{imported.records:,} decisions of {imported.rows:,} rows are in {out}, {imported.sentence}."),
        soft_wrap=True,
    )
    for note in imported.notes:
        console.print(Text(f"assumed: {note}"), soft_wrap=True)
    if imported.absent:
        console.print(Text(f"not in the source: {', '.join(imported.absent)}"), soft_wrap=True)
    for one in imported.left_out:
        console.print(Text(f"! left out: {one}", style="yellow"), soft_wrap=True)
    for one in imported.doubted:
        console.print(Text(f"! in doubt: {one}", style="yellow"), soft_wrap=True)
    console.print(f"Next: akrasia score {out}", soft_wrap=True, highlight=False)


def _with_guess(error: BadOption, kind: str, source: Path) -> BadOption:
    """The error, with the format that the source looks like, where that is another one."""
    likely = [name for name in guess_kind(source) if name != kind]
    if not likely:
        return error
    return BadOption(error.what, error.why, f"It looks like {' or '.join(likely)}. {error.remedy}".strip())
