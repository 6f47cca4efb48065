"""Who listens to a run: several listeners as one, each with what it asks for.

Invariant: a listener that raises is reported once and gets no further event; the run goes on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = get_args(Level)


class EventBus:
    """All listeners of one run, as one listener.

    `texts` and `records` say whether any listener asks for them; `level` is the lowest that any of them wants.
    """

    def __init__(self, listeners: Sequence[Callable[[Any], None]]) -> None:
        self.texts = any(getattr(listener, "texts", False) for listener in listeners)
        self.records = any(getattr(listener, "records", False) for listener in listeners)
        levels = [getattr(listener, "level", None) for listener in listeners]
        known: list[Level] = [level if level in LEVELS else LEVELS[0] for level in levels]
        self.level = min(known, key=LEVELS.index, default=LEVELS[-1])
        self._listeners = tuple(listeners)

    def __call__(self, event: Any) -> None:
        for listener in self._listeners:
            if event.only_for and not getattr(listener, event.only_for, False):
                continue
            try:
                listener(event)
            except Exception as error:  # whatever it is, answers that are paid for are worth more
                self._listeners = tuple(x for x in self._listeners if x is not listener)
                warnings.warn(
                    f"a listener failed at {event.name!r} and gets no further event: {type(error).__name__}",
                    RuntimeWarning,
                    stacklevel=2,
                )


def event_bus(on_event: Callable[[Any], None] | Sequence[Callable[[Any], None]] | None) -> EventBus | None:
    """One listener or several as one bus; None if there is no listener."""
    if on_event is None or isinstance(on_event, EventBus):
        return on_event
    listeners = [on_event] if callable(on_event) else list(on_event)
    return EventBus(listeners) if listeners else None
