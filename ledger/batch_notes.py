"""The batches of a run, noted in its ledger before anything waits for them (`akrasia.models.providers.batch`)."""

from __future__ import annotations

from ..models.providers.batch import Submitted
from ..records import decode, encode
from .store import RunStore

_KEY = "batch {}"


class LedgerNotes:
    """Notes in the settings of a run: one for each batch, in the order in which they were made."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._names = [batch.name for batch in self.load()]

    def load(self) -> list[Submitted]:
        """All that are noted, oldest first."""
        noted: list[Submitted] = []
        while text := self._store.meta(_KEY.format(len(noted))):
            noted.append(decode(Submitted, text.encode()))
        return noted

    async def save(self, batch: Submitted) -> None:
        """Note a batch, or what is new of it; returns once it is committed."""
        if batch.name not in self._names:
            self._names.append(batch.name)
        key = _KEY.format(self._names.index(batch.name))
        await self._store.commit((("note", [(key, encode(batch).decode())]),))
