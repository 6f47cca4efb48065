"""Which steps of a run a reader asks for: filters by name, each an expression over the table of steps.

Invariant: a filter says of one step of one variant whether it is meant; a situation is listed where any of its variants
is. What a filter needs and a run does not have is said, and never an empty list that looks like a finding.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ...evals.judge import LEFT
from ...records import FAILURES

__all__ = ["FILTERS", "SITUATION", "STEP", "StepFilter", "with_marks"]

SITUATION = ["task", "model", "episode", "step"]
STEP = ["task", "model", "variant", "episode", "step"]
_UNREAD = ("ok", "absent", "undecided")


@dataclass(frozen=True, slots=True)
class StepFilter:
    """A filter of steps.

    Attributes:
        title: what it is called on a page; meaning: one sentence for a reader.
        column: the column of `with_marks` that it reads; "" takes every step.
    """

    title: str
    meaning: str
    column: str = ""


FILTERS: dict[str, StepFilter] = {
    "all": StepFilter("all", "Every situation."),
    "gap": StepFilter(
        "knows, does not", "The rationale recommends an optimal action, and another one is taken.", "m_gap"
    ),
    "mirror": StepFilter(
        "does, does not know",
        "An optimal action is taken that the rationale does not recommend.",
        "m_mirror",
    ),
    "improved": StepFilter(
        "wrong → right", "The baseline is wrong in this situation, and the variant is right.", "m_improved"
    ),
    "worsened": StepFilter(
        "right → wrong", "The baseline is right in this situation, and the variant is wrong.", "m_worsened"
    ),
    "critic": StepFilter(
        "flipped by the critic", "An agent read a critic and then held another action than before.", "m_critic"
    ),
    "disagree": StepFilter("variants disagree", "The variants do not all take the same action.", "m_disagree"),
    "unparsable": StepFilter(
        "unparsable", "The action or the recommendation could not be read, or is none of the legal ones.", "m_unread"
    ),
    "leak": StepFilter("told by the oracle", "An agent of the variant is told something by the oracle.", "m_leak"),
    "broken": StepFilter(
        "not measured", "Something speaks against the step as measured: a fault of an agent or a graph.", "m_broken"
    ),
}


def with_marks(steps: pl.DataFrame, changed_minds: pl.DataFrame | None) -> pl.DataFrame:
    """The table of steps with one boolean column for each filter.

    Args:
        steps: as `akrasia.evals.step_table` makes it.
        changed_minds: the steps, by `STEP`, at which an agent changed its mind after reading a critic; None where the
            transcripts have not been read yet.
    """
    base = steps.filter("baseline").select(*SITUATION, "situation", b_does="does", b_done="done")
    base = base.unique([*SITUATION, "situation"], keep="first", maintain_order=True)
    rows = steps.join(base, on=[*SITUATION, "situation"], how="left", maintain_order="left")
    unread = ~pl.col("status").is_in(_UNREAD) | (pl.col("asked") & pl.col("stated_status").is_in([*LEFT, "error"]))
    answered = ~pl.col("status").is_in(FAILURES) & pl.col("integrity").is_null()  # what failed changed no mind
    rows = rows.with_columns(
        m_gap=pl.col("asked") & pl.col("knows") & ~pl.col("does"),
        m_mirror=pl.col("asked") & ~pl.col("knows") & pl.col("does"),
        m_improved=(~pl.col("b_does") & pl.col("does")).fill_null(False),
        m_worsened=(pl.col("b_does") & ~pl.col("does") & answered).fill_null(False),
        m_unread=unread,
        m_leak=pl.col("leaks").is_not_null(),
        m_broken=pl.col("integrity").is_not_null(),
        m_disagree=pl.when(answered).then(pl.col("done").fill_null("")).drop_nulls().n_unique().over(SITUATION) > 1,
    )
    if changed_minds is None:
        return rows.with_columns(m_critic=pl.lit(False))
    marked = changed_minds.select(STEP).unique().with_columns(m_critic=pl.lit(True))
    return rows.join(marked, on=STEP, how="left", maintain_order="left").with_columns(
        pl.col("m_critic").fill_null(False)
    )
