"""How widely an agent looks: coverage, greedy share and regret."""

from __future__ import annotations

import polars as pl

from .base import metric

__all__ = ["coverage", "greedy_share", "regret"]

greedy_share = metric(
    "greedy_share", "greedy", pl.col("greedy"), pl.lit(True),
    source="share of steps that take the best tried arm while a better one is known to the rule",
)  # fmt: skip
_PLAYED = (pl.col("design") == "rollout") | pl.col("baseline")  # in a fork the baseline alone plays
coverage = metric(
    "coverage", "coverage", pl.col("tried_after"), _PLAYED & pl.col("tried_after").is_not_null(), per="episode",
    source="Schmied et al. 2025: share of arms tried at least once by the end; in a fork, by the baseline's play",
    why="coverage belongs to bandits, and in a fork to the baseline, which alone plays",
)  # fmt: skip
regret = metric(
    "regret", "regret / step", pl.col("regret"), pl.lit(1.0), unit="reward",
    source="expected loss against the best arm, per step; a step without a legal action loses the best arm's mean",
)  # fmt: skip
