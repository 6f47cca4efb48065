"""Is the gap trainable? Fine-tuning, cloning of experts and the model organism; what trains needs the extra `train`.

Invariant: a trained model is a model like any other. It is trained on the same prompts that an evaluation sends, and
it ends as a file that an experiment names as `embedded:FILE`, alone or beside any intervention.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .api import TrainingResult, clone, expert_data, train

__all__ = ["TrainingResult", "clone", "expert_data", "train"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"{__name__}.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
