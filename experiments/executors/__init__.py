"""Where the episodes of an experiment are played."""

from .base import Assignment, Executor, Observer, RunStore
from .choice import EXECUTORS, executor_for
from .local import LocalExecutor

__all__ = ["EXECUTORS", "Assignment", "Executor", "LocalExecutor", "Observer", "RunStore", "executor_for"]
