"""All texts of a run in one stretch of memory, so that a search is one pass over bytes and not over records.

A text that many steps share, such as a system prompt, stands there once. The bytes lie in a file without a name, mapped
into memory: the system takes them out of memory where it needs the room, and nothing is left of them on the disk.

Invariant: an index finds what reading every record and answer finds, and nothing else.
"""

from __future__ import annotations

import mmap
import re
import tempfile
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson
import polars as pl

from ...ledger import LedgerReader

STEPS = {"task": pl.String, "model": pl.String, "variant": pl.String, "episode": pl.Int64, "step": pl.Int64}
BETWEEN = b"\0"  # between two texts; no words hold it
_KEY = re.compile(rb'"key":"([0-9a-f]{16,})"')


@dataclass(frozen=True)
class TextIndex:
    """The texts of a run, in small letters.

    Attributes:
        texts: all of them, each ended by `BETWEEN`. begins: where each begins, and the end of the last.
        first, owners: the steps of text i are rows `owners[first[i] : first[i + 1]]` of `steps`.
        steps: the steps of the run, with the columns of `STEPS`.
    """

    texts: mmap.mmap
    begins: np.ndarray[Any, np.dtype[np.int64]]
    first: np.ndarray[Any, np.dtype[np.int64]]
    owners: np.ndarray[Any, np.dtype[np.int32]]
    steps: pl.DataFrame

    def find(self, words: str) -> pl.DataFrame:
        """The steps in whose texts `words` stand, whatever their case; in the order of the run."""
        needle = words.casefold().encode(errors="surrogatepass")
        rows = [self.owners[self.first[text] : self.first[text + 1]] for text in self._texts_with(needle)]
        found = np.unique(np.concatenate(rows)) if rows else np.empty(0, np.int32)
        return self.steps[found]

    def _texts_with(self, needle: bytes) -> Iterator[int]:
        at = self.texts.find(needle) if needle and BETWEEN not in needle else -1
        while at >= 0:
            text = int(np.searchsorted(self.begins, at, side="right")) - 1
            yield text
            at = self.texts.find(needle, int(self.begins[text + 1]))

    @classmethod
    def of(cls, ledger: LedgerReader) -> TextIndex:
        """Read every record and answer of a run.

        Raises:
            OSError: there is no room for the texts.
        """
        made = _Building()
        with tempfile.TemporaryFile(prefix="akrasia-view-") as file:
            for folded in made.new_texts(ledger):
                file.write(folded + BETWEEN)
            if not made.ends:
                file.write(BETWEEN)
            file.flush()
            texts = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        order, first = made.by_text()
        steps = pl.DataFrame(made.steps, schema=STEPS, orient="row")
        return cls(texts, np.array([0, *made.ends], np.int64), first, order, steps)


class _Building:
    """Collects which text belongs to which steps."""

    def __init__(self) -> None:
        self.steps: list[tuple[Any, ...]] = []
        self.ends = array("q")
        self._known: dict[bytes, int] = {}
        self._texts, self._rows = array("i"), array("i")

    def new_texts(self, ledger: LedgerReader) -> Iterator[bytes]:
        """Every text that is not yet known, once."""
        asked: dict[bytes, list[int]] = {}
        for row, (*step, data) in enumerate(ledger.raw_steps()):
            self.steps.append(tuple(step))
            for key in keys_in(data):
                asked.setdefault(key, []).append(row)
            for text in texts_in_record(orjson.loads(data)):
                yield from self._add(text, [row])
        for name, request, response in ledger.raw_answers():
            rows = asked.get(name.encode(), [])
            for text in texts_in_answer(request, response) if rows else ():
                yield from self._add(text, rows)

    def _add(self, text: str, rows: list[int]) -> Iterator[bytes]:
        if not text:
            return
        folded = text.casefold().encode(errors="surrogatepass").replace(BETWEEN, b"\1")
        name = blake2b(folded, digest_size=16).digest()
        if (number := self._known.get(name)) is None:
            number = self._known[name] = len(self._known)
            self.ends.append((self.ends[-1] if self.ends else 0) + len(folded) + 1)
            yield folded
        self._texts.extend([number] * len(rows))
        self._rows.extend(rows)

    def by_text(self) -> tuple[np.ndarray[Any, np.dtype[np.int32]], np.ndarray[Any, np.dtype[np.int64]]]:
        """(rows in the order of their texts, where those of each text begin)."""
        texts, rows = np.frombuffer(self._texts, np.int32), np.frombuffer(self._rows, np.int32)
        order = np.argsort(texts, kind="stable")
        return rows[order], np.searchsorted(texts[order], np.arange(len(self._known) + 1)).astype(np.int64)


def keys_in(record: bytes) -> set[bytes]:
    """The keys of the answers behind a record, those of its further draws among them."""
    return set(_KEY.findall(record))


def texts_in_record(record: dict[str, Any]) -> Iterator[str]:
    """What stands in the turns of a decision and of its further draws, and what tools were asked and said."""
    for decision in (record["decision"], *(trial["decision"] for trial in record.get("trials") or ())):
        for turn in decision["turns"]:
            yield turn["text"]
            for use in turn.get("tools") or ():
                yield from (use["name"], use["arguments"], use["result"], use["error"])
        yield decision["rationale"]


def texts_in_answer(request: bytes, response: bytes) -> Iterator[str]:
    """What stands in the prompt and in the thought of a stored answer."""
    for message in orjson.loads(zlib.decompress(request))["messages"]:
        yield from _texts_in_message(message)
    if b'"reasoning":""' not in response:
        yield orjson.loads(response).get("reasoning", "")


def _texts_in_message(message: dict[str, Any]) -> Iterator[str]:
    """What stands in a message: its text and parts, and the calls that it asks for."""
    yield message["content"]
    yield from (part.get("text", "") for part in message.get("parts") or ())
    yield from (f"{call['name']} {call['arguments']}" for call in message.get("tool_calls") or ())
