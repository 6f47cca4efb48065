"""Evaluators of one's own: a function of one record, or of the table, that returns a plain value or one with a reason.

    @ak.evaluator(unit="share", source="our own")
    def hedges(record: Record) -> bool:
        return "maybe" in record.decision.rationale.lower()

Values of records are aggregated as every metric is: their mean, with the episode as the cluster, and paired contrasts.
They are registered apart from metrics, because they are asked for by name: each reads every record whole, and runs
somebody else's code.

Invariant: an evaluator that fails on a record (it raises, or returns what is no value) is *not measured* on that
variant, and says on which record and why; every other evaluator and variant is measured all the same.
"""

from __future__ import annotations

import inspect
import math
import runpy
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, overload

import numpy as np
import polars as pl

from ..errors import BadOption, EvaluatorFailed
from ..records import Record
from ..registry import Registry
from .inference import Estimate
from .metrics import METRICS, Metric

__all__ = ["EVALUATORS", "Evaluator", "Reason", "Value", "as_estimate", "evaluate", "evaluator", "judged", "resolve"]

KEY = ["task", "model", "variant", "episode", "step"]
_COLUMNS = {
    **dict.fromkeys(KEY[:3], pl.String), **dict.fromkeys(KEY[3:], pl.Int64),
    "evaluator": pl.String, "value": pl.Float64, "why": pl.String, "fault": pl.String,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """A value with the reason for it."""

    value: bool | int | float | None
    why: str


Value: TypeAlias = bool | int | float | Reason | None
"""What an evaluator of records returns; None where it does not apply to this record."""
Function: TypeAlias = Callable[[Record], Value] | Callable[[pl.DataFrame], "Value | Estimate"]


@dataclass(frozen=True)
class Evaluator:
    """A function that judges, with its name.

    Attributes:
        name: how it is asked for.
        function: `Record -> Value`, or with `of="table"` a function of one variant's rows of the records table
            (columns: `akrasia.evals.frame`) to a number, an `Estimate` or a `Reason`.
        unit: "share" (true or false, or a number from 0 to 1), or what its numbers count ("words").
        source: its definition, or the paper it comes from.
    """

    name: str
    function: Callable[[Any], Any] = field(repr=False)
    unit: str = "share"
    source: str = ""
    of: Literal["record", "table"] = "record"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip() or self.name in METRICS:
            raise BadOption(f"an evaluator cannot be named {self.name!r}", remedy="Use a name that no metric has.")
        if self.of not in ("record", "table"):
            raise BadOption(f"the evaluator {self.name!r} is of {self.of!r}", remedy="Use 'record' or 'table'.")
        if not callable(self.function) or inspect.iscoroutinefunction(self.function):
            raise BadOption(f"the evaluator {self.name!r} is no plain function", remedy="Use `def`, not `async def`.")

    @property
    def title(self) -> str:
        """Heading in tables."""
        return self.name

    def __call__(self, given: Any) -> Any:
        """What the function says of a record or table."""
        return self.function(given)


EVALUATORS: Registry[Evaluator] = Registry("evaluator", "akrasia.evaluators")


@overload
def evaluator(function: Function, /) -> Evaluator: ...
@overload
def evaluator(
    *, name: str | None = None, unit: str = "share", source: str = "", of: Literal["record", "table"] = "record"
) -> Callable[[Function], Evaluator]: ...
def evaluator(
    function: Function | None = None,
    /,
    *,
    name: str | None = None,
    unit: str = "share",
    source: str = "",
    of: Literal["record", "table"] = "record",
) -> Evaluator | Callable[[Function], Evaluator]:
    """Make a function an evaluator and register it; the arguments are those of `Evaluator`.

    Raises:
        BadOption: the name is that of a metric or of an evaluator from elsewhere, or the function is no plain function.
    """

    def register(function: Function) -> Evaluator:
        made = Evaluator(_name(function) if name is None else name, function, unit, source, of)

        def make() -> Evaluator:
            return made

        make.__module__, make.__qualname__ = function.__module__, getattr(function, "__qualname__", made.name)
        make.__doc__ = function.__doc__
        EVALUATORS.register(made.name, make)
        return made

    return register if function is None else register(function)


def resolve(asked: Sequence[str | Evaluator | Callable[[Record], Value]]) -> list[Evaluator]:
    """The evaluators asked for: by registered name, by `FILE.py:NAME`, as they are, or as plain functions of a record.

    Raises:
        UnknownName: no evaluator of that name.
        BadOption: two of the same name, or a file that cannot be run.
    """
    found = [_resolved(one) for one in asked]
    for name in {e.name for e in found if [f.name for f in found].count(e.name) > 1}:
        raise BadOption(f"the evaluator {name!r} is asked for twice", remedy="Ask once, or rename one.")
    return found


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
                value, why = _plain(one(record), one.unit)
                rows.append((*key, one.name, value, why, None))
            except Exception as error:  # whatever a user's code raises is the result here, and the rest goes on
                rows.append((*key, one.name, None, None, _said(error)))
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row")


def judged(
    evaluators: Sequence[Evaluator], frame: pl.DataFrame, records: Iterable[Record]
) -> tuple[pl.DataFrame, list[Any]]:
    """The table of records with what the evaluators say of each, and the metrics that sum it up."""
    of_records = [e for e in evaluators if e.of == "record"]
    said = evaluate(of_records, records) if of_records else pl.DataFrame(schema=_COLUMNS)
    for one in of_records:
        names = {what: _column(one.name, what) for what in ("value", "fault")}
        own = said.filter(pl.col("evaluator") == one.name).select(*KEY, *names).rename(names)
        frame = frame.join(own, on=KEY, how="inner", maintain_order="left")
    return frame, [_Mean.over(e) if e.of == "record" else e for e in evaluators]


def as_estimate(said: Any, unit: str = "") -> Estimate:
    """What a function of the table returned, as an estimate; a plain number has no interval.

    Raises:
        TypeError, ValueError: it is no value.
    """
    if isinstance(said, Estimate):
        _plain(said.value, "")
        return said
    value, why = _plain(said, unit)
    return Estimate(value, why=why or ("it returned None" if value is None else "a plain value has no interval"))


@dataclass(frozen=True)
class _Mean(Metric):
    """The mean of an evaluator's values over the records it applies to."""

    @classmethod
    def over(cls, one: Evaluator) -> _Mean:
        value = pl.col(_column(one.name))
        return cls(
            one.name, one.title, one.unit, one.source, value, value.is_not_null(), "the evaluator applies to no record"
        )

    def sums(self, frame: pl.DataFrame) -> pl.DataFrame:
        fault = _column(self.name, "fault")
        failed = frame.filter(pl.col(fault).is_not_null())
        if failed.height:
            first = failed.row(0, named=True)
            where = ", ".join(f"{k} {first[k]}" for k in KEY)
            raise EvaluatorFailed(
                f"the evaluator {self.name!r} failed on {failed.height} of {frame.height} records, first on {where}",
                first[fault],
            )
        return super().sums(frame)


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", ""))


def _resolved(asked: Any) -> Evaluator:
    if isinstance(asked, Evaluator):
        return asked
    if not isinstance(asked, str):
        return Evaluator(_name(asked), asked)
    path, _, name = asked.rpartition(":")
    if path.endswith(".py"):
        try:
            made: Any = runpy.run_path(path)[name]
        except Exception as error:  # the file is somebody else's code
            raise BadOption(f"the evaluator {asked!r} cannot be loaded", _said(error), "Give FILE.py:NAME.") from error
        return _resolved(made)
    made = EVALUATORS.factory(asked)  # an entry point may name the evaluator itself
    return made if isinstance(made, Evaluator) else EVALUATORS.make(asked)


def _plain(said: Any, unit: str) -> tuple[float | None, str | None]:
    """(value, why) of what an evaluator returned; refuses what is no number, not finite, or no share."""
    value, why = (said.value, said.why) if isinstance(said, Reason) else (said, None)
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(said, Reason) and not isinstance(why, str):
        raise TypeError(f"the reason is {why!r}: give a text")
    if value is None:
        return None, why
    if not isinstance(value, bool | int | float):
        raise TypeError(f"it returned {value!r}: return a bool, a number, None, or a Reason with one of these")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"it returned {number}: return None where it does not apply")
    if unit == "share" and not 0 <= number <= 1:
        raise ValueError(f"it returned {number:g}, which is no share: declare what it counts as the unit")
    return number, why


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _column(name: str, what: str = "value") -> str:
    return f"evaluator {name}: {what}"
