"""One metric over one variant: an estimate, or in words why there is none.

Invariant: nothing that a metric or a user's evaluator does stops the others: what it raises is its own result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from ..errors import EvaluatorFailed, NotMeasured
from .evaluator import as_estimate
from .inference import Bounds, Estimate, Interval
from .metrics import METRICS, TABLES, Metric, table_read
from .metrics.base import SHORT
from .metrics.trials import NOT_REPEATED
from .pairs import Pairing
from .situations import side_by_side

_NO_TURNS = "the transcripts were not read: score with --turns"
_IS_BASELINE = "this is what the others are compared with"
_ROLLOUT = "in a rollout the variants meet different situations"


@dataclass(frozen=True)
class Readable:
    """The tables that metrics can read of one variant.

    Attributes:
        steps: its rows of the records table.
        turns: its rows of the turns table; None where transcripts were not read.
        pairing: the variant beside the baseline; None for the baseline itself.
        trials: the repeated draws of its decisions; None where each was drawn once, or they were not read.
    """

    steps: pl.DataFrame
    turns: pl.DataFrame | None = None
    pairing: Pairing | None = None
    trials: pl.DataFrame | None = None

    def table(self, metric: Any) -> pl.DataFrame:
        """The table that a metric reads.

        Raises:
            NotMeasured: there is none.
        """
        read = table_read(metric)
        if read == "turns":
            if self.turns is None:
                raise NotMeasured(_NO_TURNS)
            return self.turns
        if read == "trials":
            if self.trials is None:
                raise NotMeasured(NOT_REPEATED)
            return self.trials
        if read == "pairs":
            if self.pairing is None:
                raise NotMeasured(_IS_BASELINE)
            if self.pairing.by == "seeds":
                raise NotMeasured(_ROLLOUT)
            if self._pairs is not None:
                return self._pairs
            return side_by_side(self.pairing.a.steps, self.pairing.b.steps, getattr(metric, "columns", None))
        return self.steps

    @cached_property
    def _pairs(self) -> pl.DataFrame | None:
        """Both arms side by side with all their columns; None where long ones are not worth that for every metric."""
        if self.pairing is None or self.steps.height > SHORT:
            return None
        return side_by_side(self.pairing.a.steps, self.pairing.b.steps)


def select_metrics(names: Sequence[str] | None) -> dict[str, Any]:
    """Metrics by name; all that are registered where None is given: those of steps, then of turns, then of pairs.

    Raises:
        UnknownName: there is no metric of that name.
    """
    made = {name: METRICS.make(name) for name in (METRICS.names() if names is None else names)}
    if names is not None:
        return made
    return dict(sorted(made.items(), key=lambda item: TABLES.index(table_read(item[1]))))


def measure(name: str, metric: Any, tables: Readable, interval: Interval, failures: list[str]) -> Estimate:
    """The estimate of a metric; one whose code fails is not measured, and `failures` says so."""
    try:
        if isinstance(metric, Metric):
            return metric(tables.table(metric), interval)
        return as_estimate(metric(tables.table(metric)), getattr(metric, "unit", ""))
    except EvaluatorFailed as error:
        failures.append(str(error))
        return Estimate(None, why=str(error))
    except NotMeasured as error:
        return Estimate(None, why=str(error))
    except Exception as error:  # whatever a user's code raises is its result, and the rest goes on
        failures.append(_failure(name, tables, error))
        return Estimate(None, why=failures[-1])


def worst_and_best(name: str, metric: Any, tables: Readable, interval: Interval, failures: list[str]) -> Bounds | None:
    """What answers that could not be read could have made of a metric; None where all were, or there are no bounds."""
    if not isinstance(metric, Metric) or not metric.bounded:
        return None
    try:
        return metric.bounds(tables.table(metric), interval)
    except Exception as error:  # as where it is measured
        failures.append(_failure(name, tables, error))
        return None


def _failure(name: str, tables: Readable, error: Exception) -> str:
    steps = tables.steps
    where = ", ".join(f"{k} {steps[k][0]}" for k in ("task", "model", "variant")) if steps.height else "no step"
    return str(EvaluatorFailed(f"the evaluator {name!r} failed on {where}", f"{type(error).__name__}: {error}"))
