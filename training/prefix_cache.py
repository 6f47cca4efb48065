"""Reading on: a batch of texts goes through a model, and what an earlier batch has read of them is not read again.

Invariant: reusing changes no number but by rounding. A row of the new batch takes over the keys and values of the row
that it shares the longest beginning with; columns that are not its own are masked, and places are counted without them.
An episode's prompts grow at their end, so a decision costs the tokens that are new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .weights import torch_of

__all__ = ["Read", "read_on"]


@dataclass(frozen=True)
class Read:
    """What a model has read.

    Attributes:
        rows: the tokens of each row; columns: for each row, in which column of `past` each of its tokens lies.
        width: how many columns there are; past: keys and values.
        all: logits behind the last tokens of each row: (rows, kept, vocabulary).
    """

    rows: list[list[int]]
    columns: list[list[int]]
    width: int
    past: Any
    all: Any

    @property
    def logits(self) -> Any:
        """Logits of the next token: (rows, vocabulary)."""
        return self.all[:, -1]


def read_on(model: Any, before: Read | None, rows: Sequence[list[int]], keep: int = 1) -> Read:
    """Read rows of tokens.

    Args:
        model: a transformers causal language model.
        before: what was read earlier; it is used up.
        keep: behind how many of the last tokens logits are wanted; rows are at least that long.
    """
    torch = torch_of()
    device = next(model.parameters()).device
    kept, columns, width, past = [0] * len(rows), [list[int]() for _ in rows], 0, None
    if before is not None:
        origin = [_nearest(row, before.rows) for row in rows]
        kept = [min(n, len(row) - keep) for (_, n), row in zip(origin, rows, strict=True)]
        if sum(kept) * 2 >= sum(map(len, rows)):  # else a fresh start is less work than a wide cache
            past, width = before.past, before.width
            columns = [before.columns[i][:n] for (i, _), n in zip(origin, kept, strict=True)]
            chosen = [i for i, _ in origin]
            if chosen != list(range(len(before.rows))):
                past.batch_select_indices(torch.tensor(chosen, device=device))
        else:
            kept = [0] * len(rows)
    fresh = [row[n:] for row, n in zip(rows, kept, strict=True)]
    longest = max(map(len, fresh))
    ids = torch.tensor([[0] * (longest - len(f)) + f for f in fresh], device=device)
    mask = torch.zeros((len(rows), width + longest), dtype=torch.long)
    places = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, new in enumerate(fresh):
        mask[i, columns[i]] = 1
        begin = width + longest - len(new)
        mask[i, begin:] = 1
        places[i, longest - len(new) :] = torch.arange(kept[i], kept[i] + len(new))
        columns[i] = columns[i] + list(range(begin, width + longest))
    out = model(
        input_ids=ids, attention_mask=mask.to(device), position_ids=places.to(device), past_key_values=past,
        use_cache=True, logits_to_keep=keep,
    )  # fmt: skip
    return Read(list(rows), columns, width + longest, out.past_key_values, out.logits)


def _nearest(row: list[int], known: Sequence[list[int]]) -> tuple[int, int]:
    """(which of the known rows shares the longest beginning with `row`, how many tokens)."""
    shared = [_shared(row, other) for other in known]
    best = max(range(len(known)), key=shared.__getitem__)
    return best, shared[best]


def _shared(a: list[int], b: list[int]) -> int:
    limit = min(len(a), len(b))
    if a[:limit] == b[:limit]:
        return limit
    return next(i for i in range(limit) if a[i] != b[i])
