"""Two models by two variants, as a terminal and a page show them: four cells, two main effects, the interaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.text import Text

from ..evals.two_way import EFFECTS, TwoWay
from ..evals.verdict import direction
from .tables import Column, terminal_table
from .text import TableCell, difference_text, estimate_cell, marked_name, p_cell, short_name

SCALE = (
    "Model: the second against the first, averaged over the variants. Variant: with against without, averaged over the "
    "models. Interaction: how much more the variant changes in the second model than in the first, as a difference of "
    "shares. Intervals are 95 % over items (episodes, where each is about its own); p: sign-flip test of whole items, "
    "Holm-corrected over the effects of a metric on a task."
)
UNTESTED = (
    "The run was looked at while it went on, so nothing is tested, and these intervals hold for a fixed number of "
    "episodes alone."
)
CORNERS = [f"{model}, {variant}" for model in ("first", "second") for variant in ("without", "with")]


@dataclass(frozen=True, slots=True)
class TwoWayTables:
    """A two-way table for a reader: a sentence, and two tables whose rows are metrics.

    Attributes:
        why: what could not be measured, and why.
    """

    head: str
    pairing: str
    why: list[str]
    metrics: list[str]
    means: list[Column[str]]
    effects: list[Column[str]]


def show_two_way(tables: Sequence[TwoWay], console: Console, wide: bool = False) -> None:
    """Print two-way tables; `wide`: every column, whatever the width."""
    console.print(Group(*two_way_parts(tables, wide)))


def two_way_parts(tables: Sequence[TwoWay], wide: bool = False) -> list[RenderableType]:
    """What a terminal shows of them; nothing where there are none."""
    parts: list[RenderableType] = []
    for one in map(two_way_tables, tables):
        parts += ["", Text(one.head, style="bold"), Text("; ".join([one.pairing, *one.why]))]
        for title, columns in (("cell means", one.means), ("effects", one.effects)):
            parts.append(terminal_table(title, columns, one.metrics, str, "metric", wide))
    if parts:
        parts += [Text(SCALE if tables[0].tested else f"{SCALE} {UNTESTED}", style="dim")]
    return parts


def two_way_tables(one: TwoWay) -> TwoWayTables:
    """The same for terminal and page."""
    first, second = one.models
    name = marked_name(short_name(one.variants[1], one.variants[0]), one.leaks[1])
    against = f" (baseline {marked_name(one.variants[0], True)})" if one.leaks[0] else ""
    kind = f" (control: {one.control})" if one.control else ""
    items = "" if one.items == one.episodes else f"{one.items} items in "
    return TwoWayTables(
        head=f"{first} (first) and {second} (second) on {one.task}, without and with {name}{kind}{against}",
        pairing=f"{items}{one.episodes} episodes, {one.steps} steps a cell; {one.pairing}",
        why=[
            *(f"{metric}: {c.difference.why}" for metric, c in one.interaction.items() if c.difference.why),
            *(
                f"{effect} in {metric}: answers that could not be read could undo it"
                for metric, effects in one.effects.items()
                for effect, c in effects.items()
                if direction(c) == "undone"
            ),
        ],
        metrics=list(one.cells),
        means=[_mean(one, i, corner) for i, corner in enumerate(CORNERS)],
        effects=[column for effect in EFFECTS for column in (_effect(one, effect), _p(one, effect))],
    )


def _mean(one: TwoWay, cell: int, title: str) -> Column[str]:
    return Column(title, lambda metric: estimate_cell(one.cells[metric][cell]), css="number")


def _effect(one: TwoWay, effect: str) -> Column[str]:
    def cell(metric: str) -> TableCell:
        return estimate_cell(one.effects[metric][effect].difference, difference_text)

    return Column(effect, cell, css="number")


def _p(one: TwoWay, effect: str) -> Column[str]:
    return Column("p", lambda metric: p_cell(one.effects[metric][effect].p_holm), css="number")
