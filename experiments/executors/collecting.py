"""The garbage collector while a run is played: rarer than usual, since calls make few cycles and many objects."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 100_000  # between two collections; 20,000 took a twentieth of the processor time of 200 calls at once


@contextmanager
def rare_collections() -> Iterator[None]:
    """Within it the youngest objects are collected the more rarely. Whoever has set as much keeps it."""
    before = gc.get_threshold()
    raised = 0 < before[0] < NEW_OBJECTS  # 0: switched off
    if raised:
        gc.set_threshold(NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        if raised:
            gc.set_threshold(*before)
