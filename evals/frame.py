"""Records as a table: one row per step of a variant, with every membership in the oracle's sets computed once.

The columns are those of `akrasia.ledger.step_rows`. A run's stored lines and its records give the same table:
`table(line(encode(r)) for r in records)` equals `frame(records)`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import orjson
import polars as pl

from ..errors import UnknownName
from ..ledger.step_rows import COLUMNS, SCHEMA, step_row
from ..records import Record, encode
from .items import with_items

__all__ = ["baseline_name", "frame", "table", "without_probes"]

AT_ONCE = 100_000  # lines that are parsed together: some 20 MB
_HEAD = ",".join(COLUMNS).encode()


def frame(records: Iterable[Record | bytes]) -> pl.DataFrame:
    """The table of records, given as values or as canonical JSON."""
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for record in records:
        row = step_row(orjson.loads(record if isinstance(record, bytes) else encode(record)))
        for name, column in columns.items():
            column.append(row[name])
    return without_probes(pl.DataFrame(columns, schema=COLUMNS))


def baseline_name(steps: pl.DataFrame, wanted: str | None = None) -> str:
    """The variant that others are compared with: `wanted`, else the one that the run marked, else the first.

    Raises:
        UnknownName: the table has no variant `wanted`.
    """
    if wanted is None:
        marked = steps.select("variant", "baseline").filter("baseline")["variant"]
        return str(marked[0] if len(marked) else steps["variant"][0])
    known = steps["variant"].unique(maintain_order=True)
    if wanted not in known:
        raise UnknownName.among("variant", wanted, known)
    return wanted


def without_probes(table: pl.DataFrame) -> pl.DataFrame:
    """The table of records from their rows as `step_row` makes them, probes among them; every row has its item."""
    table = with_items(table)
    return (_with_probes(table) if table["probe"].any() else table).select(list(SCHEMA))


def _with_probes(table: pl.DataFrame) -> pl.DataFrame:
    """The rows that are no probes, with what the probes of their episode and variant say of knowing."""
    whose = ["task", "model", "variant", "episode"]
    answers = (
        table.filter("probe")
        .group_by(whose)
        .agg(probes_=pl.len().cast(pl.Int64), all_right=pl.col("does").all(), all_read=pl.col("valid").all())
    )
    rows = table.filter(~pl.col("probe")).join(answers, on=whose, how="left", maintain_order="left")
    probed = pl.col("probes_").is_not_null()
    return rows.with_columns(
        probes=pl.col("probes_").fill_null(0),
        asked=pl.col("asked") | probed,
        knows=pl.when(probed).then("all_right").otherwise("knows"),
        stated_valid=pl.when(probed).then("all_read").otherwise("stated_valid"),
        follows=pl.when(probed).then(None).otherwise("follows"),
        encoded=pl.when(probed).then(None).otherwise("encoded"),
    )


def table(lines: Iterable[bytes]) -> pl.DataFrame:
    """The table of records, as `frame` makes it."""
    parts = [pl.DataFrame(schema=COLUMNS)]
    parts += [pl.read_csv(part, schema=COLUMNS) for part in _parts(iter(lines))]
    return without_probes(pl.concat(parts, rechunk=False))


def _parts(lines: Iterator[bytes]) -> Iterator[bytes]:
    while some := list(islice(lines, AT_ONCE)):
        yield b"\n".join([_HEAD, *some])
