"""How it is judged: metrics, inference and the scorecard, all from stored records.

The table of records loads at once; statistics load when they are first used: whoever writes a ledger needs the table.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .frame import frame

if TYPE_CHECKING:
    from .inference import Contrast, Estimate
    from .metrics import METRICS, GapTable, Metric
    from .scorecard import Arm, Flips, Scorecard, score

_HOME = {
    **dict.fromkeys(("Contrast", "Estimate"), ".inference"),
    **dict.fromkeys(("METRICS", "GapTable", "Metric"), ".metrics"),
    **dict.fromkeys(("Arm", "Flips", "Scorecard", "score"), ".scorecard"),
}

__all__ = ["METRICS", "Arm", "Contrast", "Estimate", "Flips", "GapTable", "Metric", "Scorecard", "frame", "score"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
