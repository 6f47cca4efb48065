"""`akrasia check`: figures of a stored run against numbers, for a CI; the exit code is the answer."""

from __future__ import annotations

import shutil
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from xml.etree import ElementTree

import typer
from rich.text import Text

from ..errors import LedgerError, RunFolderError
from ..files import writable, write_file
from .arguments import AsJson, RunFolder
from .output import echo_json, terminal
from .threads import few_threads
from .waiting import waiting

if TYPE_CHECKING:
    from ..evals.check_report import CheckReport

STYLES = {True: "green", False: "red", None: "yellow"}


def check(
    run: RunFolder,
    checks: Annotated[
        list[str], typer.Argument(help='"gap < 0.2", "doing(VARIANT) >= 70%", "gap(A) < gap(B)".', metavar="CHECK...")
    ],
    level: Annotated[float, typer.Option(help="Of the intervals.")] = 0.95,
    interval: Annotated[str, typer.Option(help="Kind of interval: robust or bootstrap.")] = "robust",
    evaluator: Annotated[
        list[str] | None, typer.Option(help="An evaluator that checks name, NAME or FILE.py:NAME; may be repeated.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Only on this task.")] = None,
    model: Annotated[str | None, typer.Option(help="Only with this model.")] = None,
    as_json: AsJson = False,
    junit: Annotated[Path | None, typer.Option(help="Also write it to this file as JUnit XML.")] = None,
) -> None:
    """Check figures of a run: exit code 0 all hold, 1 one does not, 3 one cannot be said, 2 bad input."""
    few_threads(run)
    from ..result import open_run

    if junit is not None:
        writable(junit.parent)
    options: dict[str, Any] = {"level": level, "interval": interval, "task": task, "model": model}
    try:
        with waiting(f"scoring {run}"):
            report = open_run(run).check(*checks, evaluators=evaluator or (), **options)
    except LedgerError as error:  # exit code 1 would say that a check does not hold
        raise RunFolderError(error.what, error.why, error.remedy) from None
    if junit is not None:
        write_file(junit, _junit(report, run))
    if as_json:
        echo_json(_as_json(report))
    else:
        _show(report)
    if report.exit_code:
        raise typer.Exit(report.exit_code)


def _show(report: CheckReport) -> None:
    console = terminal()
    width = shutil.get_terminal_size((console.width, 0)).columns  # in a pipe as COLUMNS says
    for note in report.notes:
        console.print(Text(_wrapped(note, width)), soft_wrap=True)
    for line in report.lines:
        text = Text(_wrapped(report.line_text(line), width))
        text.stylize(STYLES[line.holds], 0, len(line.verdict))
        console.print(text, soft_wrap=True)


def _wrapped(text: str, width: int) -> str:
    return textwrap.fill(text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _as_json(report: CheckReport) -> dict[str, Any]:
    return {
        "holds": report.holds,
        "exit_code": report.exit_code,
        "level": report.level,
        "notes": report.notes,
        "checks": [{"verdict": line.verdict, "line": line} for line in report.lines],
    }


def _junit(report: CheckReport, run: Path) -> bytes:
    """One test case a line; what cannot be said is an error, what does not hold a failure."""
    suite = ElementTree.Element("testsuite", name=f"akrasia check {run}", tests=str(len(report.lines)))
    for counted, holds in (("failures", False), ("errors", None)):
        suite.set(counted, str(sum(line.holds is holds for line in report.lines)))
    for line in report.lines:
        case = ElementTree.SubElement(suite, "testcase", classname=f"{line.task}.{line.model}", name=line.check)
        if not line.holds:
            tag = "error" if line.holds is None else "failure"
            ElementTree.SubElement(case, tag, message=f"{line.verdict}: {line.why}".rstrip(": ")).text = str(line)
    return bytes(ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True))
