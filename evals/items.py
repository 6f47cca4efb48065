"""Which item every episode is about, and how episodes of several arms fall into clusters.

A record says what its episode is about (`akrasia.tasks.base.Itemised`). Where it does not, since the task cannot say or
the run is older than that, items are read off what is stored. In this order:
    question    the episode's first question, where the steps name the question of a set that they ask
    start       its first situation, where the same situation and action always had the same sequel, so that nothing
                but the start and the actions decides an episode
    course      all its situations: episodes that are identical in full in some arm are one item

Invariants: an item is a property of the episode, the same in every arm and of every model; never more items are claimed
than what is stored tells apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

Codes = np.ndarray[Any, np.dtype[Any]]
_ARM = ["task", "model", "variant"]
_DRAWN = r"^repeats \d+$"  # of the task `frequency`: how often a history repeats an action, and no question of a set


def with_items(table: pl.DataFrame) -> pl.DataFrame:
    """A table of steps or turns with its column `item` filled in where the records do not say.

    Args:
        table: with the columns task, model, variant, baseline, design, episode, step, situation and item; `question`
            and `done` are used where they are there.
    """
    if not table["item"].null_count():
        return table
    untold = table.filter(pl.col("item").is_null())["task"].unique().to_list()
    parts = table.filter(pl.col("task").is_in(untold)).partition_by("task", maintain_order=True)
    found = pl.concat([_told_or_read_off(part) for part in parts])
    joined = table.join(found, on=["task", "episode"], how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("item_found", "item").alias("item")).drop("item_found")


def _told_or_read_off(steps: pl.DataFrame) -> pl.DataFrame:
    """Task, episode and `item_found` of the episodes of one task, some of whose records do not say.

    What newer records tell of an episode holds for older ones of it, and for every episode that is read off as the
    same item: of several items that are told of these, the first.
    """
    both = _read_off(steps).join(
        steps.group_by("episode").agg(pl.col("item").drop_nulls().first().alias("told")), on="episode", how="left"
    )
    of_others = pl.col("told").drop_nulls().first().over("item_read_off")
    return both.sort("episode").select("task", "episode", item_found=pl.coalesce("told", of_others, "item_read_off"))


def items_of_episodes(steps: pl.DataFrame) -> pl.DataFrame:
    """Task, episode and item of every episode in a table of steps."""
    return steps.group_by("task", "episode", maintain_order=True).agg(pl.col("item").first())


def with_items_of(table: pl.DataFrame, steps: pl.DataFrame) -> pl.DataFrame:
    """A table of turns with the items that the steps of the same run have."""
    named = items_of_episodes(steps).rename({"item": "item_of_steps"})
    joined = table.join(named, on=["task", "episode"], how="left", maintain_order="left")
    return joined.with_columns(item=pl.coalesce("item_of_steps", "item")).drop("item_of_steps")


def common_items(labels: Sequence[pl.Series]) -> pl.Series:
    """One item per episode, from what several arms say of the same episodes.

    Where they differ (one run is older than the other, say) episodes that are one item in any arm are one item.

    Args:
        labels: one series per arm, each with the item of every episode, in the same order.
    """
    first = labels[0]
    if all(first.equals(other) for other in labels[1:]):
        return first
    told = pl.concat([pl.select(item=pl.format("{}: {}", pl.lit(i), s)) for i, s in enumerate(labels)])
    episodes = np.tile(np.arange(len(first)), len(labels))
    return pl.Series("item", _groups(episodes, told["item"].rank("dense").to_numpy())).cast(pl.String)


def _read_off(steps: pl.DataFrame) -> pl.DataFrame:
    """Task, episode and `item_read_off` of the episodes of one task, from what their steps show."""
    whose = [*_ARM, "episode"]
    steps = steps.unique([*whose, "step"], keep="first").sort(*whose, "step")
    task = pl.lit(steps["task"][0]).alias("task")
    if "question" in steps.columns and not steps["question"].null_count():
        if not steps["question"].str.contains(_DRAWN).any():
            asked = steps.sort("step").group_by("episode", maintain_order=True).agg(pl.col("question").first())
            return asked.select(task, "episode", item_read_off="question")
    played = _driven(steps)
    shown = pl.col("situation").first() if _repeats_its_start(played) else pl.col("situation").str.join("/")
    courses = played.group_by(whose).agg(shown)
    episodes = courses["episode"].unique().sort()
    of_course = courses.select(pl.struct(*_ARM, "situation").rank("dense")).to_series()
    groups = _groups(episodes.search_sorted(courses["episode"]).to_numpy(), of_course.to_numpy())
    first = pl.format("episode {}", pl.col("episode").min().over("group"))
    return pl.DataFrame({"episode": episodes, "group": groups}).select(task, "episode", item_read_off=first)


def _driven(steps: pl.DataFrame) -> pl.DataFrame:
    """The steps of the arms whose own actions lead on: all in a rollout, the baseline's in a fork."""
    if steps["design"][0] != "fork":
        return steps
    baseline = steps.filter("baseline")
    return baseline if baseline.height else steps.filter(pl.col("variant") == steps["variant"][0])


def _repeats_its_start(steps: pl.DataFrame) -> bool:
    """Whether the same situation and action always had the same sequel, for one model at least.

    In a fork with a leader the actions of the other models do not lead on.
    """
    if "done" not in steps.columns:
        return False
    after = steps.with_columns(pl.col("situation").shift(-1).over([*_ARM, "episode"]).alias("after"))
    sequels = after.group_by("model", "situation", "done").agg(pl.col("after").n_unique().alias("sequels"))
    return bool((sequels.group_by("model").agg(pl.col("sequels").max())["sequels"] == 1).any())


def _groups(episodes: Codes, labels: Codes) -> Codes:
    """The group of each episode, 0 to the largest: two episodes with a label in common are in one group.

    Args:
        episodes, labels: one of each per pair; both count from 0, and every episode comes up.
    """
    first = np.arange(int(episodes.max()) + 1)  # of each episode, the lowest one that it is known to be joined with
    while True:
        of_label = np.full(int(labels.max()) + 1, len(first))
        np.minimum.at(of_label, labels, first[episodes])
        lower = first.copy()
        np.minimum.at(lower, episodes, of_label[labels])
        lower = lower[lower]
        if np.array_equal(lower, first):
            groups: Codes = np.unique(first, return_inverse=True)[1]
            return groups
        first = lower
