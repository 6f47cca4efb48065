"""What several commands declare alike: run folders, `--json`, `--wide`, logs, names that a shell completes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer


def names_of(kind: str) -> Any:
    """Completion of the names of a kind; a registry is loaded when a shell asks, not before."""

    def complete(incomplete: str) -> list[str]:
        from .completion import known_names

        return [name for name in known_names(kind) if name.startswith(incomplete)]

    return complete


RunFolder = Annotated[Path, typer.Argument(help="A run folder.", metavar="RUN")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, and nothing else there.")]
Wide = Annotated[bool, typer.Option("--wide", help="Show every column, also where the terminal is narrow.")]
LogLevel = Annotated[
    str | None, typer.Option(help="Say on stderr what happens: debug, info, warning or error and above.")
]
LogFile = Annotated[Path | None, typer.Option(help="Write it to this file as JSON lines instead.")]
TaskName = Annotated[str | None, typer.Option(help="Task, instead of the file's.", autocompletion=names_of("tasks"))]
ModelName = Annotated[str | None, typer.Option(help="Model, instead of the file's.", autocompletion=names_of("models"))]
Variants = Annotated[
    list[str] | None,
    typer.Option(
        "--variant", help="Variant, instead of the file's; may be repeated.", autocompletion=names_of("graphs")
    ),
]
Episodes = Annotated[int | None, typer.Option(help="Episodes, instead of the file's.")]
Trials = Annotated[int | None, typer.Option(help="Draws of every decision, instead of the file's.")]
Changes = Annotated[list[str] | None, typer.Option("--set", help="Change one setting: task.arms=10.")]
Metrics = Annotated[
    list[str] | None,
    typer.Option("--metric", help="Only this metric; may be repeated.", autocompletion=names_of("metrics")),
]
IntervalKind = Annotated[str, typer.Option("--interval", help="Kind of 95 % interval: robust or bootstrap.")]
