"""The clipped policy objective with a leash to a frozen reference: pure functions of tensors, one entry a token.

    loss = - min(ratio * A, clip(ratio, 1 - c, 1 + c) * A) + beta * KL - bonus * entropy,   ratio = exp(logp - old)

KL is the per-token estimate exp(d) - d - 1 with d = reference - logp, which is never negative and is unbiased for
KL(policy || reference) under the policy's own samples (Schulman 2020). Logits come from a model in nats.

Source: Schulman et al. 2017 (1707.06347), eq. 7; Schmied et al. 2025 (2504.16078), App. B: c = 0.2, beta = 0.05.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .weights import torch_of

__all__ = ["Parts", "clipped", "divergence", "entropy_of", "log_probs", "objective"]


@dataclass(frozen=True)
class Parts:
    """Tensors of shape (tokens,): the loss that is minimised, and what it is made of. Only `loss` bears a gradient."""

    loss: Any
    divergence: Any
    entropy: Any
    clipped: Any


def log_probs(logits: Any, targets: Any) -> Any:
    """Log-probability of each target token: logits (tokens, vocabulary), targets (tokens,) -> (tokens,)."""
    torch = torch_of()
    return -torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def entropy_of(logits: Any) -> Any:
    """Entropy of the next token, in nats: (tokens, vocabulary) -> (tokens,)."""
    torch = torch_of()
    return torch.distributions.Categorical(logits=logits, validate_args=False).entropy()


def clipped(logp: Any, old: Any, advantage: Any, clip: float) -> tuple[Any, Any]:
    """(loss per token, whether the clip holds its gradient back)."""
    torch = torch_of()
    ratio = torch.exp(logp - old)
    free, held = ratio * advantage, torch.clamp(ratio, 1 - clip, 1 + clip) * advantage
    return -torch.minimum(free, held), free > held


def divergence(logp: Any, reference: Any) -> Any:
    """Per-token estimate of KL(policy || reference), at least 0."""
    torch = torch_of()
    d = reference - logp
    return torch.exp(d) - d - 1


def objective(
    logits: Any,
    targets: Any,
    advantage: Any,
    old: Any = None,
    reference: Any = None,
    *,
    clip: float = 0.2,
    beta: float = 0.05,
    bonus: float = 0.0,
) -> Parts:
    """The loss of each trained token.

    Args:
        logits, targets: (tokens, vocabulary) and (tokens,).
        advantage: (tokens,), that of the step to which the token belongs.
        old: log-probabilities when the tokens were sampled; None: by the very weights that are trained now.
        reference: log-probabilities under the frozen reference; None where beta is 0.
        bonus: weight of the entropy.
    """
    torch = torch_of()
    logp = log_probs(logits, targets)
    loss, held = clipped(logp, logp.detach() if old is None else old, advantage, clip)
    entropy = entropy_of(logits if bonus else logits.detach())
    leash = torch.zeros_like(logp) if reference is None else divergence(logp, reference)
    return Parts(loss + beta * leash - bonus * entropy, leash.detach(), entropy.detach(), held.detach())
