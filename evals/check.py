"""Checks of a run for somebody's CI: whether a figure lies where it must, as far as the run can say.

Invariant: the worst case decides. A check *holds* only if the whole interval lies on the right side with every answer
that failed or could not be read taken at its worst; it *does not hold* only if all of it lies on the wrong side with
every such answer at its best; else it *cannot be said*, with the reason and what it would take. An arm that was not
measured, an arm that lacks episodes, and fewer than 10 episodes can say nothing either way.

Several checks must all hold. Then each is made at the level asked for and none is corrected: to pass wrongly, the one
that is wrong must pass (the intersection-union test; Berger 1982, Technometrics 24(4)).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from ..errors import BadOption, UnknownName
from .anytime import arm_at_looks, pair_at_looks
from .check_expression import CheckedFigure, Requirement, parse_checks
from .check_report import CheckLine, CheckReport
from .completeness import asked_episodes, how_to_go_on, undecided_steps
from .inference import ALIKE, FEW, INTERVALS, LEVEL, Bounds, Estimate, Interval, IntervalAt, kind_and_level
from .inference.intervals import t_quantile
from .integrity import same_requests
from .metrics import METRICS, Metric, table_read
from .metrics.base import ANYWHERE, RANGES
from .pairs import Side, metric_contrast, pair, worst_case_bounds
from .run_pairs import variant_named
from .run_tables import RunTables
from .scorecard import Arm, Scorecard
from .scoring import score
from .verdict import LEAKS

ArmName = tuple[str, str, str]
"""Task, model and variant."""
PAID = ("calls", "tokens", "US dollars")  # counted, so that a figure without spread is a figure all the same
IN_PERCENT = ("share", "difference", "ratio", "score", "correlation")
MOST = 1_000_000  # episodes; what takes more is not to be had


@dataclass(frozen=True)
class _Run:
    """A run as checks take it.

    Attributes:
        card: its scorecard, with the metrics of the checks at their level; None without a record.
        metrics: those that the checks name; missing: what each arm of the experiment lacks, in words;
            "" where nothing.
    """

    tables: RunTables
    card: Scorecard | None
    metrics: Mapping[str, Any]
    missing: Mapping[ArmName, str]
    interval: Interval

    @property
    def variants(self) -> tuple[str, ...]:
        """Those of the experiment, in its order."""
        return tuple(dict.fromkeys(variant for _, _, variant in self.missing))

    def arm(self, name: ArmName) -> Arm | None:
        """An arm that has records."""
        arms = () if self.card is None else self.card.arms
        return next((a for a in arms if (a.task, a.model, a.variant) == name), None)

    def steps(self, name: ArmName) -> Side:
        """The rows of an arm."""
        task, model, variant = name
        return Side(variant, self.tables.steps.filter(task=task, model=model, variant=variant))


def check_run(
    tables: RunTables,
    evaluators: Sequence[Any],
    checks: Sequence[str],
    *,
    level: float = LEVEL,
    kind: Any = "robust",
    task: str | None = None,
    model: str | None = None,
) -> CheckReport:
    """Put checks to a run.

    Args:
        tables: of the run, with its turns and with what evaluators say.
        evaluators: further metrics that checks may name, as `akrasia.evals.evaluating.evaluated` makes them.
        level, kind: of the intervals.
        task, model: only there; by default on every task and model.

    Raises:
        UnknownName: no such metric, variant, task, model or kind of interval.
        BadOption: a check does not parse, or is always or never true; a level that is none.
    """
    requirements = [requirement for text in checks for requirement in parse_checks(text)]
    if not requirements:
        raise BadOption("there is nothing to check", remedy="Give a check, such as 'gap < 0.2'.")
    interval = _interval_at(level, kind)
    metrics = _metrics_named(requirements, evaluators)
    missing = _lacking(tables)
    own = {e.name for e in evaluators}
    names = [name for name in metrics if name not in own]
    card = None if tables.steps.is_empty() else score(tables, names, interval=interval, evaluators=evaluators)
    return _check_requirements(requirements, _Run(tables, card, metrics, missing, interval), task, model)


def _lacking(tables: RunTables) -> dict[ArmName, str]:
    """What every arm that the experiment names lacks, in words and in the experiment's order; "" where nothing."""
    steps, experiment = tables.steps, tables.experiment
    tasks, models = (experiment.get(k) or steps[c].unique() for k, c in (("task_labels", "task"), ("labels", "model")))
    names = [(str(t), str(m), str(v)) for t in tasks for m in models for v in experiment["variants"]]
    asked = asked_episodes(experiment, tables.looks)
    held = dict(
        ((str(t), str(m), str(v)), int(n))
        for t, m, v, n in steps.group_by("task", "model", "variant").agg(pl.col("episode").n_unique()).rows()
    )
    missing = {(m.task, m.model, m.variant): m.missing for m in tables.missing}
    undecided = undecided_steps(steps)

    def words(name: ArmName) -> str:
        episodes = max(missing.get(name, 0), asked[name[2]] - held.get(name, 0))
        if episodes > 0:
            return f"{episodes} of {asked[name[2]]} episodes are missing or not complete"
        return f"{undecided[name]} of its situations are missing" if name in undecided else ""

    return {name: words(name) for name in names}


def _metrics_named(requirements: Sequence[Requirement], evaluators: Sequence[Any]) -> dict[str, Any]:
    """The metrics that checks name, among those that are registered and a user's evaluators."""
    own = {e.name: e for e in evaluators}
    named = dict.fromkeys(f.metric for r in requirements for f in (r.first, r.second) if f is not None)
    for name in named:
        if name not in own and name not in METRICS:
            raise UnknownName.among("metric", name, [*METRICS.names(), *own])
    return {name: own[name] if name in own else METRICS.make(name) for name in named}


def _interval_at(level: Any, kind: Any) -> Interval:
    """How the intervals of checks are made; a level that is none is refused."""
    if kind not in INTERVALS:
        raise UnknownName.among("kind of interval", kind, INTERVALS)
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level < 1:
        raise BadOption(f"level = {level!r}", "it must lie between 0 and 1", "Write for example 0.95.")
    return IntervalAt(float(level), kind)


def _check_requirements(
    requirements: Sequence[Requirement], run: _Run, task: str | None, model: str | None
) -> CheckReport:
    """The checks put to every task, model and variant that they are about."""
    cells = list(dict.fromkeys((t, m) for t, m, _ in run.missing))
    for what, wanted, known in (("task", task, [t for t, _ in cells]), ("model", model, [m for _, m in cells])):
        if wanted is not None and wanted not in known:
            raise UnknownName.among(what, wanted, dict.fromkeys(known))
    cells = [(t, m) for t, m in cells if task in (None, t) and model in (None, m)]
    lines: list[CheckLine] = []
    notes: list[str] = []
    for requirement in requirements:
        _check_sense(requirement, run)
        arms = list(_arms(requirement, run))
        if len(arms) * len(cells) > 1:
            variants = f"all {len(arms)} variants" if len(arms) > 1 else "its variant"
            where = f" on each of {len(cells)} tasks and models" if len(cells) > 1 else ""
            notes.append(f"{requirement.text} is put to {variants}{where}:")
        lines += [_line(requirement, run, cell, names) for cell in cells for names in arms]
    return CheckReport(tuple(lines), tuple(notes), kind_and_level(run.interval)[1], len(cells) > 1)


def _check_sense(requirement: Requirement, run: _Run) -> None:
    """Refuse a check that no run could fail or none could pass, and a contrast of what is no ratio over episodes."""
    metric, second = run.metrics[requirement.first.metric], requirement.second
    unit, text = str(getattr(metric, "unit", "")), requirement.text
    if second is not None and second.metric != requirement.first.metric:
        raise BadOption(
            f"the check {text!r} compares {requirement.first.metric} with {second.metric}",
            "a contrast is of one metric between two variants",
            "Use a metric that holds the difference, such as gap, or give several checks.",
        )
    if second is not None and not (isinstance(metric, Metric) and metric.of == "steps"):
        raise BadOption(
            f"the check {text!r} compares two variants in {second.metric}",
            "it is no ratio over the steps of episodes",
            "Check each variant against a number.",
        )
    if requirement.percent and unit not in IN_PERCENT:
        raise BadOption(f"the check {text!r} gives {unit or 'a number'} in percent", remedy="Give the number itself.")
    low, high = RANGES.get(unit, ANYWHERE)
    low, high = (low - high, high - low) if second is not None else (low, high)
    always = requirement.holds_at(low)
    if always == requirement.holds_at(high):
        raise BadOption(
            f"the check {text!r} {'always holds' if always else 'can never hold'}",
            f"{unit}{' differences' if second is not None else ''}: from {low:g}"
            + (f" to {high:g}" if np.isfinite(high) else " upwards"),
            "Write a share as 0.2 or 20%." if unit == "share" else "Give another number.",
        )


def _arms(requirement: Requirement, run: _Run) -> Iterator[tuple[str, ...]]:
    """The variants that a check is put to: one, or two that are compared."""
    metric = run.metrics[requirement.first.metric]
    base = {a.variant for a in run.card.arms if a.baseline} if run.card is not None else set()
    first_is_baseline = [v == run.variants[0] for v in run.variants]
    named_arms = pl.DataFrame({"variant": run.variants, "baseline": first_is_baseline})
    every = [v for v in run.variants if not (table_read(metric) == "pairs" and v in base)]

    def named(figure: CheckedFigure) -> list[str]:
        if figure.variant is None:
            return every
        return [variant_named(named_arms, figure.variant)]

    if requirement.second is None:
        yield from ((v,) for v in named(requirement.first))
        return
    first, second = named(requirement.first), named(requirement.second)
    pairs = [(a, b) for a in first for b in second if a != b]
    if not pairs:
        raise BadOption(
            f"the check {requirement.text!r} compares {first[0]!r} with itself", remedy="Name two variants."
        )
    yield from pairs


def _line(requirement: Requirement, run: _Run, cell: tuple[str, str], variants: tuple[str, ...]) -> CheckLine:
    names = [(*cell, v) for v in variants]
    check = _in_full(requirement, variants)
    metric = run.metrics[requirement.first.metric]
    if reason := _not_to_be_said(requirement.first.metric, metric, run, names):
        why, remedy = reason
        return CheckLine(check, *cell, None, Estimate(None, why=why), None, why, remedy)
    estimate, bounds = _measured(requirement.first.metric, metric, run, names)
    made = _decided(requirement, metric, estimate, bounds, kind_and_level(run.interval)[1])
    if told := [v for n, v in zip(names, variants, strict=True) if (arm := run.arm(n)) is not None and arm.leaks]:
        made["why"] = "; ".join(filter(None, (made.get("why", ""), f"{' and '.join(told)}: {LEAKS}")))
    return CheckLine(check, *cell, **made)


def _in_full(requirement: Requirement, variants: Sequence[str]) -> str:
    metric, number = requirement.first.metric, f"{requirement.bound:.6g}"
    first, *rest = (f"{metric}({v})" for v in variants)
    return " ".join([first, *(f"- {other}" for other in rest), requirement.comparator, number])


def _not_to_be_said(name: str, metric: Any, run: _Run, names: Sequence[ArmName]) -> tuple[str, str] | None:
    """(why, remedy) where an arm was not measured or lacks episodes."""
    arms = [run.arm(n) for n in names]
    beside = run.card.arms if table_read(metric) == "pairs" and run.card is not None else ()
    baselines = [a for a in beside if a.baseline and (a.task, a.model) == names[0][:2]]
    for read in filter(None, (*arms, *baselines)):
        for fault in read.integrity:
            if fault.bears_on(name):
                return f"{read.variant} was not measured: {fault}", fault.remedy
    resume = how_to_go_on(run.tables.stopped, run.tables.name)
    for arm_name in names:
        if missing := run.missing.get(arm_name):
            return f"{arm_name[2]}: {missing}", resume
    for arm_name, arm in zip(names, arms, strict=True):
        if arm is None:
            return f"{arm_name[2]} has no record there", resume
        if not _has_worst_case(metric) and (lost := arm.steps - arm.outcomes.actions.get("ok", 0)):
            why = f"{lost} of the decisions of {arm.variant} failed or could not be read, and {name} has no worst case"
            return why, "Check a share that has one, such as doing or gap, or let the answers be read."
    if len(names) == 2:
        first, second = (run.steps(n).steps for n in names)
        for fault in same_requests(first, second):
            return f"{names[0][2]} and {names[1][2]} asked exactly the same", fault.remedy
    return None


def _has_worst_case(metric: Any) -> bool:
    """Whether missing answers are taken at their worst, or take nothing away: what was paid was paid."""
    return (isinstance(metric, Metric) and metric.bounded) or getattr(metric, "unit", "") in PAID


def _measured(name: str, metric: Any, run: _Run, names: Sequence[ArmName]) -> tuple[Estimate, Bounds | None]:
    """The figure with its interval, and what missing answers could have made of it."""
    level = kind_and_level(run.interval)[1]
    looks = run.tables.looks
    if len(names) == 2:
        pairing = pair(run.steps(names[0]), run.steps(names[1]))
        if looks is not None:
            return pair_at_looks(metric, pairing, looks, level)
        difference = metric_contrast(metric, pairing, run.interval).difference
        return difference, None if difference.value is None else worst_case_bounds(metric, pairing, run.interval)
    arm = run.arm(names[0])
    assert arm is not None
    estimate = arm.metrics[name]
    if not isinstance(metric, Metric) and estimate.low is not None and level != LEVEL:
        raise BadOption(
            f"{name} has an interval at 95 % alone", f"level = {level:g} was asked for", "Leave out the level."
        )
    if looks is not None and estimate.low is not None:
        return arm_at_looks(metric, run.steps(names[0]), looks, level)
    return estimate, arm.bounds.get(name)


def _decided(
    requirement: Requirement, metric: Any, estimate: Estimate, bounds: Bounds | None, level: float
) -> dict[str, Any]:
    """The fields of a line: what the worst case says."""
    if estimate.value is None:
        return {"holds": None, "estimate": estimate, "why": f"it is not measured: {estimate.why}"}
    ends = (estimate, estimate) if bounds is None or bounds.low.value is None else (bounds.low, bounds.high)
    if estimate.clusters and estimate.counted < FEW:
        few = f"{estimate.how_many} items, and at least {FEW} are needed"
        return {"holds": None, "estimate": estimate, "why": few, "remedy": "Play more.", "episodes": FEW}
    if _plain(metric, estimate):
        holds, why = requirement.holds_at(estimate.value), "" if estimate.why == ALIKE else estimate.why
        return {"holds": holds, "estimate": estimate, "worst": estimate.value, "why": why}
    low, high = ends[0].low, ends[1].high
    if low is None or high is None:
        return {"holds": None, "estimate": estimate, "why": f"its interval is unknown: {estimate.why or ends[1].why}"}
    worst, best = (low, high) if requirement.upwards else (high, low)
    made = {"estimate": estimate, "worst": worst}
    unread = f"{bounds.missing or 0:.0%} of the answers failed or could not be read" if bounds is not None else ""
    if requirement.holds_at(worst):
        return {**made, "holds": True, "why": unread}
    if not requirement.holds_at(best):
        return {**made, "holds": False, "why": unread}
    share = requirement.second is None and getattr(metric, "unit", "") == "share"
    why, remedy, episodes = _what_it_takes(requirement, ends, level, share)
    return {
        **made,
        "holds": None,
        "why": "; ".join(filter(None, (unread, why))),
        "remedy": remedy,
        "episodes": episodes,
    }


def _plain(metric: Any, estimate: Estimate) -> bool:
    """Whether a figure counts as it is, because no interval is to be had: a sum, or what every episode pays alike."""
    if estimate.low is not None:
        return False
    paid = getattr(metric, "unit", "") in PAID and estimate.why == ALIKE
    return paid or not estimate.clusters or bool(getattr(metric, "no_interval", ""))


def _what_it_takes(
    requirement: Requirement, ends: tuple[Estimate, Estimate], level: float, share: bool
) -> tuple[str, str, int | None]:
    """(why, remedy, episodes) of a check that is open; `share`: of a share, and not of a difference."""
    low, high = ends
    assert low.value is not None and high.value is not None and low.low is not None and high.high is not None
    at_low, at_high = requirement.holds_at(low.value), requirement.holds_at(high.value)
    if at_low != at_high:
        return "they alone decide it, so no number of episodes would", "Let the answers be read, or mend them.", None
    value, end = (high.value, high.high) if high.value <= requirement.bound else (low.value, low.low)
    needed = episodes_to_decide(requirement.bound, end, value, low.counted, level, share)
    if needed is None:
        return "it lies on the bound, so no number of episodes would decide it", "Choose another bound.", None
    return f"it would take some {needed:,} episodes instead of {low.clusters:,}", "Play more.", needed


def episodes_to_decide(
    bound: float, end: float, value: float, clusters: int, level: float, share: bool = True
) -> int | None:
    """How many episodes make an interval exclude a bound; None for more than `MOST`, or where the figure is the bound.

    Args:
        value: the figure; end: of its interval, on the bound's side; clusters: the episodes behind it.
        share: the interval is Wilson's, of a share; else it is symmetric, of a difference or another mean.

    The standard error falls with the root of the number of episodes. Wilson's interval excludes a bound b where the
    figure lies further from it than t times the root of b (1 - b) / n: the score test (Wilson 1927). A difference of 0
    that no episode contradicts has an interval that falls with the number itself.
    """
    distance, reach = abs(bound - value), abs(end - value)
    if distance == 0 or reach == 0:
        return None
    shape = bound * (1 - bound) / (end * (1 - end)) if share and 0 < end < 1 else 1.0
    power = 1 if not share and value == 0 else 2
    needed = float(clusters)
    for _ in range(20):
        wider = t_quantile(max(int(needed), 2), level) / t_quantile(clusters, level)
        needed = max(clusters * shape * (wider * reach / distance) ** power, clusters + 1)
        if needed > MOST:
            return None
    return int(np.ceil(needed))
