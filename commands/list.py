"""`akrasia list`: one kind of name as a table, or as JSON."""

from __future__ import annotations

from typing import Annotated

import typer

from .arguments import AsJson, Wide, names_of
from .output import echo_json, terminal


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
    from ..reports.tables import RowNamedTable, TableColumn
    from .catalogue import KINDS, entries

    rows = entries(kind)
    listed = KINDS[kind]
    if as_json:
        echo_json([dict(zip(listed.headings, row, strict=True)) for row in rows])
        return
    if not rows:
        terminal().print(f"There are no {kind} here.")
        return
    ranks = listed.ranks or (0,) * len(listed.headings)
    columns = [
        TableColumn(
            heading,
            [row[i] for row in rows],
            "right" if heading in listed.numbers else "left",
            ranks[i - 1],
            listed.wraps.get(heading, 0),
        )
        for i, heading in enumerate(listed.headings)
        if i
    ]
    terminal().print(RowNamedTable("", listed.headings[0], [row[0] for row in rows], columns, wide))
