"""Which arm is a control of which: what an intervention must beat before its effect means anything.

    placebo            its own placebo (made of the very same interventions); where the run holds none, any placebo that
                       makes as many calls per decision
    self_consistency,  the baseline drawn several times over, at no fewer calls per decision; of several, the one with
    retry              the fewest calls
    informed           the baseline given every hint of the intervention's own agents

Invariant: matching reads the records alone. The baseline, and an arm that is a control itself, have no controls.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

MATCHED = ("self_consistency", "retry")


@dataclass(frozen=True, slots=True)
class Reference:
    """A control of an arm.

    Attributes:
        kind: "placebo", "self_consistency", "retry" or "informed".
        variant: the control's name.
        calls: its model calls per decision; None where an imported run does not say.
    """

    kind: str
    variant: str
    calls: float | None


def references(parts: Mapping[str, pl.DataFrame], variant: str, baseline: str) -> list[Reference]:
    """The controls of an arm among the arms of one task and model.

    Args:
        parts: the records of every variant.
    """
    arm = parts[variant]
    if variant == baseline or is_control(arm):
        return []
    others = {v: p for v, p in parts.items() if v not in (variant, baseline)}
    plan, base, calls = str(arm["plan"][0]), str(parts[baseline]["plan"][0]), _calls(arm)
    placebos = {v: p for v, p in others.items() if p["control"][0] == "placebo"}
    own = {v: p for v, p in placebos.items() if p["of"][0] == plan}
    chosen = own or {v: p for v, p in placebos.items() if _calls(p) == calls}
    controls = [Reference("placebo", v, _calls(p)) for v, p in chosen.items()]
    if not _redraws(plan, base):
        for kind in MATCHED:
            redrawn = {v: _calls(p) for v, p in others.items() if _redraws(str(p["plan"][0]), base) == kind}
            enough = {v: c for v, c in redrawn.items() if c is not None and calls is not None and c >= calls}
            if enough:
                nearest = min(enough, key=lambda v: (enough[v], v))
                controls.append(Reference(kind, nearest, enough[nearest]))
    informed = {v: p for v, p in others.items() if p["control"][0] == "informed" and p["of"][0] == plan}
    return controls + [Reference("informed", v, _calls(p)) for v, p in informed.items()]


def is_control(part: pl.DataFrame) -> bool:
    """Whether an arm is a control and no competitor."""
    return part["control"][0] is not None


def is_leaking(part: pl.DataFrame) -> bool:
    """Whether an agent of an arm is told something by the oracle."""
    return "leaks" in part.columns and bool(part["leaks"].is_not_null().any())


def _redraws(plan: str, base: str) -> str:
    """The kind of matched control that a plan is, "" if it is none: the baseline with more draws and nothing else."""
    change = plan.removeprefix(f"{base} | ")
    name = change.partition("(")[0]
    return name if change != plan and name in MATCHED and " | " not in change else ""


def _calls(part: pl.DataFrame) -> float | None:
    return None if part["calls"].null_count() else float(part["calls"].sum()) / part.height
