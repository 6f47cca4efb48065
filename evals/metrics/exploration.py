"""How widely an agent looks: coverage, greedy share and regret."""

from __future__ import annotations

import polars as pl

from .base import metric

__all__ = ["coverage", "greedy_share", "regret"]

greedy_share = metric(
    "greedy_share", "greedy", pl.col("greedy"), pl.lit(True),
    source="share of steps that take the best tried arm while a better one is known to the rule",
)  # fmt: skip
coverage = metric(
    "coverage", "coverage", pl.col("tried_after"), (pl.col("design") == "rollout") | pl.col("baseline"), per="episode",
    source="Schmied et al. 2025: share of arms tried at least once by the end; in a fork, by the baseline's play",
)  # fmt: skip
regret = metric(
    "regret", "regret / step", pl.col("regret"), pl.lit(1.0), unit="reward",
    source="expected loss against the best arm, per step; a step without a legal action loses the best arm's mean",
)  # fmt: skip
