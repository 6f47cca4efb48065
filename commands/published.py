"""Scoring published responses: which format is read by what."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from ..errors import BadOption

__all__ = ["FORMATS", "score_published"]

FORMATS = ("aiw", "potemkin", "greedy-table")


def score_published(what: str, source: Path | None, rule: str, cells: list[float] | None, console: Console) -> None:
    """Score a published file or folder and print the result.

    Raises:
        BadOption: the file is not named, or an option does not fit.
    """
    if what == "greedy-table":
        from ..evals.published import greedy_table

        greedy_table.show_greedy_table(cells, console)
        return
    if source is None:
        raise BadOption(f"nothing to score as {what}", remedy=f"Write: akrasia score {what} PATH.")
    if what == "aiw":
        from ..evals.published import aiw

        aiw.score_and_show(source, rule, console)
    else:
        from ..evals.published import potemkin

        potemkin.show_potemkin_rates(source, console)
