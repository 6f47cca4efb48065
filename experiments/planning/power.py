"""How many episodes an experiment needs to find an effect, and which effect it finds as it stands or for its budget.

Planned is the paired difference of the gap between every variant and the baseline, at 0.05 over all comparisons that
the verdicts will correct together: each variant against the baseline, and each intervention against its controls. A
variant whose agents only act has no gap and no part in it.

The spread between episodes is measured in a pilot run, or else assumed: the two arms differ at half of the steps, as
two independent draws at even odds would, and such steps of an episode correlate by 0.2. That is cautious. A fork whose
arms share answers differs less, which a pilot shows.

Invariant: no model is asked. Costs are those of the forecast, in proportion to the episodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from typing import Any

import polars as pl

from ...errors import BadOption
from ...evals.controls import references
from ...evals.inference import assumed_spread, episodes_needed, minimum_detectable_effect, pilot_spread
from ...evals.metrics.gap import gap
from ...evals.pairs import Side, pair
from ..config import experiment_json
from ..experiment import Experiment
from ..variant import Variant
from .forecast import CostEstimate, Forecast

__all__ = ["CORRELATION", "DISCORDANCE", "POWER", "PowerAnalysis", "VariantPower", "comparisons_of", "power_analysis"]

DISCORDANCE, CORRELATION = 0.5, 0.2
POWER = 0.8


@dataclass(frozen=True, slots=True)
class VariantPower:
    """The power of one variant on one task and model.

    Attributes:
        spread: standard deviation between episodes of its difference from the baseline.
        measured: whether the pilot measured the spread.
        episodes: how many the effect needs; None where no effect was asked for.
        detectable: the smallest difference that the experiment's own episodes find; None where so few find none.
        detectable_in_budget: the same for the episodes that the budget pays for; None without a budget, or where they
            find none.
    """

    task: str
    model: str
    variant: str
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
        episodes: the most that any variant needs; None where no effect was asked for.
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
        assumed = assumed_spread(steps, max(DISCORDANCE, effect or 0.0), CORRELATION, effect or 0.0)
        for model in (m.label for m in experiment.models):
            measured = {v: s for (t, m, v), s in spreads.items() if (t, m) == (task, model)}
            for variant in _others(experiment):
                # A variant that the pilot lacks is taken to spread like the widest one that it holds.
                sd = measured.get(variant.name) or max(measured.values(), default=assumed)
                variants.append(
                    VariantPower(
                        task,
                        model,
                        variant.name,
                        spread=sd,
                        measured=variant.name in measured,
                        episodes=None if effect is None else episodes_needed(effect, sd, power, family=family),
                        detectable=minimum_detectable_effect(experiment.episodes, sd, power, family=family),
                        detectable_in_budget=(
                            minimum_detectable_effect(affordable, sd, power, family=family) if affordable else None
                        ),
                    )
                )
    episodes = max((v.episodes for v in variants if v.episodes is not None), default=None)
    cost = None if episodes is None else forecast.shared * (episodes / experiment.episodes)
    return PowerAnalysis(effect, power, family, tuple(variants), episodes, cost, affordable)


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
