"""How it is judged: metrics, inference and the scorecard, all from stored records.

The table of records loads at once; statistics load when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .frame import frame

if TYPE_CHECKING:
    from .compare import Comparison, compare, compare_runs
    from .evaluator import Reason
    from .inference import Contrast, Estimate
    from .metrics import METRICS, GapTable, Metric
    from .pairs import Flips
    from .run_tables import RunTables
    from .scorecard import Arm, Scorecard
    from .scoring import score
    from .verdict import Verdict

_HOME = {
    **dict.fromkeys(("Comparison", "compare", "compare_runs"), ".compare"),
    "Reason": ".evaluator",
    **dict.fromkeys(("Contrast", "Estimate"), ".inference"),
    **dict.fromkeys(("METRICS", "GapTable", "Metric"), ".metrics"),
    "Flips": ".pairs",
    "RunTables": ".run_tables",
    **dict.fromkeys(("Arm", "Scorecard"), ".scorecard"),
    "score": ".scoring",
    "Verdict": ".verdict",
}

__all__ = [
    "METRICS",
    "Arm",
    "Comparison",
    "Contrast",
    "Estimate",
    "Flips",
    "GapTable",
    "Metric",
    "Reason",
    "RunTables",
    "Scorecard",
    "Verdict",
    "compare",
    "compare_runs",
    "frame",
    "score",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
