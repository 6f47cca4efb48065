"""Options of a command line are used or refused: none is taken twice, none is taken and left lying."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand

from ..errors import BadOption

GIVEN = "akrasia.given"  # under this key a context holds the options that were given: parameter -> name to the user


class StrictCommand(TyperCommand):
    """A command that refuses an empty value and a second one where one is held, and remembers what was given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse a repeated option and an empty value; else as any command."""
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in order:
            _refuse_empty(parameter, values.get(parameter.name))
        options = [parameter for parameter in order if parameter.param_type_name == "option"]
        for option in options:
            if not getattr(option, "multiple", False) and options.count(option) > 1:
                raise BadOption(f"{option.opts[0]} is given twice", "it holds one value", "Give it once.")
        ctx.meta[GIVEN] = {option.name: option.opts[0] for option in options}
        return super().parse_args(ctx, args)


def _refuse_empty(parameter: Any, value: Any) -> None:
    """Refuse an empty text: a shell makes it of a variable that is not set, and a path of it is the current folder."""
    if "" in (value if isinstance(value, list | tuple) else [value]):
        place = parameter.metavar or parameter.name.upper()
        name = parameter.opts[0] if parameter.param_type_name == "option" else place
        raise BadOption(f"{name} is empty", "perhaps a variable of the shell is not set", "Give it a value.")


def refuse_unused(context: typer.Context, used: Sequence[str], where: str) -> None:
    """Refuse options that were given and that this way of a command does not use.

    Args:
        used: names of the parameters that it does use.
        where: this way in words, such as "data of a run".
    """
    unused = [option for name, option in context.meta.get(GIVEN, {}).items() if name not in used]
    if unused:
        raise BadOption(f"{', '.join(unused)} is not used for {where}", remedy="Leave it out.")
