"""Where nobody says what is right: which metrics then have no meaning.

A task whose oracle has the rule "none" (`akrasia.records.without_oracle`) asks what should be done and what is done,
and calls neither right. There, a metric that reads what is right is *not measured*, with that reason, and never 0.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from ..ledger.step_columns import JUDGED_BY_ORACLE
from ..records import NO_ORACLE
from .inference import Contrast, Estimate
from .metrics import METRICS, Metric
from .verdict import Verdict

WHY_NOT = "nobody says what is right in this task (no oracle): only what is said and what is done are compared"
SAY_DO_CONTRASTED = ("say_do", "reversal")
_OF_STEPS = {name for column in JUDGED_BY_ORACLE for name in (column, f"{column}_base")}
_OF_OTHER_TABLES = {
    "right",
    "right_before",
    "known",
    "voted",
    "draws",
    "some",
    "team",
    "sources_right",
    "decisive",
    "last",
    "had_right",
}
_OURS = {  # of those that are no ratios, the ones that read what is right
    "aurc", "auroc", "ece", "ece_debiased", "excess_aurc", "incoherence", "item_variance", "potemkin_classify",
    "potemkin_edit", "potemkin_generate", "potemkin_rate", "reliability", "resolution", "risk_coverage",
    "robustness_ratio", "sampling_variance", "spread", "token_aurc", "token_auroc", "token_ece", "token_ece_debiased",
    "token_excess_aurc", "token_reliability", "token_resolution", "token_risk_coverage", "token_uncertainty",
    "uncertainty", "worst_item", "directed_exploration", "random_exploration",
}  # fmt: skip


def has_oracle(steps: pl.DataFrame) -> bool:
    """Whether somebody says what is right on these steps."""
    return not (steps["rule"] == NO_ORACLE).fill_null(False).any()


def needs_oracle(name: str, metric: Any) -> bool:
    """Whether a metric reads what is right; of a stranger's function, which does not say, it is not assumed."""
    if isinstance(metric, Metric):
        return bool(metric.columns & (_OF_STEPS | _OF_OTHER_TABLES))
    return name in _OURS and name in METRICS


def unjudged_contrasts(a: str, b: str, metrics: tuple[str, ...]) -> list[Contrast]:
    """The contrasts of two arms in metrics that need an oracle where there is none."""
    return [Contrast(name, a, b, Estimate(None, why=WHY_NOT)) for name in metrics]


def unjudged_verdict(task: str, model: str, variant: str, ratios: tuple[float | None, float | None]) -> Verdict:
    """What is said of an arm where there is no oracle."""
    sentence = f"no verdict on the gap: {WHY_NOT}. See say_do, reversal and moved."
    return Verdict(task, model, variant, "not measured", None, None, (), *ratios, sentence)
