"""Metrics: each a function of the steps or the turns of one variant, or of the situations that two variants share."""

from . import (
    answers,
    causality,
    change,
    confidence,
    cost,
    exploration,
    frequency,
    gap,
    influence,
    potemkin,
    reading,
    trials,
    variety,
)
from .base import METRICS, TABLES, Metric, metric, ratio_metric, register_metric, table_read
from .gap import CLASSES, SPLITS, Funnel, GapTable, funnel, gap_table

__all__ = [
    "CLASSES",
    "METRICS",
    "SPLITS",
    "TABLES",
    "Funnel",
    "GapTable",
    "Metric",
    "answers",
    "causality",
    "change",
    "confidence",
    "cost",
    "exploration",
    "frequency",
    "funnel",
    "gap",
    "gap_table",
    "influence",
    "metric",
    "potemkin",
    "ratio_metric",
    "reading",
    "register_metric",
    "table_read",
    "trials",
    "variety",
]
