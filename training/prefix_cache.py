"""A prefix cache: sequences go through a model, and tokens that an earlier batch computed are not computed again.

Invariant: reuse changes no number except by rounding. Each new sequence takes over the keys and values of the cached
sequence with which it shares the longest prefix. Cache columns of other tokens are masked, and positions are counted
without them. An episode's prompts grow at their end, so a decision costs only its new tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .weights import import_torch


@dataclass(frozen=True)
class PrefixCache:
    """A batch of sequences that went through a model.

    Attributes:
        sequences: the tokens of each sequence.
        columns: for each sequence, in which column of `past_key_values` each of its tokens lies.
        width: how many columns there are.
        past_key_values: keys and values.
        logits: those at the last tokens of each sequence: (sequences, kept, vocabulary).
    """

    sequences: list[list[int]]
    columns: list[list[int]]
    width: int
    past_key_values: Any
    logits: Any

    @property
    def next_token_logits(self) -> Any:
        """Logits of the next token: (sequences, vocabulary)."""
        return self.logits[:, -1]


def forward_with_cache(
    model: Any, cache: PrefixCache | None, sequences: Sequence[list[int]], keep: int = 1
) -> PrefixCache:
    """Pass token sequences through the model, reusing what the cache holds of them.

    Args:
        model: a transformers causal language model.
        cache: of an earlier batch; it cannot be used again afterwards.
        keep: at how many of the last tokens logits are wanted; sequences are at least that long.
    """
    torch = import_torch()
    device = next(model.parameters()).device
    reused, columns, width, past = [0] * len(sequences), [list[int]() for _ in sequences], 0, None
    if cache is not None:
        nearest = [_nearest(sequence, cache.sequences) for sequence in sequences]
        reused = [min(n, len(sequence) - keep) for (_, n), sequence in zip(nearest, sequences, strict=True)]
        if sum(reused) * 2 >= sum(map(len, sequences)):  # otherwise a fresh start is less work than a wide cache
            past, width = cache.past_key_values, cache.width
            columns = [cache.columns[i][:n] for (i, _), n in zip(nearest, reused, strict=True)]
            rows = [i for i, _ in nearest]
            if rows != list(range(len(cache.sequences))):
                past.batch_select_indices(torch.tensor(rows, device=device))
        else:
            reused = [0] * len(sequences)
    new_tokens = [sequence[n:] for sequence, n in zip(sequences, reused, strict=True)]
    longest = max(map(len, new_tokens))
    input_ids = torch.tensor([[0] * (longest - len(new)) + new for new in new_tokens], device=device)
    mask = torch.zeros((len(sequences), width + longest), dtype=torch.long)
    positions = torch.zeros((len(sequences), longest), dtype=torch.long)
    for i, new in enumerate(new_tokens):
        mask[i, columns[i]] = 1
        begin = width + longest - len(new)
        mask[i, begin:] = 1
        positions[i, longest - len(new) :] = torch.arange(reused[i], reused[i] + len(new))
        columns[i] = columns[i] + list(range(begin, width + longest))
    output = model(
        input_ids=input_ids,
        attention_mask=mask.to(device),
        position_ids=positions.to(device),
        past_key_values=past,
        use_cache=True,
        logits_to_keep=keep,
    )
    return PrefixCache(list(sequences), columns, width + longest, output.past_key_values, output.logits)


def _nearest(sequence: list[int], cached: Sequence[list[int]]) -> tuple[int, int]:
    """(index of the cached sequence with the longest common prefix, that prefix's length)."""
    shared = [_common_prefix(sequence, other) for other in cached]
    best = max(range(len(cached)), key=shared.__getitem__)
    return best, shared[best]


def _common_prefix(a: list[int], b: list[int]) -> int:
    limit = min(len(a), len(b))
    if a[:limit] == b[:limit]:
        return limit
    return next(i for i in range(limit) if a[i] != b[i])
