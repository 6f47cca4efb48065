"""Sequences with common prefixes packed into one trie, so that a shared prefix is computed once.

Successive prompts of an episode repeat its history, and forks of a situation repeat all of it. Every token of the trie
attends to its ancestors alone and has the position that it has in its own sequence. So one forward pass over the trie
gives every sequence the logits that it has by itself, up to rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .weights import import_torch, unwrap_peft


@dataclass(frozen=True)
class TokenTrie:
    """A trie of token sequences, laid out in order of insertion.

    Attributes:
        tokens: shape (nodes,).
        positions: depth of each node, shape (nodes,).
        parents: index of the node before each node, -1 at a root, shape (nodes,).
        paths: for each sequence, the nodes of its tokens.
        members: for each sequence, its index among the sequences that were packed.
    """

    tokens: np.ndarray[Any, np.dtype[np.int64]]
    positions: np.ndarray[Any, np.dtype[np.int64]]
    parents: np.ndarray[Any, np.dtype[np.int64]]
    paths: tuple[tuple[int, ...], ...]
    members: tuple[int, ...]

    @property
    def attention_mask(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Shape (nodes, nodes): whether node i attends to node j, its ancestor or itself."""
        mask = np.zeros((len(self.tokens),) * 2, dtype=bool)
        for i, parent in enumerate(self.parents):
            if parent >= 0:
                mask[i] = mask[parent]
            mask[i, i] = True
        return mask


def pack_sequences(sequences: Sequence[Sequence[int]], max_nodes: int = 512) -> list[TokenTrie]:
    """Pack sequences into tries, similar ones together.

    Args:
        max_nodes: the most nodes of a trie; a longer sequence gets a trie of its own.
    """
    order = sorted(range(len(sequences)), key=lambda i: tuple(sequences[i]))
    tries: list[TokenTrie] = []
    builder = _TrieBuilder()
    for i in order:
        if builder.members and len(builder.tokens) + builder.new_nodes(sequences[i]) > max_nodes:
            tries.append(builder.build())
            builder = _TrieBuilder()
        builder.add(i, sequences[i])
    return [*tries, builder.build()] if builder.members else tries


def hidden_states(model: Any, trie: TokenTrie) -> Any:
    """Last hidden states of the nodes, shape (nodes, width), of a transformers causal model (or a peft one)."""
    torch = import_torch()
    inner = unwrap_peft(model)
    weight = inner.lm_head.weight
    attention = trie.attention_mask
    mask = torch.zeros(attention.shape, dtype=weight.dtype)
    mask.masked_fill_(~torch.from_numpy(attention), torch.finfo(weight.dtype).min)
    device = weight.device
    return inner.model(
        input_ids=torch.from_numpy(trie.tokens)[None].to(device),
        position_ids=torch.from_numpy(trie.positions)[None].to(device),
        attention_mask=mask[None, None].to(device),
        use_cache=False,
    ).last_hidden_state[0]


class _TrieBuilder:
    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.positions: list[int] = []
        self.parents: list[int] = []
        self.members: list[int] = []
        self.paths: list[tuple[int, ...]] = []
        self._children: dict[tuple[int, int], int] = {}

    def new_nodes(self, sequence: Sequence[int]) -> int:
        """How many nodes a sequence would add."""
        node = -1
        for depth, token in enumerate(sequence):
            child = self._children.get((node, token))
            if child is None:
                return len(sequence) - depth
            node = child
        return 0

    def add(self, member: int, sequence: Sequence[int]) -> None:
        node, path = -1, []
        for depth, token in enumerate(sequence):
            child = self._children.get((node, token))
            if child is None:
                child = len(self.tokens)
                self._children[node, token] = child
                self.tokens.append(token)
                self.positions.append(depth)
                self.parents.append(node)
            node = child
            path.append(node)
        self.members.append(member)
        self.paths.append(tuple(path))

    def build(self) -> TokenTrie:
        tokens, positions, parents = (np.asarray(x, np.int64) for x in (self.tokens, self.positions, self.parents))
        return TokenTrie(tokens, positions, parents, tuple(self.paths), tuple(self.members))
