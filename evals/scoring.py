"""Scoring: from the tables of a run to its scorecard; needs no model, no graph and no network.

Invariants: every two arms that are compared are paired once, and contrasts, bounds, flips and anytime-valid intervals
come from that pairing; the p-values of one metric on one task and model are corrected together, so that a long table
does not find something by its length; a metric whose code fails stops no other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from ..errors import RunFolderError, UnknownName
from .anytime import InterimLooks, can_be_followed
from .breakdown import breakdowns
from .completeness import how_to_go_on, missing_sentence
from .controls import Reference, is_leaking, references
from .encoded import encoded_beside
from .heterogeneity import heterogeneity
from .how_read import how_read, several_readers
from .implied_judge import implied_rates
from .inference import INTERVALS, Contrast, Estimate, Interval, benjamini_hochberg, holm, kind_and_level
from .integrity import IntegrityFault, arm_cautions, arm_faults, unmeasured_contrast
from .items import with_items_of
from .judge import LEFT, Judged, with_judged
from .measuring import Readable, measure, select_metrics, worst_and_best
from .metrics import METRICS, SPLITS, Metric, gap_table
from .metrics.gap import gap as GAP
from .metrics.levels import LOSSES
from .metrics.trials import TRIAL_CONTRASTED
from .oracle import (
    SAY_DO_CONTRASTED,
    WHY_NOT,
    has_oracle,
    needs_oracle,
    unjudged_contrasts,
    unjudged_verdict,
)
from .pairs import Pairing, Side, metric_contrast, pair
from .run_tables import RunTables
from .scorecard import Arm, JudgedRates, Scorecard, multiple_of, outcomes_of, per_step
from .step_table import baseline_name
from .two_way import two_way
from .unmeasured import with_faults, with_undone
from .verdict import Verdict, judge_arm, no_verdict, with_leak
from .warnings import (
    UNCHECKED,
    arm_warnings,
    contrast_warnings,
    idle_model_warnings,
    meaning_of_optimal,
    placebo_warnings,
    trial_warnings,
)

CONTRASTED = ("gap", "doing", "knowing")
SPLIT = ("knowing", "doing", "gap")
FOLLOWED = ("knowing", "doing", "gap", "say_do")
JUDGED = ("knowing", "gap", "say_do")
HEADLINE = (  # every metric that a scorecard in a terminal shows or needs
    *FOLLOWED, "chance", "calls", "prompt_tokens", "completion_tokens", "reading_error", *TRIAL_CONTRASTED,
    "tool_called", "tool_called_needed", "tool_called_unneeded", "tool_errors", "tool_claimed", "tool_claimed_uncalled",
    "tool_called_unclaimed",
)  # fmt: skip

Pairings = Mapping[tuple[str, str], Pairing]
"""By the names of both arms."""


def score(
    run: RunTables | pl.DataFrame,
    metrics: Sequence[str] | None = None,
    baseline: str | None = None,
    interval: Interval = "robust",
    evaluators: Sequence[Any] = (),
    headline: bool = False,
    by_item: bool = False,
    mixed: bool = True,
) -> Scorecard:
    """Score a run.

    Args:
        run: its tables; a table made by `akrasia.evals.step_table` will do.
        metrics: names of metrics; by default all that are registered.
        baseline: a variant to compare with, instead of the run's own baseline.
        interval: "robust" or "bootstrap"; see `akrasia.evals.inference`.
        evaluators: further metrics, as `akrasia.evals.evaluating.evaluated` makes them of a user's evaluators; those
            that are ratios of sums are contrasted too.
        headline: only what a scorecard opens with. by_item: also how effects on the gap differ by item.
        mixed: with these, a mixed model beside each, which takes up to two seconds for each variant.

    Raises:
        UnknownName: no such metric or variant.
        RunFolderError: the table is empty.
    """
    run = RunTables.of(run)
    if run.steps.is_empty():
        raise RunFolderError("the run holds no records yet", run.stopped, how_to_go_on(run.stopped, run.name))
    kind, _ = kind_and_level(interval)
    if kind not in INTERVALS:
        raise UnknownName.among("kind of interval", kind, INTERVALS)
    run = replace(run, turns=None if run.turns is None else with_items_of(run.turns, run.steps))
    chosen = select_metrics(HEADLINE if headline and metrics is None else metrics) | {e.name: e for e in evaluators}
    named, broken_down = [e.name for e in evaluators], metrics is None and not headline
    scorer = _Scorer(run, chosen, named, interval, whole=metrics is None, broken_down=broken_down, failures=[])
    groups = [scorer.group(steps, baseline) for steps in _by_task_and_model(run)]
    arms = tuple(arm for group in groups for arm in group.arms)
    contrasts = tuple(c for group in groups for c in group.named(group.contrasts))
    anytime = tuple(c for group in groups for c in group.named(group.anytime))
    design = run.steps["design"][0]
    return Scorecard(
        design=design,
        arms=arms,
        contrasts=contrasts,
        verdicts=tuple(v for group in groups for v in group.verdicts),
        warnings=(
            *filter(None, [missing_sentence(run.missing, run.ended)]),
            *([] if run.imported is None else run.imported.warnings),
            *scorer.failures,
            *arm_warnings(arms, design),
            *contrast_warnings(arms, () if anytime else contrasts),
            *several_readers(run),
            *meaning_of_optimal(run.steps, run.experiment.get("decisions", {})),
            *([] if run.checksummed else [UNCHECKED]),
            *idle_model_warnings(run),
            *trial_warnings(run),
            *placebo_warnings(arms, anytime or contrasts),
        ),
        looks=run.looks,
        anytime=anytime,
        judged=run.judged,
        judged_implied=run.judged_implied,
        missing=run.missing,
        sessions=run.sessions,
        reading=how_read(run),
        imported=run.imported,
        two_way=two_way(run, interval=interval, baseline=baseline) if metrics is None else (),
        by_item=heterogeneity(run, "gap", interval, baseline, mixed) if by_item else (),
    )


@dataclass(frozen=True)
class _Group:
    """What was measured on one task and model."""

    arms: list[Arm]
    contrasts: list[Contrast]
    anytime: list[Contrast]
    verdicts: list[Verdict]

    def named(self, contrasts: Sequence[Contrast]) -> Iterator[tuple[str, str, Contrast]]:
        return ((self.arms[0].task, self.arms[0].model, c) for c in contrasts)


@dataclass(frozen=True)
class _Scorer:
    """Scores one task and model after the other; `failures` collects what a user's code raised."""

    run: RunTables
    metrics: Mapping[str, Any]
    evaluators: Sequence[str]
    interval: Interval
    whole: bool
    broken_down: bool
    failures: list[str]

    def group(self, steps: pl.DataFrame, baseline: str | None) -> _Group:
        """Everything on one task and model."""
        base = baseline_name(steps, baseline)
        parts = _by_variant(steps)
        order = _in_order(parts, base, self.run.experiment)
        controls = {v: references(parts, v, base) for v in order}
        pairings = _pairings(parts, controls, base)
        losses = LOSSES if steps["lost_at"].null_count() < steps.height else ()
        judged = has_oracle(steps)
        names = (*(CONTRASTED if judged else SAY_DO_CONTRASTED), *losses, *self.evaluators)
        contrasted = [m for n in names if isinstance(m := self.metrics.get(n), Metric)]
        faults = {v: arm_faults(self.run, steps, v, base) for v in order}
        contrasts = _contrasts(pairings, contrasted, self.interval, faults)
        if not judged:
            contrasts += [c for a, b in pairings for c in unjudged_contrasts(a, b, CONTRASTED)]
        repeated = [m for n in TRIAL_CONTRASTED if isinstance(m := self.metrics.get(n), Metric)]
        drawn = self._trials(steps)
        if base in drawn and self.run.looks is None and judged:
            again = {v: [r for r in refs if r.variant in drawn] for v, refs in controls.items() if v in drawn}
            contrasts += _contrasts(_pairings(drawn, again, base), repeated, self.interval, faults)
        looks = self.run.looks
        valid = [] if looks is None else _anytime_valid(looks, contrasts, contrasted, pairings)
        arms = [with_faults(a, faults[a.variant]) for a in self._arms(steps, order, parts, pairings, base)]
        arms = with_undone(arms, valid or contrasts)
        return _Group(arms, contrasts, valid, self._verdicts(arms, controls, valid or contrasts))

    def _arms(
        self, steps: pl.DataFrame, order: list[str], parts: Mapping[str, pl.DataFrame], pairings: Pairings, base: str
    ) -> list[Arm]:
        turns = self.run.turns
        here = None if turns is None else turns.filter(task=str(steps["task"][0]), model=str(steps["model"][0]))
        spoken = {} if here is None else _by_variant(here)
        drawn = self._trials(steps)
        tables = {v: Readable(parts[v], spoken.get(v), pairings.get((v, base)), drawn.get(v)) for v in order}
        arms = [self._arm(tables[v]) for v in order]
        if not self.broken_down:
            return arms
        beside = {v: encoded_beside(parts, v, self.run.prompts) for v in order}
        answers = None if here is None else _answers(here, self.run.trial_answers)

        def with_breakdowns(arm: Arm) -> Arm:
            source = beside[arm.variant]
            made = breakdowns(tables[arm.variant], parts.get(source), answers, self.interval)
            return replace(arm, breakdowns=made, encoded_from=source)

        return [with_breakdowns(arm) for arm in arms]

    def _trials(self, steps: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """The repeated draws of every variant of a task and model."""
        drawn, (task, model) = self.run.trials, steps.select("task", "model").row(0)
        return {} if drawn is None else _by_variant(drawn.filter(task=task, model=model))

    def _arm(self, tables: Readable) -> Arm:
        steps, interval = tables.steps, self.interval
        judged_steps = has_oracle(steps)
        metrics = {name: self._measured(name, m, tables, judged_steps) for name, m in self.metrics.items()}
        measured = (name for name, estimate in metrics.items() if estimate.value is not None)
        ends = {n: worst_and_best(n, self.metrics[n], tables, interval, self.failures) for n in measured}
        looks, judged, implied = self.run.looks, self.run.judged, self.run.judged_implied
        return Arm(
            task=str(steps["task"][0]),
            model=str(steps["model"][0]),
            variant=str(steps["variant"][0]),
            control=steps["control"][0],
            baseline=tables.pairing is None,
            steps=steps.height,
            episodes=steps["episode"].n_unique(),
            items=steps["item"].n_unique(),
            metrics=metrics,
            splits={n: self._split(steps.filter(k)) for n, k in SPLITS.items()} if self.broken_down else {},
            table=gap_table(steps),
            outcomes=outcomes_of(steps),
            calls=per_step(steps["calls"]),
            tokens=per_step(steps["prompt_tokens"] + steps["completion_tokens"]),
            flips=tables.pairing.flips if tables.pairing is not None and judged_steps else None,
            bounds={name: bounds for name, bounds in ends.items() if bounds is not None},
            anytime=looks.level(GAP, steps) if looks is not None and judged_steps else None,
            followed={} if looks is None else self._followed(looks, steps, metrics),
            judged=None if judged is None or not judged_steps else _judged(steps, judged, interval),
            judged_implied=None if implied is None or not judged_steps else implied_rates(steps, implied, interval),
            leaks=is_leaking(steps),
            cautions=arm_cautions(steps, tables.turns),
        )

    def _followed(
        self, looks: InterimLooks, steps: pl.DataFrame, metrics: Mapping[str, Estimate]
    ) -> dict[str, Estimate]:
        """The anytime-valid intervals of what a scorecard opens with, and of shares that were asked for by name."""
        return {
            name: looks.level(metric, steps)
            for name, metric in self.metrics.items()
            if can_be_followed(metric) and metrics[name].value is not None and (name in FOLLOWED or not self.whole)
        }

    def _measured(self, name: str, metric: Any, tables: Readable, judged: bool) -> Estimate:
        if not judged and needs_oracle(name, metric):
            return Estimate(None, why=WHY_NOT)
        return measure(name, metric, tables, self.interval, self.failures)

    def _split(self, steps: pl.DataFrame) -> dict[str, Estimate]:
        judged = has_oracle(steps)
        return {m: self._measured(m, METRICS.make(m), Readable(steps), judged) for m in SPLIT}

    def _verdicts(
        self,
        arms: list[Arm],
        controls: Mapping[str, list[Reference]],
        contrasts: Sequence[Contrast],
    ) -> list[Verdict]:
        base = next(a for a in arms if a.baseline)
        known = {(c.metric, c.variant, c.against): c for c in contrasts}
        family = sum(c.metric == "gap" and c.difference.value is not None for c in contrasts)

        def verdict(arm: Arm) -> Verdict:
            by_metric = {m: c for m in CONTRASTED if (c := known.get((m, arm.variant, base.variant))) is not None}
            refs = [(r, c) for r in controls[arm.variant] if (c := known.get(("gap", arm.variant, r.variant)))]
            multiples = (multiple_of(arm.tokens, base.tokens), multiple_of(arm.calls, base.calls))
            where = (arm.task, arm.model, arm.variant)
            change = known.get(("gap", arm.variant, base.variant))
            if change is not None and change.difference.why == WHY_NOT:
                return unjudged_verdict(*where, multiples)
            faults = [(name, fault) for name, a in (("it", arm), (base.variant, base)) for fault in a.integrity]
            faults.sort(key=lambda named: named[1].check == "leading")  # what it did itself, then whom it followed
            if faults:
                return no_verdict(where, *faults[0], multiples)
            reading = arm.metrics.get("reading_error")
            judged = judge_arm(where, by_metric, refs, arm.calls, multiples, family, arm.repeated, reading)
            return with_leak(judged, "" if arm.leaks else base.variant) if arm.leaks or base.leaks else judged

        return [verdict(a) for a in arms if not a.baseline and a.control is None]


def _answers(turns: pl.DataFrame, by_trials: pl.DataFrame | None) -> pl.DataFrame:
    """The answers behind the variants of one task and model, those of further draws among them."""
    columns = ["task", "model", "variant", "key", "cost"]
    first = turns.filter("asked").select(columns)
    if by_trials is None:
        return first
    return pl.concat([first, by_trials.join(first.select("task", "model").unique(), on=["task", "model"], how="semi")])


def _pairings(
    parts: Mapping[str, pl.DataFrame], controls: Mapping[str, list[Reference]], base: str
) -> dict[tuple[str, str], Pairing]:
    """Every variant with the baseline, then with the controls that match it."""
    names = [(v, base) for v in controls if v != base]
    names += [(v, r.variant) for v, refs in controls.items() for r in refs]
    return {(a, b): pair(Side(a, parts[a]), Side(b, parts[b])) for a, b in names}


def _contrasts(
    pairings: Pairings, metrics: Sequence[Metric], interval: Interval, faults: Mapping[str, Sequence[IntegrityFault]]
) -> list[Contrast]:
    """Every pairing in every metric, not measured where a fault bears on it; corrected per metric."""

    def contrast(metric: Metric, pairing: Pairing) -> Contrast:
        a, b = pairing.a.name, pairing.b.name
        return unmeasured_contrast(metric.name, a, b, (faults[a], faults[b])) or metric_contrast(
            metric, pairing, interval
        )

    families = [[contrast(m, pairing) for pairing in pairings.values()] for m in metrics]
    return [c for family in families for c in benjamini_hochberg(holm(family))]


def _anytime_valid(
    looks: InterimLooks, contrasts: Sequence[Contrast], metrics: Sequence[Metric], pairings: Pairings
) -> list[Contrast]:
    """The same contrasts with intervals that hold at every look, and together over those of a metric."""
    families = Counter(c.metric for c in contrasts if c.difference.value is not None)
    by_name = {m.name: m for m in metrics}
    return [
        c
        if c.difference.value is None
        else replace(
            looks.contrast(by_name[c.metric], pairings[c.variant, c.against], families[c.metric] or 1), bounds=c.bounds
        )
        for c in contrasts
    ]


def _judged(steps: pl.DataFrame, judged: Judged, interval: Interval) -> JudgedRates:
    """What judges add to an arm."""
    with_readings = with_judged(steps, judged)
    return JudgedRates(
        metrics={m: METRICS.make(m)(with_readings, interval) for m in JUDGED},
        unread=steps.filter(pl.col("stated_status").is_in(LEFT)).height,
        judged=with_readings.filter(stated_status="judged").height,
    )


def _by_task_and_model(run: RunTables) -> list[pl.DataFrame]:
    """The steps of every task and model: tasks in order of appearance, within each the models as listed."""
    groups = dict(_groups(run.steps, ["task", "model"]))
    tasks = list(dict.fromkeys(task for task, _ in groups))
    models = run.models
    return [groups[key] for key in sorted(groups, key=lambda key: (tasks.index(key[0]), models.index(key[1])))]


def _in_order(variants: Iterable[str], base: str, experiment: Mapping[str, Any]) -> list[str]:
    """The baseline, then the variants as the experiment names them; those that it does not name by their names."""
    named = {v: place for place, v in enumerate(experiment.get("variants") or {})}
    return sorted(variants, key=lambda v: (v != base, named.get(v, len(named)), v))


def _by_variant(table: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {str(v): part for (v,), part in _groups(table, ["variant"])}


def _groups(table: pl.DataFrame, by: list[str]) -> Iterator[tuple[tuple[Any, ...], pl.DataFrame]]:
    """The rows of each group, in order of appearance; without a copy where they lie together, as in a stored run."""
    row = pl.col("row")
    places = table.select(*by).with_row_index("row").group_by(by, maintain_order=True)
    for *names, first, last, count in places.agg(row.min(), row.max().alias("last"), pl.len()).rows():
        if last - first + 1 == count:
            yield tuple(names), table.slice(first, count)
        else:
            yield tuple(names), table.filter(pl.all_horizontal(pl.col(k) == v for k, v in zip(by, names, strict=True)))
