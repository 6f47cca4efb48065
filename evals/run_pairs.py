"""Which arms of one run or of two runs can be compared, by the names that a user gives; what is no pair is refused.

Invariant: a refusal names both sides of what differs, and what to do about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from ..errors import BadOption, UnknownName
from .pairs import Side
from .run_tables import RunTables
from .step_table import baseline_name

SHOWN = 3  # items that a refusal names
_DRAW = ["item", "item_trial", "step"]


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


def check_items(a: Side, b: Side, shared: bool = False) -> None:
    """Refuse two imported arms that do not answer the same items as often, or that were asked different things.

    Args:
        shared: let one hold items or trials that the other lacks: those that both hold are compared.

    Raises:
        BadOption: they are no pairs; the message names items.
    """
    extra = [_items(one.steps.join(other.steps, on=_DRAW, how="anti")) for one, other in ((a, b), (b, a))]
    if not shared and any(extra):
        held = [(side, rows) for side, rows in zip((a, b), extra, strict=True) if rows]
        told = [f"{len(rows):,} of {side.name!r} alone ({_named(rows)})" for side, rows in held]
        raise BadOption(
            f"{a.name!r} and {b.name!r} are not paired: they do not hold the same items and trials",
            "; ".join(told),
            "Import the missing rows, or compare what both hold: --shared.",
        )
    both = a.steps.select(*_DRAW, "situation").join(b.steps.select(*_DRAW, theirs="situation"), on=_DRAW)
    differ = both.filter(pl.col("situation") != pl.col("theirs"))
    if both.is_empty() or differ.height:
        named = _named(_items(differ)) or f"{_named(_items(a.steps))} against {_named(_items(b.steps))}"
        why = "they hold no item in common" if both.is_empty() else "they were asked different questions"
        raise BadOption(
            f"{a.name!r} and {b.name!r} are not paired: {why}",
            named,
            "Name the column that says what a row is about: akrasia import ... --map item=COLUMN.",
        )


def _items(steps: pl.DataFrame) -> list[str]:
    """The items of steps, each with its trial where that is not the first."""
    draws = steps.select("item", "item_trial").unique(maintain_order=True).rows()
    return [f"item {item}" + (f", trial {trial}" if trial else "") for item, trial in draws]


def _named(items: Sequence[str]) -> str:
    return "; ".join(items[:SHOWN]) + ("; ..." if len(items) > SHOWN else "")


def with_episodes_of(steps: pl.DataFrame, first: pl.DataFrame) -> pl.DataFrame:
    """The steps of an imported run, with the episodes that another one gives to the same items and trials; what that
    does not hold comes after.
    """
    draw = ["task", "item", "item_trial"]
    known = first.select(*draw, found="episode").unique(draw)
    after = int(first["episode"].max() or 0) + 1  # type: ignore[arg-type]
    joined = steps.join(known, on=draw, how="left", maintain_order="left")
    return joined.with_columns(episode=pl.coalesce("found", pl.col("episode") + after)).drop("found")


def check_runs(first: RunTables, second: RunTables, variants: Sequence[str]) -> None:
    """Refuse two runs whose episodes are no pairs.

    Args:
        variants: which variant of each is compared.

    Raises:
        BadOption: the runs differ in design, seeds, tasks or the variant's plan.
    """
    runs = f"{first.name!r} and {second.name!r}"
    a, b = first.experiment, second.experiment
    if (first.imported is None) != (second.imported is None):
        raise BadOption(
            f"{runs} cannot be paired", "one was imported and the other played here", "Compare two of a kind."
        )
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
    if plans[0] != plans[1] and first.imported is None:
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
