"""Full-text search over what agents were asked, thought and said.

Invariant: only texts are searched, never the names of fields around them, and a step is found by its own texts: those
of its turns, and the prompts and thoughts of the answers behind them.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import orjson
import polars as pl

from ...ledger import LedgerReader, read_ledger

__all__ = ["TextHits", "TextSearch"]

KEPT = 16  # searches whose result is kept
_KEY = re.compile(rb'"key":"([0-9a-f]{16,})"')
Step = tuple[Any, ...]
_SCHEMA = {"task": pl.String, "model": pl.String, "variant": pl.String, "episode": pl.Int64, "step": pl.Int64}


@dataclass(frozen=True, slots=True)
class TextHits:
    """The steps in whose texts some words stand, by task, model, variant, episode and step."""

    words: str
    steps: pl.DataFrame


class TextSearch:
    """Searches one run; keeps the last results, and which steps stand on which answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._hits: dict[tuple[str, str], TextHits] = {}
        self._owners: tuple[str, dict[bytes, list[Step]]] = ("", {})
        self._lock = Lock()

    def find(self, words: str, version: str) -> TextHits:
        """The steps in whose texts `words` stand, whatever their case.

        Args:
            version: of what is stored; results of another one are not used.
        """
        with self._lock:
            if (words, version) not in self._hits:
                while len(self._hits) >= KEPT:
                    self._hits.pop(next(iter(self._hits)))
                with read_ledger(self._folder) as ledger:
                    rows = sorted({*_in_records(ledger, words.casefold()), *self._in_answers(ledger, words, version)})
                self._hits[words, version] = TextHits(words, pl.DataFrame(rows, schema=_SCHEMA, orient="row"))
            return self._hits[words, version]

    def _in_answers(self, ledger: LedgerReader, words: str, version: str) -> Iterator[Step]:
        """The steps that stand on an answer in whose prompt or thought the words stand."""
        folded = words.casefold()
        keys = [key for key, request, response in ledger.raw_answers() if _answer_holds(request, response, folded)]
        if not keys:
            return
        if self._owners[0] != version:
            owners: dict[bytes, list[Step]] = {}
            for *step, record in ledger.raw_steps():
                for found in set(_KEY.findall(record)):
                    owners.setdefault(found, []).append(tuple(step))
            self._owners = (version, owners)
        for key in keys:
            yield from self._owners[1].get(key.encode(), ())


def _in_records(ledger: LedgerReader, words: str) -> Iterator[Step]:
    """The steps in whose own texts some words, folded to small letters, stand."""
    for *step, data in ledger.raw_steps():
        if _may_hold(data, words) and any(words in text.casefold() for text in _texts(orjson.loads(data))):
            yield tuple(step)


def _answer_holds(request: bytes, response: bytes, words: str) -> bool:
    """Whether some words stand in the prompt or the thought of a stored answer."""
    if words in _thought(response):
        return True
    asked = zlib.decompress(request)
    return _may_hold(asked, words) and any(
        words in text.casefold() for message in orjson.loads(asked)["messages"] for text in _said_in(message)
    )


def _may_hold(data: bytes, words: str) -> bool:
    """Whether JSON may hold some words: without decoding it, where they are plain enough to tell."""
    if not words.isascii() or not words.isprintable() or '"' in words or "\\" in words:
        return True
    return words.encode() in data.lower()


def _said_in(message: dict[str, Any]) -> Iterator[str]:
    """What stands in a message: its text and parts, and the calls that it asks for."""
    yield message["content"]
    yield from (part.get("text", "") for part in message.get("parts") or ())
    yield from (f"{call['name']} {call['arguments']}" for call in message.get("tool_calls") or ())


def _texts(record: dict[str, Any]) -> Iterator[str]:
    for turn in record["decision"]["turns"]:
        yield turn["text"]
        for use in turn.get("tools") or ():
            yield from (use["name"], use["arguments"], use["result"], use["error"])
    yield record["decision"]["rationale"]


def _thought(response: bytes) -> str:
    if b'"reasoning":""' in response:
        return ""
    thought: str = orjson.loads(response).get("reasoning", "")
    return thought.casefold()
