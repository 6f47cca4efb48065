"""Two arms side by side: the situations both decided, their contrast in a metric, flips, and what is missing.

Invariant: whatever compares two arms, a scorecard or a comparison of two runs, pairs them here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from ..errors import NotMeasured
from .controls import Reference
from .frame import PAIR
from .inference import Bounds, Contrast, Estimate, Interval, benjamini_hochberg, contrast, difference_bounds, holm
from .metrics import Metric

__all__ = ["Flips", "contrasts", "count_flips", "open_to", "paired", "same_situations"]

Named = tuple[str, pl.DataFrame]


@dataclass(frozen=True, slots=True)
class Flips:
    """How many situations changed between the baseline and a variant, by what was done."""

    wrong_to_right: int
    right_to_wrong: int
    unchanged: int


def contrasts(
    parts: dict[str, pl.DataFrame],
    controls: dict[str, list[Reference]],
    base: str,
    metrics: list[Metric],
    interval: Interval,
) -> list[Contrast]:
    """Every variant against the baseline and against the controls that match it; corrected per metric."""
    pairs = [(v, base) for v in controls if v != base]
    pairs += [(v, r.variant) for v, refs in controls.items() for r in refs]
    found: dict[str, list[Contrast]] = {metric.name: [] for metric in metrics}
    for v, against in pairs:
        a, b = same_situations(parts[v], parts[against])
        for metric in metrics:
            found[metric.name].append(_contrast(metric, (v, a), (against, b), interval))
    return [c for family in found.values() for c in benjamini_hochberg(holm(family))]


def paired(metric: Metric, a: Named, b: Named, interval: Interval) -> Contrast:
    """The contrast of one metric between two arms, given by name and records, uncorrected."""
    first, second = same_situations(a[1], b[1])
    return _contrast(metric, (a[0], first), (b[0], second), interval)


def _contrast(metric: Metric, a: Named, b: Named, interval: Interval) -> Contrast:
    try:
        sums = metric.paired(a[1], b[1])
    except Exception as error:  # as where it is measured: a user's code may raise anything
        why = str(error) if isinstance(error, NotMeasured) else f"{type(error).__name__}: {error}"
        return Contrast(metric.name, a[0], b[0], Estimate(None, why=why))
    found = contrast(*sums, metric.name, a[0], b[0], interval, metric.unit == "share")
    if found.difference.value is None:
        found = replace(found, difference=replace(found.difference, why=metric.why))
    return found


def same_situations(a: pl.DataFrame, b: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The steps at which two variants of a fork decided the same situation; a rollout is compared whole."""
    if a["design"][0] != "fork" or _same_steps(a, b):
        return a, b
    columns = [*PAIR, "situation"]
    return a.join(b, on=columns, how="semi"), b.join(a, on=columns, how="semi")


def _same_steps(a: pl.DataFrame, b: pl.DataFrame) -> bool:
    """Whether two variants stand at the same situations, row by row: what a complete run of a fork holds."""
    columns = [*PAIR, "situation"]
    return a.select(columns).equals(b.select(columns))


def count_flips(part: pl.DataFrame, base: pl.DataFrame) -> Flips:
    """By what was done, from `base` to `part`, over the situations that both decided."""
    columns = [*PAIR, "situation"]
    if _same_steps(part, base):
        both = part.select("does", does_before=base["does"])
    else:
        both = part.select(*columns, "does").join(base.select(*columns, "does"), on=columns, suffix="_before")
    gained = both.filter(pl.col("does") & ~pl.col("does_before")).height
    lost = both.filter(~pl.col("does") & pl.col("does_before")).height
    return Flips(gained, lost, both.height - gained - lost)


def open_to(metric: Metric, a: Named, b: Named, interval: Interval) -> Bounds | None:
    """What missing outcomes could have made of `paired`; None where none is missing, or the metric does not tell."""
    if not metric.tells_missing:
        return None
    counts = metric.paired_counts(*same_situations(a[1], b[1]))
    if not any(gone.any() for _, _, gone in counts):
        return None
    return difference_bounds(*counts, metric.name, a[0], b[0], interval)
