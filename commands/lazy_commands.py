"""Commands that are imported when they are called, or when their own help or completion is asked for.

Invariant: what lists commands (the help of a group, the completion of their names, the nearest name to a wrong one)
reads the table alone.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from .command_table import COMMANDS, Command
from .strict import StrictCommand

OPEN = {"allow_extra_args": True, "ignore_unknown_options": True}


class LazyCommand(TyperCommand):
    """A command as its line in the table tells it; the first context that is made for it loads it."""

    def __init__(self, line: Command) -> None:
        super().__init__(line.name, help=line.sentence, rich_markup_mode=None)
        self._line = line

    @cached_property
    def loaded(self) -> Any:
        """The command itself, with its parameters and its whole help."""
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        settings = OPEN if self._line.takes_any_option else {}
        alone.command(self.name, cls=StrictCommand, context_settings=settings)(self._line.load())
        return typer.main.get_command(alone)

    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """A context of the command itself: whoever calls, explains or completes it begins with one."""
        return self.loaded.make_context(info_name, args, parent, **extra)


class GroupedCommands(TyperGroup):
    """The commands of the table, in a help that has a section for each kind of them, with their whole sentences."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{**settings, "commands": {line.name: _listed(line) for line in COMMANDS}})

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write a section for each kind of commands, in the order of the table."""
        for section in dict.fromkeys(line.section for line in COMMANDS):
            with formatter.section(section):
                formatter.write_dl([(line.name, line.sentence) for line in COMMANDS if line.section == section])


def _listed(line: Command) -> TyperCommand | TyperGroup:
    """What a line of the table stands for, with nothing of it imported."""
    if not line.group:
        return LazyCommand(line)
    return TyperGroup(
        name=line.name,
        help=line.sentence,
        commands={inner.name: _listed(inner) for inner in line.group},
        no_args_is_help=True,
        rich_markup_mode=None,
    )
