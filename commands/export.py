"""`akrasia export`: the records of a run as a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson, RunFolder
from .output import echo_json
from .waiting import waiting


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
