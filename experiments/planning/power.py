"""How many episodes an experiment needs to find an effect, and which effect it finds as it stands or for its budget.

Planned is the paired difference of the gap between every variant and the baseline, at 0.05 over all comparisons that
the verdicts will correct together: each variant against the baseline, and each intervention against its controls. A
variant whose agents only act has no gap and no part in it.

The spread between items is measured in a pilot run, or else assumed: the two arms differ at half of the steps, as two
independent draws at even odds would, and such steps of an item correlate by 0.2. That is cautious. A fork whose arms
share answers differs less, which a pilot shows.

The item is the unit. Where a task has fewer items than episodes, further episodes repeat them: they bring an item's
difference closer to its own value, and no closer to what another item would show. So the spread has a floor, at the
square root of the share 0.2 of the variance of a step, and an effect that the items cannot show at that floor is out of
reach. A pilot's spread is taken as that of its items, however often they are asked.

Invariant: no model is asked. Costs are those of the forecast, in proportion to the episodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from math import floor
from typing import Any

import polars as pl

from ...errors import BadOption
from ...evals.controls import references
from ...evals.inference import FEW, assumed_spread, episodes_needed, minimum_detectable_effect, pilot_spread
from ...evals.inference import power as found_with
from ...evals.metrics.gap import gap
from ...evals.pairs import Side, pair
from ...evals.verdict import nothing_can_be_shown
from ..config import experiment_json
from ..experiment import Experiment
from ..variant import Variant
from .forecast import CostEstimate, Forecast

DISCORDANCE, CORRELATION = 0.5, 0.2
POWER = 0.8
MOST_REPEATS = 10_000  # of an item: what they leave is its own difference from the others


@dataclass(frozen=True, slots=True)
class VariantPower:
    """The power of one variant on one task and model.

    Attributes:
        items: what the experiment's own episodes are about; all of these where the task does not say.
        spread: standard deviation between items of its difference from the baseline.
        measured: whether the pilot measured the spread.
        episodes: how many the effect needs; None where no effect was asked for, or the task has too few items for it.
        detectable: the smallest difference that the experiment's own episodes find; None where so few find none.
        detectable_in_budget: the same for the episodes that the budget pays for; None without a budget, or where they
            find none.
    """

    task: str
    model: str
    variant: str
    items: int
    spread: float
    measured: bool
    episodes: int | None
    detectable: float | None
    detectable_in_budget: float | None


@dataclass(frozen=True, slots=True)
class PowerAnalysis:
    """What an experiment needs to find an effect.

    Attributes:
        comparisons: how many contrasts share the error rate of 0.05.
        effect: the smallest difference that matters; None where none was asked for.
        power: the probability of finding it.
        variants: the power of each variant on each task and model.
        episodes: the most that any variant needs; None where no effect was asked for, or no number of them finds it.
        cost: of a run of that length; None where it is unknown.
        affordable: episodes that the experiment's budget pays for; None without a budget.
    """

    effect: float | None
    power: float
    comparisons: int
    variants: tuple[VariantPower, ...]
    episodes: int | None
    cost: CostEstimate | None
    affordable: int | None


def power_analysis(
    experiment: Experiment,
    forecast: Forecast,
    effect: float | None = None,
    power: float = POWER,
    comparisons: int | None = None,
    pilot: tuple[pl.DataFrame, Mapping[str, Any]] | None = None,
) -> PowerAnalysis:
    """Find out how many episodes an experiment needs, and what it finds with those that it has.

    Args:
        forecast: the forecast of its costs.
        effect: the smallest difference of the gap that matters, in (0, 1).
        power: the probability of finding it.
        comparisons: how many contrasts share the error rate; by default as many as the verdicts will correct together.
        pilot: the table and the stored experiment of a run of the same task, with some of the same variants.

    Raises:
        BadOption: a value out of range; a pilot of another task, or one that holds no variant beside the baseline.
    """
    if effect is not None and not 0 < effect < 1:
        raise BadOption(
            f"the effect is {effect:g}", "it is a difference of two shares", "Use a number between 0 and 1."
        )
    if not _others(experiment):
        raise BadOption(
            "there is nothing to compare",
            "no variant beside the baseline states what it takes to be right",
            "Add one that holds a reasoner.",
        )
    family = comparisons_of(experiment) if comparisons is None else comparisons
    spreads = {} if pilot is None else _measured(experiment, *pilot)
    affordable = _affordable(experiment, forecast)
    variants = []
    for task, steps in experiment.bounds().items():
        items = cache(partial(_items_in, experiment, task))
        for model in (m.label for m in experiment.models):
            measured = {v: s for (t, m, v), s in spreads.items() if (t, m) == (task, model)}
            for variant in _others(experiment):
                # A variant that the pilot lacks is taken to spread like the widest one that it holds.
                widest = max(measured.values(), default=None)
                planned = _Planned(items, steps, measured.get(variant.name, widest), effect, power, family)
                variants.append(
                    VariantPower(
                        task,
                        model,
                        variant.name,
                        items=planned.items(experiment.episodes),
                        spread=planned.spread(experiment.episodes),
                        measured=variant.name in measured,
                        episodes=None if effect is None else planned.episodes(effect),
                        detectable=planned.detectable(experiment.episodes),
                        detectable_in_budget=planned.detectable(affordable) if affordable else None,
                    )
                )
    needed = [v.episodes for v in variants if v.episodes is not None]
    episodes = max(needed) if len(needed) == len(variants) else None
    cost = None if episodes is None else forecast.shared * (episodes / experiment.episodes)
    return PowerAnalysis(effect, power, family, tuple(variants), episodes, cost, affordable)


def _items_in(experiment: Experiment, task: str, episodes: int) -> int:
    """How many items so many episodes of a task are about; one each where the task does not say."""
    items = experiment.items(episodes)[task]
    return episodes if items is None else items


@dataclass(frozen=True)
class _Planned:
    """A paired difference on one task.

    Attributes:
        items: what so many episodes are about, by number; steps: the most of an episode.
        pilot: the spread between items that a pilot measured; None to assume one.
    """

    items: Callable[[int], int]
    steps: int
    pilot: float | None
    effect: float | None
    power: float
    family: int

    def spread(self, episodes: int) -> float:
        """Standard deviation between items, each asked in its share of the episodes."""
        return self._spread(episodes / self.items(episodes))

    def detectable(self, episodes: int) -> float | None:
        """The smallest difference that so many episodes find."""
        items = self.items(episodes)
        return minimum_detectable_effect(items, self._spread(episodes / items), self.power, family=self.family)

    def episodes(self, effect: float) -> int | None:
        """How many episodes the effect needs; None where the task has too few items for it."""
        needed = episodes_needed(effect, self._spread(1), self.power, family=self.family)
        items = self.items(needed)
        if items >= needed:
            return needed
        if not self._found(effect, items, MOST_REPEATS):
            return None
        low, high = 1, MOST_REPEATS  # the first does not find it, the last does
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self._found(effect, items, middle) else (middle, high)
        return high * items

    def _found(self, effect: float, items: int, repeats: float) -> bool:
        return found_with(effect, items, self._spread(repeats), family=self.family) >= self.power

    def _spread(self, repeats: float) -> float:
        if self.pilot is not None:
            return self.pilot
        effect = self.effect or 0.0
        return assumed_spread(self.steps * repeats, max(DISCORDANCE, effect), CORRELATION, effect)


def item_warnings(experiment: Experiment) -> list[str]:
    """What a plan must say of the items: not all are asked, fewer than episodes, or too few to show anything."""
    lines = experiment.unasked()
    family = comparisons_of(experiment)
    for task, items in experiment.items().items():
        if items is None:
            lines.append(
                f"{task} does not say what its episodes are about (it has no item(seed)): those that show the same "
                "situations will count as one item"
            )
            continue
        unit = ("episode" if items == experiment.episodes else "item") + "s" * (items > 1)
        if items < experiment.episodes:
            lines.append(
                f"{task}: {items} {unit} in {experiment.episodes} episodes. An item is one cluster, however often it "
                "is asked: more episodes narrow no interval below what the items differ by"
            )
        if items < FEW:
            are = "are" if items > 1 else "is"
            lines.append(f"{task}: {items} {unit} {are} too few for a verdict, at least {FEW} are needed")
        elif family and (why := nothing_can_be_shown(items, family)):
            lines.append(f"{task}: {items} {unit} are too few for a verdict: {why}")
    return lines


def comparisons_of(experiment: Experiment) -> int:
    """How many contrasts of the gap the verdicts will correct together on one task and model."""
    base = experiment.variants[0].name
    parts = {
        v.name: pl.DataFrame(
            {"plan": v.plan.name, "of": v.tags.get("of"), "control": v.tags.get("control"), "calls": v.plan.calls or 0}
        )
        for v in (experiment.variants[0], *_others(experiment))
    }
    return len(parts) - 1 + sum(len(references(parts, v, base)) for v in parts)


def _others(experiment: Experiment) -> list[Variant]:
    """The variants beside the baseline that may have a gap."""
    return [v for v in experiment.variants[1:] if v.plan.recommends != "never"]


def _affordable(experiment: Experiment, forecast: Forecast) -> int | None:
    """How many episodes the budget pays for."""
    episode = forecast.shared * (1 / experiment.episodes)
    budget = experiment.budget
    limits = [
        limit / cost
        for limit, cost in ((budget.calls, episode.calls), (budget.dollars, episode.dollars))
        if limit is not None and cost
    ]
    return floor(min(limits) + 1e-9) if limits else None


def _measured(
    experiment: Experiment, records: pl.DataFrame, pilot: Mapping[str, Any]
) -> dict[tuple[str, str, str], float]:
    """The spread of each variant's difference from the baseline in a pilot, by task, model and variant."""
    planned = experiment_json(experiment)
    for what in ("task", "design"):
        if pilot.get(what) != planned[what]:
            raise BadOption(
                f"the pilot is of another {what}",
                f"{pilot.get(what)} against {planned[what]}",
                f"Run a pilot of the same {what}.",
            )
    base = experiment.variants[0].name
    spreads: dict[tuple[str, str, str], float] = {}
    reason = ""
    for (task, _), group in records.group_by("task", "model", maintain_order=True):
        parts = {v.name: group.filter(variant=v.name) for v in experiment.variants}
        for variant, part in parts.items():
            if variant == base or part.is_empty() or parts[base].is_empty():
                continue
            try:
                spread = pilot_spread(*pair(Side(variant, part), Side(base, parts[base])).sums(gap))
            except BadOption as error:
                reason = str(error)
                continue
            for models in experiment.models:  # a pilot may use a cheaper model: the widest spread stands for all
                key = (str(task), models.label, variant)
                spreads[key] = max(spread, spreads.get(key, 0.0))
    if not spreads:
        raise BadOption(
            "the pilot measures no spread",
            reason or "it holds no variant of this experiment beside the baseline",
            "Run a pilot with the experiment's own variants.",
        )
    return spreads
