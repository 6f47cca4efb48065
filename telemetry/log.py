"""Events as lines of the standard library's logging, under the logger "akrasia".

Invariant: no line holds a prompt, an answer or a key: texts are left out, and the words of providers are scrubbed.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

from ..errors import BadOption, UnknownName
from ..events import Event, Level, facts
from ..models.providers.provider_errors import scrubbed

LEVELS: dict[Level, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class Log:
    """A listener that logs: `name key=value ...` as the message, and the same as data in the log record's `event`.

    It sets up no handler: the caller does, or `logged`.
    """

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._logger = logger or logging.getLogger("akrasia")
        self._scrub_text = lru_cache(maxsize=1024)(scrubbed)

    @property
    def level(self) -> Level:
        """The lowest level that the logger lets through."""
        return next((name for name, number in LEVELS.items() if self._logger.isEnabledFor(number)), "error")

    def __call__(self, event: Event) -> None:
        level = LEVELS[event.level]
        if not self._logger.isEnabledFor(level):
            return
        fields = {key: self._scrub(value) for key, value in facts(event).items()}
        line = " ".join([event.name, *(f"{key}={_shown(value)}" for key, value in fields.items())])
        self._logger.log(level, "%s", line, extra={"event": {"at": event.at, "event": event.name, **fields}})

    def _scrub(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._scrub(v) for v in value]
        return self._scrub_text(value) if isinstance(value, str) else value


@contextmanager
def logged(level: str | None, file: Path | None = None) -> Iterator[list[Log]]:
    """The listeners that log events of `level` and above to stderr, or to `file` as JSON lines; none without either.

    Args:
        level: debug, info, warning or error; by default info if a file is named.
        file: is appended to.

    Raises:
        UsageError: no such level, or the file cannot be written.
    """
    if level is None and file is None:
        yield []
        return
    if level is not None and level not in LEVELS:
        raise UnknownName.among("log level", level, LEVELS)
    handler: logging.Handler = _Stderr()
    handler.setFormatter(_Line())
    if file is not None:
        try:
            handler = logging.FileHandler(file, encoding="utf-8")
        except OSError as error:
            raise BadOption(
                f"the log file {str(file)!r} cannot be written", error.strerror or "", "Name another --log-file."
            ) from None
        handler.setFormatter(_Json())
    logger = logging.getLogger("akrasia")
    before = logger.level, logger.propagate
    logger.setLevel(LEVELS[level or "info"])
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield [Log(logger)]
    finally:
        logger.removeHandler(handler)
        handler.close()
        logger.setLevel(before[0])
        logger.propagate = before[1]


def _shown(value: Any) -> str:
    plain = isinstance(value, str) and value and not set(value) & set(' "=\\') and value.isprintable()
    return str(value) if plain else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class _Stderr(logging.StreamHandler[TextIO]):
    """Writes to the `sys.stderr` of the moment, which a live display on the terminal replaces while it is shown."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        pass


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.__dict__["event"]["at"], UTC).isoformat(timespec="milliseconds")
        return f"{when.replace('+00:00', 'Z')} {record.levelname.lower()} {record.getMessage()}"


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        event = record.__dict__["event"]
        when = datetime.fromtimestamp(event["at"], UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json.dumps({**event, "at": when, "level": record.levelname.lower()}, ensure_ascii=False)
