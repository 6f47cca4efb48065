"""The steps of a run at which a variant knew an optimal action and did not take it, with every variant beside it.

Invariants: a step is listed where, and only where, the table of records counts it into the gap. The decisions at a step
are those of one task, model, episode and step; the baseline stands first, then the variants as the experiment names
them. In a rollout the variants meet situations of their own, and `situation` is the baseline's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from ..errors import UnknownName
from ..ledger import LedgerReader, StoredAnswer, read_ledger
from ..records import Oracle, Record, Turn
from .show import action_kind
from .text import short_name


@dataclass(frozen=True, slots=True)
class GapDecision:
    """What one variant decided at a step.

    Attributes:
        name: the variant without what it shares with the baseline.
        texts: (agent, what it said), in the order of the plan; thought: (agent, reasoning apart from the answer).
        stated: what its reasoning recommends; done: the action taken, None where the answer held none.
        knows, does: whether these are optimal; asked: whether a recommendation was asked for.
        kind: of the action: "optimal", "greedy", "other", or the status of an answer without a legal action.
    """

    variant: str
    name: str
    baseline: bool
    texts: tuple[tuple[str, str], ...]
    thought: tuple[tuple[str, str], ...]
    stated: tuple[str, ...]
    done: str | None
    asked: bool
    knows: bool
    does: bool
    kind: str

    @property
    def gap(self) -> bool:
        """Whether it knew and did not do."""
        return self.asked and self.knows and not self.does


@dataclass(frozen=True, slots=True)
class GapStep:
    """A step at which at least one of the variants that were asked for knew and did not do.

    Attributes:
        situation: what the first agent of the baseline was told last; "" where nobody was asked.
        decisions: of every variant that was asked for and decided here, the baseline first.
    """

    task: str
    model: str
    episode: int
    step: int
    situation: str
    oracle: Oracle
    actions: tuple[str, ...]
    decisions: tuple[GapDecision, ...]


@dataclass(frozen=True, slots=True)
class GapSteps:
    """The steps of a run with a gap.

    Attributes:
        steps: at most as many as were asked for, by task, model, episode and step.
        counts: (model on task, variant, steps with a gap, steps at which it was asked) of every variant asked for.
        total: how many steps there are.
        rollout: whether the variants met situations of their own.
    """

    steps: tuple[GapStep, ...]
    counts: tuple[tuple[str, str, int, int], ...]
    total: int
    rollout: bool


def gap_steps(
    folder: Path, table: pl.DataFrame, variants: Sequence[str] = (), model: str | None = None, most: int = 10
) -> GapSteps:
    """Find the steps at which a variant knew and did not do.

    Args:
        table: the records of the run (columns: `akrasia.evals.step_table`).
        variants: only where one of these did, shown beside the baseline alone; empty for all.
        model: only this model.
        most: at most so many steps; 0 for all.

    Raises:
        UnknownName: the run has no such variant or model.
    """
    names = _chosen("variant", variants, list(table["variant"].unique(maintain_order=True)))
    played = list(table["model"].unique(maintain_order=True))
    with read_ledger(folder) as ledger:
        experiment = ledger.stored("experiment") or {}
    named = [m for m in experiment.get("labels", ()) if m in played]
    models, order = [*named, *(m for m in played if m not in named)], list(experiment.get("variants", {}))
    if model is not None and model not in models:
        raise UnknownName.among("model of this run", model, models)
    steps = table if model is None else table.filter(pl.col("model") == model)
    asked_for = steps.filter(pl.col("variant").is_in(names)) if names else steps
    has_gap = pl.col("asked") & pl.col("knows") & ~pl.col("does")
    places = asked_for.filter(has_gap).select("task", "model", "episode", "step").unique()
    places = places.sort(
        "task", pl.col("model").replace_strict({m: i for i, m in enumerate(models)}), "episode", "step"
    )
    with read_ledger(folder) as ledger:
        shown = [_step(ledger, order, names, *place) for place in (places.head(most) if most else places).iter_rows()]
    counts = (
        asked_for.group_by("model", "task", "variant", maintain_order=True)
        .agg(has_gap.sum().alias("gap"), pl.col("asked").sum().alias("asked"))
        .rows()
    )
    ordered = sorted(counts, key=lambda row: (row[1], models.index(row[0]), _place(order, row[2])))
    listed = tuple((f"{m} on {task}", variant, gap, asked) for m, task, variant, gap, asked in ordered)
    return GapSteps(tuple(shown), listed, places.height, "rollout" in set(table["design"].unique()))


def _chosen(kind: str, asked: Sequence[str], known: Sequence[str]) -> list[str]:
    """The whole names that are asked for, each by itself or by what comes last in it."""
    chosen: list[str] = []
    for name in asked:
        found = [k for k in known if name.removeprefix("| ") in (k, k.rpartition("| ")[2])]
        if not found:
            raise UnknownName.among(kind, name, known)
        chosen += found
    return chosen


def _place(order: Sequence[str], variant: str) -> tuple[int, str]:
    return (order.index(variant) if variant in order else len(order)), variant


def _step(
    ledger: LedgerReader, order: Sequence[str], names: Sequence[str], task: str, model: str, episode: int, step: int
) -> GapStep:
    records = [r for r in ledger.records(episode, step) if (r.task, r.model) == (task, model)]
    base = next((r for r in records if _is_baseline(r)), records[0])
    shown = [r for r in records if r is base or not names or r.variant in names]
    shown.sort(key=lambda r: (r is not base, _place(order, r.variant)))
    decisions = tuple(_decision(ledger, r, base) for r in shown)
    return GapStep(task, model, episode, step, _situation(ledger, base), base.oracle, base.actions, decisions)


def _is_baseline(record: Record) -> bool:
    return record.tags.get("arm") == "baseline"


def _answered(ledger: LedgerReader, record: Record) -> Iterator[tuple[Turn, StoredAnswer]]:
    """The turns of a decision that asked a model, with their stored answers."""
    for turn in record.decision.turns:
        if turn.key and (answer := ledger.answer(turn.key)) is not None:
            yield turn, answer


def _situation(ledger: LedgerReader, record: Record) -> str:
    """What the first agent that was asked was told last."""
    for _, answer in _answered(ledger, record):
        told: list[Any] = [m.content for m in answer.request.messages if m.role == "user"]
        return str(told[-1] if told else answer.request.messages[-1].content)
    return ""


def _decision(ledger: LedgerReader, record: Record, base: Record) -> GapDecision:
    decision, oracle = record.decision, record.oracle
    thoughts = (
        (turn.agent, answer.response.reasoning.strip())
        for turn, answer in _answered(ledger, record)
        if answer.response.reasoning
    )
    return GapDecision(
        variant=record.variant,
        name=record.variant if record is base else short_name(record.variant, base.variant),
        baseline=_is_baseline(record),
        texts=tuple((t.agent, t.text.strip("\n")) for t in decision.turns if t.text.strip()),
        thought=tuple(thoughts),
        stated=decision.stated,
        done=decision.done,
        asked=decision.stated_status != "absent",
        knows=bool(set(decision.stated) & set(oracle.optimal)),
        does=decision.done in oracle.optimal,
        kind=action_kind(decision.done, oracle) if decision.done else decision.status,
    )
