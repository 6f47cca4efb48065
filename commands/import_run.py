"""`akrasia import`: a run made of what was run elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ..errors import BadOption, UnknownName
from .arguments import AsJson, names_of
from .output import echo_json, terminal

if TYPE_CHECKING:
    from rich.console import Console

    from ..ledger.imported import ImportedFrom


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
    from .. import importers

    given: dict[str, Any] = {"map": map_, "threshold": threshold, "rule": rule}
    options = {name: value for name, value in given.items() if value is not None} | _options(option or ())
    if kind not in importers.IMPORTERS:
        raise UnknownName.among("importer", kind, importers.IMPORTERS)
    console = terminal()

    def confirm(told: Sequence[tuple[str, str, str, bool]]) -> None:
        _confirm(told, console, yes, as_json)

    names = {"task": task, "model": model, "variant": variant, "baseline": baseline}
    try:
        imported = importers.import_run(kind, source, out, fresh=fresh, confirm=confirm, **names, **options)
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
    from ..importers import guess_kind

    likely = [name for name in guess_kind(source) if name != kind]
    if not likely:
        return error
    return BadOption(error.what, error.why, f"It looks like {' or '.join(likely)}. {error.remedy}".strip())
