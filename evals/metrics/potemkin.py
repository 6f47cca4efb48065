"""Potemkin rates: how often a concept that was defined right is used wrong, where 1 is what chance would do.

    rate = (1 - accuracy) / (1 - chance)     over the steps whose episode's definition was right; not capped at 1
    incoherence = 2 (1 - share consistent)   over the answers that a model labels itself

(Mancoridis et al. 2025, 2506.21521, as its code computes them.) The interval is that of the share of wrong answers,
scaled by the same factor 1 / (1 - chance). A step is recognised by its question, "concept/use".
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ...errors import NotMeasured
from ..inference import Estimate, Interval
from .base import CLUSTER, estimate_of, register_metric

_PAPER = "Mancoridis et al. 2025 (2506.21521)"


@dataclass(frozen=True)
class Scaled:
    """The share of wrong answers, divided by the share of them that chance would give.

    Args:
        name, title, source: as for `akrasia.evals.metrics.Metric`; the unit is "ratio": 1 is chance, and more is worse.
        uses: the last part of the items it is measured on.
        known: only steps whose definition was answered right.
        why: what is said where there is no such step.
    """

    name: str
    title: str
    source: str
    uses: tuple[str, ...]
    known: bool
    why: str
    unit: str = "ratio"

    def __call__(self, frame: pl.DataFrame, interval: Interval = "robust") -> Estimate:
        steps = frame.filter(pl.col("question").fill_null("").str.extract(r"/([a-z]+)$").is_in(self.uses))
        if self.known:
            steps = steps.filter(pl.col("probes") > 0)
        else:  # in a fork the text to be labelled is the baseline's: only it labels its own
            steps = steps.filter((pl.col("design") == "rollout") | pl.col("baseline"))
        if steps.is_empty():
            raise NotMeasured(self.why)
        if self.known:
            steps = steps.filter(pl.col("knows"))
        if steps.is_empty():
            raise NotMeasured("no concept was defined right")
        totals = {"num": (~pl.col("does")).sum(), "den": pl.len(), "episode": pl.col("episode").min()}
        sums = steps.group_by(CLUSTER).agg(**totals).sort("task", "model", "episode")
        wrong = estimate_of(sums, self.name, interval=interval)
        return wrong.scaled(steps.height / float((1 - steps["chance"]).sum()))


_NONE = "no definition of a concept was asked for: run the task potemkin"
_USES = ("classify", "generate", "edit")
_NO_LABELS = "no model labelled its own answers: run the task potemkin_incoherence"
for _made in (
    Scaled(
        "potemkin_rate", "Potemkin rate", f"{_PAPER}: (1 - accuracy) / (1 - chance) of all uses", _USES, True, _NONE
    ),
    *(
        Scaled(f"potemkin_{u}", f"Potemkin rate, {u}", f"{_PAPER}, Table 1: the rate of {u}", (u,), True, _NONE)
        for u in _USES
    ),
    Scaled("incoherence", "incoherence", f"{_PAPER}, Table 2: 2 (1 - share consistent)", ("label",), False, _NO_LABELS),
):
    register_metric(_made)
