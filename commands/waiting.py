"""A word on what a command waits for, once it has waited for a while.

Invariant: nothing is said of what is quick, and nothing stays in a terminal once the wait is over. Nothing heavy is
imported here: the import of what a command needs is itself a wait.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

AFTER = 1.5  # seconds
ERASED = "\r\x1b[K"


@contextmanager
def waiting(what: str, in_pipes: bool = False) -> Iterator[None]:
    """Say on stderr what is waited for, if the block takes longer than a moment.

    Args:
        what: such as "asking openai/gpt-4o-mini".
        in_pipes: say it where stderr is no terminal too, as a line.
    """
    terminal = sys.stderr.isatty()
    if not terminal and not in_pipes:
        yield
        return
    timer = threading.Timer(AFTER, _say, [f"{what} ..." if terminal else f"akrasia: {what} ...\n"])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        if terminal and timer.finished.is_set():
            _say(ERASED)


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
