"""`akrasia report`: the HTML report of a stored run, and its charts and tables as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson, RunFolder
from .output import echo_json
from .threads import few_threads
from .waiting import waiting


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
