"""`akrasia demo`: the question that akrasia is for, asked of a small model inside this process, on one screen.

Invariant: what is played are the experiment files that ship with the package, so whoever copies one gets the same. The
organism stands beside the question only to show that a gap which is there is found.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .arguments import AsJson, names_of
from .examples import example_file
from .output import echo_json, terminal
from .waiting import waiting

if TYPE_CHECKING:
    from rich.console import Console

    from ..result import Result

TESTED = ("acts directly", "reads its thought")  # variants of the organism: a gap that was made, and its end
TEST_EPISODES = 12


def demo(
    out: Annotated[
        Path | None, typer.Option(help="Run folder; by default runs/demo. What was played is shown.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Ask this model in the place of the embedded one; the organism is then left out.",
            autocompletion=names_of("models"),
        ),
    ] = None,
    episodes: Annotated[int | None, typer.Option(help="Episodes of the question, instead of 10.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Play it again: remove the runs there first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Ask whether another look, a critic, a vote or a debate closes the gap of a small model in this process."""
    with waiting("loading what the demo needs"):
        from ..experiments.config import assemble, load_settings
        from ..reports.answer import answer_sentences, show_answer
        from .playing import is_complete

    console = terminal(as_json)
    folder = out or Path("runs") / ("demo" if model is None else f"demo-{_slug(model)}")
    changes = {"model": model, "episodes": episodes}
    asked = load_settings(example_file("demo")) | {key: value for key, value in changes.items() if value is not None}
    assemble(asked)  # what is wrong with it is said before anything is played
    test = None
    if model is None:
        console.print("1 of 2: the instrument's test, on a model that was made to have a gap")
        test = _played(_tested(), folder.with_name(f"{folder.name}-organism"), fresh, console)
        console.print("2 of 2: the question, on an untuned model")
    result = _played(asked, folder, fresh, console)
    complete = all(is_complete(r) for r in (result, test) if r is not None)
    if not complete:
        raise typer.Exit(3)
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
        return
    show_answer(card, tested, console)
    typer.echo(f"\nNext, see where it knew and did not do: akrasia show {folder} --gap")
    typer.echo(f"All numbers: {report}")
    typer.echo("Change something and run it: akrasia init mine.toml --example demo")


def _tested() -> dict[str, Any]:
    from ..experiments.config import load_settings

    settings = load_settings(example_file("organism"))
    settings["variants"] = {name: settings["variants"][name] for name in TESTED}
    return {**settings, "episodes": TEST_EPISODES}


def _played(settings: dict[str, Any], folder: Path, fresh: bool, console: Console) -> Result:
    from ..experiments.config import assemble
    from ..ledger import holds_run
    from .playing import play

    resume = not fresh and holds_run(folder)
    return play(assemble(settings), settings, folder, resume, fresh, False, [], console)


def _slug(model: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", model).strip("-.") or "model"
