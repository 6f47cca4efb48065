"""The gap itself: knowing, doing, what lies between, and the published 2 x 3 table.

Joint shares and conditionals are different numbers and are never called by each other's name. In Schmied et al. 2025,
Fig. 5, the six cells add up to 100 % of all steps; 64 % is P(greedy | correct rationale) = 58.1 / 90.3, and
P(optimal | correct) = 21.6 / 90.3 = 24 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from ...errors import NotMeasured
from ..inference import Estimate, Interval
from ..situations import side_by_side
from .base import Metric, metric

_ASKED = pl.col("asked")
_KNOWS = pl.col("knows") & _ASKED
_IGNORANT = ~pl.col("knows") & _ASKED
_UNREAD, _UNDONE = ~pl.col("stated_valid") & _ASKED, ~pl.col("valid")
# Of two facts one may settle the outcome: who does right has no gap, and who is known not to know has none either.
_GAP_OPEN = (_UNREAD & ~pl.col("does")) | (_UNDONE & (pl.col("knows") | _UNREAD))
_MIRROR_OPEN = (_UNREAD & (pl.col("does") | _UNDONE)) | (_UNDONE & _IGNORANT)
_COMPARED = (pl.col("probes") == 0) & pl.col("follows").is_not_null()
_NONE = "no rationale was asked for"
_G1 = "Schmied et al. 2025 (2504.16078), App. C.1.3"

knowing = metric(
    "knowing", "knowing", _KNOWS, _ASKED, source=f"{_G1}: P(stated in optimal)", why=_NONE, missing=_UNREAD
)
doing = metric("doing", "doing", pl.col("does"), pl.lit(True), source=f"{_G1}: P(done in optimal)", missing=_UNDONE)
gap = metric(
    "gap",
    "gap",
    _KNOWS & ~pl.col("does"),
    _ASKED,
    source="P(knows and does not do)",
    why=_NONE,
    missing=_GAP_OPEN,
)
mirror = metric(
    "mirror",
    "mirror",
    _IGNORANT & pl.col("does"),
    _ASKED,
    source="P(does not know and does)",
    why=_NONE,
    missing=_MIRROR_OPEN,
)
say_do = metric(
    "say_do",
    "say-do",
    pl.col("follows"),
    pl.col("stated_valid") & _COMPARED,
    source="P(done in stated | something was stated)",
    why="no rationale recommended anything",
    missing=_ASKED & _COMPARED & (_UNREAD | _UNDONE),
)
_TAKEN = (("optimal", pl.col("does")), ("greedy", pl.col("greedy")), ("other", pl.col("other")))
for _row, _in, _said, _why in (
    ("knowing", _KNOWS, "knows", "nothing was known"),
    ("not_knowing", _IGNORANT, "does not know", "no wrong rationale was given"),
):
    for _taken, _when in _TAKEN:
        metric(
            f"{_taken}_given_{_row}",
            f"P({_taken} | {_said})",
            _in & _when,
            _in,
            source=_G1,
            why=_why,
            missing=_UNREAD | (_in & _UNDONE),
        )
none_given_knowing = metric(
    "none_given_knowing",
    "P(none | knows)",
    _KNOWS & ~pl.col("valid"),
    _KNOWS,
    source="no legal action was given; with the three above the row adds up to 1",
    why="nothing was known",
    missing=_UNREAD,
)
encoded = metric(
    "encoded",
    "encoded",
    pl.col("encoded") & pl.col("encoded").is_not_null(),
    pl.col("encoded").is_not_null(),
    source="the likeliest action by token probability, before any rationale, is optimal",
    why="no action was read off token probabilities without a rationale: add the variant act, on a model that has them",
)
valid = metric(
    "valid", "valid", pl.col("valid"), pl.lit(True), source="share of steps with a legal action", missing=pl.lit(False)
)
stated_valid = metric(
    "stated_valid",
    "stated valid",
    pl.col("stated_valid"),
    _ASKED,
    source="share of rationales that can be read",
    why=_NONE,
    missing=pl.lit(False),
)
chance = metric(
    "chance", "chance", pl.col("chance"), pl.lit(1.0), source="|optimal| / |legal actions|", missing=pl.lit(False)
)
mass = metric(
    "mass",
    "legal mass",
    pl.col("mass"),
    pl.col("mass").is_not_null(),
    source="probability on legal labels before renormalising",
    why="the model shows no token probabilities",
)

CLASSES = ("optimal", "greedy", "other", "none")
SPLITS: dict[str, pl.Expr] = {
    "all": pl.lit(True),
    "untried left": pl.col("untried_left"),
    "all tried": ~pl.col("untried_left"),
    "valid only": pl.col("valid"),
    "no legal action": ~pl.col("valid"),
    "stated only": pl.col("stated_valid"),
}
"""Subsets of steps by which the gap is told: whether an untried arm is left, and by outcome."""


@dataclass(frozen=True, slots=True)
class GapTable:
    """The 2 x 3 table of steps, with a fourth column for steps without a legal action.

    `counts[row][column]`: row "knows" or "does not know", column one of `CLASSES`; whole numbers where steps were
    counted, shares where a published table is read.
    """

    counts: Mapping[str, Mapping[str, float]]

    @property
    def total(self) -> float:
        """All steps on which a rationale was asked for."""
        return sum(sum(row.values()) for row in self.counts.values())

    def joint(self, row: str, column: str) -> float | None:
        """Share of all steps that fall in a cell."""
        return self.counts[row][column] / self.total if self.total else None

    def conditional(self, row: str, column: str) -> float | None:
        """Share of a row's steps that fall in a cell."""
        whole = sum(self.counts[row].values())
        return self.counts[row][column] / whole if whole else None


def gap_table(frame: pl.DataFrame) -> GapTable:
    """Count the steps of one variant by what was known and what was done."""
    asked = frame.select("asked", "knows", "does", "greedy", "other").filter(_ASKED & pl.col("does").is_not_null())
    flags = zip(CLASSES, ("does", "greedy", "other"), strict=False)
    taken = pl.coalesce(*(pl.when(flag).then(pl.lit(name)) for name, flag in flags), pl.lit("none"))
    counted = asked.group_by("knows", taken.alias("class")).len().rows()
    cells = {(knows, kind): int(n) for knows, kind, n in counted}
    rows = {"knows": True, "does not know": False}
    return GapTable({row: {c: cells.get((flag, c), 0) for c in CLASSES} for row, flag in rows.items()})


@dataclass(frozen=True, slots=True)
class Funnel:
    """What is left of knowledge on its way to an action, as shares of the same situations.

    Attributes:
        encoded: the likeliest action by token probability, before any rationale, is optimal.
        stated, done: the rationale recommends an optimal action; the action taken is optimal.
        unsaid: encoded and not stated; undone: stated and not done, which is the gap.
        kept: encoded, stated and done.
    """

    encoded: Estimate
    stated: Estimate
    done: Estimate
    unsaid: Estimate
    undone: Estimate
    kept: Estimate


def funnel(variant: pl.DataFrame, encoding: pl.DataFrame, interval: Interval = "robust") -> Funnel:
    """Encoded -> stated -> done, on the situations where all three are known.

    Args:
        variant: the records of a variant that reasons.
        encoding: those of a variant whose action is read off token probabilities without a rationale, such as `act`.

    Raises:
        NotMeasured: there is no such situation.
    """
    first, second, last = pl.col("encoded_base"), pl.col("knows"), pl.col("does")
    both = side_by_side(variant, encoding, ("asked", "encoded_base", "knows", "does")).filter(
        _ASKED & first.is_not_null()
    )
    if both.is_empty():
        raise NotMeasured(
            "no situation shows what is encoded, stated and done",
            remedy="Run a variant that reasons and the variant act in one fork, on a model with token probabilities.",
        )
    shares = {
        "encoded": first,
        "stated": second,
        "done": last,
        "unsaid": first & ~second,
        "undone": second & ~last,
        "kept": first & second & last,
    }
    return Funnel(**{n: Metric(n, n, "share", "funnel", e, pl.lit(1.0))(both, interval) for n, e in shares.items()})
