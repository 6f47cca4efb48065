"""How an ablation is run: designs, runner, ledger, executors and configuration.

Each part loads when it is first used: whoever scores a stored run needs its ledger alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import assemble, load
    from .runner import Experiment, ModelSet, Outcome, play
    from .variant import Variant

_HOME = {
    **dict.fromkeys(("assemble", "load"), ".config"),
    **dict.fromkeys(("Experiment", "ModelSet", "Outcome", "play"), ".runner"),
    "Variant": ".variant",
}

__all__ = [
    "Experiment",
    "ModelSet",
    "Outcome",
    "Variant",
    "assemble",
    "load",
    "play",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
