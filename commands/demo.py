"""`akrasia demo`: the question that akrasia is for, asked of a small model inside this process, on one screen.

Invariant: what is played are the experiment files that ship with the package, so whoever copies one gets the same. The
organism stands beside the question only to show that a gap which is there is found.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from ..experiments.config import assemble, load_settings
from ..ledger import holds_run
from ..reports.answer import answer_sentences, show_answer
from ..result import Result
from .examples import example_file
from .output import echo_json
from .run import is_complete, play
from .waiting import waiting

TESTED = ("acts directly", "reads its thought")  # variants of the organism: a gap that was made, and its end
TEST_EPISODES = 12


def demo_command(
    console: Console,
    *,
    out: Path | None = None,
    model: str | None = None,
    episodes: int | None = None,
    fresh: bool = False,
    as_json: bool = False,
) -> bool:
    """Play the demo, or go on with it, and show its answer; false where episodes are missing.

    Args:
        out: run folder; by default runs/demo. The organism's run lies beside it.
        model: asked in the place of the embedded one; the organism is then left out.
        fresh: play it anew, also where it was played.
        console: where progress and answer are printed; with `as_json` stderr.
    """
    folder = out or Path("runs") / ("demo" if model is None else f"demo-{_slug(model)}")
    changes = {"model": model, "episodes": episodes}
    test = None
    if model is None:
        console.print("1 of 2: the instrument's test, on a model that was made to have a gap")
        test = _played(_tested(), folder.with_name(f"{folder.name}-organism"), fresh, console)
        console.print("2 of 2: the question, on an untuned model")
    asked = load_settings(example_file("demo")) | {key: value for key, value in changes.items() if value is not None}
    result = _played(asked, folder, fresh, console)
    complete = all(is_complete(r) for r in (result, test) if r is not None)
    if not complete:
        return False
    with waiting("scoring the runs"):
        card, tested = result.score(headline=True), None if test is None else test.score(headline=True)
        report = result.report()
    if as_json:
        echo_json(
            {
                "run": str(folder),
                "report": str(report),
                "sentences": answer_sentences(card, tested),
                "scorecard": card,
                "organism": tested,
            }
        )
        return True
    show_answer(card, tested, console)
    typer.echo(f"\nNext, see where it knew and did not do: akrasia show {folder} --gap")
    typer.echo(f"All numbers: {report}")
    typer.echo("Change something and run it: akrasia init mine.toml --example demo")
    return True


def _tested() -> dict[str, Any]:
    settings = load_settings(example_file("organism"))
    settings["variants"] = {name: settings["variants"][name] for name in TESTED}
    return {**settings, "episodes": TEST_EPISODES}


def _played(settings: dict[str, Any], folder: Path, fresh: bool, console: Console) -> Result:
    resume = not fresh and holds_run(folder)
    return play(assemble(settings), settings, folder, resume, fresh, False, [], console)


def _slug(model: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", model).strip("-.") or "model"
