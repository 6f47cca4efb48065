"""The scorecard as a value: every metric of every variant, its paired contrasts with baseline and controls, verdicts.

`akrasia.evals.scoring` makes it. Invariants: the baseline is the variant that the run marked as such; contrasts pair
the same episodes; the p-values of one metric on one task and model are corrected together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import polars as pl

from ..errors import NotMeasured
from ..ledger.imported import ImportedFrom
from ..ledger.provenance import RunSession
from ..notebook import paragraph_html, table_html
from .anytime import InterimLooks
from .breakdown import Breakdown
from .completeness import MissingEpisodes
from .heterogeneity import Heterogeneity
from .how_read import HowRead
from .inference import Bounds, Contrast, Estimate
from .integrity import IntegrityFault
from .judge import Judged
from .metrics import GapTable
from .pairs import Flips
from .two_way import TwoWay
from .verdict import Verdict

_SCHEMA: dict[str, Any] = {
    "task": pl.String, "model": pl.String, "variant": pl.String, "baseline": pl.Boolean, "control": pl.String,
    "measured": pl.Boolean, "leaks": pl.Boolean, "metric": pl.String, "estimate": pl.Float64, "low": pl.Float64,
    "high": pl.Float64, "steps": pl.Float64, "items": pl.Int64, "why": pl.String, "difference": pl.Float64,
    "difference_low": pl.Float64, "difference_high": pl.Float64, "p": pl.Float64, "p_holm": pl.Float64,
}  # fmt: skip
_SHOWN = ("knowing", "doing", "gap")


@dataclass(frozen=True, slots=True)
class Outcomes:
    """What became of the answers of an arm.

    Attributes:
        actions: how many steps ended in each status of the action; rationales: in each status of what was stated.
        read: how many of all answers behind the decisions, of every sample and round, could be read; unread: the rest.
        label_entropy: entropy of the actions taken, as a share of its maximum: 0 is one label always; None on question
            sets, whose answers are right or wrong.
    """

    actions: dict[str, int]
    rationales: dict[str, int]
    read: int
    unread: int
    label_entropy: float | None = None


@dataclass(frozen=True, slots=True)
class JudgedRates:
    """An arm with what judges read where the parser could not, kept apart from the parser's own numbers.

    Attributes:
        metrics: with the judges' readings: knowing, gap and say-do, or the levels.
        unread: steps that the parser left; judged: how many of them the judges read.
        parser: what the parser alone says of `implied`, beside it.
    """

    metrics: dict[str, Estimate]
    unread: int
    judged: int
    parser: dict[str, Estimate] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arm:
    """One variant on one task and model.

    Attributes:
        episodes: how many were played; items: what they are about, the clusters of all inference.
        metrics: estimates per metric name; bounds: what answers that could not be read could have made of them, for
            those that have bounds and miss some answers; splits: knowing, doing and gap per subset of steps; only in a
            whole scorecard, like `breakdowns`.
        table: the 2 x 3 table of steps.
        calls, tokens: per decision, tokens in and out together; None where an imported run does not say.
        flips: against the baseline; None in a rollout, where situations differ, and of an arm that was not measured.
        anytime: the gap with its anytime-valid interval, where the run was looked at while it went on; else None.
        followed: the same for every rate that can be followed: those with which a reader is met; empty elsewhere.
        judged: None where nobody judged; judged_implied: the same of what is implied.
        integrity: why it was not measured; empty where nothing speaks against it, see `akrasia.evals.integrity`.
        undone: its gap would be shown to differ from the baseline's, and what is missing could undo that: it is no
            finding, and on no front.
        leaks: an agent of it is told something by the oracle: it is no fair competitor, and on no front.
        cautions: what is odd about it, though it was measured; each goes on from its name.
        encoded_from: the arm that shows what is encoded on this arm's own prompt; "" where it is itself, or none is.
        breakdowns: what lies behind the metrics, by breakdown, row and column:
            `breakdowns["round"]["1"]["wrong_to_right"]`; see `akrasia.evals.breakdown`. Empty where single metrics were
            asked for.
    """

    task: str
    model: str
    variant: str
    control: str | None
    baseline: bool
    steps: int
    episodes: int
    items: int
    metrics: dict[str, Estimate]
    splits: dict[str, dict[str, Estimate]]
    table: GapTable
    outcomes: Outcomes
    calls: float | None
    tokens: float | None
    flips: Flips | None = None
    bounds: dict[str, Bounds] = field(default_factory=dict)
    anytime: Estimate | None = None
    judged: JudgedRates | None = None
    judged_implied: JudgedRates | None = None
    breakdowns: dict[str, Breakdown] = field(default_factory=dict)
    integrity: tuple[IntegrityFault, ...] = ()
    leaks: bool = False
    cautions: tuple[str, ...] = ()
    undone: bool = False
    encoded_from: str = ""
    followed: dict[str, Estimate] = field(default_factory=dict)

    @property
    def kind(self) -> Literal["baseline", "control", "variant"]:
        """What it is in the experiment."""
        return "baseline" if self.baseline else "control" if self.control else "variant"

    @property
    def repeated(self) -> str:
        """Where episodes share items, how many of both there are: "4 items in 400 episodes"; else empty."""
        if self.items == self.episodes:
            return ""
        return f"{self.items} item{'s' * (self.items > 1)} in {self.episodes} episodes"

    def rate(self, name: str) -> Estimate:
        """The estimate of a metric with the interval that holds: anytime-valid where the run was looked at while it
        went on and the metric can be followed.

        Raises:
            KeyError: the metric was not asked for.
        """
        return self.followed.get(name, self.metrics[name])


@dataclass(frozen=True, slots=True)
class Scorecard:
    """What was measured of a run.

    Attributes:
        contrasts: (task, model, contrast), corrected per metric, task and model.
        looks: how the run was looked at while it went on, None if it was not; `anytime`: the contrasts with
            anytime-valid intervals, which alone are valid then, and hold together over those of one metric.
        verdicts: one for each arm that is neither the baseline nor a control.
        warnings: what a reader must know before believing a number.
        judged: what judges read where the parser could not, and how well the two agree; None where nobody judged.
        judged_implied: the same of what reasonings imply.
        missing: the episodes that variants lack; empty where the run is complete.
        sessions: each time that the run was played: when, where and with which versions. No part of what was measured:
            scorecards of the same answers are equal whatever these are.
        reading: by which reader the answers were read, and how often it errs; no part of what was measured either.
        two_way: every two models by every two variants, where the run has both; empty as well where single metrics were
            asked for.
        by_item: how the effects of variants on the gap differ by item; empty where that was not asked for.
        imported: where the run was imported from; None where it was played.
    """

    plotter: ClassVar[Callable[[Scorecard, str, str | None, str | None], Any] | None] = None

    design: str
    arms: tuple[Arm, ...]
    contrasts: tuple[tuple[str, str, Contrast], ...]
    verdicts: tuple[Verdict, ...]
    warnings: tuple[str, ...]
    looks: InterimLooks | None = None
    anytime: tuple[tuple[str, str, Contrast], ...] = ()
    judged: Judged | None = None
    judged_implied: Judged | None = None
    two_way: tuple[TwoWay, ...] = ()
    by_item: tuple[Heterogeneity, ...] = ()
    imported: ImportedFrom | None = None
    missing: tuple[MissingEpisodes, ...] = ()
    sessions: tuple[RunSession, ...] = field(default=(), compare=False)
    reading: tuple[HowRead, ...] = field(default=(), compare=False)

    @property
    def valid(self) -> tuple[tuple[str, str, Contrast], ...]:
        """The contrasts that hold: anytime-valid and without a p where the run was looked at while it went on."""
        return self.anytime or self.contrasts

    @property
    def groups(self) -> tuple[tuple[str, str], ...]:
        """Every task and model, in order."""
        return tuple(dict.fromkeys((a.task, a.model) for a in self.arms))

    def arms_of(self, task: str, model: str) -> list[Arm]:
        """The arms of one task and model, the baseline first."""
        return [a for a in self.arms if (a.task, a.model) == (task, model)]

    def baseline_of(self, arm: Arm) -> Arm:
        """The baseline on the same task and model."""
        return next(a for a in self.arms_of(arm.task, arm.model) if a.baseline)

    def contrast(self, arm: Arm, metric: str, against: str, fixed: bool = False) -> Contrast | None:
        """The contrast of an arm in a metric against another variant, of those that are `valid`.

        Args:
            fixed: the contrast for a fixed number of episodes, also where the run was looked at while it went on.
        """
        wanted = (arm.task, arm.model, arm.variant, metric, against)
        for task, model, c in self.contrasts if fixed else self.valid:
            if (task, model, c.variant, c.metric, c.against) == wanted:
                return c
        return None

    def to_frame(self) -> pl.DataFrame:
        """A row for each metric of each variant, in the order of the scorecard.

        Columns: `task`, `model`, `variant`, `baseline`, `control` (which one, null where it is none), `measured` (false
        where its integrity failed), `leaks`, `metric`, `estimate` with its interval `low` to `high`, over `steps` and
        `items`, `why` it is null, and against the baseline the paired `difference` with its interval, its `p` and that
        corrected by Holm. Shares are in [0, 1], differences of shares in [-1, 1].
        """
        return pl.DataFrame(list(_rows(self)), schema=_SCHEMA, orient="row")

    def plot(self, name: str, task: str | None = None, model: str | None = None) -> Any:
        """A figure of those that a scorecard can draw by itself; `Result.plot` draws all. See docs/results.md.

        Args:
            name: such as "gap_closed". task, model: needed where the run has several.

        Raises:
            UnknownName, BadOption, NotMeasured: there is no such figure of this run.
        """
        if Scorecard.plotter is None:
            raise NotMeasured("nobody draws here", "the scorecard was not made by a Result", "Take Result.score.")
        return Scorecard.plotter(self, name, task, model)

    def _repr_html_(self) -> str:
        return _html(self)


def _rows(card: Scorecard) -> Iterator[tuple[Any, ...]]:
    for arm in card.arms:
        base = card.baseline_of(arm).variant
        for metric in arm.metrics:
            e = arm.rate(metric)
            contrast = None if arm.baseline else card.contrast(arm, metric, base)
            d, *p = (
                (Estimate(None), None, None) if contrast is None else (contrast.difference, contrast.p, contrast.p_holm)
            )
            whose = arm.task, arm.model, arm.variant, arm.baseline, arm.control, not arm.integrity, arm.leaks
            own, change = (e.value, e.low, e.high, e.n, e.clusters, e.why or None), (d.value, d.low, d.high)
            yield (*whose, metric, *own, *change, *p)


def _html(card: Scorecard) -> str:
    parts = []
    for task, model in card.groups:
        rows = [_cells(card, arm) for arm in card.arms_of(task, model)]
        parts.append(table_html(("variant", *_SHOWN, "against the baseline"), rows, f"{model} on {task}"))
        found = [v for v in card.verdicts if (v.task, v.model) == (task, model)]
        parts += [paragraph_html(v.sentence, f"{v.variant}:") for v in found]
    parts += [paragraph_html(f"! {warning}") for warning in card.warnings]
    return f"<div>{''.join(parts)}</div>"


def _cells(card: Scorecard, arm: Arm) -> tuple[str, ...]:
    name = arm.variant if arm.kind == "variant" else f"{arm.variant} ({arm.kind})"
    contrast = None if arm.baseline else card.contrast(arm, "gap", card.baseline_of(arm).variant)
    change = "" if contrast is None else _written(contrast.difference, "+")
    return (name, *(_written(arm.rate(m)) if m in arm.metrics else "" for m in _SHOWN), change)


def _written(e: Estimate, sign: str = "") -> str:
    if e.value is None:
        return "not measured"
    ends = "[unknown]" if e.low is None or e.high is None else f"[{e.low:{sign}.2f}, {e.high:{sign}.2f}]"
    return f"{e.value:{sign}.2f} {ends}"


def outcomes_of(steps: pl.DataFrame) -> Outcomes:
    """How the steps of an arm ended."""
    read = int(steps["answers_read"].sum())
    return Outcomes(
        actions=_counts(steps["status"]),
        rationales=_counts(steps["stated_status"]),
        read=read,
        unread=int(steps["answers"].sum()) - read,
        label_entropy=_entropy(steps["done"]) if steps["question"].null_count() and _has_choices(steps) else None,
    )


def _has_choices(steps: pl.DataFrame) -> bool:
    """Whether there is something to choose from; an imported answer may be nothing but right or wrong."""
    return steps["item_trial"].null_count() == steps.height or bool(steps["actions"].max())


def per_step(column: pl.Series) -> float | None:
    """The mean of a column; None where an imported run does not hold all of it."""
    return None if column.null_count() else float(column.sum()) / len(column)


def multiple_of(ours: float | None, theirs: float | None) -> float | None:
    """How many times as much; None where either is not known, or the other is 0."""
    return ours / theirs if ours is not None and theirs else None


def _counts(column: pl.Series) -> dict[str, int]:
    return {str(k): int(n) for k, n in column.value_counts(sort=True).rows()}


def _entropy(column: pl.Series) -> float | None:
    """Entropy of the labels taken, as a share of its maximum over as many labels."""
    shares = column.drop_nulls().value_counts(normalize=True, sort=True)["proportion"]
    kinds = len(shares)
    return float(shares.entropy(base=kinds) or 0.0) if kinds > 1 else (0.0 if kinds == 1 else None)
