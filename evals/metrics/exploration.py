"""How widely an agent looks: coverage, greedy share, failures that a mean reward hides, and regret.

What belongs to a whole play (coverage, suffix failure, min fraction, cumulative regret) is measured in a rollout, and
in a fork on the baseline, which alone plays. The best action of a step is one without regret, by the true means.
"""

from __future__ import annotations

import polars as pl

from ...errors import NotMeasured
from ..inference import Estimate, Interval
from .base import CLUSTER, Metric, metric

greedy_share = metric(
    "greedy_share",
    "greedy",
    pl.col("greedy"),
    pl.lit(True),
    source="share of steps that take the best tried arm while a better one is known to the rule",
    missing=~pl.col("valid"),
)
_PLAYED = (pl.col("design") == "rollout") | pl.col("baseline")  # in a fork the baseline alone plays
coverage = metric(
    "coverage",
    "coverage",
    pl.col("tried_after"),
    _PLAYED & pl.col("tried_after").is_not_null(),
    per="episode",
    source="Schmied et al. 2025: share of arms tried at least once by the end; in a fork, by the baseline's play",
    why="coverage belongs to bandits, and in a fork to the baseline, which alone plays",
)
regret = metric(
    "regret",
    "regret / step",
    pl.col("regret"),
    pl.lit(1.0),
    unit="reward",
    source="expected loss against the best arm, per step; a step without a legal action loses the best arm's mean",
)
_KRISHNAMURTHY = "Krishnamurthy et al. 2024 (2403.15371)"
_PLAY = (_PLAYED & pl.col("tried_after").is_not_null()).all()
_LATE = 2 * (pl.col("step") - pl.col("step").min()) >= pl.col("step").max() - pl.col("step").min() + 1
_ALONE = "it belongs to the whole play of a bandit, and in a fork to the baseline, which alone plays"
suffix_failure = metric(
    "suffix_failure",
    "suffix failure",
    _PLAY & ~(_LATE & pl.col("valid") & (pl.col("regret") == 0)).any(),
    _PLAY,
    per="play",
    source=f"{_KRISHNAMURTHY}: SuffFailFreq(T/2), episodes whose second half never takes the best action",
    why=_ALONE,
)
_LEAST = (
    pl.when(pl.col("done").drop_nulls().n_unique() < pl.col("actions").first())
    .then(0)
    .otherwise(pl.col("done").drop_nulls().unique_counts().min())
)
min_fraction = metric(
    "min_fraction",
    "K x MinFrac",
    pl.when(_PLAY).then(pl.col("actions").first() * _LEAST / pl.len()),
    _PLAY,
    per="play",
    unit="ratio",
    why=_ALONE,
    source=f"{_KRISHNAMURTHY}: K times the least taken action's share of the steps, 0 to 1; near 1 all are taken alike",
)
cumulative_regret = metric(
    "cumulative_regret",
    "regret / episode",
    pl.when(_PLAYED.all()).then(pl.col("regret").sum()),
    _PLAYED.all(),
    per="play",
    unit="reward",
    source="pseudo-regret: expected loss against the best action, summed over an episode",
    why="in a fork the baseline alone plays",
)


def coverage_curve(frame: pl.DataFrame, interval: Interval = "robust") -> dict[str, Estimate]:
    """C_t of one variant: mean share of actions tried after each step, by step.

    Source: Schmied et al. 2025 (2504.16078): C_t = |{a : N_t(a) > 0}| / |A|.

    Raises:
        NotMeasured: nothing was played, or the task has no arms to try.
    """
    wanted = frame.select(*CLUSTER, "episode", "step", "design", "baseline", "tried_after")
    played = wanted.filter(_PLAYED & pl.col("tried_after").is_not_null())
    if played.is_empty():
        raise NotMeasured(coverage.why)
    tried = Metric("coverage_curve", "coverage", "share", coverage.source, pl.col("tried_after"), pl.lit(1.0))
    steps = sorted(played.partition_by("step", as_dict=True, maintain_order=True).items())
    return {str(step): tried(part, interval) for (step,), part in steps}
