"""Turns packed into as few sequences as hold them, and the model's logits where a trained token comes next.

Invariant: packing changes no number but by rounding. A causal model sees the same before a token whether its turn
stands alone or at the head of a longer one, so a turn that is the beginning of another costs nothing: where prompts
only grow at their end, an episode of T decisions is one sequence and not T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .rollouts import Sample
from .weights import inner_of, torch_of

__all__ = ["TrainingRow", "logits_at", "pack"]


@dataclass
class TrainingRow:
    """A sequence of tokens.

    Attributes:
        ids: its tokens.
        places: positions whose *next* token is trained; one position may stand there for several turns.
        advantages: one per place.
        old, reference: log-probabilities per place, once they are computed.
    """

    ids: list[int]
    places: list[int] = field(default_factory=list)
    advantages: list[float] = field(default_factory=list)
    old: Any = None
    reference: Any = None


def pack(samples: Sequence[Sample]) -> list[TrainingRow]:
    """Rows that hold all samples, in an order that follows from their tokens alone."""
    rows: list[TrainingRow] = []
    for sample in sorted(samples, key=lambda s: (s.prompt + s.completion, len(s.prompt), s.advantage), reverse=True):
        ids = sample.prompt + sample.completion
        # In this order a sequence that begins another stands right behind one that it begins.
        if not rows or rows[-1].ids[: len(ids)] != ids:
            rows.append(TrainingRow(ids))
        rows[-1].places += range(len(sample.prompt) - 1, len(ids) - 1)
        rows[-1].advantages += [sample.advantage] * len(sample.completion)
    return rows


def logits_at(model: Any, rows: Sequence[TrainingRow]) -> tuple[Any, Any]:
    """(logits, targets) of the rows' places, in order: (tokens, vocabulary) and (tokens,).

    The output layer, a quarter of a small model's work, sees those places alone.
    """
    torch = torch_of()
    inner = inner_of(model)
    device = next(model.parameters()).device
    longest = max(len(r.ids) for r in rows)
    ids = torch.tensor([r.ids + [0] * (longest - len(r.ids)) for r in rows], device=device)
    mask = torch.tensor([[1] * len(r.ids) + [0] * (longest - len(r.ids)) for r in rows], device=device)
    line = torch.tensor([i for i, r in enumerate(rows) for _ in r.places], device=device)
    place = torch.tensor([p for r in rows for p in r.places], device=device)
    hidden = inner.model(input_ids=ids, attention_mask=mask).last_hidden_state
    return inner.lm_head(hidden[line, place]).float(), ids[line, place + 1]
