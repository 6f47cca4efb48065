"""Where the episodes of an experiment are played."""

from .local import run_local

__all__ = ["run_local"]
