"""How many episodes an experiment needs to find an effect, and which effect it finds as it stands or for its budget.

Planned is the paired difference of the gap between every variant and the baseline, at 0.05 over all comparisons that
the verdicts will correct together: each variant against the baseline, and each intervention against its controls. A
variant whose agents only act has no gap and no part in it.

The spread between episodes is measured in a pilot run, or else assumed: at half of the steps the two arms differ, as
two independent draws at even odds would, and such steps of an episode correlate by 0.2. That is cautious; a fork whose
arms share answers differs less, which a pilot shows.

Invariant: asks no model. Costs are those of the forecast, in proportion to the episodes.
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
from ...evals.pairs import same_situations
from ..config import experiment_json
from ..experiment import Experiment
from ..variant import Variant
from .forecast import Forecast, Spending

__all__ = ["CORRELATION", "DISCORDANCE", "POWER", "Need", "Sizing", "comparisons_of", "size"]

DISCORDANCE, CORRELATION = 0.5, 0.2
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Need:
    """One variant on one task and model.

    Attributes:
        spread: standard deviation between episodes of its difference from the baseline; `measured` in the pilot.
        episodes: needed for the effect; None where no effect was asked for.
        detectable: the smallest difference that the experiment's own episodes find; None where so few find none.
        affordable: the same for the episodes that its budget pays for; None without a budget, or where they find none.
    """

    task: str
    model: str
    variant: str
    spread: float
    measured: bool
    episodes: int | None
    detectable: float | None
    affordable: float | None


@dataclass(frozen=True, slots=True)
class Sizing:
    """What an experiment needs.

    Attributes:
        comparisons: how many contrasts share the error rate of 0.05.
        episodes: the most that any variant needs; None where no effect was asked for.
        cost: of a run of that length; None where it is unknown.
        within: episodes that the experiment's budget pays for; None without a budget.
    """

    effect: float | None
    power: float
    comparisons: int
    needs: tuple[Need, ...]
    episodes: int | None
    cost: Spending | None
    within: int | None


def size(
    experiment: Experiment,
    told: Forecast,
    effect: float | None = None,
    power: float = POWER,
    comparisons: int | None = None,
    pilot: tuple[pl.DataFrame, Mapping[str, Any]] | None = None,
) -> Sizing:
    """Size an experiment.

    Args:
        told: its forecast.
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
            "there is nothing to compare", "no variant beside the baseline states what it takes to be right",
            "Add one that holds a reasoner.",
        )  # fmt: skip
    family = comparisons_of(experiment) if comparisons is None else comparisons
    spreads = {} if pilot is None else _measured(experiment, *pilot)
    within = _within(experiment, told)
    needs = []
    for task, steps in experiment.bounds().items():
        assumed = assumed_spread(steps, max(DISCORDANCE, effect or 0.0), CORRELATION, effect or 0.0)
        for model in (m.label for m in experiment.models):
            here = {v: s for (t, m, v), s in spreads.items() if (t, m) == (task, model)}
            for variant in _others(experiment):
                # A variant that the pilot lacks is taken to spread like the widest one that it holds.
                sd = here.get(variant.name) or max(here.values(), default=assumed)
                needs.append(Need(
                    task, model, variant.name, sd, variant.name in here,
                    None if effect is None else episodes_needed(effect, sd, power, family=family),
                    minimum_detectable_effect(experiment.episodes, sd, power, family=family),
                    minimum_detectable_effect(within, sd, power, family=family) if within else None,
                ))  # fmt: skip
    episodes = max((n.episodes for n in needs if n.episodes is not None), default=None)
    cost = None if episodes is None else told.shared * (episodes / experiment.episodes)
    return Sizing(effect, power, family, tuple(needs), episodes, cost, within)


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
    return [v for v in experiment.variants[1:] if not v.plan.nodes or {n.agent.role for n in v.plan.nodes} != {"actor"}]


def _within(experiment: Experiment, told: Forecast) -> int | None:
    """How many episodes the budget pays for."""
    one = told.shared * (1 / experiment.episodes)
    budget = experiment.budget
    paid = [
        limit / each
        for limit, each in ((budget.calls, one.calls), (budget.dollars, one.dollars))
        if limit is not None and each
    ]
    return floor(min(paid) + 1e-9) if paid else None


def _measured(
    experiment: Experiment, records: pl.DataFrame, about: Mapping[str, Any]
) -> dict[tuple[str, str, str], float]:
    """The spread of each variant's difference from the baseline in a pilot, by task, model and variant."""
    here = experiment_json(experiment)
    for what in ("task", "design"):
        if about.get(what) != here[what]:
            raise BadOption(
                f"the pilot is of another {what}", f"{about.get(what)} against {here[what]}",
                f"Run a pilot of the same {what}.",
            )  # fmt: skip
    base = experiment.variants[0].name
    found: dict[tuple[str, str, str], float] = {}
    flat = ""
    for (task, _), group in records.group_by("task", "model", maintain_order=True):
        parts = {v.name: group.filter(variant=v.name) for v in experiment.variants}
        for variant, part in parts.items():
            if variant == base or part.is_empty() or parts[base].is_empty():
                continue
            try:
                spread = pilot_spread(*gap.paired(*same_situations(part, parts[base])))
            except BadOption as error:
                flat = str(error)
                continue
            for models in experiment.models:  # a pilot may use a cheaper model: the widest spread stands for all
                key = (str(task), models.label, variant)
                found[key] = max(spread, found.get(key, 0.0))
    if not found:
        raise BadOption(
            "the pilot measures no spread", flat or "it holds no variant of this experiment beside the baseline",
            "Run a pilot with the experiment's own variants.",
        )  # fmt: skip
    return found
