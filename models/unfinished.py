"""Which episodes are not finished yet, since an answer of theirs is missing or its rejection is held back.

Invariants
- A call that was given up leaves an episode unfinished for whoever needed it, and for nobody else.
- An episode is marked as finished once every answer of it is stored, and at once where nothing is held back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable

Played = tuple[tuple[str, ...], int]
"""Who plays an episode, and the episode as draws name it."""


class UnfinishedEpisodes:
    """The episodes that wait for an answer.

    Attributes:
        unanswered: those with a call that was given up.
    """

    def __init__(self) -> None:
        self.unanswered: set[Played] = set()
        self._held: defaultdict[Played, set[str]] = defaultdict(set)  # keys of rejections that are held back
        self._marks: list[tuple[frozenset[Played], Callable[[], Awaitable[None]]]] = []

    def hold(self, played: Played, key: str) -> None:
        """A rejection that the episode needs is held back."""
        self._held[played].add(key)

    def stored(self, key: str) -> None:
        """A rejection that was held back is stored."""
        for keys in self._held.values():
            keys.discard(key)

    async def mark(self, played: frozenset[Played], mark: Callable[[], Awaitable[None]]) -> bool:
        """Run `mark`, which marks an episode as finished, or keep it until its rejections are stored.

        Returns:
            Whether it has run; it never does where a call of the episode was given up.
        """
        if played & self.unanswered:
            return False
        if self._holds(played):
            self._marks.append((played, mark))
            return False
        await mark()
        return True

    async def mark_ready(self) -> None:
        """Run the marks that no rejection holds back any more."""
        ready = [m for m in self._marks if not self._holds(m[0])]
        self._marks = [m for m in self._marks if self._holds(m[0])]
        for played, mark in ready:
            await self.mark(played, mark)

    def _holds(self, played: Iterable[Played]) -> bool:
        return any(self._held.get(one) for one in played)
