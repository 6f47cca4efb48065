"""How it is judged: metrics, inference and the scorecard, all from stored records."""

from .frame import frame
from .inference import Contrast, Estimate
from .metrics import METRICS, GapTable, Metric
from .scorecard import Arm, Flips, Scorecard, score

__all__ = ["METRICS", "Arm", "Contrast", "Estimate", "Flips", "GapTable", "Metric", "Scorecard", "frame", "score"]
