"""Full-text search over what agents were asked, thought and said.

A small run is read through at every search. Of a long one an index of its texts is made once (`text_index.py`), in the
background; until it is there, a search reads the run through and takes seconds.

Invariant: only texts are searched, never the names of fields around them, and a step is found by its own texts: those
of its turns in every draw, and the prompts and thoughts of the answers behind them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
import polars as pl

from ...ledger import LedgerReader, read_ledger
from .text_index import STEPS, TextIndex, keys_in, texts_in_answer, texts_in_record

KEPT = 16  # searches whose result is kept
Step = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class TextHits:
    """The steps in whose texts some words stand, by task, model, variant, episode and step."""

    words: str
    steps: pl.DataFrame


class TextSearch:
    """Searches one run; keeps the last results, and the index of a long run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hits: dict[tuple[str, str], TextHits] = {}
        self._index: tuple[str, TextIndex] | None = None
        self._lock = Lock()

    def is_prepared(self, version: str) -> bool:
        """Whether there is an index of what is stored."""
        return self._index is not None and self._index[0] == version

    def prepare(self, version: str) -> None:
        """Make the index, where there is room for it.

        Args:
            version: of what is stored; see `find`.
        """
        if self.is_prepared(version):
            return
        try:
            with read_ledger(self._folder) as ledger:
                self._index = version, TextIndex.of(ledger)
        except OSError:  # searches read the run through then
            self._index = None

    def find(self, words: str, version: str) -> TextHits:
        """The steps in whose texts `words` stand, whatever their case.

        Args:
            version: of what is stored; results of another one are not used.
        """
        with self._lock:
            if (words, version) not in self._hits:
                while len(self._hits) >= KEPT:
                    self._hits.pop(next(iter(self._hits)))
                self._hits[words, version] = TextHits(words, self._found(words, version))
            return self._hits[words, version]

    def _found(self, words: str, version: str) -> pl.DataFrame:
        index = self._index
        if index is not None and index[0] == version:
            return index[1].find(words)
        with read_ledger(self._folder) as ledger:
            return pl.DataFrame(list(_read_through(ledger, words.casefold())), schema=STEPS, orient="row")


def _read_through(ledger: LedgerReader, words: str) -> Iterator[Step]:
    """The steps in whose texts some words, folded to small letters, stand; in the order of the run."""
    behind = {
        key.encode()
        for key, request, response in ledger.raw_answers()
        if any(words in text.casefold() for text in texts_in_answer(request, response))
    }
    for *step, data in ledger.raw_steps():
        if not behind.isdisjoint(keys_in(data)) or (
            _may_hold(data, words) and any(words in text.casefold() for text in texts_in_record(orjson.loads(data)))
        ):
            yield tuple(step)


def _may_hold(data: bytes, words: str) -> bool:
    """Whether JSON may hold some words: without decoding it, where both are plain enough to tell."""
    if not data.isascii() or not words.isascii() or not words.isprintable() or '"' in words or "\\" in words:
        return True
    return words.encode() in data.lower()
