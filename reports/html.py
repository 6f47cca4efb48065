"""The HTML report: one file that says what was measured, how surely, and where each number comes from.

Invariants: the same scorecard and experiment give the same bytes; the file loads nothing from anywhere and runs no
script; every name is escaped; a report that cannot be written leaves the one before it untouched.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from ..evals.scorecard import Scorecard
from ..files import write_file
from .page import MINUS, page_of

__all__ = ["TEMPLATES", "breakable", "render_report", "write_report"]

TEMPLATES = Path(__file__).parent / "templates"


def write_report(card: Scorecard, experiment: Mapping[str, Any], path: Path) -> Path:
    """Write the report of a scorecard as one self-contained HTML file.

    Args:
        experiment: the resolved experiment as stored with the run; may be empty.
        path: the file, replaced at once or not at all.

    Returns:
        The path.

    Raises:
        RunFolderError: the file cannot be written; a report that was there before is kept.
    """
    return write_file(path, render_report(card, experiment).encode())


def render_report(card: Scorecard, experiment: Mapping[str, Any]) -> str:
    """The report as text."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["breakable"] = breakable
    environment.globals["minus"] = MINUS
    return environment.get_template("report.html.j2").render(page=page_of(card, experiment))


def breakable(name: str) -> Markup:
    """A name that may be wrapped where its parts meet, so that a narrow column does not cut a word."""
    text = escape(name)
    for end in ("_", "(", ","):
        text = text.replace(end, Markup(f"{end}<wbr>"))
    return text
