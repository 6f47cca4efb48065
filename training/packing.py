"""Sequences that begin alike, packed into one: what they share is computed once.

Successive prompts of an episode repeat its history, and forks of a situation repeat all of it. A pack is the trie of
its
sequences: every token attends to its ancestors alone and has the position that it has in its own sequence, so a packed
forward pass gives every sequence the logits that it has by itself (up to rounding), for the tokens of the trie
instead of those of all sequences.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .weights import torch_of

__all__ = ["Pack", "hidden_states", "packs"]


@dataclass(frozen=True)
class Pack:
    """A trie of token sequences, laid out in order of insertion.

    Attributes:
        tokens: shape (nodes,); positions: depth of each node; parents: index of the node before it, -1 at a root.
        paths: for each sequence, the nodes of its tokens; rows: which of the given sequences these are.
    """

    tokens: np.ndarray[Any, np.dtype[np.int64]]
    positions: np.ndarray[Any, np.dtype[np.int64]]
    parents: np.ndarray[Any, np.dtype[np.int64]]
    paths: tuple[tuple[int, ...], ...]
    rows: tuple[int, ...]

    @property
    def sees(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Shape (nodes, nodes): whether node i attends to node j, its ancestor or itself."""
        seen = np.zeros((len(self.tokens),) * 2, dtype=bool)
        for i, parent in enumerate(self.parents):
            if parent >= 0:
                seen[i] = seen[parent]
            seen[i, i] = True
        return seen


def packs(sequences: Sequence[Sequence[int]], most: int = 512) -> list[Pack]:
    """Pack sequences, each pack of at most `most` nodes (or a single longer sequence); similar ones go together."""
    order = sorted(range(len(sequences)), key=lambda i: tuple(sequences[i]))
    found: list[Pack] = []
    trie = _Trie()
    for i in order:
        if trie.rows and len(trie.tokens) + trie.new(sequences[i]) > most:
            found.append(trie.pack())
            trie = _Trie()
        trie.add(i, sequences[i])
    return [*found, trie.pack()] if trie.rows else found


def hidden_states(model: Any, pack: Pack) -> Any:
    """Last hidden states of the nodes, shape (nodes, width), of a transformers causal model (or a peft one)."""
    torch = torch_of()
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    weight = inner.lm_head.weight
    mask = torch.zeros(pack.sees.shape, dtype=weight.dtype)
    mask.masked_fill_(~torch.from_numpy(pack.sees), torch.finfo(weight.dtype).min)
    where = weight.device
    return inner.model(
        input_ids=torch.from_numpy(pack.tokens)[None].to(where),
        position_ids=torch.from_numpy(pack.positions)[None].to(where),
        attention_mask=mask[None, None].to(where),
        use_cache=False,
    ).last_hidden_state[0]


class _Trie:
    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.positions: list[int] = []
        self.parents: list[int] = []
        self.rows: list[int] = []
        self.paths: list[tuple[int, ...]] = []
        self._after: dict[tuple[int, int], int] = {}

    def new(self, sequence: Sequence[int]) -> int:
        """How many nodes a sequence would add."""
        node = -1
        for depth, token in enumerate(sequence):
            following = self._after.get((node, token))
            if following is None:
                return len(sequence) - depth
            node = following
        return 0

    def add(self, row: int, sequence: Sequence[int]) -> None:
        node, path = -1, []
        for depth, token in enumerate(sequence):
            following = self._after.get((node, token))
            if following is None:
                following = len(self.tokens)
                self._after[node, token] = following
                self.tokens.append(token)
                self.positions.append(depth)
                self.parents.append(node)
            node = following
            path.append(node)
        self.rows.append(row)
        self.paths.append(tuple(path))

    def pack(self) -> Pack:
        tokens, positions, parents = (np.asarray(x, np.int64) for x in (self.tokens, self.positions, self.parents))
        return Pack(tokens, positions, parents, tuple(self.paths), tuple(self.rows))
