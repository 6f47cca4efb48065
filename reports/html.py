"""The HTML report: one file that says what was measured, how surely, and where each number comes from.

Invariants: the same scorecard, experiment and steps give the same bytes; the file loads nothing from anywhere, and the
one script that it runs, which sorts and filters tables, is known by its hash; every name and text is escaped; a report
that cannot be written leaves the one before it untouched.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment
from markupsafe import Markup, escape

from ..evals.scorecard import Scorecard
from ..files import write_file
from .chart_svg import drawn_strip
from .gap_steps import GapSteps
from .gap_terminal import decision_words
from .page import page_of
from .page_charts import MINUS, RunSteps
from .show import oracle_words
from .templating import html_environment
from .text import plain_text

LONGEST = 3_000  # characters of one text of a step in the file
TEMPLATES = Path(__file__).parent / "templates"


class StepLinks(Protocol):
    """Addresses of the viewer's pages, for a report that lies beside them."""

    def steps(self, *, show: str, page: int, group: str = "", variant: str = "") -> str:
        """A list of situations: by the name of a filter, the code of a task and model, and a variant."""
        ...

    def step_of(self, group: str, episode: int, step: int) -> str:
        """A situation, by the code of its task and model."""
        ...


def write_report(card: Scorecard, experiment: Mapping[str, Any], path: Path, run: RunSteps | None = None) -> Path:
    """Write the report of a scorecard as one self-contained HTML file.

    Args:
        experiment: the resolved experiment as stored with the run; may be empty.
        path: the file, replaced at once or not at all.
        run: the steps behind the scorecard, for the charts that need them and for the steps with a gap.

    Returns:
        The path.

    Raises:
        RunFolderError: the file cannot be written; a report that was there before is kept.
    """
    return write_file(path, render_report(card, experiment, run).encode())


def render_report(
    card: Scorecard, experiment: Mapping[str, Any], run: RunSteps | None = None, links: StepLinks | None = None
) -> str:
    """The report as text.

    Args:
        links: where it lies beside the viewer's pages; None where it stands alone.
    """
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    proof = b64encode(sha256(script.encode()).digest()).decode()
    page = page_of(card, experiment, run)
    template = _environment(trailing_newline=True).get_template("report.html.j2")
    return template.render(page=page, links=links, has_steps=run is not None, script=Markup(script), proof=proof)


def write_gap_page(found: GapSteps, run: str, path: Path) -> Path:
    """Write steps with a gap as one HTML file, both texts side by side, without a script; returns its path.

    Args:
        run: what the run is called.

    Raises:
        RunFolderError: the file cannot be written; one that was there before is kept.
    """
    page = _environment(trailing_newline=False).get_template("gap.html.j2").render(found=found, run=run)
    return write_file(path, page.encode())


@cache
def _environment(trailing_newline: bool) -> Environment:
    """The templates, compiled once in a process."""
    environment = html_environment(TEMPLATES, trailing_newline)
    environment.filters.update(breakable=breakable, plain=plain_text, shortened=_shortened)
    environment.globals.update(minus=MINUS, decision_words=decision_words, oracle_words=oracle_words)
    environment.globals.update(drawn_strip=drawn_strip, partial=partial)
    return environment


def _shortened(text: str) -> str:
    """A text without its middle, where it is long."""
    if len(text) <= LONGEST:
        return text
    half = LONGEST // 2
    return f"{text[:half]}\n[{len(text) - 2 * half:,} characters are left out here]\n{text[-half:]}"


def breakable(name: str) -> Markup:
    """A name that may be wrapped where its parts meet, so that a narrow column does not cut a word."""
    text = escape(name)
    for end in ("_", "(", ","):
        text = text.replace(end, Markup(f"{end}<wbr>"))
    return text
