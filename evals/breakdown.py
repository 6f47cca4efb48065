"""What lies behind the metrics of one variant, such as flips by round or accuracy by item; `BREAKDOWNS` lists them.

Invariant: what a variant's records cannot tell is absent, never empty and never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields

import polars as pl

from ..errors import NotMeasured
from .inference import Estimate, Interval
from .measuring import Readable
from .metrics import Funnel, funnel
from .metrics.answers import accuracies
from .metrics.change import flips_by
from .metrics.cost import paid_by_variant
from .metrics.decisive import by_agent
from .metrics.exploration import coverage_curve
from .metrics.frequency import frequency_buckets
from .metrics.influence import persuasion_by_edge
from .metrics.levels import by_level
from .metrics.teams import by_exposure
from .metrics.trials import by_draws

MOST = 60  # rows beyond which a breakdown is no table for a reader: the functions themselves know no limit
BREAKDOWNS = {
    "level": "From encoded to done, on the same situations",
    "reasoning": "From the reasoning to the action, where it states values",
    "step": "Coverage after each step",
    "item": "Accuracy by item",
    "repeats": "Frequency bias by repeats",
    "round": "Flips by round",
    "speaker": "Flips by speaker",
    "exposure": "Right to wrong by how many disagree, wrong to right by how many are right",
    "decisive": "Who made the decisive error, of the wrong decisions",
    "edge": "Persuasion by edge, source -> reader",
    "trials": "By how many draws of a decision",
    "costs": "What was paid",
}
Breakdown = dict[str, dict[str, Estimate]]
"""Estimates by row ("round 1") and column ("wrong_to_right")."""


def breakdowns(
    tables: Readable, encoding: pl.DataFrame | None, answers: pl.DataFrame | None, interval: Interval = "robust"
) -> dict[str, Breakdown]:
    """Every breakdown that the records of a variant can tell, by its name in `BREAKDOWNS`.

    Args:
        tables: what is known of the variant.
        encoding: the records of a variant whose actions are read off token probabilities without a rationale, on this
            variant's own prompt, if there is one.
        answers: the answers behind all variants of the same task and model, one row each, with the columns that
            `paid_by_variant` reads; None where transcripts were not read.
    """
    steps, own = tables.steps, tables.turns
    has_items = steps["question"].null_count() < steps.height
    made: dict[str, Callable[[], Breakdown]] = {}
    if encoding is not None:
        made["level"] = lambda: _column("share", _by_level(steps, encoding, interval))
    made["reasoning"] = lambda: _column("share", by_level(steps, encoding, interval))
    made["step"] = lambda: _column("coverage", coverage_curve(steps, interval))
    if has_items and steps["question"].n_unique() <= MOST:
        made["item"] = lambda: _column("accuracy", accuracies(steps, interval))
    if has_items:
        made["repeats"] = lambda: frequency_buckets(steps, interval)
    if own is not None:
        made["round"] = lambda: flips_by(own, "round", interval)
        made["speaker"] = lambda: flips_by(own, "speaker", interval)
        made["exposure"] = lambda: by_exposure(own, interval)
        made["decisive"] = lambda: by_agent(own, interval)
        made["edge"] = lambda: _column(
            "persuasion",
            {f"{source} -> {reader}": e for (source, reader), e in persuasion_by_edge(own, interval).items()},
        )
    repeated = tables.trials
    if repeated is not None:
        made["trials"] = lambda: by_draws(repeated, interval)
    if answers is not None:
        made["costs"] = lambda: _costs(answers, str(steps["variant"][0]))
    return {name: rows for name in BREAKDOWNS if name in made and 0 < len(rows := _measured(made[name])) <= MOST}


def _measured(make: Callable[[], Breakdown]) -> Breakdown:
    try:
        return make()
    except NotMeasured:
        return {}


def _column(name: str, rows: Mapping[str, Estimate]) -> Breakdown:
    return {row: {name: estimate} for row, estimate in rows.items()}


def _by_level(steps: pl.DataFrame, encoding: pl.DataFrame, interval: Interval) -> dict[str, Estimate]:
    levels = funnel(steps, encoding, interval)
    return {f.name: getattr(levels, f.name) for f in fields(Funnel)}


def _costs(answers: pl.DataFrame, variant: str) -> Breakdown:
    row = next(paid_by_variant(answers).filter(variant=variant).iter_rows(named=True), None)
    if row is None:
        return {}

    def amount(value: float | None) -> Estimate:
        return Estimate(None, why="no price is known") if value is None else Estimate(float(value))

    return {
        "alone": {"calls": amount(row["nominal_calls"]), "dollars": amount(row["nominal_dollars"])},
        "its part of this run": {"calls": amount(row["calls"]), "dollars": amount(row["dollars"])},
    }
