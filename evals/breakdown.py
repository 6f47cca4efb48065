"""What lies behind the metrics of one variant: flips by round and by speaker, persuasion by edge, accuracy by item.

    level     encoded, stated, done and what is lost between them, on the same situations (`metrics.gap.funnel`)
    step      coverage C_t: share of actions tried, after each step (`metrics.exploration.coverage_curve`)
    item      accuracy of each variation of a question set (`metrics.answers.accuracies`)
    repeats   F_f, F_g and F_o of the frequency probe by how often the action was repeated (`frequency_buckets`)
    round     flips wrong -> right and right -> wrong by round of a debate; speaker: the same by who speaks (`changes`)
    edge      persuasion along each edge of a debate, "source -> reader" (`metrics.influence.influence`)
    bill      calls and nominal dollars of the variant alone, and its part of what the run took (`metrics.cost.paid`)

Invariant: what a variant's records cannot tell is absent, never empty and never 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

import polars as pl

from ..errors import NotMeasured
from .inference import Estimate, Interval
from .measuring import View
from .metrics import Funnel, funnel
from .metrics.answers import accuracies
from .metrics.change import changes
from .metrics.cost import paid
from .metrics.exploration import coverage_curve
from .metrics.frequency import frequency_buckets
from .metrics.influence import influence

__all__ = ["BREAKDOWNS", "MOST", "Breakdown", "breakdowns", "what_shows"]

MOST = 60  # rows beyond which a breakdown is no table for a reader: the functions themselves know no limit
BREAKDOWNS = {
    "level": "From encoded to done, on the same situations",
    "step": "Coverage after each step",
    "item": "Accuracy by item",
    "repeats": "Frequency bias by repeats",
    "round": "Flips by round",
    "speaker": "Flips by speaker",
    "edge": "Persuasion by edge, source -> reader",
    "bill": "What was paid",
}
Breakdown = dict[str, dict[str, Estimate]]
"""Estimates by row ("round 1") and column ("wrong_to_right")."""


def breakdowns(
    view: View, seen: pl.DataFrame | None, said: pl.DataFrame | None, interval: Interval = "robust"
) -> dict[str, Breakdown]:
    """Every breakdown that the records of a variant can tell, by its name in `BREAKDOWNS`.

    Args:
        seen: the records of a variant whose actions are read off token probabilities without a rationale, if there is
            one in the same fork.
        said: the turns of all variants of the same task and model; None where transcripts were not read.
    """
    steps, turns, found = view.steps, view.turns, dict[str, Breakdown]()
    named = steps["item"].null_count() < steps.height

    def enter(name: str, told: Mapping[str, Estimate | dict[str, Estimate]], column: str = "") -> None:
        rows = {row: e if isinstance(e, dict) else {column: e} for row, e in told.items()}
        if 0 < len(rows) <= MOST:
            found[name] = rows

    for name in BREAKDOWNS:
        try:
            if name == "level" and seen is not None:
                levels = funnel(steps, seen, interval)
                enter(name, {f.name: getattr(levels, f.name) for f in fields(Funnel)}, "share")
            elif name == "step":
                enter(name, coverage_curve(steps, interval), "coverage")
            elif name == "item" and named and steps["item"].n_unique() <= MOST:
                enter(name, accuracies(steps, interval), "accuracy")
            elif name == "repeats" and named:
                enter(name, frequency_buckets(steps, interval))
            elif name in ("round", "speaker") and turns is not None:
                enter(name, changes(turns, "round" if name == "round" else "speaker", interval))
            elif name == "edge" and turns is not None:
                edges = influence(turns, interval)
                enter(name, {f"{source} -> {reader}": e for (source, reader), e in edges.items()}, "persuasion")
            elif name == "bill" and said is not None:
                enter(name, _bill(said, str(steps["variant"][0])))
        except NotMeasured:
            continue
    return found


def what_shows(parts: Mapping[str, pl.DataFrame], design: str) -> pl.DataFrame | None:
    """The records of the first variant that shows what is encoded; None in a rollout, where situations differ."""
    shown = (p for p in parts.values() if design == "fork" and p["encoded"].null_count() < p.height)
    return next(shown, None)


def _bill(said: pl.DataFrame, variant: str) -> Breakdown:
    row = next(paid(said).filter(variant=variant).iter_rows(named=True), None)
    if row is None:
        return {}

    def amount(value: float | None) -> Estimate:
        return Estimate(None, why="no price is known") if value is None else Estimate(float(value))

    return {
        "alone": {"calls": amount(row["nominal_calls"]), "dollars": amount(row["nominal_dollars"])},
        "its part of this run": {"calls": amount(row["calls"]), "dollars": amount(row["dollars"])},
    }
