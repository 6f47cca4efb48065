"""The clipped policy objective with a KL penalty to a frozen reference: pure functions of tensors, one entry per token.

    loss = - min(ratio * A, clip(ratio, 1 - c, 1 + c) * A) + beta * KL - bonus * entropy,   ratio = exp(logp - old)

KL is the per-token estimate exp(d) - d - 1 with d = reference - logp. It is never negative, and unbiased for
KL(policy || reference) under the policy's own samples (Schulman 2020). All log-probabilities are in nats.

Source: Schulman et al. 2017 (1707.06347), eq. 7; Schmied et al. 2025 (2504.16078), App. B: c = 0.2, beta = 0.05.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .weights import import_torch


@dataclass(frozen=True)
class TokenLosses:
    """Tensors of shape (tokens,): the loss that is minimised, and its parts. Only `loss` carries a gradient."""

    loss: Any
    kl: Any
    entropy: Any
    clipped: Any


def target_log_probs(logits: Any, targets: Any) -> Any:
    """Log-probability of each target token: logits (tokens, vocabulary), targets (tokens,) -> (tokens,)."""
    torch = import_torch()
    return -torch.nn.functional.cross_entropy(logits, targets, reduction="none")


def token_entropy(logits: Any) -> Any:
    """Entropy of the next token, in nats: (tokens, vocabulary) -> (tokens,)."""
    torch = import_torch()
    return torch.distributions.Categorical(logits=logits, validate_args=False).entropy()


def clipped_loss(logp: Any, old: Any, advantage: Any, clip: float) -> tuple[Any, Any]:
    """(loss per token, whether the clip blocks its gradient)."""
    torch = import_torch()
    ratio = torch.exp(logp - old)
    unclipped, clipped = ratio * advantage, torch.clamp(ratio, 1 - clip, 1 + clip) * advantage
    return -torch.minimum(unclipped, clipped), unclipped > clipped


def kl_estimate(logp: Any, reference: Any) -> Any:
    """Per-token estimate of KL(policy || reference), at least 0."""
    torch = import_torch()
    d = reference - logp
    return torch.exp(d) - d - 1


def policy_loss(
    logits: Any,
    targets: Any,
    advantage: Any,
    old: Any = None,
    reference: Any = None,
    *,
    clip: float = 0.2,
    beta: float = 0.05,
    bonus: float = 0.0,
) -> TokenLosses:
    """The loss of each trained token.

    Args:
        logits, targets: (tokens, vocabulary) and (tokens,).
        advantage: (tokens,), that of the step to which the token belongs.
        old: log-probabilities when the tokens were sampled; None if the weights have not changed since.
        reference: log-probabilities under the frozen reference; None where beta is 0.
        clip: of the probability ratio.
        beta: weight of the KL penalty.
        bonus: weight of the entropy.
    """
    torch = import_torch()
    logp = target_log_probs(logits, targets)
    loss, clipped = clipped_loss(logp, logp.detach() if old is None else old, advantage, clip)
    entropy = token_entropy(logits if bonus else logits.detach())
    kl = torch.zeros_like(logp) if reference is None else kl_estimate(logp, reference)
    return TokenLosses(loss + beta * kl - bonus * entropy, kl.detach(), entropy.detach(), clipped.detach())
