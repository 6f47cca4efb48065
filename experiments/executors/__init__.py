"""Where the episodes of an experiment are played: this process, several processes, or a Ray cluster."""

from .base import Assignment, Executor, Session
from .local import LocalExecutor
from .registry import EXECUTORS, executor_for

__all__ = ["EXECUTORS", "Assignment", "Executor", "LocalExecutor", "Session", "executor_for"]
