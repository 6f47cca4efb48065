"""The two-way table: two models, each without and with an intervention, and whether the two add up.

Rows are models (a trained one, say, under the one it was trained from), columns are variants. Besides the four cells it
tells what the model changes (averaged over the variants), what the intervention changes (averaged over the models), and
the interaction: how much more the intervention changes in the second model than in the first,
(second with it - second) - (first with it - first). An interaction below 0 in doing says that the two buy in part the
same thing.

Invariants: the unit of independence is the episode, over both models together, for they share its seed; only episodes
that all four cells hold are counted, and where the models decided the same situations only these. The p-values of one
metric on one task are one family (Holm), whatever number of tables it takes. In a run that was looked at while it went
on nothing is tested.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations
from typing import Any, Literal

import numpy as np
import polars as pl

from ..errors import UnknownName
from .inference import Array, Contrast, Estimate, Interval, cell_contrast, estimate, holm
from .metrics import Metric
from .metrics.base import ratio

__all__ = ["EFFECTS", "MEASURED", "TwoWay", "two_way"]

Effect = Literal["model", "variant", "interaction"]
MEASURED = ("knowing", "doing", "gap")
EFFECTS: dict[Effect, tuple[float, float, float, float]] = {
    "model": (-0.5, -0.5, 0.5, 0.5),
    "variant": (-0.5, 0.5, -0.5, 0.5),
    "interaction": (1.0, -1.0, -1.0, 1.0),
}
"""Weights over the cells (first model without, first model with, second without, second with)."""
SAME = "all models decided the same situations"
SEEDS = "the same seeds; each model met the situations that its own baseline led to"
ROLLOUT = "the same seeds; each arm met the situations that it led to"


@dataclass(frozen=True, slots=True)
class TwoWay:
    """Two models by two variants on one task.

    Attributes:
        models: the first and the second; variants: without and with the intervention.
        control: what kind of control the second variant is, None if it is none.
        pairing: in words, what is paired with what.
        episodes: those that all four cells hold; steps: per cell, of the smallest.
        cells: per metric, in the order of `EFFECTS`' weights.
        effects: per metric and effect; their p are corrected over the tables of the task.
        tested: false in a run that was looked at while it went on: its intervals hold for a fixed number of episodes.
    """

    task: str
    models: tuple[str, str]
    variants: tuple[str, str]
    control: str | None
    pairing: str
    episodes: int
    steps: int
    cells: dict[str, tuple[Estimate, Estimate, Estimate, Estimate]]
    effects: dict[str, dict[str, Contrast]]
    tested: bool = True

    @property
    def interaction(self) -> dict[str, Contrast]:
        """The interaction contrast per metric."""
        return {metric: found["interaction"] for metric, found in self.effects.items()}


def two_way(
    frame: pl.DataFrame,
    metrics: Sequence[str] = MEASURED,
    interval: Interval = "robust",
    baseline: str | None = None,
    models: Sequence[str] = (),
    looked: Mapping[str, Any] | None = None,
) -> tuple[TwoWay, ...]:
    """Every pair of models with every variant beside the baseline, on every task; empty where there is no such table.

    Args:
        frame: the table made by `akrasia.evals.frame`.
        metrics: names of metrics that are ratios over episodes.
        baseline: the variant without the intervention; by default the run's own baseline.
        models: in which order they are told: of two, the first is the one that the second is compared with. By default
            the order of the table.
        looked: what the ledger keeps of the looks at a run under `until`.

    Raises:
        UnknownName: no such metric, or a table of a model or variant that is not there.
        BadOption: a metric is no ratio over episodes.
    """
    chosen = [ratio(name, "has no two-way table", MEASURED) for name in dict.fromkeys(metrics)]
    found: list[TwoWay] = []
    tasks = frame["task"].unique(maintain_order=True)
    for task in tasks:
        here = frame if len(tasks) == 1 else frame.filter(pl.col("task") == task)  # a long run's table is not copied
        known = [str(m) for m in here["model"].unique(maintain_order=True)]
        order = [*(m for m in models if m in known), *(m for m in known if m not in models)]
        variants = here["variant"].unique(maintain_order=True)
        base = baseline or _baseline(here)
        if base not in variants:
            raise UnknownName.among("variant", base, variants)
        others = [v for v in variants if v != base]
        tables = [
            _table(str(task), cells, pair, (base, v), chosen, interval)
            for pair in combinations(order, 2)
            for v in others
            if (cells := _cells(here, pair, (base, v))) is not None
        ]
        found += _corrected(tables, [m.name for m in chosen]) if looked is None else [_untested(t) for t in tables]
    return tuple(found)


def _baseline(here: pl.DataFrame) -> str:
    marked = here.filter("baseline")["variant"]
    return str(marked[0] if len(marked) else here["variant"][0])


def _cells(here: pl.DataFrame, models: tuple[str, str], variants: tuple[str, str]) -> list[pl.DataFrame] | None:
    """The records of the four cells over the episodes that all hold; None where one is empty or none is shared."""
    cells = [here.filter(model=m, variant=v) for m in models for v in variants]
    shared = set.intersection(*(set(c["episode"]) for c in cells))
    return [c.filter(pl.col("episode").is_in(shared)) for c in cells] if shared else None


def _table(
    task: str,
    cells: list[pl.DataFrame],
    models: tuple[str, str],
    variants: tuple[str, str],
    metrics: list[Metric],
    interval: Interval,
) -> TwoWay:
    cells, pairing = _paired(cells)
    name = f"{' against '.join(models)}/{variants[1]}"
    values: dict[str, tuple[Estimate, Estimate, Estimate, Estimate]] = {}
    effects: dict[str, dict[str, Contrast]] = {}
    for metric in metrics:
        sums, share = _sums(metric, cells), metric.unit == "share"
        a, b, c, d = (_told(metric, s, interval) for s in sums)
        values[metric.name] = (a, b, c, d)
        effects[metric.name] = {
            effect: cell_contrast(sums, weights, metric.name, effect, name, interval, share)
            for effect, weights in EFFECTS.items()
        }
    episodes = cells[0]["episode"].n_unique()
    control = cells[1]["control"][0]
    return TwoWay(
        task, models, variants, control, pairing, episodes, min(c.height for c in cells), values, effects
    )  # fmt: skip


def _paired(cells: list[pl.DataFrame]) -> tuple[list[pl.DataFrame], str]:
    """The cells cut to what is comparable, and in words what that is.

    The two variants of a model met the same situations in any fork; both models only where one led.
    """
    if cells[0]["design"][0] != "fork":
        return cells, ROLLOUT
    keys = ["episode", "step", "situation"]
    common = reduce(lambda a, b: a.join(b, on=keys, how="semi"), [c.select(keys) for c in cells])
    # Without a leader two models part at their first different action: what they share by chance is no fair sample.
    if common.height == min(c.height for c in cells):
        return [c.join(common, on=keys, how="semi") for c in cells], SAME
    halves = [_both(*cells[:2]), _both(*cells[2:])]
    return [cell for half in halves for cell in half], SEEDS


def _both(a: pl.DataFrame, b: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    keys = ["episode", "step", "situation"]
    return a.join(b, on=keys, how="semi"), b.join(a, on=keys, how="semi")


def _sums(metric: Metric, cells: list[pl.DataFrame]) -> list[tuple[Array, Array]]:
    """(num, den) per episode of each cell, aligned."""
    parts = [
        metric.sums(cell).select("episode", pl.col("num").alias(f"num{i}"), pl.col("den").alias(f"den{i}"))
        for i, cell in enumerate(cells)
    ]
    whole = reduce(lambda a, b: a.join(b, on="episode"), parts).sort("episode")
    return [
        (np.asarray(whole[f"num{i}"].to_numpy(), float), np.asarray(whole[f"den{i}"].to_numpy(), float))
        for i in range(len(cells))
    ]


def _told(metric: Metric, sums: tuple[Array, Array], interval: Interval) -> Estimate:
    found = estimate(*sums, metric.name, metric.unit == "share", interval)
    return Estimate(None, why=metric.why) if found.value is None else found


def _corrected(tables: list[TwoWay], metrics: list[str]) -> Iterator[TwoWay]:
    """The tables of a task, the p of each metric corrected over all of their effects."""
    told = {m: iter(holm([t.effects[m][e] for t in tables for e in EFFECTS])) for m in metrics}
    for table in tables:
        yield replace(table, effects={m: {e: next(told[m]) for e in EFFECTS} for m in metrics})


def _untested(table: TwoWay) -> TwoWay:
    effects = {m: {e: replace(c, p=None) for e, c in found.items()} for m, found in table.effects.items()}
    return replace(table, effects=effects, tested=False)
