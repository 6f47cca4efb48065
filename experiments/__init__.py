"""How an ablation is run: the experiment as a value, its designs, the runner, executors and configuration.

Each part loads when it is first used: scoring a stored run needs none of them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .config import assemble, load_settings
    from .experiment import Experiment, ModelSet
    from .runner import Outcome, play_experiment
    from .variant import Variant

_HOME = {
    **dict.fromkeys(("assemble", "load_settings"), ".config"),
    **dict.fromkeys(("Experiment", "ModelSet"), ".experiment"),
    **dict.fromkeys(("Outcome", "play_experiment"), ".runner"),
    "Variant": ".variant",
}

__all__ = [
    "Experiment",
    "ModelSet",
    "Outcome",
    "Variant",
    "assemble",
    "load_settings",
    "play_experiment",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(_HOME[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
