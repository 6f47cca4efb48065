"""`akrasia score`: a stored run, or published responses, scored again without any model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from ..errors import BadOption, UnknownName
from ..ledger import holds_run
from ..result import open_run
from .output import echo_json
from .strict import refuse_unused
from .waiting import waiting

__all__ = ["score_command"]

FORMATS = ("aiw", "potemkin", "greedy-table")
OPTION_OF = {"aiw": "rule", "greedy-table": "cell"}  # the option that a published format takes
OF_RUN = ("what", "metric", "evaluator", "baseline", "interval", "turns", "every", "two_way", "wide", "as_json")


def score_command(
    context: typer.Context,
    what: str,
    source: Path | None,
    console: Console,
    *,
    rule: str,
    cells: list[float] | None,
    metrics: Sequence[str] | None,
    evaluators: Sequence[str],
    baseline: str | None,
    interval: Any,
    turns: bool | None,
    every: bool,
    two_way: bool,
    wide: bool,
    as_json: bool,
) -> None:
    """Score a stored run and print its scorecard, single metrics, or its two-way tables; or score published responses.

    Args:
        what: a published format, whose file or folder is `source`; or a run folder. A format's name alone is a folder
            only where it holds a run.
        rule, cells: of published responses.
        metrics: only these, as numbers; by default the whole scorecard.
        evaluators: also these; alone where no metric is named.
        every: print every metric that is measured.
        two_way: print the tables of models by variants instead.

    Raises:
        UsageError: a name is unknown, or the run has no such table.
    """
    if what in FORMATS and not _is_run(what, source):
        refuse_unused(context, ("what", "source", OPTION_OF.get(what, "")), f"the published format {what}")
        _score_published(what, source, rule, cells, console)
        return
    if source is not None:
        raise UnknownName.among("published format", what, FORMATS)
    refuse_unused(context, OF_RUN, "a stored run")
    result = open_run(what)
    if two_way:
        refuse_unused(context, ("metric", "baseline", "interval", "two_way", "wide", "as_json"), "two-way tables")
        from ..reports.two_way import show_two_way

        with waiting(f"scoring {what}"):
            tables = result.two_way(metrics, baseline, interval)
        if as_json:
            echo_json(tables)
        else:
            show_two_way(tables, console, wide)
        return
    from ..reports.terminal import show_estimates, show_scorecard

    names = metrics or ([] if evaluators else None)
    with waiting(f"scoring {what}"):
        card = result.score(names, baseline, interval, evaluators, turns, headline=not (every or as_json))
    if as_json:
        echo_json(card)
    elif every or names is not None:
        show_estimates(card, console, measured_only=every, wide=wide)
    else:
        show_scorecard(card, result.experiment, console=console, wide=wide)


def _is_run(what: str, source: Path | None) -> bool:
    """Whether the name of a published format can only stand for the run in a folder of that name.

    Raises:
        BadOption: it can stand for both.
    """
    if source is not None or not holds_run(Path(what)):
        return False
    if what == "greedy-table":  # the one format that needs no file
        raise BadOption(
            f"{what!r} is a published format, and a run lies in a folder of that name",
            remedy=f"Write ./{what} for the run; for the format, call this in another folder.",
        )
    return True


def _score_published(name: str, source: Path | None, rule: str, cells: list[float] | None, console: Console) -> None:
    if name == "greedy-table":
        from ..evals.published import greedy_table

        greedy_table.show_greedy_table(cells, console)
        return
    if source is None:
        raise BadOption(
            f"nothing to score as {name}",
            remedy=f"Write: akrasia score {name} PATH. A run in a folder of that name is ./{name}.",
        )
    if name == "aiw":
        from ..evals.published import aiw

        aiw.score_and_show(source, rule, console)
    else:
        from ..evals.published import potemkin

        potemkin.show_potemkin_rates(source, console)
