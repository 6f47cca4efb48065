"""Help that lists the commands by what they are for, each with its whole first sentence."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class GroupedCommands(TyperGroup):
    """A command group whose help has a section for each `rich_help_panel`, in the order of the commands."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each kind of commands."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is not None and not command.hidden:
                section = getattr(command, "rich_help_panel", None) or "Commands"
                sections.setdefault(section, []).append((name, _first_sentence(command.help or "")))
        for section, rows in sections.items():
            with formatter.section(section):
                formatter.write_dl(rows)


def _first_sentence(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split())
