"""Named random number generators: every random number of akrasia is a pure function of its name.

A generator is counter-based (Philox), keyed by a hash of its name, such as (seed, "reward", arm). Two generators share
nothing, so one draw more or fewer from one never changes another. That makes variants comparable draw by draw (common
random numbers).
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence

Name = str | int
_WORD = 2**64 - 1


def seed_of(*names: Name, bits: int = 64) -> int:
    """Hash a name such as `(seed, "reward", arm, k)` to an integer in [0, 2**bits)."""
    # The separator is doubled inside a name, so that no two names give the same text.
    text = "\x1f".join(f"{type(n).__name__}:{n}".replace("\x1f", "\x1f\x1f") for n in names).encode()
    return int.from_bytes(blake2b(text, digest_size=16).digest(), "big") >> (128 - bits)


def named_rng(*names: Name) -> np.random.Generator:
    """The generator that belongs to a name; the same name always gives the same numbers."""
    key = seed_of(*names, bits=128)
    words = np.array([key & _WORD, key >> 64], dtype=np.uint64)
    seed: Any = _Key(words)  # numpy's types know its own seeds alone
    return np.random.Generator(np.random.Philox(seed))


class _Key(ISeedSequence):
    """The key of a generator in the place of a seed: the same numbers as by `Philox(key=...)`, which first asks the
    operating system for a seed that it does not use, and takes three times as long.
    """

    def __init__(self, words: Any) -> None:
        self._words = words

    def generate_state(self, n_words: int, dtype: Any = np.uint32) -> Any:
        return self._words
