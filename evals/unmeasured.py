"""Arms of which something was not measured: what is left of the numbers of one that failed, and of one that may turn.

Invariant: what fails knows nothing and so has no gap: nothing of its gap stands anywhere, and why is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .inference import Contrast, Estimate
from .integrity import IntegrityFault
from .scorecard import Arm
from .verdict import direction


def with_faults(arm: Arm, faults: tuple[IntegrityFault, ...]) -> Arm:
    """The arm with its faults; its gap is measured nowhere then, since what fails knows nothing and so has no gap."""
    if not faults:
        return arm
    gap = Estimate(None, why=f"{arm.variant} was not measured, see the warnings")

    def without(values: dict[str, Estimate], name: str = "gap") -> dict[str, Estimate]:
        return values | {name: gap} if name in values else values

    levels = {
        level: without(values, "share") if level == "undone" else values
        for level, values in arm.breakdowns.get("level", {}).items()
    }
    return replace(
        arm,
        integrity=faults,
        flips=None,
        metrics=without(arm.metrics),
        bounds={name: bounds for name, bounds in arm.bounds.items() if name != "gap"},
        splits={name: without(split) for name, split in arm.splits.items()},
        anytime=None if arm.anytime is None else gap,
        followed={name: rate for name, rate in arm.followed.items() if name != "gap"},
        judged=None if arm.judged is None else replace(arm.judged, metrics=without(arm.judged.metrics)),
        breakdowns=arm.breakdowns | ({"level": levels} if levels else {}),
    )


def with_undone(arms: Sequence[Arm], contrasts: Sequence[Contrast]) -> list[Arm]:
    """The arms, marked where what is missing could undo that their gap differs from the baseline's."""
    base = next(a.variant for a in arms if a.baseline)
    undone = {c.variant for c in contrasts if (c.metric, c.against) == ("gap", base) and direction(c) == "undone"}
    return [replace(a, undone=True) if a.variant in undone else a for a in arms]
