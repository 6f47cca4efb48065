"""The scorecard: every metric of every variant, its paired contrasts with baseline and controls, and the verdicts.

Invariants: the baseline is the variant the run marked as such; contrasts pair the same episodes; the p-values of one
metric on one task and model are corrected together, so that a long table does not find something by its length.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import polars as pl

from ..errors import RunFolderError, UnknownName
from .anytime import Looks
from .breakdown import Breakdown, breakdowns, what_shows
from .controls import Reference, is_control, references
from .inference import FEW, INTERVALS, Bounds, Contrast, Estimate, Interval
from .judge import LEFT, Judged, with_judge
from .measuring import View, choose, measure, worst_and_best
from .metrics import METRICS, SPLITS, GapTable, Metric, gap_table
from .metrics.gap import gap as GAP
from .pairs import Flips, contrasts, count_flips, open_to, same_situations
from .two_way import TwoWay, two_way
from .verdict import Verdict, direction, judge_arm

__all__ = ["CONTRASTED", "Arm", "Scorecard", "score"]

CONTRASTED = ("gap", "doing", "knowing")
SPLIT = ("knowing", "doing", "gap")


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant on one task and model.

    Attributes:
        metrics: estimates per metric name; bounds: what answers that could not be read could have made of them, for
            those that tell and miss some; splits: knowing, doing and gap per subset of steps.
        calls, tokens: per decision, tokens in and out together.
        labels: entropy of the actions taken, None on question sets, whose answers are right or wrong.
        statuses: how many steps ended in each outcome; answers: how many of all answers behind them were read.
        anytime: the gap with its anytime-valid interval, where the run was looked at while it went on; else empty.
        judged: knowing, gap and say-do where judges read what the parser left, beside `metrics`, which are the parser's
            alone; empty where nobody judged. left: steps that the parser left, and how many of them the judges read.
        flips: None in a rollout, where situations differ.
        parts: what lies behind the metrics, by breakdown, row and column: `parts["round"]["1"]["wrong_to_right"]`; see
            `akrasia.evals.breakdown`. Empty where single metrics were asked for.
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
    calls: float
    tokens: float
    labels: float | None
    flips: Flips | None
    anytime: dict[str, Estimate]
    judged: dict[str, Estimate] = field(default_factory=dict)
    left: tuple[int, int] = (0, 0)
    bounds: dict[str, Bounds] = field(default_factory=dict)
    parts: dict[str, Breakdown] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scorecard:
    """What `score` found.

    Attributes:
        contrasts: (task, model, contrast), corrected per metric, task and model.
        looks: how the run was looked at while it went on, None if it was not; `anytime`: the contrasts with
            anytime-valid intervals, which alone are valid then, and hold together over those of one metric.
        verdicts: one for each arm that is neither the baseline nor a control.
        warnings: what a reader must know before believing a number.
        judged: what judges read where the parser could not, and how well the two agree; None where nobody judged.
        two_way: every two models by every two variants, where the run has both; empty as well where single metrics were
            asked for.
    """

    design: str
    arms: tuple[Arm, ...]
    contrasts: tuple[tuple[str, str, Contrast], ...]
    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...]
    looks: Looks | None = None
    anytime: tuple[tuple[str, str, Contrast], ...] = ()
    judged: Judged | None = None
    two_way: tuple[TwoWay, ...] = ()

    @property
    def valid(self) -> tuple[tuple[str, str, Contrast], ...]:
        """The contrasts that keep their word: anytime-valid and without a p where the run was looked at."""
        return self.anytime or self.contrasts

    def contrast(self, arm: Arm, metric: str, against: str) -> Contrast | None:
        """The contrast of an arm in a metric against another variant, of those that are `valid`."""
        for task, model, c in self.valid:
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
    looked: Mapping[str, Any] | None = None,
    judged: Judged | None = None,
    turns: pl.DataFrame | None = None,
    models: Sequence[str] = (),
) -> Scorecard:
    """Score a table of records; needs no model, no graph and no network.

    Args:
        frame: the table made by `akrasia.evals.frame`.
        metrics: names of metrics; by default all that are registered.
        baseline: a variant to compare with, instead of the run's own baseline.
        interval: "robust" or "bootstrap"; see `akrasia.evals.inference`.
        evaluators: further metrics, as `akrasia.evals.evaluator.evaluated` makes them of a user's evaluators; those
            that are ratios of sums are contrasted too.
        looked: what the ledger keeps of the looks at a run under `until`.
        judged: what judges read of it; see `akrasia.evals.judge`.
        turns: the transcripts, as `akrasia.evals.turns` makes them; without it what is told by turns is not measured.
        models: in which order models stand; by default that of the table.

    Raises:
        UnknownName: no such metric or variant.
        RunFolderError: the table is empty.
    """
    if frame.is_empty():
        raise RunFolderError("the run holds no records yet", remedy="Resume it: akrasia run --resume FOLDER.")
    if interval not in INTERVALS:
        raise UnknownName.among("kind of interval", interval, INTERVALS)
    chosen = choose(metrics) | {e.name: e for e in evaluators}
    contrasted = [chosen[n] for n in (*CONTRASTED, *(e.name for e in evaluators)) if isinstance(chosen.get(n), Metric)]
    failed: list[str] = []
    looks = Looks.of(looked) if looked else None
    arms: list[Arm] = []
    anytime: list[tuple[str, str, Contrast]] = []
    compared: list[tuple[str, str, Contrast]] = []
    verdicts: list[Verdict] = []
    for (task, model), here in _in_order(_groups(frame, ["task", "model"]), models):
        parts = _by_variant(here)
        base = _baseline(here, parts, baseline)
        order = sorted(parts, key=lambda v: (v != base, is_control(parts[v]), v))
        spoken = None if turns is None else turns.filter(task=str(task), model=str(model))
        said_here = {} if spoken is None else _by_variant(spoken)
        views = {v: View(parts[v], None if v == base else parts[base], said_here.get(v)) for v in order}
        here_arms = [_arm(views[v], chosen, interval, looks, failed) for v in order]
        if metrics is None:
            seen = what_shows(parts, here["design"][0])
            here_arms = [replace(a, parts=breakdowns(views[a.variant], seen, spoken, interval)) for a in here_arms]
        controls = {v: references(parts, v, base) for v in order}
        found = contrasts(parts, controls, base, contrasted, interval)
        timeless = [] if looks is None else _timeless(looks, found, {m.name: m for m in contrasted}, parts)
        anytime += [(str(task), str(model), c) for c in timeless]
        arms += here_arms
        compared += [(str(task), str(model), c) for c in found]
        verdicts += _verdicts(here_arms, parts, controls, timeless or found, interval)
    if judged is not None:
        arms = [_with_judge(arm, frame, judged, interval) for arm in arms]
    said = [*failed, *_warnings(frame, arms), *_biting(arms, anytime or compared)]
    tables = (
        two_way(frame, interval=interval, baseline=baseline, models=models, looked=looked) if metrics is None else ()
    )
    return Scorecard(
        frame["design"][0], tuple(arms), tuple(compared), tuple(verdicts), tuple(said), looks, tuple(anytime), judged,
        tables,
    )  # fmt: skip


def _by_variant(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {str(v): part for (v,), part in _groups(frame, ["variant"])}


def _groups(frame: pl.DataFrame, by: list[str]) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    """The rows of each group, in order of appearance; without a copy where they lie together, as in a stored run."""
    row = pl.col("row")
    places = frame.select(*by).with_row_index("row").group_by(by, maintain_order=True)
    for *names, first, last, count in places.agg(row.min(), row.max().alias("last"), pl.len()).rows():
        if last - first + 1 == count:
            yield tuple(names), frame.slice(first, count)
        else:
            yield tuple(names), frame.filter(pl.all_horizontal(pl.col(k) == v for k, v in zip(by, names, strict=True)))


def _in_order(
    groups: Iterable[tuple[tuple[Any, ...], pl.DataFrame]], models: Sequence[str]
) -> list[tuple[tuple[Any, ...], pl.DataFrame]]:
    """Groups of (task, model): tasks in order of appearance, within each the models as listed, then any others."""
    found = list(groups)
    tasks = list(dict.fromkeys(task for (task, _), _ in found))
    places = {model: i for i, model in enumerate(models)}
    return sorted(found, key=lambda g: (tasks.index(g[0][0]), places.get(g[0][1], len(places))))


def _baseline(here: pl.DataFrame, parts: dict[str, pl.DataFrame], wanted: str | None) -> str:
    if wanted is not None:
        if wanted not in parts:
            raise UnknownName.among("variant", wanted, parts)
        return wanted
    marked = here.filter(pl.col("baseline"))["variant"]
    return str(marked[0]) if len(marked) else next(iter(parts))


def _arm(view: View, chosen: dict[str, Any], interval: Interval, looks: Looks | None, failed: list[str]) -> Arm:
    part, base = view.steps, view.base
    task, model, variant = (str(part[name][0]) for name in ("task", "model", "variant"))
    metrics = {name: measure(name, metric, view, interval, failed) for name, metric in chosen.items()}
    measured = (name for name, found in metrics.items() if found.value is not None)
    ends = {name: worst_and_best(name, chosen[name], view, interval, failed) for name in measured}
    return Arm(
        task=task,
        model=model,
        variant=variant,
        control=part["control"][0],
        baseline=base is None,
        steps=part.height,
        episodes=part["episode"].n_unique(),
        metrics=metrics,
        splits={name: _split(part.filter(keep), interval, failed) for name, keep in SPLITS.items()},
        table=gap_table(part),
        statuses=_counts(part["status"]),
        stated_statuses=_counts(part["stated_status"]),
        answers={"ok": int(part["answers_read"].sum()), "unread": int((part["answers"] - part["answers_read"]).sum())},
        calls=float(part["calls"].sum()) / part.height,
        tokens=float((part["prompt_tokens"] + part["completion_tokens"]).sum()) / part.height,
        labels=_entropy(part["done"]) if part["item"].null_count() else None,
        flips=count_flips(part, base) if base is not None and part["design"][0] == "fork" else None,
        anytime={} if looks is None else {"gap": looks.level(GAP, part)},
        bounds={name: found for name, found in ends.items() if found is not None},
    )


def _split(steps: pl.DataFrame, interval: Interval, failed: list[str]) -> dict[str, Estimate]:
    return {m: measure(m, METRICS.make(m), View(steps), interval, failed) for m in SPLIT}


def _with_judge(arm: Arm, frame: pl.DataFrame, judged: Judged, interval: Interval) -> Arm:
    """The arm with what judges add to it, kept apart from the parser's own numbers."""
    part = frame.filter(task=arm.task, model=arm.model, variant=arm.variant)
    told = with_judge(part, judged)
    left = part.filter(pl.col("stated_status").is_in(LEFT)).height, told.filter(stated_status="judged").height
    return replace(arm, judged={m: METRICS.make(m)(told, interval) for m in ("knowing", "gap", "say_do")}, left=left)


def _timeless(
    looks: Looks, found: list[Contrast], metrics: dict[str, Metric], parts: dict[str, pl.DataFrame]
) -> list[Contrast]:
    """The same contrasts with intervals that hold at every look, and together over those of a metric."""
    families = Counter(c.metric for c in found if c.difference.value is not None)

    def timeless(c: Contrast) -> Contrast:
        a, b = same_situations(parts[c.variant], parts[c.against])
        return looks.contrast(metrics[c.metric], (c.variant, a), (c.against, b), families[c.metric] or 1)

    return [timeless(c) for c in found]


def _verdicts(
    arms: list[Arm],
    parts: dict[str, pl.DataFrame],
    controls: dict[str, list[Reference]],
    found: list[Contrast],
    interval: Interval,
) -> list[Verdict]:
    base = next(a for a in arms if a.baseline)
    known = {(c.metric, c.variant, c.against): c for c in found}
    family = sum(c.metric == "gap" and c.difference.value is not None for c in found)

    def verdict(arm: Arm) -> Verdict:
        against_base = {m: c for m in CONTRASTED if (c := known.get((m, arm.variant, base.variant))) is not None}
        refs = [(r, c) for r in controls[arm.variant] if (c := known.get(("gap", arm.variant, r.variant))) is not None]
        tokens, calls = _ratio(arm.tokens, base.tokens), _ratio(arm.calls, base.calls)
        where = (arm.task, arm.model, arm.variant)
        ends = open_to(GAP, (arm.variant, parts[arm.variant]), (base.variant, parts[base.variant]), interval)
        return judge_arm(where, against_base, refs, arm.calls, (tokens, calls), family, ends)

    return [verdict(a) for a in arms if not a.baseline and a.control is None]


def _ratio(mine: float, theirs: float) -> float | None:
    return mine / theirs if theirs else None


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
            how = ", ".join(f"{n} {status}" for status, n in arm.statuses.items() if status != "ok")
            said.append(f"{name}: {silent:.0%} of the steps hold no legal action ({how}); they count as wrong")
        if arm.labels is not None and arm.labels < 0.5:
            said.append(f"{name}: the actions are nearly all the same label (entropy {arm.labels:.2f})")
    if frame["design"][0] == "fork":
        sizes: dict[tuple[str, str], set[int]] = {}
        for arm in arms:
            sizes.setdefault((arm.task, arm.model), set()).add(arm.steps)
        if any(len(s) > 1 for s in sizes.values()):
            said.append("the variants do not cover the same situations: contrasts use the episodes they share")
    return said


def _biting(arms: list[Arm], contrasts: list[tuple[str, str, Contrast]]) -> list[str]:
    """A placebo that is shown to change something: whatever the intervention does, the extra turns do as well."""
    placebos = {(a.task, a.model, a.variant) for a in arms if a.control == "placebo"}
    bases = {(a.task, a.model): a.variant for a in arms if a.baseline}
    return [
        f"{c.variant}: a placebo is shown to change the {c.metric}; compare with it, not with the baseline"
        for task, model, c in contrasts
        if (task, model, c.variant) in placebos and c.against == bases[task, model]
        and c.metric == "gap" and direction(c) in ("down", "up")
    ]  # fmt: skip
