"""A user's own evaluators: a function of one record, or of the table, that returns a plain value or one with a reason.

    @ak.evaluator(unit="share", source="our own")
    def hedges(record: Record) -> bool:
        return "maybe" in record.decision.rationale.lower()

They are registered apart from metrics, because they are asked for by name: each reads every record whole, and runs
somebody else's code. `akrasia.evals.evaluating` applies them.

Invariant: what an evaluator is, and what it may return, is checked here; a value is a finite number, a truth value or
None, with or without a reason.
"""

from __future__ import annotations

import inspect
import math
import runpy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, overload

import numpy as np
import polars as pl

from ..errors import BadOption
from ..records import Record
from ..registry import Registry
from .inference import Estimate
from .metrics import METRICS


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
            (columns: `akrasia.evals.step_table`) to a number, an `Estimate` or a `Reason`.
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

    def __call__(self, judged: Any) -> Any:
        """What the function returns for a record or a table."""
        return self.function(judged)


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


def select_evaluators(
    wanted: Sequence[str | Evaluator | Callable[[Record], Value]],
) -> list[Evaluator]:
    """Evaluators by registered name, by `FILE.py:NAME`, as they are, or as plain functions of a record.

    Raises:
        UnknownName: no evaluator of that name.
        BadOption: two of the same name, or a file that cannot be run.
    """
    chosen = [_evaluator(one) for one in wanted]
    for name in {e.name for e in chosen if [other.name for other in chosen].count(e.name) > 1}:
        raise BadOption(f"the evaluator {name!r} is asked for twice", remedy="Ask once, or rename one.")
    return chosen


def as_estimate(returned: Any, unit: str = "") -> Estimate:
    """What a function of the table returned, as an estimate; a plain number has no interval.

    Raises:
        TypeError, ValueError: it is no value.
    """
    if isinstance(returned, Estimate):
        checked_value(returned.value, "")
        return returned
    value, why = checked_value(returned, unit)
    return Estimate(value, why=why or ("it returned None" if value is None else "a plain value has no interval"))


def checked_value(returned: Any, unit: str) -> tuple[float | None, str | None]:
    """(value, why) of what an evaluator returned.

    Raises:
        TypeError, ValueError: it is no number, not finite, or no share.
    """
    value, why = (returned.value, returned.why) if isinstance(returned, Reason) else (returned, None)
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(returned, Reason) and not isinstance(why, str):
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


def error_text(error: Exception) -> str:
    """An error of somebody else's code, as it is quoted."""
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _name(function: Any) -> str:
    return str(getattr(function, "__name__", ""))


def _evaluator(wanted: Any) -> Evaluator:
    if isinstance(wanted, Evaluator):
        return wanted
    if not isinstance(wanted, str):
        return Evaluator(_name(wanted), wanted)
    path, _, name = wanted.rpartition(":")
    if path.endswith(".py"):
        try:
            made: Any = runpy.run_path(path)[name]
        except Exception as error:  # the file is somebody else's code
            raise BadOption(
                f"the evaluator {wanted!r} cannot be loaded", error_text(error), "Give FILE.py:NAME."
            ) from error
        return _evaluator(made)
    made = EVALUATORS.factory(wanted)  # an entry point may name the evaluator itself
    return made if isinstance(made, Evaluator) else EVALUATORS.make(wanted)
