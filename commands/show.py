"""`akrasia show`: one situation of a run, the steps where a variant knew and did not do, or where the run is from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import BadOption
from ..options import whole
from .arguments import AsJson, RunFolder
from .output import echo_json, terminal
from .threads import few_threads
from .waiting import waiting


def show(
    run: RunFolder,
    episode: Annotated[int | None, typer.Argument(help="The episode of one situation.", show_default=False)] = None,
    step: Annotated[int | None, typer.Argument(help="Its step.", show_default=False)] = None,
    variant: Annotated[list[str] | None, typer.Option(help="Only this variant; may be repeated.")] = None,
    model: Annotated[str | None, typer.Option(help="Only this model.")] = None,
    gap: Annotated[
        bool, typer.Option("--gap", help="List the steps where a variant knew and did not do, side by side.")
    ] = False,
    most: Annotated[int, typer.Option("--most", help="With --gap: at most so many steps; 0 for all.")] = 10,
    html: Annotated[Path | None, typer.Option(help="With --gap: write them to this HTML file instead.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show one situation of a run: what was seen, what was right, what every agent said; or with --gap the steps where
    a variant knew and did not do; without either, where, when and with which versions the run was played.
    """
    few_threads(run)
    if gap and episode is not None:
        raise BadOption("--gap finds the steps itself", "an episode was named", "Leave out one of the two.")
    if html is not None and not gap:
        raise BadOption("--html is not used without --gap", remedy=f"Add --gap; a whole run: akrasia report {run}.")
    whole("most", most)
    if gap:
        _show_gap(run, variant or (), model, most, html, as_json)
    elif episode is not None and step is not None:
        _show_step(run, episode, step, variant or (), model, as_json)
    elif episode is not None or variant or model is not None:
        raise BadOption(
            "one situation has an episode and a step",
            "not both were given",
            "Write: akrasia show RUN EPISODE STEP, or akrasia show RUN --gap.",
        )
    else:
        _show_run(run, as_json)


def _show_run(run: Path, as_json: bool) -> None:
    from ..reports.show import show_run
    from ..result import open_run

    result = open_run(run)
    if as_json:
        echo_json({"run": str(run), "sessions": result.sessions, "missing": result.missing_sentence})
    else:
        show_run(result.sessions, result.missing_sentence, terminal(), result.imported)


def _show_step(run: Path, episode: int, step: int, variants: Sequence[str], model: str | None, as_json: bool) -> None:
    if as_json:
        echo_json(_step_as_json(run, episode, step, variants, model))
    else:
        from ..agents.answers import unread_place
        from ..reports.show import show_step

        show_step(run, episode, step, variants, terminal(), unread_place, model)


def _show_gap(
    run: Path, variants: Sequence[str], model: str | None, most: int, html: Path | None, as_json: bool
) -> None:
    from ..reports.gap_steps import gap_steps
    from ..reports.gap_terminal import show_gap_steps
    from ..reports.html import write_gap_page
    from ..result import open_run

    with waiting(f"reading {run}"):
        found = gap_steps(run, open_run(run).records, variants, model, most)
    written = None if html is None else write_gap_page(found, run.name, html)
    if as_json:
        echo_json(found)
    elif written is not None:
        terminal().print(f"{written}: {len(found.steps)} of {found.total} steps", soft_wrap=True)
    else:
        show_gap_steps(found, str(run), terminal())


def _step_as_json(run: Path, episode: int, step: int, variants: Sequence[str], model: str | None) -> dict[str, Any]:
    """The records of a step, and the requests and responses behind their turns by key."""
    from ..ledger import read_ledger
    from ..reports.show import read_step

    with read_ledger(run) as ledger:
        records = read_step(ledger, episode, step, variants, model)
        keys = {turn.key: ledger.answer(turn.key) for r in records for turn in r.decision.turns if turn.key}
    return {"records": records, "answers": {key: answer for key, answer in keys.items() if answer is not None}}
