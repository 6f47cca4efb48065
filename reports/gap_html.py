"""Steps with a gap as one page: both texts side by side, without a script and without a network.

Invariant: every text is escaped; the same steps give the same bytes.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment

from ..files import write_file
from .gap_steps import GapSteps
from .gap_terminal import decision_words, oracle_words
from .templating import html_environment
from .text import plain_text


def write_gap_page(found: GapSteps, run: str, path: Path) -> Path:
    """Write the steps to an HTML file; returns its path.

    Args:
        run: what the run is called.

    Raises:
        RunFolderError: the file cannot be written; one that was there before is kept.
    """
    words = {"decision_words": decision_words, "oracle_words": oracle_words}
    return write_file(path, _environment().get_template("gap.html.j2").render(found=found, run=run, **words).encode())


@cache
def _environment() -> Environment:
    environment = html_environment(Path(__file__).parent / "templates")
    environment.filters["plain"] = plain_text
    return environment
