"""The answers of the episodes under way: the store that the gateway of an executor reads and writes.

Invariant: an answer enters only once it is committed, and leaves when nobody plays its episode any more, so a run of
any length holds no more answers than those of its episodes under way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable

from ...ledger.tables import Batch, answer_rows, booked_rows
from ...records import Draw, Request, Response, Spend, decode


class EpisodeCache:
    """A gateway's store over whatever commits rows. Episodes are named by their seed, as in draws.

    Args:
        commit: enters rows; returns once they are safe.
    """

    def __init__(self, commit: Callable[[Batch], Awaitable[None]]) -> None:
        self.commit = commit
        self._answers: dict[str, Response | bytes] = {}
        self._keys: dict[int, list[str]] = {}
        self._users: Counter[int] = Counter()

    def load(self, seed: int, answers: Iterable[tuple[str, bytes]]) -> None:
        """Hold the stored answers of an episode that begins; each `load` is followed by one `evict`."""
        self._users[seed] += 1
        if self._users[seed] > 1:
            return
        stored = dict(answers)
        self._answers.update(stored)
        self._keys[seed] = list(stored)

    def evict(self, seed: int) -> None:
        """Drop the answers of an episode, if nobody else plays it."""
        self._users[seed] -= 1
        if not self._users[seed]:
            del self._users[seed]
            for key in self._keys.pop(seed):
                self._answers.pop(key, None)

    def get(self, key: str) -> Response | None:
        """The answer under `key`, if it is among those of the episodes under way."""
        stored = self._answers.get(key)
        if isinstance(stored, bytes):
            stored = self._answers[key] = decode(Response, stored)
        return stored

    async def book(self, spent: Spend) -> None:
        """Commit what calls may have cost that no answer accounts for."""
        await self.commit(booked_rows(spent))

    async def put(self, key: str, request: Request, draw: Draw, response: Response) -> None:
        """Commit an answer, and keep it while its episode is played."""
        await self.commit(answer_rows(key, request, draw, response))
        if draw.episode in self._keys:
            self._answers[key] = response
            self._keys[draw.episode].append(key)
