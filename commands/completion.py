"""What a shell may complete: the names of a kind, as `akrasia list` knows them. Nothing here may fail or print."""

from __future__ import annotations


def known_names(kind: str) -> list[str]:
    """The names of a kind, such as "tasks"; of "kinds" the kinds; empty where there are none or they cannot be read."""
    from ..errors import AkrasiaError
    from .catalogue import KINDS, entries

    if kind == "kinds":
        return list(KINDS)
    try:
        return [row[0] for row in entries(kind)]
    except (AkrasiaError, OSError):
        return []
