"""Turns packed into few token sequences, and the model's logits at the positions that are trained.

Invariant: packing changes no number except by rounding. A causal model gives a token the same logits whether its turn
stands alone or at the beginning of a longer sequence, so a turn that is a prefix of another one costs nothing. Where
prompts only grow at their end, an episode of T decisions is one sequence instead of T.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .rollouts import TurnSample
from .weights import import_torch, unwrap_peft


@dataclass
class TokenSequence:
    """A sequence of tokens with the positions that are trained.

    Attributes:
        token_ids: its tokens.
        positions: positions whose *next* token is trained. A position occurs once for every turn that trains it.
        advantages: one per position.
        old_log_probs: log-probabilities per position under the weights that sampled, once they are computed.
        reference_log_probs: the same under the reference weights.
    """

    token_ids: list[int]
    positions: list[int] = field(default_factory=list)
    advantages: list[float] = field(default_factory=list)
    old_log_probs: Any = None
    reference_log_probs: Any = None


def pack_samples(samples: Sequence[TurnSample]) -> list[TokenSequence]:
    """Sequences that hold all samples, in an order that depends on the tokens alone."""
    sequences: list[TokenSequence] = []
    for sample in sorted(samples, key=lambda s: (s.prompt + s.completion, len(s.prompt), s.advantage), reverse=True):
        token_ids = sample.prompt + sample.completion
        # In this order a sequence directly follows one that it is a prefix of.
        if not sequences or sequences[-1].token_ids[: len(token_ids)] != token_ids:
            sequences.append(TokenSequence(token_ids))
        sequences[-1].positions += range(len(sample.prompt) - 1, len(token_ids) - 1)
        sequences[-1].advantages += [sample.advantage] * len(sample.completion)
    return sequences


def logits_at_positions(model: Any, sequences: Sequence[TokenSequence]) -> tuple[Any, Any]:
    """(logits, targets) at the positions of the sequences, in order: (tokens, vocabulary) and (tokens,).

    The output layer, a quarter of a small model's work, is computed at those positions alone.
    """
    torch = import_torch()
    inner = unwrap_peft(model)
    device = next(model.parameters()).device
    longest = max(len(s.token_ids) for s in sequences)
    token_ids = torch.tensor([s.token_ids + [0] * (longest - len(s.token_ids)) for s in sequences], device=device)
    mask = torch.tensor([[1] * len(s.token_ids) + [0] * (longest - len(s.token_ids)) for s in sequences], device=device)
    row = torch.tensor([i for i, s in enumerate(sequences) for _ in s.positions], device=device)
    position = torch.tensor([p for s in sequences for p in s.positions], device=device)
    hidden = inner.model(input_ids=token_ids, attention_mask=mask).last_hidden_state
    return inner.lm_head(hidden[row, position]).float(), token_ids[row, position + 1]
