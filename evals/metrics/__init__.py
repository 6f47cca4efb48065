"""Metrics: each a small evaluator over the records table, the turns table, or two variants."""

from . import answers, causality, change, confidence, cost, exploration, frequency, gap, influence, potemkin, variety
from .base import METRICS, PAIRWISE, TURN_METRICS, Metric, Pairwise, metric
from .gap import CLASSES, SPLITS, Funnel, GapTable, funnel, gap_table

__all__ = [
    "CLASSES", "METRICS", "PAIRWISE", "SPLITS", "TURN_METRICS", "Funnel", "GapTable", "Metric", "Pairwise", "answers",
    "causality", "change", "confidence", "cost", "exploration", "frequency", "funnel", "gap", "gap_table", "influence",
    "metric", "potemkin", "variety",
]  # fmt: skip
