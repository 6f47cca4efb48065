"""Effects by item as a forest in a terminal: each item's shrunk effect with its interval, then subgroups."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from ..evals.heterogeneity import Heterogeneity, ItemEffect
from ..evals.inference import Estimate
from .tables import RowNamedTable, TableColumn
from .text import difference_text, p_text, signed_rate_text

MOST_ITEMS = 20  # of a forest, the least and the greatest effects; all of them where the table is wide
WIDTH = 25


def show_heterogeneity(found: Sequence[Heterogeneity], console: Console, wide: bool = False) -> None:
    """Print how effects differ, variant by variant."""
    for one in found:
        console.print(Text(f"{one.variant} against {one.against}, {one.metric} ({one.model} on {one.task})", "bold"))
        console.print(f"all decisions: {one.whole.difference}")
        if one.why:
            console.print(Text(f"by item: not measured, {one.why}", style="dim"))
        else:
            console.print(effects_words(one))
            if one.spread:
                console.print(_forest(one, wide))
        for part in one.subgroups:
            console.print(f"{part.by} {part.name}: {part.difference}")
        console.print(Text(one.mixed.sentence, style="yellow" if one.mixed.agrees is False else ""))
        console.print()


def effects_words(one: Heterogeneity) -> str:
    """Whether the effects of items differ, and by how much."""
    p = "" if one.p is None else f" (p {p_text(one.p)})"
    if not one.spread:
        return f"{len(one.items)} items: no difference of their effects is to be seen{p}"
    return f"{len(one.items)} items: their effects differ with a standard deviation of {one.spread:.2f}{p}"


def extremes(items: Sequence[ItemEffect]) -> list[ItemEffect]:
    """The least and the greatest effects of items in order, `MOST_ITEMS` at most."""
    half = MOST_ITEMS // 2
    return list(items) if len(items) <= MOST_ITEMS else [*items[:half], *items[-half:]]


def _forest(one: Heterogeneity, wide: bool) -> RowNamedTable:
    items = list(one.items) if wide else extremes(one.items)
    reach = max(max(abs(i.low), abs(i.high)) for i in items) or 1.0
    title = (
        f"the {MOST_ITEMS} least and greatest of {len(one.items)} items; --wide shows all"
        if len(items) < len(one.items)
        else ""
    )
    columns = [
        TableColumn("decisions", [str(i.decisions) for i in items], "right", rank=2),
        TableColumn("observed", [signed_rate_text(i.observed) for i in items], "right", rank=1),
        TableColumn("shrunk", [str(difference_text(Estimate(i.effect, i.low, i.high))) for i in items]),
        TableColumn(f"{-reach:.2f} .. 0 .. {reach:.2f}", [_whisker(i, reach) for i in items], rank=3),
    ]  # fmt: skip
    return RowNamedTable(title, "item", [i.item for i in items], columns, wide)


def _whisker(item: ItemEffect, reach: float) -> str:
    """An interval as a line of characters, 0 in the middle."""

    def place(value: float) -> int:
        return min(WIDTH - 1, max(0, round((value + reach) / (2 * reach) * (WIDTH - 1))))

    drawn = [" "] * WIDTH
    drawn[WIDTH // 2] = "│"
    for at in range(place(item.low), place(item.high) + 1):
        drawn[at] = "─"
    drawn[place(item.effect)] = "●"
    return "".join(drawn)
