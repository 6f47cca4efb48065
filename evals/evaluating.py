"""A user's evaluators applied to records: what each says of each record, and the metrics that sum it up.

Values are aggregated as every metric is: their mean, with the item as the cluster, and paired contrasts.

Invariant: an evaluator that fails on a record (it raises, or returns what is no value) is *not measured* on that
variant, and says on which record and why; every other evaluator and variant is measured all the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..errors import BadOption, EvaluatorFailed
from ..records import Record
from .evaluator import Evaluator, checked_value, error_text
from .metrics import Metric
from .turns import DECISION

_COLUMNS = {
    **dict.fromkeys(DECISION[:3], pl.String),
    **dict.fromkeys(DECISION[3:], pl.Int64),
    "evaluator": pl.String,
    "value": pl.Float64,
    "why": pl.String,
    "fault": pl.String,
}


def evaluate(evaluators: Sequence[Evaluator], records: Iterable[Record]) -> pl.DataFrame:
    """What evaluators of records say of each record: one row per record and evaluator.

    Columns: task, model, variant, episode, step, evaluator; `value` (null where it does not apply), `why` (the reason
    given with it), `fault` (how the evaluator failed on this record). Probes are left out: they are no steps.

    Raises:
        BadOption: one of the evaluators judges the whole table.
    """
    for one in evaluators:
        if one.of != "record":
            raise BadOption(f"the evaluator {one.name!r} says nothing of single records", remedy="Use it in score().")
    rows: list[tuple[Any, ...]] = []
    for record in records:
        if "probe" in record.tags:
            continue
        key = (record.task, record.model, record.variant, record.episode, record.step)
        for one in evaluators:
            try:
                value, why = checked_value(one(record), one.unit)
                rows.append((*key, one.name, value, why, None))
            except Exception as error:  # whatever a user's code raises is the result here, and the rest goes on
                rows.append((*key, one.name, None, None, error_text(error)))
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def evaluated(
    evaluators: Sequence[Evaluator], frame: pl.DataFrame, records: Iterable[Record]
) -> tuple[pl.DataFrame, list[Any]]:
    """The table of records with what the evaluators say of each, and the metrics that sum it up."""
    of_records = [e for e in evaluators if e.of == "record"]
    values = evaluate(of_records, records) if of_records else pl.DataFrame(schema=_COLUMNS)
    for one in of_records:
        names = {what: _column(one.name, what) for what in ("value", "fault")}
        own = values.filter(pl.col("evaluator") == one.name).select(*DECISION, *names).rename(names)
        frame = frame.join(own, on=DECISION, how="inner", maintain_order="left")
    return frame, [_Mean.over(e) if e.of == "record" else e for e in evaluators]


@dataclass(frozen=True)
class _Mean(Metric):
    """The mean of an evaluator's values over the records it applies to."""

    @classmethod
    def over(cls, one: Evaluator) -> _Mean:
        value = pl.col(_column(one.name))
        return cls(
            one.name, one.title, one.unit, one.source, value, value.is_not_null(), "the evaluator applies to no record"
        )

    def episode_sums(self, frame: pl.DataFrame) -> pl.DataFrame:
        fault = _column(self.name, "fault")
        failed = frame.filter(pl.col(fault).is_not_null())
        if failed.height:
            first = failed.row(0, named=True)
            where = ", ".join(f"{k} {first[k]}" for k in DECISION)
            raise EvaluatorFailed(
                f"the evaluator {self.name!r} failed on {failed.height} of {frame.height} records, first on {where}",
                first[fault],
            )
        return super().episode_sums(frame)


def _column(name: str, what: str = "value") -> str:
    return f"evaluator {name}: {what}"
