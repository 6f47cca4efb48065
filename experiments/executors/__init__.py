"""Where the episodes of an experiment are played."""

from .base import Assignment, Engine, Observer, RunStore
from .local import Local

__all__ = ["Assignment", "Engine", "Local", "Observer", "RunStore"]
