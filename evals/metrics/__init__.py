"""Metrics: each a function of the steps or the turns of one variant, or of the situations that two variants share."""

from importlib import import_module
from pkgutil import iter_modules

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
    "funnel",
    "gap_table",
    "metric",
    "ratio_metric",
    "register_metric",
    "table_read",
]

for _family in iter_modules(__path__):  # each enters its metrics into the registry
    import_module(f"{__name__}.{_family.name}")
