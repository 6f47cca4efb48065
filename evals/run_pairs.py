"""Which arms of one run or of two runs can be compared, by the names that a user gives; what is no pair is refused.

Invariant: a refusal names both sides of what differs, and what to do about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ..errors import BadOption, UnknownName
from .frame import baseline_name
from .run_tables import RunTables

__all__ = ["check_runs", "pair_models", "variant_named"]


def variant_named(steps: pl.DataFrame, name: str) -> str:
    """A variant by its name, or by what follows the baseline's name: "critique" for "reason_act | critique(rounds=2)".

    Raises:
        UnknownName: there is no such variant, or several.
    """
    known = [str(v) for v in steps["variant"].unique(maintain_order=True)]
    if name in known:
        return name
    base = baseline_name(steps)
    added = {v: v.removeprefix(base).strip(" |") for v in known}
    for short in (added, {v: a.partition("(")[0] for v, a in added.items() if " | " not in a}):
        meant = [v for v, a in short.items() if a == name.strip(" |")]
        if len(meant) == 1:
            return meant[0]
    raise UnknownName.among("variant", name, known)


def check_runs(first: RunTables, second: RunTables, variants: Sequence[str]) -> None:
    """Refuse two runs whose episodes are no pairs.

    Args:
        variants: which variant of each is compared.

    Raises:
        BadOption: the runs differ in design, seeds, tasks or the variant's plan.
    """
    runs = f"{first.name!r} and {second.name!r}"
    a, b = first.experiment, second.experiment
    for what in ("design", "seed"):
        if a.get(what) != b.get(what):
            raise BadOption(
                f"{runs} cannot be paired",
                f"the {what} of one is {a.get(what)!r}, of the other {b.get(what)!r}",
                f"Run one of them again with {what} = {json.dumps(a.get(what))}.",
            )
    tasks_a, tasks_b = _task_options(a), _task_options(b)
    shared = [t for t in tasks_a if t in tasks_b]
    if not set(first.steps["task"]) & set(second.steps["task"]) or not shared:
        raise BadOption(
            f"{runs} hold no task in common",
            f"{', '.join(tasks_a)} against {', '.join(tasks_b)}",
            "Compare runs of the same task.",
        )
    for task in shared:
        ours, theirs = tasks_a[task], tasks_b[task]
        for option in {**ours, **theirs}:
            if ours.get(option) != theirs.get(option):
                raise BadOption(
                    f"{runs} play different tasks",
                    f"{task} has {option} = {ours.get(option)!r} in one and {theirs.get(option)!r} in the other",
                    "Compare runs of the same task.",
                )
    plans = [str(r.steps.filter(variant=v)["plan"][0]) for r, v in zip((first, second), variants, strict=True)]
    if plans[0] != plans[1]:
        raise BadOption(
            f"{runs} would be compared by different variants",
            f"{plans[0]} against {plans[1]}",
            "Name a variant that both hold.",
        )


def pair_models(task: str, steps: Sequence[pl.DataFrame], runs: tuple[str, str]) -> list[tuple[str, str]]:
    """Which model of the first run is paired with which of the second.

    Raises:
        BadOption: both hold several models, and not the same ones.
    """
    one, other = ([str(m) for m in part["model"].unique(maintain_order=True)] for part in steps)
    if set(one) == set(other):
        return [(m, m) for m in one]
    if len(one) == len(other) == 1:
        return [(one[0], other[0])]
    raise BadOption(
        f"{runs[0]!r} and {runs[1]!r} hold several models on {task}",
        f"{', '.join(one)} against {', '.join(other)}",
        "Compare runs of one model each, or of the same models.",
    )


def _task_options(experiment: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of every task, by the name that its records carry."""
    tasks = [dict(t) for t in experiment.get("task", [])]
    names = [t.pop("name") for t in tasks]
    labels = experiment.get("task_labels")
    if labels is None:  # a run whose experiment was stored without them
        options = [", ".join(f"{k}={v}" for k, v in t.items()) for t in tasks]
        labels = [n if names.count(n) == 1 else f"{n}({o})" for n, o in zip(names, options, strict=True)]
    return dict(zip(labels, tasks, strict=True))
