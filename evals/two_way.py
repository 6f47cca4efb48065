"""The two-way table: two models, each without and with an intervention, and whether the two add up.

Rows are models (a trained one, say, under the one it was trained from), columns are variants. Besides the four cells it
tells what the model changes (averaged over the variants), what the intervention changes (averaged over the models), and
the interaction: how much more the intervention changes in the second model than in the first,
(second with it - second) - (first with it - first). An interaction below 0 in doing says that the two buy in part the
same thing.

Invariants: the unit of independence is the item, over both models together, for they share it; only episodes
that all four cells hold are counted, and where the models decided the same situations only these. The p-values of one
metric on one task are one family (Holm), whatever number of tables it takes. In a run that was looked at while it went
on nothing is tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import polars as pl

from .controls import is_leaking
from .inference import Array, Bounds, Contrast, Estimate, Interval, cell_contrast, estimate, holm
from .integrity import IntegrityFault, arm_faults
from .metrics import Metric, ratio_metric
from .pairs import OWN_WAY, Pairing, Side, has_missing
from .run_tables import RunTables
from .situations import shared_situations
from .step_table import baseline_name

Effect = Literal["model", "variant", "interaction"]
MEASURED = ("knowing", "doing", "gap")
EFFECTS: dict[Effect, tuple[float, float, float, float]] = {
    "model": (-0.5, -0.5, 0.5, 0.5),
    "variant": (-0.5, 0.5, -0.5, 0.5),
    "interaction": (1.0, -1.0, -1.0, 1.0),
}
"""Weights over the cells (first model without, first model with, second without, second with)."""
ALL_SAME = "all models decided the same situations"
OWN_BASELINE = "the same seeds; each model met the situations that its own baseline led to"


@dataclass(frozen=True, slots=True)
class TwoWay:
    """Two models by two variants on one task.

    Attributes:
        models: the first and the second; variants: without and with the intervention.
        control: what kind of control the second variant is, None if it is none.
        pairing: in words, what is paired with what.
        episodes: those that all four cells hold; items: what these are about; steps: per cell, of the smallest.
        cells: per metric, in the order of `EFFECTS`' weights.
        effects: per metric and effect, with what missing outcomes could have made of each; their p are corrected over
            the tables of the task.
        leaks: whether an agent of each variant is told something by the oracle.
        tested: false in a run that was looked at while it went on: its intervals hold for a fixed number of episodes.
    """

    task: str
    models: tuple[str, str]
    variants: tuple[str, str]
    control: str | None
    pairing: str
    episodes: int
    items: int
    steps: int
    cells: dict[str, tuple[Estimate, Estimate, Estimate, Estimate]]
    effects: dict[str, dict[str, Contrast]]
    tested: bool = True
    leaks: tuple[bool, bool] = (False, False)

    @property
    def interaction(self) -> dict[str, Contrast]:
        """The interaction contrast per metric."""
        return {metric: effects["interaction"] for metric, effects in self.effects.items()}


def two_way(
    run: RunTables | pl.DataFrame,
    metrics: Sequence[str] = MEASURED,
    interval: Interval = "robust",
    baseline: str | None = None,
) -> tuple[TwoWay, ...]:
    """Every pair of models with every variant beside the baseline, on every task; empty where there is no such table.

    Of two models, the one that the experiment lists first is the one that the other is compared with.

    Args:
        run: its tables; a table made by `akrasia.evals.step_table` will do.
        metrics: names of metrics that are ratios of sums.
        baseline: the variant without the intervention; by default the run's own baseline.

    Raises:
        UnknownName: no such metric, or a table of a model or variant that is not there.
        BadOption: a metric is no ratio of sums.
    """
    run = RunTables.of(run)
    chosen = [ratio_metric(name, "has no two-way table", MEASURED) for name in dict.fromkeys(metrics)]
    tables: list[TwoWay] = []
    tasks = run.steps["task"].unique(maintain_order=True)
    for task in tasks:
        # A long run's table is not copied.
        here = run.steps if len(tasks) == 1 else run.steps.filter(pl.col("task") == task)
        present = set(here["model"].unique())
        base = baseline_name(here, baseline)
        others = [str(v) for v in here["variant"].unique(maintain_order=True) if v != base]
        made = [
            _table(str(task), cells, models, (base, v), chosen, interval)
            for models in combinations([m for m in run.models if m in present], 2)
            for v in others
            if (cells := _cells(here, models, (base, v))) is not None
        ]
        arms = dict.fromkeys((m, v) for table in made for m in table.models for v in table.variants)
        faults = {(m, v): arm_faults(run, here.filter(model=m), v, base) for m, v in arms}
        made = [_measured(table, faults) for table in made]
        tables += _corrected(made, [m.name for m in chosen]) if run.looks is None else [_untested(t) for t in made]
    return tuple(tables)


def _cells(steps: pl.DataFrame, models: tuple[str, str], variants: tuple[str, str]) -> list[Side] | None:
    """The records of the four cells over the episodes that all hold; None where one is empty or none is shared."""
    parts = {f"{m}/{v}": steps.filter(model=m, variant=v) for m in models for v in variants}
    shared = set.intersection(*(set(part["episode"]) for part in parts.values()))
    if not shared:
        return None
    return [Side(name, part.filter(pl.col("episode").is_in(shared))) for name, part in parts.items()]


def _table(
    task: str,
    cells: list[Side],
    models: tuple[str, str],
    variants: tuple[str, str],
    metrics: list[Metric],
    interval: Interval,
) -> TwoWay:
    pairing = _pairing(cells)
    name = f"{' against '.join(models)}/{variants[1]}"
    values: dict[str, tuple[Estimate, Estimate, Estimate, Estimate]] = {}
    effects: dict[str, dict[str, Contrast]] = {}
    for metric in metrics:
        sums, share = pairing.sums(metric), metric.unit == "share"
        counts = pairing.counts(metric) if has_missing(metric, pairing) else None
        a, b, c, d = (_cell(metric, s, interval) for s in sums)
        values[metric.name] = (a, b, c, d)
        effects[metric.name] = {
            effect: replace(
                cell_contrast(sums, weights, metric.name, effect, name, interval, share),
                bounds=None if counts is None else _worst_cases(metric.name, counts, weights, (effect, name), interval),
            )
            for effect, weights in EFFECTS.items()
        }
    steps = [side.steps for side in pairing.sides]
    return TwoWay(
        task=task,
        models=models,
        variants=variants,
        control=steps[1]["control"][0],
        pairing=pairing.words,
        episodes=steps[0]["episode"].n_unique(),
        items=pairing.items,
        steps=min(part.height for part in steps),
        cells=values,
        effects=effects,
        leaks=(is_leaking(steps[0]), is_leaking(steps[1])),
    )


def _worst_cases(
    metric: str,
    counts: Sequence[tuple[Array, Array, Array]],
    weights: Sequence[float],
    names: tuple[str, str],
    interval: Interval,
) -> Bounds:
    """What missing outcomes could have made of an effect.

    Args:
        counts: (known to be 1, steps, missing) per item of each cell, each of shape (items,); weights: of the cells.
        names: the effect, and what it is called beside it.
    """

    def with_missing_as_one(where: float) -> Estimate:
        cells = [
            (num + (lost if w * where > 0 else 0), den) for w, (num, den, lost) in zip(weights, counts, strict=True)
        ]
        return cell_contrast(cells, weights, metric, *names, interval).difference

    steps = sum(float(den.sum()) for _, den, _ in counts)
    lost = sum(float(missing.sum()) for _, _, missing in counts)
    return Bounds(with_missing_as_one(-1.0), with_missing_as_one(1.0), lost / steps if steps else None)


def _measured(table: TwoWay, faults: Mapping[tuple[str, str], Sequence[IntegrityFault]]) -> TwoWay:
    """The table without the effects that a cell takes away that was not measured.

    Args:
        faults: of each model and variant.
    """
    arms = [(m, v) for m in table.models for v in table.variants]

    def effect(metric: str, contrast: Contrast) -> Contrast:
        broken = [f"{v} of {m}" for m, v in arms if any(f.bears_on(metric) for f in faults[m, v])]
        if not broken:
            return contrast
        why = f"{' and '.join(broken)} {'was' if len(broken) == 1 else 'were'} not measured"
        return Contrast(metric, contrast.variant, contrast.against, Estimate(None, why=why))

    effects = {m: {e: effect(m, c) for e, c in by.items()} for m, by in table.effects.items()}
    if any(faults[arm] for arm in arms) and "gap" in table.cells:
        cells = zip(table.cells["gap"], arms, strict=True)
        a, b, c, d = (Estimate(None, why="it was not measured") if faults[arm] else cell for cell, arm in cells)
        return replace(table, effects=effects, cells=table.cells | {"gap": (a, b, c, d)})
    return replace(table, effects=effects)


def _pairing(cells: list[Side]) -> Pairing:
    """The cells cut to what is comparable.

    The two variants of a model met the same situations in any fork; both models only where one led.
    """
    steps = [cell.steps for cell in cells]
    if steps[0]["design"][0] != "fork":
        return Pairing(tuple(cells), "seeds", OWN_WAY)
    common = shared_situations(*steps)
    # Without a leader two models part at their first different action: what they share by chance is no fair sample.
    if common[0].height == min(part.height for part in steps):
        return Pairing(_with_steps(cells, common), "situations", ALL_SAME, planned=True)
    halves = (*shared_situations(*steps[:2]), *shared_situations(*steps[2:]))
    return Pairing(_with_steps(cells, halves), "seeds", OWN_BASELINE)


def _with_steps(cells: list[Side], steps: Sequence[pl.DataFrame]) -> tuple[Side, ...]:
    return tuple(replace(cell, steps=part) for cell, part in zip(cells, steps, strict=True))


def _cell(metric: Metric, sums: tuple[Array, Array], interval: Interval) -> Estimate:
    mean = estimate(*sums, metric.name, metric.unit == "share", interval)
    return Estimate(None, why=metric.why) if mean.value is None else mean


def _corrected(tables: list[TwoWay], metrics: list[str]) -> Iterator[TwoWay]:
    """The tables of a task, the p of each metric corrected over all of their effects."""
    corrected = {m: iter(holm([t.effects[m][e] for t in tables for e in EFFECTS])) for m in metrics}
    for table in tables:
        yield replace(table, effects={m: {e: next(corrected[m]) for e in EFFECTS} for m in metrics})


def _untested(table: TwoWay) -> TwoWay:
    effects = {m: {e: replace(c, p=None) for e, c in by.items()} for m, by in table.effects.items()}
    return replace(table, effects=effects, tested=False)
