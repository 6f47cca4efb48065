"""How it is judged: metrics, inference and the scorecard, all from stored records.

The table of records loads at once; statistics load when they are first used: whoever writes a ledger needs the table.
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
    from .scorecard import Arm, Scorecard, score
    from .verdict import Verdict

_HOME = {
    **dict.fromkeys(("Comparison", "compare", "compare_runs"), ".compare"),
    "Reason": ".evaluator",
    **dict.fromkeys(("Contrast", "Estimate"), ".inference"),
    **dict.fromkeys(("METRICS", "GapTable", "Metric"), ".metrics"),
    "Flips": ".pairs",
    **dict.fromkeys(("Arm", "Scorecard", "score"), ".scorecard"),
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
