"""Where the episodes of an experiment are played."""

from .base import Assignment, Engine, Observer, RunStore
from .choice import ENGINES, engine_for
from .local import Local

__all__ = ["ENGINES", "Assignment", "Engine", "Local", "Observer", "RunStore", "engine_for"]
