"""The scorecard: every metric of every variant, and the paired contrasts against the baseline and the controls.

Invariants: the baseline is the variant the run marked as such; contrasts pair the same episodes; the p-values of one
metric on one task and model are corrected together (Holm), so that a long table does not find something by its length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ..errors import EvaluatorFailed, NotMeasured, RunFolderError, UnknownName
from .evaluator import as_estimate
from .frame import PAIR
from .inference import FEW, INTERVALS, Contrast, Estimate, Interval, contrast, holm
from .metrics import METRICS, GapTable, Metric, gap_table

__all__ = ["CONTRASTED", "Arm", "Flips", "Scorecard", "score"]

CONTRASTED = ("gap", "doing", "knowing")
SPLIT = ("knowing", "doing", "gap")
SPLITS = {
    "all": pl.lit(True),
    "untried left": pl.col("untried_left"),
    "all tried": ~pl.col("untried_left"),
    "valid only": pl.col("valid"),
}


@dataclass(frozen=True, slots=True)
class Flips:
    """How many situations changed between the baseline and a variant, by what was done."""

    wrong_to_right: int
    right_to_wrong: int
    unchanged: int


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant on one task and model.

    Attributes:
        metrics: estimates per metric name; splits: knowing, doing and gap per subset of steps.
        labels: entropy of the actions taken, None on question sets, whose answers are right or wrong.
        statuses: how many steps ended in each outcome; answers: how many of all answers behind them were read.
        flips: None in a rollout, where situations differ.
    """

    task: str
    model: str
    variant: str
    control: str | None
    baseline: bool
    steps: int
    episodes: int
    metrics: dict[str, Estimate]
    splits: dict[str, dict[str, Estimate]]
    table: GapTable
    statuses: dict[str, int]
    stated_statuses: dict[str, int]
    answers: dict[str, int]
    labels: float | None
    flips: Flips | None


@dataclass(frozen=True, slots=True)
class Scorecard:
    """What `score` found. `warnings` say what a reader must know before believing a number."""

    design: str
    arms: tuple[Arm, ...]
    contrasts: tuple[tuple[str, str, Contrast], ...]
    warnings: tuple[str, ...]

    def contrast(self, arm: Arm, metric: str, against: str) -> Contrast | None:
        """The contrast of an arm in a metric against another variant."""
        for task, model, c in self.contrasts:
            if (task, model, c.variant, c.metric, c.against) == (arm.task, arm.model, arm.variant, metric, against):
                return c
        return None

    def baseline_of(self, arm: Arm) -> Arm:
        """The baseline on the same task and model."""
        return next(a for a in self.arms if a.baseline and (a.task, a.model) == (arm.task, arm.model))


def score(
    frame: pl.DataFrame,
    metrics: Sequence[str] | None = None,
    baseline: str | None = None,
    interval: Interval = "robust",
    evaluators: Sequence[Any] = (),
) -> Scorecard:
    """Score a table of records; needs no model, no graph and no network.

    Args:
        frame: the table made by `akrasia.evals.frame`.
        metrics: names of metrics; by default all that are registered.
        baseline: a variant to compare with, instead of the run's own baseline.
        interval: "robust" or "bootstrap"; see `akrasia.evals.inference`.
        evaluators: further metrics, as `akrasia.evals.evaluator.judged` makes them of a user's evaluators; those that
            are ratios of sums are contrasted too.

    Raises:
        UnknownName: no such metric or variant.
        RunFolderError: the table is empty.
    """
    if frame.is_empty():
        raise RunFolderError("the run holds no records yet", remedy="Resume it: akrasia run --resume FOLDER.")
    if interval not in INTERVALS:
        raise UnknownName.among("kind of interval", interval, INTERVALS)
    names = METRICS.names() if metrics is None else metrics
    chosen: dict[str, Any] = {name: METRICS.make(name) for name in names} | {e.name: e for e in evaluators}
    contrasted = [chosen[n] for n in (*CONTRASTED, *(e.name for e in evaluators)) if isinstance(chosen.get(n), Metric)]
    failed: list[str] = []
    arms: list[Arm] = []
    contrasts: list[tuple[str, str, Contrast]] = []
    for (task, model), here in _groups(frame, ["task", "model"]):
        parts = {str(v): part for (v,), part in _groups(here, ["variant"])}
        base = _baseline(here, parts, baseline)
        order = sorted(parts, key=lambda v: (v != base, _is_control(parts[v]), v))
        arms += [_arm(str(task), str(model), v, parts, base, chosen, interval, failed) for v in order]
        found = _contrasts(parts, order, base, contrasted, interval)
        contrasts += [(str(task), str(model), c) for c in found]
    return Scorecard(frame["design"][0], tuple(arms), tuple(contrasts), (*failed, *_warnings(frame, arms)))


def _groups(frame: pl.DataFrame, by: list[str]) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    """The rows of each group, in order of appearance; without a copy where they lie together, as in a stored run."""
    row = pl.col("row")
    places = frame.select(*by).with_row_index("row").group_by(by, maintain_order=True)
    for *names, first, last, count in places.agg(row.min(), row.max().alias("last"), pl.len()).rows():
        if last - first + 1 == count:
            yield tuple(names), frame.slice(first, count)
        else:
            yield tuple(names), frame.filter(pl.all_horizontal(pl.col(k) == v for k, v in zip(by, names, strict=True)))


def _baseline(here: pl.DataFrame, parts: dict[str, pl.DataFrame], wanted: str | None) -> str:
    if wanted is not None:
        if wanted not in parts:
            raise UnknownName.among("variant", wanted, parts)
        return wanted
    marked = here.filter(pl.col("baseline"))["variant"]
    return str(marked[0]) if len(marked) else next(iter(parts))


def _is_control(part: pl.DataFrame) -> bool:
    return part["control"][0] is not None


def _arm(
    task: str,
    model: str,
    variant: str,
    parts: dict[str, pl.DataFrame],
    base: str,
    chosen: dict[str, Any],
    interval: Interval,
    failed: list[str],
) -> Arm:
    part = parts[variant]
    return Arm(
        task=task,
        model=model,
        variant=variant,
        control=part["control"][0],
        baseline=variant == base,
        steps=part.height,
        episodes=part["episode"].n_unique(),
        metrics={name: _measured(name, metric, part, interval, failed) for name, metric in chosen.items()},
        splits={name: _split(part.filter(keep), interval, failed) for name, keep in SPLITS.items()},
        table=gap_table(part),
        statuses=_counts(part["status"]),
        stated_statuses=_counts(part["stated_status"]),
        answers={"ok": int(part["answers_read"].sum()), "unread": int((part["answers"] - part["answers_read"]).sum())},
        labels=_entropy(part["done"]) if part["item"].null_count() else None,
        flips=_flips(part, parts[base]) if variant != base and part["design"][0] == "fork" else None,
    )


def _split(steps: pl.DataFrame, interval: Interval, failed: list[str]) -> dict[str, Estimate]:
    return {m: _measured(m, METRICS.make(m), steps, interval, failed) for m in SPLIT}


def _measured(name: str, metric: Any, part: pl.DataFrame, interval: Interval, failed: list[str]) -> Estimate:
    """The estimate of a metric; one whose code fails is not measured, and `failed` says so."""
    try:
        if isinstance(metric, Metric):
            return metric(part, interval)
        return as_estimate(metric(part), getattr(metric, "unit", ""))
    except EvaluatorFailed as error:
        failed.append(str(error))
        return Estimate(None, why=str(error))
    except NotMeasured as error:
        return Estimate(None, why=str(error))
    except Exception as error:  # whatever a user's code raises is its result, and the rest goes on
        where = ", ".join(f"{k} {part[k][0]}" for k in ("task", "model", "variant")) if part.height else "no step"
        told = str(EvaluatorFailed(f"the evaluator {name!r} failed on {where}", f"{type(error).__name__}: {error}"))
        failed.append(told)
        return Estimate(None, why=told)


def _contrasts(
    parts: dict[str, pl.DataFrame], order: list[str], base: str, metrics: list[Metric], interval: Interval
) -> list[Contrast]:
    placebos = [v for v in order if parts[v]["control"][0] == "placebo" and v != base]
    pairs = [(v, base) for v in order if v != base]
    pairs += [
        (v, p)
        for v in order
        for p in placebos
        if v != base and not _is_control(parts[v]) and _alike(parts[v], parts[p])
    ]
    found: dict[str, list[Contrast]] = {metric.name: [] for metric in metrics}
    for v, against in pairs:
        a, b = _same_situations(parts[v], parts[against])
        for metric in metrics:
            found[metric.name].append(_contrast(metric, a, b, v, against, interval))
    return [c for family in found.values() for c in holm(family)]


def _contrast(
    metric: Metric, a: pl.DataFrame, b: pl.DataFrame, variant: str, against: str, interval: Interval
) -> Contrast:
    try:
        sums = metric.paired(a, b)
    except Exception as error:  # as where it is measured: a user's code may raise anything
        why = str(error) if isinstance(error, NotMeasured) else f"{type(error).__name__}: {error}"
        return Contrast(metric.name, variant, against, Estimate(None, why=why))
    return contrast(*sums, metric.name, variant, against, interval)


def _alike(part: pl.DataFrame, placebo: pl.DataFrame) -> bool:
    """Whether a placebo spends as many calls per decision: otherwise it is no placebo of that variant."""
    return bool(part["calls"].sum() * placebo.height == placebo["calls"].sum() * part.height)


def _same_situations(a: pl.DataFrame, b: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The steps at which two variants of a fork decided the same situation; a rollout is compared whole."""
    if a["design"][0] != "fork" or _same_steps(a, b):
        return a, b
    columns = [*PAIR, "situation"]
    return a.join(b, on=columns, how="semi"), b.join(a, on=columns, how="semi")


def _same_steps(a: pl.DataFrame, b: pl.DataFrame) -> bool:
    """Whether two variants stand at the same situations, row by row: what a complete run of a fork holds."""
    columns = [*PAIR, "situation"]
    return a.select(columns).equals(b.select(columns))


def _flips(part: pl.DataFrame, base: pl.DataFrame) -> Flips:
    columns = [*PAIR, "situation"]
    if _same_steps(part, base):
        both = part.select("does", does_before=base["does"])
    else:
        both = part.select(*columns, "does").join(base.select(*columns, "does"), on=columns, suffix="_before")
    gained = both.filter(pl.col("does") & ~pl.col("does_before")).height
    lost = both.filter(~pl.col("does") & pl.col("does_before")).height
    return Flips(gained, lost, both.height - gained - lost)


def _counts(column: pl.Series) -> dict[str, int]:
    return {str(k): int(n) for k, n in column.value_counts(sort=True).rows()}


def _entropy(column: pl.Series) -> float | None:
    """Entropy of the labels taken, as a share of its maximum over as many labels: 1 is even, 0 is one label only."""
    shares = column.drop_nulls().value_counts(normalize=True, sort=True)["proportion"]
    kinds = len(shares)
    return float(shares.entropy(base=kinds) or 0.0) if kinds > 1 else (0.0 if kinds == 1 else None)


def _warnings(frame: pl.DataFrame, arms: list[Arm]) -> list[str]:
    said: list[str] = []
    few = min(a.episodes for a in arms)
    if few < FEW:
        said.append(f"only {few} episodes: intervals over fewer than {FEW} clusters are too narrow to rely on")
    several = len({(a.task, a.model) for a in arms}) > 1
    for arm in arms:
        name = f"{arm.variant} ({arm.model} on {arm.task})" if several else arm.variant
        silent = 1 - arm.statuses.get("ok", 0) / arm.steps
        if silent > 0.05:
            said.append(f"{name}: {silent:.0%} of the steps hold no legal action; they count as wrong")
        if arm.labels is not None and arm.labels < 0.5:
            said.append(f"{name}: the actions are nearly all the same label (entropy {arm.labels:.2f})")
    if frame["design"][0] == "fork":
        sizes: dict[tuple[str, str], set[int]] = {}
        for arm in arms:
            sizes.setdefault((arm.task, arm.model), set()).add(arm.steps)
        if any(len(s) > 1 for s in sizes.values()):
            said.append("the variants do not cover the same situations: contrasts use the episodes they share")
    return said
