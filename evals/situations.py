"""When two steps of different arms are the same situation, and what both arms did there.

Invariants: a situation is known by its task, episode, step and content, whichever model decided it. The tables hold one
arm each: one task, one model and one variant.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

import polars as pl

SITUATION = ["task", "episode", "step", "situation"]


def shared_situations(*arms: pl.DataFrame) -> tuple[pl.DataFrame, ...]:
    """The steps of every arm at situations that all of them decided."""
    keys = [arm.select(SITUATION) for arm in arms]
    if all(k.equals(keys[0]) for k in keys[1:]):  # a complete run of a fork: nothing needs to be looked up
        return arms
    common = reduce(lambda a, b: a.join(b, on=SITUATION, how="semi"), keys)
    return tuple(arm.join(common, on=SITUATION, how="semi", maintain_order="left") for arm in arms)


def side_by_side(arm: pl.DataFrame, base: pl.DataFrame, columns: Iterable[str] | None = None) -> pl.DataFrame:
    """One row per situation that both arms decided; the columns of `base` end in `_base`.

    Args:
        columns: those that are wanted, such as "does" and "does_base"; by default all.
    """
    names = {*arm.columns, *(f"{c}_base" for c in base.columns)} if columns is None else set(columns)
    keys = ["model", "item", *SITUATION]
    ours = arm.select(*keys, *(c for c in arm.columns if c in names and c not in keys))
    theirs = base.select(*SITUATION, *(pl.col(c).alias(f"{c}_base") for c in base.columns if f"{c}_base" in names))
    if ours.select(SITUATION).equals(theirs.select(SITUATION)):  # a complete run of a fork
        return ours.hstack(theirs.drop(SITUATION))
    return ours.join(theirs, on=SITUATION, maintain_order="left")
