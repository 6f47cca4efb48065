"""What a reader of a scorecard must know before believing a number, in words."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from .inference import FEW, Contrast
from .run_tables import RunTables
from .scorecard import Arm
from .verdict import direction

__all__ = ["arm_warnings", "idle_model_warnings", "placebo_warnings"]

SILENT = 0.05  # share of steps without a legal action above which it is said
ONE_LABEL = 0.5  # entropy of the labels below which it is said


def arm_warnings(arms: Sequence[Arm], design: str) -> list[str]:
    """Few episodes, unread answers, one label always, and arms that cover different situations."""
    lines: list[str] = []
    few = min(a.episodes for a in arms)
    if few < FEW:
        lines.append(f"only {few} episodes: intervals over fewer than {FEW} clusters are too narrow to rely on")
    lines += _unmeasured(arms)
    several = len({(a.task, a.model) for a in arms}) > 1
    for arm in arms:
        name = _name(arm, several)
        silent = 1 - arm.outcomes.actions.get("ok", 0) / arm.steps
        if silent > SILENT:
            how = ", ".join(f"{n} {status}" for status, n in arm.outcomes.actions.items() if status != "ok")
            lines.append(f"{name}: {silent:.0%} of the steps hold no legal action ({how}); they count as wrong")
        lines += [f"{name}: {caution}" for caution in arm.cautions if not arm.integrity]
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


def _name(arm: Arm, several: bool) -> str:
    return f"{arm.variant} ({arm.model} on {arm.task})" if several else arm.variant


def _unmeasured(arms: Sequence[Arm]) -> list[str]:
    """Why arms were not measured; what is the same for several is said once."""
    several = len({(a.task, a.model) for a in arms}) > 1
    whose: dict[str, list[str]] = {}
    for arm in arms:
        for fault in arm.integrity:
            whose.setdefault(f"{fault}. {fault.remedy}", []).append(_name(arm, several))
    return [
        f"{', '.join(names)} {'was' if len(names) == 1 else 'were'} not measured: {why}" for why, names in whose.items()
    ]


def idle_model_warnings(run: RunTables) -> list[str]:
    """Models that serve a slot through which nobody asked in the whole run."""
    asked = {slot for slots in run.steps["slots"].drop_nulls().unique() for slot in orjson.loads(slots)}
    if not asked:  # nobody asks a model, or the ledger does not say through which slot
        return []
    served = zip(run.experiment.get("labels", ()), run.experiment.get("models", ()), strict=False)
    return [
        f"the model {model['label']} in the slot {slot!r} of {label!r} was never asked"
        for label, slots in served
        for slot, model in slots.items()
        if slot not in (*asked, "default")
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
