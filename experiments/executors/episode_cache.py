"""The answers of the episodes under way: what the gateway of an executor reads and writes.

Invariant: an answer enters only once it is committed, and leaves when nobody plays its episode any more, so a run of
any length holds no more answers than those of its episodes under way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

from ...ledger.tables import Batch, answer_rows, booked_rows
from ...records import Draw, Request, Response, Spend, decode

__all__ = ["EpisodeCache"]


class EpisodeCache:
    """A store over whatever commits rows.

    Args:
        commit: enters rows; returns once they are safe.
    """

    def __init__(self, commit: Callable[[Batch], Awaitable[None]]) -> None:
        self.commit = commit
        self._answers: dict[str, Response | bytes] = {}
        self._keys: dict[int, list[str]] = {}
        self._users: Counter[int] = Counter()

    def lay(self, number: int, answers: Iterable[tuple[str, bytes]]) -> None:
        """Someone begins to play episode `number`, whose answers so far are these."""
        self._users[number] += 1
        if self._users[number] > 1:
            return
        found = dict(answers)
        self._answers.update(found)
        self._keys[number] = list(found)

    def clear(self, number: int) -> None:
        """Someone has ended; the last one takes the answers along."""
        self._users[number] -= 1
        if not self._users[number]:
            del self._users[number]
            for key in self._keys.pop(number):
                self._answers.pop(key, None)

    def get(self, key: str) -> Response | None:
        """The answer under `key`, if it is among those of the episodes under way."""
        kept = self._answers.get(key)
        if isinstance(kept, bytes):
            kept = self._answers[key] = decode(Response, kept)
        return kept

    async def book(self, spend: Spend) -> None:
        """Commit what calls may have cost of which no answer tells."""
        await self.commit(booked_rows(spend))

    async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
        """Commit an answer, and keep it while its episode is played."""
        await self.commit(answer_rows(key, request, draw, response))
        if draw.episode in self._keys:
            self._answers[key] = response
            self._keys[draw.episode].append(key)
