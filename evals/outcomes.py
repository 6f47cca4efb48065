"""What became of an arm's answers: how they ended, how many could be read, and what a decision took."""

from __future__ import annotations

import polars as pl

from .scorecard import Outcomes


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
