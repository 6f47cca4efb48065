"""`akrasia graphs show`: one variant as it will run: its cost in calls, who reads whom, its drawing. Asks no model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from ..files import write_file
from ..reports.tables import PROSE, RowNamedTable, TableColumn
from .arguments import AsJson, Wide
from .output import echo_json, terminal

if TYPE_CHECKING:
    from ..graphs.node import Node
    from ..graphs.plan import Plan

MOST_DRAWS = 4
HEADINGS = (
    ("role", "left", 0),
    ("slot", "left", 2),
    ("reads", "left", 0),
    ("lanes", "right", 1),
    ("draws", "right", 3),
)


def graphs_show(
    expression: Annotated[str, typer.Argument(help='A variant: "reason_act | critique(rounds=2)".')],
    svg: Annotated[Path | None, typer.Option(help="Write the picture as SVG.")] = None,
    png: Annotated[Path | None, typer.Option(help="Write the picture as PNG.")] = None,
    mermaid: Annotated[bool, typer.Option("--mermaid", help="Print Mermaid text instead.")] = False,
    wide: Wide = False,
    as_json: AsJson = False,
) -> None:
    """Show a variant's agents, who reads whom, and what a decision costs in calls."""
    from ..graphs.drawing import draw
    from ..interventions import parse

    plan, console = parse(expression), terminal()
    drawn = [(path, draw(plan, format)) for path, format in ((svg, "svg"), (png, "png")) if path is not None]
    written = [write_file(path, data if isinstance(data, bytes) else data.encode()) for path, data in drawn]
    if as_json:
        echo_json(_as_json(plan, written))
        return
    if mermaid:
        console.print(Text(str(draw(plan, "mermaid")).rstrip("\n")), soft_wrap=True)
        return
    console.print(Text(plan.name, style="bold"), soft_wrap=True)
    fewest = f", at least {plan.fewest_calls}" if plan.fewest_calls != plan.calls else ""
    if plan.calls is None:
        console.print("calls of a decision: ?, for what a graph from elsewhere asks is known when it ran")
    else:
        console.print(f"calls of a decision: {plan.calls}{fewest}; one after the other: {plan.depth}")
    rows = [_row(plan, node) for node in plan.nodes]
    columns = [
        TableColumn(heading, [row[i] for row in rows], align, rank, wraps=PROSE if heading == "reads" else 0)
        for i, (heading, align, rank) in enumerate(HEADINGS, start=1)
    ]
    console.print(RowNamedTable("", "node", [row[0] for row in rows], columns, wide=wide))
    for path in written:
        console.print(Text(f"drawn: {path}"), soft_wrap=True)


def _as_json(plan: Plan, written: Sequence[Path]) -> dict[str, Any]:
    from ..graphs.drawing import draw

    keys = ("node", *(heading for heading, _, _ in HEADINGS))
    return {
        "plan": plan.name,
        "calls": plan.calls,
        "fewest_calls": plan.fewest_calls,
        "depth": plan.depth,
        "decision": plan.decision,
        "nodes": [dict(zip(keys, _row(plan, node), strict=True)) for node in plan.nodes],
        "mermaid": str(draw(plan, "mermaid")),
        "drawn": [str(path) for path in written],
    }


def _row(plan: Plan, node: Node) -> tuple[str, ...]:
    from ..agents.base import asks_model

    asks = asks_model(node.agent)
    name = f"{node.name} (decision)" if node.name == plan.decision else node.name
    reads = ", ".join(node.reads) or "-"
    if node.unless:
        who = "they" if set(node.unless) == set(node.reads) else ", ".join(node.unless)
        reads += f"; passes on if {who} agree"
    slot, draws = (node.agent.slot or node.agent.role, _draws(node)) if asks else ("-", "-")
    return name, node.agent.role, slot, reads, str(node.lanes), draws


def _draws(node: Node) -> str:
    """The sample numbers that the lanes draw."""
    draws = [str(node.sample + node.stride * i) for i in range(node.lanes)]
    return ", ".join(draws if len(draws) <= MOST_DRAWS else [*draws[:2], "...", draws[-1]])
