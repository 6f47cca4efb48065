"""The values of the HTML report's page, which the templates read.

Invariants: plain values, made once by `page.py`; whatever was not measured is said in words, never shown as 0 or left
blank.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ..evals.scorecard import Arm
from .arm_rows import ArmRow
from .charts import Chart, ChartLine, Strip
from .gap_steps import GapSteps
from .tables import Column
from .text import TableCell
from .two_way import TwoWayTables


@dataclass(frozen=True, slots=True)
class Spanned:
    """A cell that stands for `span` neighbours which all say the same in words."""

    cell: TableCell
    css: str
    span: int = 1


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table on the page."""

    name: str
    cells: list[Spanned]
    kind: str = ""
    role: str = ""


@dataclass(frozen=True, slots=True)
class PageTable:
    """A table on the page.

    Attributes:
        heading: of the names; overs: (heading, columns) of neighbours under one heading; "" where there is none.
    """

    label: str
    heading: str
    columns: list[Column[Any]]
    overs: list[tuple[str, list[Column[Any]]]]
    lines: list[Line]

    @property
    def layered(self) -> bool:
        """Whether some columns have a heading over them."""
        return any(over for over, _ in self.overs)


@dataclass(frozen=True, slots=True)
class ClassLine:
    """What was done where the rationale was right, or where it was not."""

    name: str
    joint: list[tuple[str, TableCell]]
    conditional: list[TableCell]
    steps: float


@dataclass(frozen=True, slots=True)
class Classes:
    """The 2 x 3 table of every variant that was asked for a rationale, as joint shares and as conditionals.

    Attributes:
        lost: some step has no legal action.
    """

    headings: list[str]
    tables: list[tuple[ArmRow, list[ClassLine]]]
    lost: bool


@dataclass(frozen=True, slots=True)
class DrawnChart:
    """A chart with its drawings: rows with their numbers, or one drawing with the names of its lines."""

    chart: Chart
    rows: list[tuple[ChartLine, Markup, list[TableCell]]]
    drawn: Markup
    legend: list[tuple[str, Markup]]


@dataclass(frozen=True, slots=True)
class ItemEffects:
    """How the effect of one variant differs.

    Attributes:
        words: whether effects of items differ, or why that is not known; left: how many items are not drawn.
        rows: (name, drawing, effect) of all decisions, of parts of them, and of items. axis: the scale under them.
        mixed: the headline beside a mixed model's; parted: the two disagree.
    """

    name: str
    words: str
    left: int
    rows: list[tuple[str, Markup, TableCell]]
    axis: Markup
    mixed: str
    parted: bool


@dataclass(frozen=True, slots=True)
class Group:
    """What the report says about one task and model.

    Attributes:
        headline: (name, meaning, rate) of the baseline. verdicts: (name, outcome, sentence).
        plane: gap closed against cost, drawn, and in words: (name, kind, whether on the front, gap closed, tokens).
        looks, tools, judged, implied: a sentence and its table. figure: the gap per variant, drawn, and its scale.
        funnels: from encoded to done of a variant, level by level: (level, whence it is known, share, drawing).
        splits: (title, why there are no such steps or "", table) of subsets of steps.
        metrics: the variants; (title, name, values) of every metric that one of them has; (title, name, why) of others.
        code: its name in addresses. charts, strip, gaps: where the steps of the run are at hand; else empty or None.
        options: of the task, in words.
        notes: role, label and note of every model that served.
        shortened: some name is shown without the baseline's.
        unencoded: why variants are shown without what is encoded; empty where all have it.
        silent: variants that were not asked for a rationale.
        by_item: how effects differ, variant by variant; effects: all of that as a table.
    """

    task: str
    model: str
    options: str
    notes: list[tuple[str, str, str]]
    base: Arm
    headline: list[tuple[str, str, TableCell]]
    chance: str
    rows: list[ArmRow]
    shortened: bool
    verdicts: list[tuple[str, str, str]]
    plane: tuple[Markup, list[tuple[str, str, bool, str, str]]] | None
    looks: tuple[str, PageTable] | None
    tools: tuple[str, PageTable] | None
    judged: tuple[str, PageTable] | None
    implied: tuple[str, PageTable] | None
    figure: tuple[list[tuple[ArmRow, Markup, TableCell]], Markup]
    table: PageTable
    contrasts: PageTable | None
    funnels: list[tuple[ArmRow, list[tuple[str, str, TableCell, Markup]]]]
    unencoded: str
    silent: list[str]
    classes: Classes
    splits: list[tuple[str, str, PageTable]]
    outcomes: PageTable
    breakdowns: list[PageTable]
    metrics: tuple[list[str], list[tuple[str, str, list[str]]], list[tuple[str, str, str]]]
    code: str
    charts: list[DrawnChart]
    strip: Strip | None
    gaps: GapSteps | None
    by_item: list[ItemEffects]
    effects: PageTable | None


@dataclass(frozen=True, slots=True)
class Page:
    """The whole report.

    Attributes:
        reading: by which reader the answers were read and how often it errs, a sentence for each kind of answer.
        sessions: each time that the run was played, as names and texts.
        intervals: what kind of intervals it opens with; looked: which others hold for a fixed number of episodes alone,
            where the run was looked at while it went on; else "".
    """

    name: str
    design: str
    groups: list[Group]
    warnings: Sequence[str]
    two_way: list[tuple[TwoWayTables, list[PageTable]]]
    two_way_note: str
    definitions: list[tuple[str, str, str]]
    experiment: Mapping[str, Any]
    intervals: str
    looked: str
    reading: list[str]
    sessions: list[list[tuple[str, str]]]
