"""What a reader of a scorecard must know before believing a number, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from ..records import ARM_RULES
from .inference import FEW, Contrast
from .integrity.arms import asked_slots
from .run_tables import RunTables
from .scorecard import Arm
from .verdict import LEAKS, direction, nothing_can_be_shown

_BONUS = "what the rule's value singles out, its bonus for what was rarely tried included, and not what pays most now"
MEANINGS = {
    **dict.fromkeys((r for r in ARM_RULES if r.startswith("ucb")), _BONUS),
    "greedy": "the best of what was tried, by its mean so far",
    **dict.fromkeys(("truth", "frequency"), "what pays most by the true means, whether or not they can be known"),
}
SILENT = 0.05  # share of steps without a legal action above which it is said
UNCHECKED = "this run, or its beginning, was stored without checksums: damage in its file would not be seen"
ONE_LABEL = 0.5  # entropy of the labels below which it is said


def arm_warnings(arms: Sequence[Arm], design: str) -> list[str]:
    """Few items, unread answers, one label always, and arms that cover different situations."""
    lines: list[str] = []
    few = min(arms, key=lambda a: a.items)
    if few.items < FEW:
        count = few.repeated or f"{few.items} episodes"
        lines.append(f"only {count}: intervals over fewer than {FEW} clusters are too narrow to rely on")
    lines += [] if few.items < FEW else _uneven(arms)
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
    told = dict.fromkeys(arm.variant for arm in arms if arm.leaks)
    if told:
        lines.append(f"[oracle] marks what is {LEAKS} and on no front: {', '.join(told)}")
    if design == "fork":
        sizes: dict[tuple[str, str], set[int]] = {}
        for arm in arms:
            sizes.setdefault((arm.task, arm.model), set()).add(arm.steps)
        if any(len(s) > 1 for s in sizes.values()):
            lines.append("the variants do not cover the same situations: contrasts use the episodes they share")
    return lines


def _uneven(arms: Sequence[Arm]) -> list[str]:
    """Items that are enough in number and of which few hold most of the steps."""
    told = [(name, arm.metrics[name]) for arm in arms for name in ("gap", "doing", "knowing") if name in arm.metrics]
    estimates = [(name, e) for name, e in told if e.counted < FEW <= e.clusters]
    if not estimates:
        return []
    name, least = min(estimates, key=lambda found: found[1].counted)
    return [
        f"few items hold most of the steps ({name}: {least.how_many}): its intervals are wide, and at least {FEW} "
        "equally heavy items are needed"
    ]


def contrast_warnings(arms: Sequence[Arm], contrasts: Sequence[tuple[str, str, Contrast]]) -> list[str]:
    """Too few items for the number of contrasts: whatever the arms do, no corrected p could reach 0.05."""
    families = Counter((t, m, c.metric) for t, m, c in contrasts if c.p is not None)
    items = {(a.task, a.model): a.items for a in reversed(arms)}
    largest: dict[tuple[str, str], int] = {}
    for (task, model, _), size in families.items():
        largest[task, model] = max(size, largest.get((task, model), 0))
    told = {where: nothing_can_be_shown(items[where], family) for where, family in largest.items()}
    several = len(items) > 1
    return [
        f"{f'{model} on {task}: ' if several else ''}with {items[task, model]} items {why}"
        for (task, model), why in told.items()
        if why
    ]


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


def meaning_of_optimal(steps: pl.DataFrame, decisions: Mapping[str, int]) -> list[str]:
    """What "optimal" means on tasks whose episodes are one decision: nothing that is learnt there can be used.

    Args:
        decisions: the most decisions of an episode, by task; where a task is absent, those that are stored count.
    """
    lines = []
    for (task,), here in steps.group_by("task", maintain_order=True):
        rules = [r for r in here["rule"].unique(maintain_order=True) if r in MEANINGS] if "rule" in here.columns else []
        if rules and decisions.get(str(task), here["step"].n_unique()) == 1:
            lines.append(
                f"{task}: an episode is one decision, so its reward does not depend on exploring, which can pay "
                f"nothing later; 'optimal' means {MEANINGS[rules[0]]} (rule {rules[0]})"
            )
    return lines


def idle_model_warnings(run: RunTables) -> list[str]:
    """Models that serve a slot through which nobody asked in the whole run."""
    asked = asked_slots(run.steps)
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


def trial_warnings(run: RunTables) -> list[str]:
    """Draws that are all alike word for word, which are one draw; and draws that hold no legal action."""
    if run.trials is None:
        return []
    lines: list[str] = []
    for (task, model, variant), part in run.trials.group_by("task", "model", "variant", maintain_order=True):
        name = f"{variant} on {task} with {model}"
        k, draws = int(part["trials"][0]), int(part["trials"].sum())
        if part["verbatim"].all():
            lines.append(
                f"{name}: all {k} draws of every decision are alike word for word, so they are one draw and say "
                "nothing of sampling: is the temperature 0?"
            )
        silent = int(part["unread"].sum()) / draws
        if silent > SILENT:
            lines.append(f"{name}: {silent:.0%} of the {draws} draws hold no legal action; they count as wrong")
    return lines
