"""`akrasia check`: figures of a stored run against numbers, for a CI; the exit code is the answer."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from rich.console import Console
from rich.text import Text

from ..errors import LedgerError, RunFolderError
from ..evals.check_report import CheckReport
from ..files import writable, write_file
from ..result import open_run
from .output import echo_json
from .waiting import waiting

STYLES = {True: "green", False: "red", None: "yellow"}


def check_command(
    run: Path,
    checks: Sequence[str],
    console: Console,
    *,
    evaluators: Sequence[str],
    as_json: bool,
    junit: Path | None,
    **options: Any,
) -> int:
    """Print what `akrasia check RUN CHECK...` asks for; returns the exit code: 0, 1 or 3.

    Args:
        evaluators: that checks may name.
        junit: a file for the same as JUnit XML.
        options: `level`, `interval`, `task` and `model` of `Result.check`.

    Raises:
        UsageError: bad input: the folder holds no run, or one that cannot be read; a check names what is unknown, or
            does not parse.
    """
    if junit is not None:
        writable(junit.parent)
    try:
        with waiting(f"scoring {run}"):
            report = open_run(run).check(*checks, evaluators=evaluators, **options)
    except LedgerError as error:  # exit code 1 would say that a check does not hold
        raise RunFolderError(error.what, error.why, error.remedy) from None
    if junit is not None:
        write_file(junit, _junit(report, run))
    if as_json:
        echo_json(_as_json(report))
        return report.exit_code
    width = shutil.get_terminal_size((console.width, 0)).columns  # in a pipe as COLUMNS says
    for note in report.notes:
        console.print(Text(_wrapped(note, width)), soft_wrap=True)
    for line in report.lines:
        text = Text(_wrapped(report.line_text(line), width))
        text.stylize(STYLES[line.holds], 0, len(line.verdict))
        console.print(text, soft_wrap=True)
    return report.exit_code


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
