"""Gap closed against cost: which arms no other arm beats in both.

Invariant: point estimates alone, so the front says what was seen, and a verdict says what is shown. Controls are placed
beside the arms but never on the front: a ceiling is no competitor, and neither is an arm that leaks an oracle signal.
An arm that was not measured has no place at all, nor has one whose change could be undone by what is missing of it. An
arm of which something is missing competes by its worst case: every missing outcome counted as gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .inference import Estimate
from .metrics.cost import on_pareto_front
from .scorecard import Arm


@dataclass(frozen=True, slots=True)
class Point:
    """One arm on the plane.

    Attributes:
        closed: gap of the baseline minus that of the arm; tokens: per decision, in and out.
        best: no arm that competes (no control, and told nothing by the oracle) closes as much for fewer tokens, or more
            for as many, each with its missing outcomes at their worst.
        leaks: the oracle tells an agent of it something.
    """

    variant: str
    kind: str
    closed: float
    tokens: float
    best: bool
    leaks: bool = False


def pareto_points(arms: Sequence[Arm]) -> tuple[Point, ...]:
    """The arms of one task and model by what they cost, cheapest first; those without a measured gap, or
    whose tokens are not known, are left out.
    """
    base = next((a for a in arms if a.baseline), None)
    start = None if base is None else base.metrics.get("gap", Estimate(None)).value
    if base is None or start is None or base.integrity or base.leaks:
        return ()
    arms = [a for a in arms if not a.integrity and not a.undone]
    measured = [
        (a, start - gap, a.tokens)
        for a in arms
        if (gap := a.metrics.get("gap", Estimate(None)).value) is not None and a.tokens is not None
    ]
    rivals = [(a.variant, min(c, start - _worst(a)), t) for a, c, t in measured if not a.control and not a.leaks]
    flags = on_pareto_front([(closed, tokens) for _, closed, tokens in rivals])
    best = {variant for (variant, _, _), flag in zip(rivals, flags, strict=True) if flag}
    points = [Point(a.variant, a.kind, closed, tokens, a.variant in best, a.leaks) for a, closed, tokens in measured]
    return tuple(sorted(points, key=lambda p: (p.tokens, -p.closed, p.variant)))


def _worst(arm: Arm) -> float:
    """The gap with every missing outcome counted as one; the baseline's as it is, for all are held against it."""
    ends = None if arm.baseline else arm.bounds.get("gap")
    value = arm.metrics["gap"].value if ends is None else ends.high.value
    return 0.0 if value is None else value
