"""How it is judged: metrics, inference and the scorecard, all from stored records."""

from .compare import Comparison, compare, compare_runs
from .frame import frame
from .inference import Contrast, Estimate
from .metrics import METRICS, GapTable, Metric
from .scorecard import Arm, Flips, Scorecard, score
from .verdict import Verdict

__all__ = [
    "METRICS",
    "Arm",
    "Comparison",
    "Contrast",
    "Estimate",
    "Flips",
    "GapTable",
    "Metric",
    "Scorecard",
    "Verdict",
    "compare",
    "compare_runs",
    "frame",
    "score",
]
