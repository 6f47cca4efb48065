"""Two models by two variants, as a terminal and a page show them: four cells, two main effects, the interaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..evals.two_way import EFFECTS, TwoWay
from .text import difference, p_value, share, short_name

__all__ = ["SCALE", "show_two_way", "two_way_parts", "two_way_rows"]

SCALE = (
    "Model: the second against the first, averaged over the variants. Variant: with against without, averaged over the "
    "models. Interaction: how much more the variant changes in the second model than in the first, as a difference of "
    "shares. Intervals are 95 % over episodes; p: sign-flip test of whole episodes, Holm-corrected over the effects of "
    "a metric on a task."
)
UNTESTED = (
    "The run was looked at while it went on, so nothing is tested, and these intervals hold for a fixed number of "
    "episodes alone."
)


def show_two_way(tables: Sequence[TwoWay], console: Console) -> None:
    """Print two-way tables."""
    console.print(Group(*two_way_parts(tables)))


def two_way_parts(tables: Sequence[TwoWay]) -> list[RenderableType]:
    """What a terminal shows of them; nothing where there are none."""
    parts: list[RenderableType] = []
    for one in tables:
        told = two_way_rows(one)
        parts += ["", Text(told["head"], style="bold"), Text("; ".join([told["pairing"], *told["why"]]))]
        for title, headings, lines in (
            (told["cells"], told["corners"], "means"),
            ("effects", told["effects"], "changes"),
        ):
            table = Table(title=title, title_justify="left")
            for heading in ("metric", *headings):
                table.add_column(heading, no_wrap=True)
            for line in told[lines]:
                table.add_row(*line)
            parts.append(table)
    if parts:
        parts += [Text(SCALE if tables[0].tested else f"{SCALE} {UNTESTED}", style="dim")]
    return parts


def two_way_rows(one: TwoWay) -> dict[str, Any]:
    """A table in words and rows, the same for terminal and page."""
    first, second = one.models
    name = short_name(one.variants[1], one.variants[0])
    kind = f" (control: {one.control})" if one.control else ""
    ends = ("without", "with")
    return {
        "head": f"{second} against {first} on {one.task}, without and with {name}{kind}",
        "pairing": f"{one.episodes} episodes, {one.steps} steps a cell; {one.pairing}",
        "cells": "cell means",
        "corners": [f"{who}, {end}" for who in ("first", "second") for end in ends],
        "effects": [cell for effect in EFFECTS for cell in (effect, "p")],
        "means": [[metric, *map(share, cells)] for metric, cells in one.cells.items()],
        "changes": [
            [metric, *(cell for c in found.values() for cell in (difference(c.difference), p_value(c.p_holm)))]
            for metric, found in one.effects.items()
        ],
        "why": [f"{metric}: {c.difference.why}" for metric, c in one.interaction.items() if c.difference.why],
    }
