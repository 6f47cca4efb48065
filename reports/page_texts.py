"""What the HTML report says of metrics, tasks and models: definitions, options and notes, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..evals.metrics import METRICS
from ..evals.scorecard import Scorecard
from .arm_rows import ArmRow
from .text import estimate_cell

DESIGNS = {
    "fork": "fork: every variant decides the situations that the baseline{of} meets",
    "rollout": "rollout: every variant plays its own episode on the same seeds",
}
SPLITS = {
    "all": "All steps",
    "untried left": "An untried arm is left",
    "all tried": "All arms tried",
    "valid only": "Valid only: steps with a legal action",
    "no legal action": "Steps without a legal action",
    "stated only": "Stated only: steps whose rationale can be read",
}
CLASS_HEADINGS = {"optimal": "optimal", "greedy": "greedy", "other": "other", "none": "no legal action"}


def metric_definitions(card: Scorecard) -> list[tuple[str, str, str]]:
    """Title, unit and definition of every metric in the scorecard."""
    definitions = []
    for name in dict.fromkeys(name for arm in card.arms for name in arm.metrics):
        metric = registered_metric(name)
        source = getattr(metric, "source", "") or (METRICS.about(name) if name in METRICS else "")
        definitions.append((getattr(metric, "title", name), getattr(metric, "unit", ""), source))
    return definitions


def registered_metric(name: str) -> Any:
    """The metric of that name; a user's evaluator is none."""
    return METRICS.make(name) if name in METRICS else None


def task_options(experiment: Mapping[str, Any], task: str) -> str:
    """The options of a task in words; empty where the record's name holds them or the experiment is not known."""
    tasks = [t for t in experiment.get("task", []) if t.get("name") == task]
    return ", ".join(f"{k} {v}" for k, v in tasks[0].items() if k != "name") if len(tasks) == 1 else ""


def model_notes(experiment: Mapping[str, Any], model: str) -> list[tuple[str, str, str]]:
    """Role, label and note of every model that served under this label."""
    for roles in experiment.get("models", []):
        others = sorted(role for role in roles if role != "default")
        labels = [
            str(roles[r]["label"]) if r == "default" else f"{r}: {roles[r]['label']}" for r in ("default", *others)
        ]
        if " + ".join(labels) == model:
            return [(r, roles[r]["label"], roles[r].get("note", "")) for r in ("default", *others)]
    return []


def unencoded_words(rows: Sequence[ArmRow]) -> str:
    """Why some variants are shown without what is encoded; "" where all have it."""
    lacking = [r for r in rows if r.arm.table.total and r.metric("encoded").value is None and not r.arm.encoded_from]
    if not lacking:
        return ""
    if all(r.metric("encoded").value is None for r in rows):
        return estimate_cell(rows[0].metric("encoded")).words
    names = "; ".join(r.name for r in lacking)
    return f"not shown for {names}: no variant shows token probabilities on the same prompt"
