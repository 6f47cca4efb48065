"""Metrics: each a small evaluator over the records table."""

from . import answers, confidence, cost, exploration, frequency, gap, potemkin
from .base import METRICS, Metric, metric
from .gap import CLASSES, GapTable, gap_table

__all__ = ["CLASSES", "METRICS", "GapTable", "Metric", "cost", "exploration", "gap", "gap_table", "metric", "potemkin"]
