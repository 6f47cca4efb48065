"""The rows of the tables about variants: each variant beside the baseline of its task and model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..evals.breakdown import BREAKDOWNS
from ..evals.inference import Contrast, Estimate
from ..evals.metrics import CLASSES
from ..evals.scorecard import Arm, Scorecard
from ..records import digest
from .tables import Column
from .text import ShownSteps, TableCell, estimate_text, marked_name, short_name

NOT_ASKED_FOR = "not among the metrics that were asked for"


@dataclass(frozen=True, slots=True)
class ArmRow:
    """One variant beside the baseline of its task and model."""

    card: Scorecard
    arm: Arm
    base: Arm

    @property
    def name(self) -> str:
        """Its name, without what it shares with the baseline, and marked where the oracle tells it something."""
        name = self.arm.variant if self.arm.baseline else short_name(self.arm.variant, self.base.variant)
        return marked_name(name, self.arm.leaks)

    @property
    def kind(self) -> Literal["baseline", "control", "variant"]:
        """What it is in the experiment."""
        return self.arm.kind

    @property
    def role(self) -> str:
        """The same in words; empty for a variant."""
        return {"baseline": "baseline", "control": f"control: {self.arm.control}", "variant": ""}[self.kind]

    def metric(self, name: str) -> Estimate:
        """The estimate of a metric with the interval that holds, or why there is none."""
        return self.arm.rate(name) if name in self.arm.metrics else Estimate(None, why=NOT_ASKED_FOR)

    def fixed(self, name: str) -> Estimate:
        """The same with the interval for a fixed number of episodes."""
        return self.arm.metrics.get(name, Estimate(None, why=NOT_ASKED_FOR))

    def contrast(self, metric: str, fixed: bool = False) -> Contrast | None:
        """The contrast against the baseline."""
        return self.card.contrast(self.arm, metric, self.base.variant, fixed)


def group_id(task: str, model: str) -> str:
    """The name of a task and model in addresses."""
    return digest([task, model], size=4)


def counted_steps(cell: TableCell, row: ArmRow, show: str) -> TableCell:
    """The cell with where the steps of a variant are listed that it counts, by the name of the viewer's filter; as it
    is where it counts none.
    """
    counts = cell.estimate.value if cell.estimate is not None else cell.text.strip("0,. ")
    if cell.missing or not counts or not show:
        return cell
    return replace(cell, steps=ShownSteps(group_id(row.arm.task, row.arm.model), show, row.arm.variant))


def arm_rows(card: Scorecard, task: str, model: str) -> list[ArmRow]:
    """The variants of one task and model, the baseline first."""
    arms = card.arms_of(task, model)
    base = card.baseline_of(arms[0])
    return [ArmRow(card, arm, base) for arm in arms]


def tool_rows(rows: Sequence[ArmRow]) -> list[ArmRow]:
    """The variants whose agents were offered tools."""
    return [row for row in rows if (rate := row.arm.metrics.get("tool_called")) is not None and rate.value is not None]


def shown_classes(arms: Sequence[Arm]) -> list[str]:
    """The classes of actions that a table shows: steps without a legal action only where there are some."""
    lost = any(cells["none"] for arm in arms for cells in arm.table.counts.values())
    return [c for c in CLASSES if c != "none" or lost]


@dataclass(frozen=True, slots=True)
class Breakdowns:
    """One breakdown of several variants: a row for each variant and key, a column for each estimate."""

    title: str
    key: str
    rows: list[tuple[ArmRow, str, dict[str, Estimate]]]

    @property
    def columns(self) -> list[Column[tuple[ArmRow, str, dict[str, Estimate]]]]:
        """The columns behind variant and key."""

        def column(name: str) -> Column[tuple[ArmRow, str, dict[str, Estimate]]]:
            return Column(name, lambda row: TableCell(estimate_text(row[2][name]) if name in row[2] else ""))

        return [column(name) for name in dict.fromkeys(name for _, _, cells in self.rows for name in cells)]


def breakdown_tables(rows: Sequence[ArmRow]) -> list[Breakdowns]:
    """What lies behind the metrics: a table for each breakdown that some variant has."""
    tables = [
        Breakdowns(title, name, [(row, k, c) for row in rows for k, c in row.arm.breakdowns.get(name, {}).items()])
        for name, title in BREAKDOWNS.items()
    ]
    return [table for table in tables if table.rows]
