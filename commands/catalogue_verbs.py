"""The commands that tell what there is: `list`, `tasks show`, `graphs show` and `doctor`, as a user writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .arguments import AsJson, Wide, names_of
from .output import terminal
from .strict import StrictCommand

SECTION = "What there is"
OPEN = {"allow_extra_args": True, "ignore_unknown_options": True}  # the options of a task follow as they are


def add_catalogue_commands(app: typer.Typer) -> None:
    """Add the commands, and the groups `tasks` and `graphs`, to an application."""
    tasks = typer.Typer(help="The decision problems; akrasia list tasks names them.", no_args_is_help=True)
    graphs = typer.Typer(help="The agent graphs; akrasia list graphs names them.", no_args_is_help=True)
    app.command("list", cls=StrictCommand, rich_help_panel=SECTION)(list_)
    tasks.command("show", cls=StrictCommand, context_settings=OPEN)(tasks_show)
    graphs.command("show", cls=StrictCommand)(graphs_show)
    app.add_typer(tasks, name="tasks", rich_help_panel=SECTION)
    app.add_typer(graphs, name="graphs", rich_help_panel=SECTION)
    app.command(cls=StrictCommand, rich_help_panel=SECTION)(doctor)


def list_(
    kind: Annotated[
        str,
        typer.Argument(
            help="Of what: tasks, graphs, interventions, agents, metrics, evaluators, models, executors, protocols, "
            "importers, exporters, examples or runs.",
            autocompletion=names_of("kinds"),
        ),
    ],
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """List what is known by name, or the runs of this folder."""
    from .catalogue import show_list

    show_list(kind, terminal(), wide, as_json)


def tasks_show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A task; its options follow as --option value.")],
    seed: Annotated[int, typer.Option(help="Which episode.")] = 0,
    steps: Annotated[int, typer.Option(help="How many steps to show, taking an optimal action in between.")] = 1,
    as_json: AsJson = False,
) -> None:
    """Show what an agent sees, the legal actions and the oracle: akrasia tasks show bandit --arms 5 --seed 0."""
    from .tasks import show_task

    show_task(name, context.args, seed, steps, terminal(), as_json)


def graphs_show(
    expression: Annotated[str, typer.Argument(help='A variant: "reason_act | critique(rounds=2)".')],
    svg: Annotated[Path | None, typer.Option(help="Write the picture as SVG.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write the picture as PNG.")] = None,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print Mermaid text instead.")] = False,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Show a variant's agents, who reads whom, and what a decision costs in calls."""
    from ..interventions import parse
    from .graphs import show_graph

    show_graph(parse(expression), terminal(), svg, png, mermaid, wide, as_json)


def doctor(
    model: Annotated[str | None, typer.Option(help="Ask this model one tiny question, which is billed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check this machine: versions, weights, native libraries, and which provider keys are set; or one model."""
    from .doctor import ask_once, examine

    if not (examine(terminal(), as_json) if model is None else ask_once(terminal(), model, as_json)):
        raise typer.Exit(1)
