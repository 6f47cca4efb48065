"""For whom does an intervention work? Its effect by item, by whether something is untried, and by difficulty.

    by item        each item's own effect, shrunk to the common one (`inference.shrinkage`); it takes items that were
                   decided twice at least: more steps, or more episodes
    untried left   the paired contrast where an action was never tried, and where all were
    difficulty     the paired contrast by how often the *further* draws of the baseline are right (trials >= 2): hard is
                   at most a third, easy at least two thirds. The contrast itself uses the first draw alone, so what was
                   unlucky once is not called hard: no regression to the mean
    mixed model    the headline in a second way (`mixed`)

Invariant: subgroups are cut by what the situation or other draws say, never by the outcome that is compared. Their
intervals are not corrected for their number: they say where to look, and no verdict rests on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from .inference import Array, Contrast, Estimate, Interval
from .inference.shrinkage import shrunk_effects
from .integrity import arm_faults, unmeasured_contrast
from .metrics import METRICS, Metric
from .metrics.totals import by_item
from .mixed import UNASKED, MixedCheck, mixed_check, not_fitted
from .oracle import has_oracle
from .pairs import Pairing, Side, metric_contrast, pair
from .run_tables import RunTables
from .situations import SITUATION, side_by_side
from .step_table import baseline_name

HARD, EASY = 1 / 3, 2 / 3
ONCE = "each item was decided once, so its effect and luck cannot be told apart: give items more steps or episodes"


@dataclass(frozen=True, slots=True)
class ItemEffect:
    """The effect on one item: as observed, and shrunk, with its interval; `decisions` is how many it rests on."""

    item: str
    decisions: int
    observed: float
    effect: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Subgroup:
    """The paired contrast on some of the situations: `by` is what cuts them, `name` which part it is."""

    by: str
    name: str
    difference: Estimate


@dataclass(frozen=True, slots=True)
class Heterogeneity:
    """How the effect of one variant in one metric differs.

    Attributes:
        whole: the headline. items: the least effect first; empty where they cannot be told, and `why` says why.
        spread: standard deviation of the items' true effects; p: of the test that it is 0. None where not known.
        subgroups: by untried actions and by difficulty. mixed: the headline by a mixed model.
    """

    task: str
    model: str
    variant: str
    against: str
    metric: str
    whole: Contrast
    items: tuple[ItemEffect, ...]
    spread: float | None
    p: float | None
    why: str
    subgroups: tuple[Subgroup, ...]
    mixed: MixedCheck


def heterogeneity(
    run: RunTables,
    metric: str = "gap",
    interval: Interval = "robust",
    baseline: str | None = None,
    mixed: bool = True,
) -> tuple[Heterogeneity, ...]:
    """How the effect of every variant differs, on every task and model that says what is right.

    Args:
        metric: "gap", "doing" or "knowing", or another share of steps.
        baseline: a variant to compare with, instead of the run's own.
        mixed: fit the mixed model beside, which takes most of the time.

    Raises:
        UnknownName: no such metric or variant.
    """
    made: Metric = METRICS.make(metric)
    found = []
    for (task, model), steps in run.steps.group_by(["task", "model"], maintain_order=True):
        if not has_oracle(steps):
            continue
        base = baseline_name(steps, baseline)
        parts = {str(v): part for (v,), part in steps.group_by(["variant"], maintain_order=True)}
        drawn = None if run.trials is None else run.trials.filter(task=task, model=model, variant=base)
        listed = list(run.experiment.get("variants") or ())
        for name in sorted(parts, key=lambda v: listed.index(v) if v in listed else len(listed)):
            part = parts[name]
            if name != base:
                faults = (arm_faults(run, steps, name, base), arm_faults(run, steps, base, base))
                pairing = pair(Side(name, part), Side(base, parts[base]))
                if unmeasured := unmeasured_contrast(made.name, name, base, faults):
                    found.append(_unmeasured(str(task), str(model), unmeasured))
                elif pairing.by == "situations":
                    found.append(_of(str(task), str(model), pairing, made, interval, drawn, mixed))
    return tuple(found)


def _unmeasured(task: str, model: str, whole: Contrast) -> Heterogeneity:
    """What is told of two arms of which one was not measured, or without this metric: that, and why."""
    why = whole.difference.why
    return Heterogeneity(
        task, model, whole.variant, whole.against, whole.metric, whole, (), None, None, why, (), not_fitted(why)
    )


def _of(
    task: str,
    model: str,
    pairing: Pairing,
    metric: Metric,
    interval: Interval,
    drawn: pl.DataFrame | None,
    mixed: bool,
) -> Heterogeneity:
    whole = metric_contrast(metric, pairing, interval)
    if whole.difference.value is None:
        return _unmeasured(task, model, whole)
    rows, a, b = _outcomes(pairing, metric)
    codes, count = by_item(rows) if rows.height else (np.zeros(0, np.intp), 0)
    shrunk = shrunk_effects(a - b, codes, count) if count else None
    names = dict(zip(codes.tolist(), rows["item"].to_list(), strict=True))
    sizes = np.bincount(codes, minlength=count)
    items: list[ItemEffect] = []
    if shrunk is not None:
        told = zip(sizes.tolist(), shrunk.raw, shrunk.effect, shrunk.low, shrunk.high, strict=True)
        items = [
            ItemEffect(str(names[i]), n, *(float(np.clip(e, -1, 1)) for e in effects))
            for i, (n, *effects) in enumerate(told)
        ]
    return Heterogeneity(
        task,
        model,
        pairing.a.name,
        pairing.b.name,
        metric.name,
        whole,
        tuple(sorted(items, key=lambda one: one.effect)),
        None if shrunk is None else shrunk.tau,
        None if shrunk is None else shrunk.p,
        ONCE if shrunk is None else "",
        (*_untried(pairing, metric, interval), *_difficulty(pairing, metric, interval, drawn)),
        mixed_check(a, b, codes, whole.difference) if mixed else not_fitted(UNASKED),
    )


def _outcomes(pairing: Pairing, metric: Metric) -> tuple[pl.DataFrame, Array, Array]:
    """The decisions that belong to the metric in both arms, and what each arm shows there."""
    both = side_by_side(pairing.a.steps, pairing.b.steps)
    base = both.select(pl.col(c).alias(c.removesuffix("_base")) for c in both.columns if c.endswith("_base"))
    shown = [t.select(num=metric.num.cast(pl.Float64), den=metric.den.cast(pl.Float64)) for t in (both, base)]
    if any(t.height != both.height for t in shown):  # constants
        shown = [t.select(pl.col(c).first() for c in t.columns) for t in shown]
    keep = ((shown[0]["den"] == 1) & (shown[1]["den"] == 1)).fill_null(False)
    a, b = (np.asarray(t["num"].filter(keep).fill_null(0.0).to_numpy(), float) for t in shown)
    return both.filter(keep), a, b


def _cut(pairing: Pairing, metric: Metric, interval: Interval, by: str, name: str, keep: pl.DataFrame) -> Subgroup:
    """The contrast on the decisions that `keep` names."""
    sides = [Side(s.name, s.steps.join(keep, on=SITUATION, how="semi", maintain_order="left")) for s in pairing.sides]
    if sides[0].steps.is_empty():
        return Subgroup(by, name, Estimate(None, why="there is no such decision"))
    return Subgroup(by, name, metric_contrast(metric, pair(*sides), interval).difference)


def _untried(pairing: Pairing, metric: Metric, interval: Interval) -> list[Subgroup]:
    steps = pairing.b.steps
    if not steps["untried_left"].any():
        return []
    parts = {"left": pl.col("untried_left"), "none": ~pl.col("untried_left")}
    return [_cut(pairing, metric, interval, "untried", n, steps.filter(e).select(SITUATION)) for n, e in parts.items()]


def _difficulty(pairing: Pairing, metric: Metric, interval: Interval, drawn: pl.DataFrame | None) -> list[Subgroup]:
    if drawn is None or drawn.is_empty():
        return []
    others = drawn.with_columns(ease=pl.col("draws").list.slice(1).list.eval(pl.element().cast(pl.Float64)).list.mean())
    ease = pl.col("ease")
    parts = {"hard": ease <= HARD, "middle": (ease > HARD) & (ease < EASY), "easy": ease >= EASY}
    return [
        _cut(pairing, metric, interval, "difficulty", n, others.filter(e).select(SITUATION)) for n, e in parts.items()
    ]
