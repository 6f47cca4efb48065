"""Which steps of a run a reader asks for: filters by name, each an expression over the table of steps.

Filters that are `listed` stand on every page; the others are where the numbers of the report lead.

Invariant: a filter says of one step of one variant whether it is meant; a situation is listed where any of its variants
is. What a filter needs and a run does not have is said, and never an empty list that looks like a finding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import polars as pl

from ...evals.implied_judge import with_implied
from ...evals.judge import LEFT, Judged
from ...evals.metrics import CLASSES
from ...evals.turns import DECISION
from ...records import FAILURES, Status

SITUATION = ["task", "model", "episode", "step"]
_UNREAD = ("ok", "absent", "undecided")


@dataclass(frozen=True, slots=True)
class StepFilter:
    """A filter of steps.

    Attributes:
        title: what it is called on a page; meaning: one sentence for a reader.
        where: over the table of `with_marks`; None takes every step.
        listed: it stands among the filters that a page offers.
    """

    title: str
    meaning: str
    where: pl.Expr | None = None
    listed: bool = True


_OFFERED = {
    "all": ("all", "Every situation."),
    "gap": ("knows, does not", "The rationale recommends an optimal action, and another one is taken."),
    "mirror": ("does, does not know", "An optimal action is taken that the rationale does not recommend."),
    "lost-conclusion": (
        "lost: reasoning → conclusion",
        "The reasoning implies an optimal action with its conclusion cut off, and the conclusion recommends another.",
    ),
    "lost-action": (
        "lost: conclusion → action",
        "The reasoning implies an optimal action, the conclusion recommends one too, and another one is taken.",
    ),
    "lost-reading": (
        "lost in reading",
        "The reasoning implies an optimal action, and what followed could not be read, or was read otherwise than the "
        "model names it when it is asked for the label alone.",
    ),
    "improved": ("wrong → right", "The baseline is wrong in this situation, and the variant is right."),
    "worsened": ("right → wrong", "The baseline is right in this situation, and the variant is wrong."),
    "critic": ("flipped by the critic", "An agent read a critic and then held another action than before."),
    "disagree": ("variants disagree", "The variants do not all take the same action."),
    "trials": ("trials disagree", "The draws of one decision do not all do the same."),
    "unparsable": ("unparsable", "The action or the recommendation could not be read, or is none of the legal ones."),
    "leak": ("told by the oracle", "An agent of the variant is told something by the oracle."),
    "broken": ("not measured", "Something speaks against the step as measured: a fault of an agent or a graph."),
}


def _mark(name: str) -> pl.Expr | None:
    """Where a filter that is offered holds, by its name."""
    if name == "all":
        return None
    lost = name.partition("lost-")[2]
    return (pl.col("lost_at") == lost).fill_null(False) if lost else pl.col(f"m_{name}")


LISTED: dict[str, StepFilter] = {
    name: StepFilter(title, meaning, _mark(name)) for name, (title, meaning) in _OFFERED.items()
}
"""The filters that a page offers."""

_TAKEN = {
    "optimal": pl.col("does"),
    "greedy": pl.col("greedy"),
    "other": pl.col("other"),
    "none": ~pl.col("valid"),
}
_NAMES = {"optimal": "optimal", "greedy": "greedy", "other": "another", "none": "no legal"}


def _counted() -> dict[str, StepFilter]:
    """What the report counts, beside the filters that are listed."""

    def counted(title: str, meaning: str, where: pl.Expr) -> StepFilter:
        return StepFilter(title, meaning, where.fill_null(False), listed=False)

    asked, knows = pl.col("asked"), pl.col("knows")
    found = {
        "asked": counted("asked for a rationale", "A rationale was asked for.", asked),
        "knows": counted("knows", "The rationale recommends an optimal action.", asked & knows),
        "does": counted("does", "The action taken is optimal.", pl.col("does")),
        "worsened-all": counted(
            "right → wrong, failures too",
            "The baseline is right in this situation, and the variant is not, be it that it failed.",
            pl.col("b_does") & ~pl.col("does"),
        ),
        "untried": counted("an untried arm is left", "Some action was never tried.", pl.col("untried_left")),
        "tried": counted("all arms tried", "Every action was tried.", ~pl.col("untried_left")),
        "valid": counted("a legal action", "A legal action was taken.", pl.col("valid")),
        "illegal": counted("no legal action", "No legal action was taken.", ~pl.col("valid")),
        "stated": counted("the rationale was read", "The rationale could be read.", pl.col("stated_valid")),
    }
    for name in CLASSES:
        for short, words, known in (("knows", "recommends", knows), ("not", "does not recommend", ~knows)):
            title = f"{'knows' if short == 'knows' else 'does not know'}, takes {_NAMES[name]} action"
            meaning = f"The rationale {words} an optimal action, and {_NAMES[name]} action is taken."
            found[f"{short}-{name}"] = counted(title, meaning, asked & known & _TAKEN[name])
    for status in get_args(Status):
        found[f"action-{status}"] = counted(
            f"action: {status}", f"What became of the action is “{status}”.", pl.col("status") == status
        )
        found[f"rationale-{status}"] = counted(
            f"rationale: {status}", f"What became of the rationale is “{status}”.", pl.col("stated_status") == status
        )
    return found


FILTERS: dict[str, StepFilter] = {**LISTED, **_counted()}


def with_marks(steps: pl.DataFrame, judged: Judged | None) -> pl.DataFrame:
    """The table of steps with what filters read: `m_...`, and the levels with what judges found implied.

    Args:
        steps: as `akrasia.evals.step_table` makes it.
        judged: what judges found implied where the parser could not tell; `m_judged` marks those steps.
    """
    base = steps.filter("baseline").select(*SITUATION, "situation", b_does="does", b_done="done")
    base = base.unique([*SITUATION, "situation"], keep="first", maintain_order=True)
    told = steps if judged is None else with_implied(steps, judged)
    rows = told.with_columns(m_judged=told["implied"].is_not_null() & steps["implied"].is_null())
    rows = rows.join(base, on=[*SITUATION, "situation"], how="left", maintain_order="left")
    unread = ~pl.col("status").is_in(_UNREAD) | (pl.col("asked") & pl.col("stated_status").is_in([*LEFT, "error"]))
    answered = ~pl.col("status").is_in(FAILURES) & pl.col("integrity").is_null()  # what failed changed no mind
    item = ["task", "model", "variant", "item", "question", "step"]
    of_item = (pl.when(answered).then(pl.col("done").fill_null("")).drop_nulls().n_unique().over(item) > 1) & pl.col(
        "item_trial"
    ).is_not_null()  # an imported run: the draws of an item are episodes of their own
    return rows.with_columns(
        m_gap=pl.col("asked") & pl.col("knows") & ~pl.col("does"),
        m_mirror=pl.col("asked") & ~pl.col("knows") & pl.col("does"),
        m_improved=(~pl.col("b_does") & pl.col("does")).fill_null(False),
        m_worsened=(pl.col("b_does") & ~pl.col("does") & answered).fill_null(False),
        m_unparsable=unread,
        m_leak=pl.col("leaks").is_not_null(),
        m_broken=pl.col("integrity").is_not_null(),
        m_disagree=pl.when(answered).then(pl.col("done").fill_null("")).drop_nulls().n_unique().over(SITUATION) > 1,
        m_trials=pl.col("draws_differ").fill_null(of_item),
        m_critic=pl.lit(False),
    )


def with_critics(marked: pl.DataFrame, changed_minds: pl.DataFrame) -> pl.DataFrame:
    """The same, once transcripts are read: `changed_minds` are the steps at which an agent read a critic and then held
    another action than before.
    """
    flipped = changed_minds.select(DECISION).unique().with_columns(m_critic=pl.lit(True))
    rows = marked.drop("m_critic").join(flipped, on=DECISION, how="left", maintain_order="left")
    return rows.with_columns(pl.col("m_critic").fill_null(False))
