"""Where commands print: for people a terminal, for programs one line of JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


def terminal(as_json: bool = False) -> Console:
    """Where a command prints for people: stdout, or stderr where stdout is for JSON."""
    from ..reports.text import plain_console

    return plain_console(stderr=as_json)


def echo_json(value: Any) -> None:
    """Print a value as one line of JSON, its keys sorted."""
    from ..records import encode

    typer.echo(encode(value).decode())
