"""What a reader of a scorecard must know before believing a number, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from .inference import FEW, Contrast
from .scorecard import Arm
from .verdict import direction, nothing_can_be_shown

__all__ = ["arm_warnings", "contrast_warnings", "placebo_warnings"]

SILENT = 0.05  # share of steps without a legal action above which it is said
ONE_LABEL = 0.5  # entropy of the labels below which it is said


def arm_warnings(arms: Sequence[Arm], design: str) -> list[str]:
    """Few items, unread answers, one label always, and arms that cover different situations."""
    lines: list[str] = []
    few = min(arms, key=lambda a: a.items)
    if few.items < FEW:
        count = few.repeated or f"{few.items} episodes"
        lines.append(f"only {count}: intervals over fewer than {FEW} clusters are too narrow to rely on")
    several = len({(a.task, a.model) for a in arms}) > 1
    for arm in arms:
        name = f"{arm.variant} ({arm.model} on {arm.task})" if several else arm.variant
        silent = 1 - arm.outcomes.actions.get("ok", 0) / arm.steps
        if silent > SILENT:
            how = ", ".join(f"{n} {status}" for status, n in arm.outcomes.actions.items() if status != "ok")
            lines.append(f"{name}: {silent:.0%} of the steps hold no legal action ({how}); they count as wrong")
        lines += [f"{name} was not measured: {fault}. {fault.remedy}" for fault in arm.integrity]
        entropy = arm.outcomes.label_entropy
        if entropy is not None and entropy < ONE_LABEL:
            lines.append(f"{name}: the actions are nearly all the same label (entropy {entropy:.2f})")
    if design == "fork":
        sizes: dict[tuple[str, str], set[int]] = {}
        for arm in arms:
            sizes.setdefault((arm.task, arm.model), set()).add(arm.steps)
        if any(len(s) > 1 for s in sizes.values()):
            lines.append("the variants do not cover the same situations: contrasts use the episodes they share")
    return lines


def contrast_warnings(arms: Sequence[Arm], contrasts: Sequence[tuple[str, str, Contrast]]) -> list[str]:
    """Too few items for the number of contrasts: whatever the arms do, no corrected p could reach 0.05."""
    families = Counter((t, m, c.metric) for t, m, c in contrasts if c.p is not None)
    items = {(a.task, a.model): a.items for a in reversed(arms)}
    largest = {
        (t, m): max(n for (task, model, _), n in families.items() if (task, model) == (t, m)) for t, m, _ in families
    }
    told = {where: nothing_can_be_shown(items[where], family) for where, family in largest.items()}
    several = len(items) > 1
    return [
        f"{f'{model} on {task}: ' if several else ''}with {items[task, model]} items {why}"
        for (task, model), why in told.items()
        if why
    ]


def placebo_warnings(arms: Sequence[Arm], contrasts: Sequence[tuple[str, str, Contrast]]) -> list[str]:
    """A placebo that is shown to change something: whatever the intervention does, the extra turns do as well."""
    placebos = {(a.task, a.model, a.variant) for a in arms if a.control == "placebo"}
    baselines = {(a.task, a.model): a.variant for a in arms if a.baseline}
    return [
        f"{c.variant}: a placebo is shown to change the {c.metric}; compare with it, not with the baseline"
        for task, model, c in contrasts
        if (task, model, c.variant) in placebos
        and c.against == baselines[task, model]
        and c.metric == "gap"
        and direction(c) in ("down", "up")
    ]
