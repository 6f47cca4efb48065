"""`akrasia show`: one situation of a run, the steps where a variant knew and did not do, or where the run is from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from ..errors import BadOption
from ..ledger import read_ledger
from ..options import whole
from ..reports.show import read_step, show_run, show_step
from ..result import open_run
from .output import echo_json
from .waiting import waiting


def show_command(
    run: Path,
    episode: int | None,
    step: int | None,
    variants: Sequence[str],
    model: str | None,
    console: Console,
    *,
    gap: bool = False,
    most: int = 10,
    html: Path | None = None,
    as_json: bool = False,
) -> None:
    """Print what `akrasia show RUN [EPISODE STEP]` asks for.

    Args:
        variants: only these; empty for all. model: only this one.
        gap: the steps where a variant knew and did not do; most: at most so many of them, 0 for all.
        html: write them to this file.

    Raises:
        BadOption: an episode without a step, or a variant without both; --html without --gap.
        UnknownName: the run has no such step, variant or model.
    """
    if gap and episode is not None:
        raise BadOption("--gap finds the steps itself", "an episode was named", "Leave out one of the two.")
    if html is not None and not gap:
        raise BadOption("--html is not used without --gap", remedy=f"Add --gap; a whole run: akrasia report {run}.")
    whole("most", most)
    if gap:
        _show_gap(run, variants, model, most, html, as_json, console)
    elif episode is not None and step is not None:
        if as_json:
            echo_json(_step_as_json(run, episode, step, variants, model))
        else:
            from ..agents.answers import unread_place

            show_step(run, episode, step, variants, console, unread_place, model)
    elif episode is not None or variants or model is not None:
        raise BadOption(
            "one situation has an episode and a step",
            "not both were given",
            "Write: akrasia show RUN EPISODE STEP, or akrasia show RUN --gap.",
        )
    elif as_json:
        result = open_run(run)
        echo_json({"run": str(run), "sessions": result.sessions, "missing": result.missing_sentence})
    else:
        result = open_run(run)
        show_run(result.sessions, result.missing_sentence, console, result.imported)


def _show_gap(
    run: Path,
    variants: Sequence[str],
    model: str | None,
    most: int,
    html: Path | None,
    as_json: bool,
    console: Console,
) -> None:
    from ..reports.gap_html import write_gap_page
    from ..reports.gap_steps import gap_steps
    from ..reports.gap_terminal import show_gap_steps

    with waiting(f"reading {run}"):
        found = gap_steps(run, open_run(run).records, variants, model, most)
    written = None if html is None else write_gap_page(found, run.name, html)
    if as_json:
        echo_json(found)
    elif written is not None:
        console.print(f"{written}: {len(found.steps)} of {found.total} steps", soft_wrap=True)
    else:
        show_gap_steps(found, str(run), console)


def _step_as_json(run: Path, episode: int, step: int, variants: Sequence[str], model: str | None) -> dict[str, Any]:
    """The records of a step, and the requests and responses behind their turns by key."""
    with read_ledger(run) as ledger:
        records = read_step(ledger, episode, step, variants, model)
        keys = {turn.key: ledger.answer(turn.key) for r in records for turn in r.decision.turns if turn.key}
    return {"records": records, "answers": {key: answer for key, answer in keys.items() if answer is not None}}
