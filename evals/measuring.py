"""One metric, of whatever kind, over one variant: an estimate, or in words why there is none.

Invariant: nothing that a metric or a user's evaluator does stops the others: what it raises is its own result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..errors import EvaluatorFailed, NotMeasured, UnknownName
from .evaluator import as_estimate
from .inference import Bounds, Estimate, Interval
from .metrics import METRICS, PAIRWISE, TURN_METRICS, Metric

__all__ = ["View", "choose", "measure", "worst_and_best"]

_UNREAD = "the transcripts were not read: score with --turns"
_IS_BASELINE = "this is what the others are compared with"
_ROLLOUT = "in a rollout the variants meet different situations"


@dataclass(frozen=True)
class View:
    """What there is to measure of one variant.

    Attributes:
        steps: its rows of the records table; base: those of the variant it is compared with, None for that one itself.
        turns: its rows of the turns table; None where transcripts were not read.
    """

    steps: pl.DataFrame
    base: pl.DataFrame | None = None
    turns: pl.DataFrame | None = None


def choose(names: Sequence[str] | None) -> dict[str, Any]:
    """Metrics by name, of all three kinds; all that are registered where None is given.

    Raises:
        UnknownName: no kind has a metric of that name.
    """
    kinds = (METRICS, TURN_METRICS, PAIRWISE)
    if names is None:
        return {name: kind.make(name) for kind in kinds for name in kind.names()}
    found: dict[str, Any] = {}
    for name in names:
        kind = next((k for k in kinds if name in k), None)
        if kind is None:
            raise UnknownName.among("metric", name, [n for k in kinds for n in k.names()])
        found[name] = kind.make(name)
    return found


def measure(name: str, metric: Any, view: View, interval: Interval, failed: list[str]) -> Estimate:
    """The estimate of a metric; one whose code fails is not measured, and `failed` says so."""
    try:
        return _of_kind(name, metric, view, interval)
    except EvaluatorFailed as error:
        failed.append(str(error))
        return Estimate(None, why=str(error))
    except NotMeasured as error:
        return Estimate(None, why=str(error))
    except Exception as error:  # whatever a user's code raises is its result, and the rest goes on
        failed.append(_told(name, view, error))
        return Estimate(None, why=failed[-1])


def worst_and_best(name: str, metric: Any, view: View, interval: Interval, failed: list[str]) -> Bounds | None:
    """What answers that could not be read could have made of a metric; None where all were, or it does not tell."""
    if not isinstance(metric, Metric):
        return None
    try:
        return metric.bounds(view.steps, interval)
    except Exception as error:  # as where it is measured
        failed.append(_told(name, view, error))
        return None


def _told(name: str, view: View, error: Exception) -> str:
    part = view.steps
    where = ", ".join(f"{k} {part[k][0]}" for k in ("task", "model", "variant")) if part.height else "no step"
    return str(EvaluatorFailed(f"the evaluator {name!r} failed on {where}", f"{type(error).__name__}: {error}"))


def _of_kind(name: str, metric: Any, view: View, interval: Interval) -> Estimate:
    if name in PAIRWISE:
        if view.base is None:
            raise NotMeasured(_IS_BASELINE)
        if view.steps["design"][0] != "fork":
            raise NotMeasured(_ROLLOUT)
        found: Estimate = metric(view.steps, view.base, interval)
        return found
    if name in TURN_METRICS:
        if view.turns is None:
            raise NotMeasured(_UNREAD)
        found = metric(view.turns, interval)
        return found
    if isinstance(metric, Metric):
        return metric(view.steps, interval)
    return as_estimate(metric(view.steps), getattr(metric, "unit", ""))
