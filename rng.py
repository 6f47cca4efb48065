"""Named random number generators: every random number of akrasia is a pure function of its name.

A generator is counter-based (Philox), keyed by a hash of its name, such as (seed, "reward", arm). Two generators share
nothing, so one draw more or fewer from one never changes another. That makes variants comparable draw by draw (common
random numbers).
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

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
    # Two words: numpy splits an integer of 128 bits three times slower.
    words = np.array([key & _WORD, key >> 64], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=words))
