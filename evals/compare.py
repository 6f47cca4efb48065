"""Two arms side by side: the paired table of `akrasia compare`, from stored records alone.

The arms are two variants of one run, or one variant in two runs (two models, say) that hold the same tasks and the same
seeds. Every metric compared is one family: Holm's correction keeps the chance of any difference being shown between two
arms that are alike at most 5 %, Benjamini and Hochberg's the share of those shown that are none. In a run that was
looked at while it went on no p is valid: the intervals are anytime-valid then, together over the metrics of the table.

Invariants: only what is paired is compared, the same episodes of the same task, and in a fork the same situations; what
is not paired is refused with the reason. The item is the cluster. A difference is *shown* if its Holm-corrected p is at
most 0.05 and its interval excludes 0, also with every missing outcome counted against it; otherwise the sentence says
between what it lies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from ..errors import BadOption, RunFolderError
from .anytime import InterimLooks
from .completeness import how_to_go_on, missing_sentence
from .controls import is_leaking
from .inference import FEW, Bounds, Contrast, Estimate, Interval, benjamini_hochberg, holm
from .integrity import IntegrityFault, arm_faults, same_requests, unmeasured_contrast
from .metrics import Metric, ratio_metric
from .pairs import OWN_WAY, SAME_SITUATIONS, Flips, Pairing, Side, metric_contrast, pair, worst_case_bounds
from .run_pairs import check_items, check_runs, pair_models, variant_named, with_episodes_of
from .run_tables import RunTables
from .situations import shared_situations
from .step_table import baseline_name
from .verdict import LEAKS, difference_between, direction

COMPARED = ("knowing", "doing", "gap", "say_do")
MetricOutcome = Literal["higher", "lower", "no difference shown", "no finding", "too few episodes", "not measured"]
SHARED_SITUATIONS = "the situations that both decided"
Faults = tuple[Sequence[IntegrityFault], Sequence[IntegrityFault]]
"""What speaks against the first arm, and against the second."""
_TOKENS, _CALLS = ("prompt_tokens", "completion_tokens"), ("calls",)


@dataclass(frozen=True, slots=True)
class MetricComparison:
    """One metric of both arms.

    Attributes:
        a, b: the arms' estimates over the steps that are paired; contrast: `b` minus `a` with its tests.
        bounds: what outcomes that are missing could have made of the difference; None where none is missing or the
            metric has no bounds.
        missing: share of the outcomes of both arms that are missing; None where the metric has no bounds.
        outcome: where `b` is shown to lie against `a`; "no finding" where outcomes that are missing could undo that.
    """

    metric: str
    unit: str
    a: Estimate
    b: Estimate
    contrast: Contrast
    bounds: Bounds | None
    missing: float | None
    outcome: MetricOutcome


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two arms on one task.

    Attributes:
        models: of `a` and of `b`.
        pairing: in words, what is paired with what.
        episodes, steps: how many are paired; items: what the episodes are about, the clusters of all inference.
        left_out: episodes that one arm alone has.
        flips: from `a` to `b`, None where the arms met different situations.
        tokens, calls: per decision of `b`, as a multiple of `a`'s; None where `a` takes none.
        imported: of imported runs, from what; "" of runs that were played.
        incomplete: which episodes are missing, in words; "" where none is, or it is not known.
        leaks: whether an agent of `a`, and one of `b`, is told something by the oracle.
        anytime: a run was looked at while it went on, so the intervals are anytime-valid and nothing has a p.
    """

    task: str
    models: tuple[str, str]
    a: str
    b: str
    pairing: str
    episodes: int
    items: int
    steps: int
    left_out: int
    lines: tuple[MetricComparison, ...]
    flips: Flips | None
    tokens: float | None
    calls: float | None
    sentence: str
    anytime: bool = False
    incomplete: str = ""
    imported: str = ""
    leaks: tuple[bool, bool] = (False, False)


def compare(
    run: RunTables | pl.DataFrame,
    a: str,
    b: str,
    metrics: Sequence[str] = COMPARED,
    interval: Interval = "robust",
    shared: bool = False,
) -> tuple[Comparison, ...]:
    """Two variants of one run, on every task and model that has both.

    Args:
        run: its tables; a table made by `akrasia.evals.step_table` will do.
        a, b: variants, by name or by what follows the baseline's name: "critique" for
            "reason_act | critique(rounds=2)".
        metrics: names of metrics that are ratios; they are one family.
        shared: of an imported run, compare the items and trials that both arms hold, where one holds more.

    Raises:
        RunFolderError: the table is empty.
        UnknownName: no such variant or metric.
        BadOption: the two are one variant, or share no episode or situation.
    """
    run = RunTables.of(run)
    if run.steps.is_empty():
        raise RunFolderError("the run holds no records yet", run.stopped, how_to_go_on(run.stopped, run.name))
    one, other = variant_named(run.steps, a), variant_named(run.steps, b)
    if one == other:
        raise BadOption(f"{one!r} would be compared with itself", remedy="Name two variants.")
    comparisons = []
    for (_, model), here in run.steps.group_by("task", "model", maintain_order=True):
        sides = [Side(v, here.filter(variant=v)) for v in (one, other)]
        if not any(side.steps.is_empty() for side in sides):
            if run.imported is not None:
                check_items(sides[0], sides[1], shared)
            models = (str(model), str(model))
            alike = same_requests(sides[1].steps, sides[0].steps)
            faults = (arm_faults(run, here, one), (*arm_faults(run, here, other), *alike))
            comparisons.append(_comparison(sides[0], sides[1], models, metrics, interval, run.looks, faults))
    if not comparisons:
        raise BadOption(
            f"{one!r} and {other!r} were not run on the same task and model",
            "there is nothing to pair",
            "Resume the run with both variants.",
        )
    return _with_missing(comparisons, run)


def compare_runs(
    first: RunTables,
    second: RunTables,
    variant: str | None = None,
    metrics: Sequence[str] = COMPARED,
    interval: Interval = "robust",
    shared: bool = False,
) -> tuple[Comparison, ...]:
    """One variant in two runs, on every task that both hold.

    Args:
        first, second: the tables of each run, with its name and its experiment as stored with it.
        variant: by name; by default the baseline.
        shared: of imported runs, compare the items and trials that both hold, where one holds more.

    Raises:
        RunFolderError: a table is empty.
        UnknownName: no such variant or metric.
        BadOption: the runs differ in design, seeds, tasks or the variant's plan, or share no episode.
    """
    runs = (first, second)
    for run in runs:
        if run.steps.is_empty():
            raise RunFolderError(
                f"{run.name!r} holds no records yet", remedy=f"Resume it: akrasia run --resume {run.name}."
            )
    if first.name == second.name:
        raise BadOption(f"{first.name!r} would be compared with itself", remedy="Name two runs.")
    variants = [variant_named(run.steps, variant or baseline_name(run.steps)) for run in runs]
    if first.imported is not None and second.imported is not None:
        second = replace(second, steps=with_episodes_of(second.steps, first.steps))
        runs = (first, second)
    check_runs(first, second, variants)
    looks = min((run.looks for run in runs if run.looks is not None), key=lambda looks: looks.at[-1], default=None)
    comparisons = []
    in_both = set(second.steps["task"])
    for task in (t for t in first.steps["task"].unique(maintain_order=True) if t in in_both):
        parts = [run.steps.filter(task=task, variant=v) for run, v in zip(runs, variants, strict=True)]
        for models in pair_models(str(task), parts, (first.name, second.name)):
            one, other = (
                Side(run.name, part.filter(model=m)) for run, part, m in zip(runs, parts, models, strict=True)
            )
            if first.imported is not None:
                check_items(one, other, shared)
            here = (run.steps.filter(task=task, model=m) for run, m in zip(runs, models, strict=True))
            faults = [arm_faults(*arm) for arm in zip(runs, here, variants, strict=True)]
            comparisons.append(_comparison(one, other, models, metrics, interval, looks, (faults[0], faults[1])))
    return _with_missing(comparisons, first, second)


def _with_missing(comparisons: Sequence[Comparison], *runs: RunTables) -> tuple[Comparison, ...]:
    """The comparisons, each with what is missing of the arms that it compares."""

    def said(one: Comparison, run: RunTables) -> str:
        here = [m for m in run.missing if m.task == one.task and m.model in one.models]
        compared = [m for m in here if len(runs) > 1 or m.variant in (one.a, one.b)]
        return missing_sentence(compared, run.ended, run.name)

    imported = "; ".join(run.imported.sentence for run in runs if run.imported is not None)
    return tuple(
        replace(one, imported=imported, incomplete="; ".join(filter(None, (said(one, run) for run in runs))))
        for one in comparisons
    )


def _comparison(
    a: Side,
    b: Side,
    models: tuple[str, str],
    metrics: Sequence[str],
    interval: Interval,
    looks: InterimLooks | None,
    faults: Faults,
) -> Comparison:
    held = a.steps["episode"].n_unique() + b.steps["episode"].n_unique()
    pairing = _pairing(b, a, models)
    b, a = pairing.sides
    lines = _lines(pairing, metrics, interval, looks, faults)
    episodes, items = a.steps["episode"].n_unique(), pairing.items
    leaks = (is_leaking(a.steps), is_leaking(b.steps))
    told = " and ".join(repr(side.name) for side, leaking in zip((a, b), leaks, strict=True) if leaking)
    sentence = _sentence(a.name, b.name, lines, "episodes" if items == episodes else "items")
    return Comparison(
        task=str(a.steps["task"][0]),
        models=models,
        a=a.name,
        b=b.name,
        pairing=pairing.words,
        episodes=episodes,
        items=items,
        steps=a.steps.height,
        left_out=held - 2 * episodes,
        lines=lines,
        flips=None if any(f.bears_on("doing") for side in faults for f in side) else pairing.flips,
        tokens=_multiple(b, a, _TOKENS),
        calls=_multiple(b, a, _CALLS),
        sentence=f"{sentence} {told}: {LEAKS}." if told else sentence,
        anytime=looks is not None,
        leaks=leaks,
    )


def _pairing(b: Side, a: Side, models: tuple[str, str]) -> Pairing:
    """Both arms over the episodes that they share, by what is alike in them."""
    shared = set(a.steps["episode"]) & set(b.steps["episode"])
    if not shared:
        raise BadOption(
            f"{a.name!r} and {b.name!r} share no episode on {a.steps['task'][0]}",
            f"one has {_episodes(a)}, the other {_episodes(b)}",
            "Resume the shorter run, so that both hold the same episodes.",
        )
    b, a = (replace(side, steps=side.steps.filter(pl.col("episode").is_in(shared))) for side in (b, a))
    forked = a.steps["design"][0] == "fork"
    met = shared_situations(b.steps, a.steps)
    everywhere = met[0].height == b.steps.height == a.steps.height
    if forked and models[0] == models[1]:
        if met[0].is_empty():
            raise BadOption(
                f"{a.name!r} and {b.name!r} decided no situation in common",
                "each was run with a baseline that played otherwise",
                "Run both in one experiment.",
            )
        return pair(b, a) if everywhere else replace(pair(b, a), words=SHARED_SITUATIONS)
    if everywhere:
        return Pairing((b, a), "situations", SAME_SITUATIONS, planned=forked)
    return Pairing((b, a), "seeds", OWN_WAY)


def _multiple(b: Side, a: Side, columns: Sequence[str]) -> float | None:
    """What `b` takes per decision, as a multiple of what `a` takes; None where an imported run does not say."""
    if any(side.steps[c].null_count() for side in (a, b) for c in columns):
        return None
    ours, theirs = (float(sum(side.steps[c].sum() for c in columns)) / side.steps.height for side in (b, a))
    return ours / theirs if theirs else None


def _lines(
    pairing: Pairing, names: Sequence[str], interval: Interval, looks: InterimLooks | None, faults: Faults
) -> tuple[MetricComparison, ...]:
    metrics = [ratio_metric(name, "cannot be compared pair by pair", COMPARED) for name in dict.fromkeys(names)]
    a, b = pairing.a, pairing.b

    def contrast(metric: Metric) -> Contrast:
        if unmeasured := unmeasured_contrast(metric.name, a.name, b.name, faults[::-1]):
            return unmeasured
        if looks is None:
            return metric_contrast(metric, pairing, interval)
        found = looks.contrast(metric, pairing, len(metrics))
        bounds = None if found.difference.value is None else worst_case_bounds(metric, pairing, interval)
        return replace(found, bounds=bounds)

    contrasts = [contrast(m) for m in metrics]
    if looks is None:
        contrasts = benjamini_hochberg(holm(contrasts))
    return tuple(_line(m, c, pairing, interval, faults) for m, c in zip(metrics, contrasts, strict=True))


def _line(metric: Metric, contrast: Contrast, pairing: Pairing, interval: Interval, faults: Faults) -> MetricComparison:
    bounds = contrast.bounds
    return MetricComparison(
        metric=metric.name,
        unit=metric.unit,
        a=_rate(metric, pairing.b, interval, faults[0]),
        b=_rate(metric, pairing.a, interval, faults[1]),
        contrast=contrast,
        bounds=bounds,
        missing=None if not metric.bounded else 0.0 if bounds is None else bounds.missing,
        outcome=_outcome(contrast),
    )


def _rate(metric: Metric, side: Side, interval: Interval, faults: Sequence[IntegrityFault]) -> Estimate:
    """The estimate of an arm; of one that was not measured there is no gap, as in a scorecard."""
    if faults and metric.name == "gap":
        return Estimate(None, why=f"{side.name} was not measured: {faults[0]}")
    return metric(side.steps, interval)


def _outcome(contrast: Contrast) -> MetricOutcome:
    if contrast.difference.value is None:
        return "not measured"
    if contrast.difference.counted < FEW:
        return "too few episodes"
    outcomes: dict[str, MetricOutcome] = {"up": "higher", "down": "lower", "undone": "no finding"}
    return outcomes.get(direction(contrast), "no difference shown")


def _sentence(a: str, b: str, lines: Sequence[MetricComparison], unit: str) -> str:
    """What the table licenses, in words.

    Args:
        unit: what the clusters are called.
    """
    measured = [line for line in lines if line.outcome != "not measured"]
    if not measured:
        return f"Nothing to compare: no metric was measured in both. {lines[0].contrast.difference.why}".rstrip()
    few = [line for line in measured if line.outcome == "too few episodes"]
    if len(few) == len(measured):
        most = max((line.contrast.difference for line in few), key=lambda d: d.counted)
        return f"Too few {unit} to call a difference ({most.how_many}, at least {FEW} are needed)."
    shown = [line for line in measured if line.outcome in ("higher", "lower")]
    undone = [line for line in measured if line.outcome == "no finding"]
    note = f" No finding in {', '.join(map(_undone, undone))}: answers that could not be read could undo it."
    note = note if undone else ""
    if not shown:
        ends = ((m.metric, difference_between(m.contrast.difference)) for m in measured if m not in (*few, *undone))
        spans = "; ".join(f"{metric} between {between}" for metric, between in ends)
        spans = f": {spans}" if spans else ""
        return f"No difference shown between {a!r} and {b!r} in {_count(measured)}{spans}.{note}"
    parts = [f"{line.outcome} {line.metric} by {_size(line.contrast)}" for line in shown]
    rest = [line.metric for line in measured if line not in (*shown, *undone)]
    others = f" No difference shown in {', '.join(rest)}." if rest else ""
    return f"{b!r} has a {' and a '.join(parts)} than {a!r}, corrected over {_count(measured)}.{others}{note}"


def _undone(line: MetricComparison) -> str:
    """A metric with the interval around its worst case, `knowing (-0.20 to +0.31)`."""
    low, high = line.contrast.worst or (None, None)
    return line.metric if low is None or high is None else f"{line.metric} ({low:+.2f} to {high:+.2f})"


def _count(lines: Sequence[MetricComparison]) -> str:
    return "1 metric" if len(lines) == 1 else f"{len(lines)} metrics"


def _size(contrast: Contrast) -> str:
    d = contrast.difference
    assert d.value is not None and d.low is not None and d.high is not None
    low, high = sorted((abs(d.low), abs(d.high)))
    return f"{abs(d.value):.2f} [{low:.2f}, {high:.2f}]"


def _episodes(side: Side) -> str:
    numbers = sorted(set(side.steps["episode"]))
    return f"episode {numbers[0]}" if len(numbers) == 1 else f"episodes {numbers[0]} to {numbers[-1]}"
