"""The contract of a store: what a run needs of the place where it is kept.

Invariant: what `commit` has entered is safe, and whoever resumes the run reads the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..records import Record, Spend
from .tables import Batch


class RunStore(Protocol):
    """Where a run is kept; `akrasia.ledger.Ledger` is the durable one."""

    async def commit(self, batch: Batch) -> None:
        """Enter rows in one transaction; return only once they are safe."""
        ...

    def answers(self, episode: int) -> list[tuple[str, bytes]]:
        """Keys and encoded responses of an episode, named as its draws name it."""
        ...

    def finished(self, task: str, model: str, episode: int) -> set[str]:
        """The variants whose records of an episode are all stored."""
        ...

    def complete(self, variants: Sequence[str], episodes: int) -> dict[tuple[str, str], int]:
        """How many of the first `episodes` are finished by all of `variants`, per task and model."""
        ...

    def records_of(self, task: str, model: str, variant: str, episode: int) -> list[Record]:
        """The records of one episode of a variant."""
        ...

    def spent(self) -> Spend:
        """What counts against a budget so far."""
        ...

    def meta(self, key: str) -> str | None:
        """A stored setting."""
        ...

    def set_meta(self, key: str, value: str) -> None:
        """Store a setting."""
        ...
