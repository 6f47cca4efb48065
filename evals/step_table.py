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
from ..ledger import LedgerReader
from ..ledger.step_columns import COLUMNS, SCHEMA
from ..ledger.step_rows import step_row
from ..records import Record, encode

AT_ONCE = 100_000  # lines that are parsed together: some 20 MB
_HEAD = ",".join(COLUMNS).encode()
_TYPES = pl.DataFrame(schema=COLUMNS).schema
OUTSIDE = ("another chat model was called", "no call of the run's model", "no answer of the run's model")
"""How `integrity` begins at steps that the run's model did not decide."""
_ARM = ["task", "model", "variant"]
_STATES = ("ok", "illegal", "undecided")


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
    from .items import with_items

    table = with_items(table)
    table = _with_probes(table) if table["probe"].any() else table
    return _with_unanswered(_with_unstated(table)).select(list(SCHEMA))


def _with_unstated(table: pl.DataFrame) -> pl.DataFrame:
    """An arm is asked for a rationale at every step or at none: where it states something at some steps, what it states
    nothing at is unread; where it never does, a step that failed was not asked for one either.
    """
    absent = (pl.col("stated_status") == "absent") & (pl.col("probes") == 0)
    whose = (
        table.group_by(_ARM).agg(absent_=absent.any(), states_=pl.col("stated_status").is_in(_STATES).any())
    ).filter("absent_")
    if not whose["states_"].any() and not table.join(whose, on=_ARM, how="semi")["asked"].any():
        return table
    rows = table.join(whose, on=_ARM, how="left", maintain_order="left")
    fixed = pl.when("states_").then(True).otherwise(pl.col("probes") > 0)
    return rows.with_columns(asked=pl.when(pl.col("absent_").fill_null(False)).then(fixed).otherwise("asked"))


def _with_unanswered(table: pl.DataFrame) -> pl.DataFrame:
    """Steps that the run's model did not decide hold no outcome of it: neither what was done there nor what was stated
    is read.
    """
    if table["integrity"].null_count() == table.height:
        return table
    outside = pl.any_horizontal(pl.col("integrity").str.starts_with(begin) for begin in OUTSIDE).fill_null(False)
    nothing = ("knows", "does", "greedy", "other", "valid", "stated_valid")
    follows = pl.when(outside & pl.col("follows").is_not_null()).then(False).otherwise("follows")
    return table.with_columns(*(pl.col(c) & ~outside for c in nothing), follows=follows)


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
    parts += [pl.read_csv(part, schema=_TYPES) for part in _parts(iter(lines))]
    return without_probes(pl.concat(parts, rechunk=False))


def stored_steps(ledger: LedgerReader) -> pl.DataFrame:
    """The table of a run: from its stored lines where this code made them, else from its records."""
    lines = ledger.csv_lines()
    return frame(ledger.raw_records()) if lines is None else table(lines)


def _parts(lines: Iterator[bytes]) -> Iterator[bytes]:
    while some := list(islice(lines, AT_ONCE)):
        yield b"\n".join([_HEAD, *some])
