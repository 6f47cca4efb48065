"""Supervised fine-tuning on pairs of prompt and completion: the organism, behaviour cloning, thought cloning.

Invariants: the loss is the mean over completion tokens, the prompt is never trained; a pair's place in the training
follows from the seed alone; a loss that is no number stops the training and leaves the weights of the last good update.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BadOption, TrainingFailed
from ..rng import named_rng
from .packing import Pack, hidden_states, packs
from .weights import Weights, torch_of

__all__ = ["SFT", "Pair", "TrainingProgress", "FineTuned", "encode", "fine_tune", "loss_of"]


Coded = tuple[list[int], list[int]]  # tokens of a prompt, tokens of its completion


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt and what shall follow it, as text. In a chat the prompt is the rendered template."""

    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class SFT:
    """How to fine-tune.

    Attributes:
        updates: optimiser steps; batch: pairs per step. Pairs are passed through in order, again from the start, in
            a new order, once all were seen.
        rate: peak learning rate; it rises over the first `warmup` share of the updates and falls along a cosine to
            zero.
        clip: largest norm of the gradient.
        decay: weight decay (AdamW).
        seed: of the order of the pairs.
        at_once: tokens whose activations are held at once; a batch is gone through in packs of at most this size.
        shuffle: whether pairs are drawn in a random order; pairs that begin alike are cheap in one batch.
        threads: CPU threads; by default torch's choice.
    """

    updates: int
    batch: int = 16
    rate: float = 1e-3
    warmup: float = 0.05
    clip: float = 1.0
    decay: float = 0.0
    seed: int = 0
    at_once: int = 512
    shuffle: bool = True
    threads: int | None = None

    def __post_init__(self) -> None:
        if min(self.updates, self.batch, self.at_once) < 1 or self.rate <= 0 or not 0 <= self.warmup < 1:
            raise BadOption(
                f"fine-tuning with {self}", remedy="Use updates and batch >= 1, rate > 0, warmup in [0, 1)."
            )


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Told after every update: its number from 1, of how many, its loss in nats per token, seconds so far."""

    update: int
    updates: int
    loss: float
    seconds: float


@dataclass(frozen=True, slots=True)
class FineTuned:
    """What a training took: loss in nats per completion token over the first and last tenth, tokens, seconds."""

    first: float
    last: float
    tokens: int
    seconds: float


def fine_tune(
    weights: Weights, pairs: Sequence[Pair], settings: SFT, progress: Callable[[TrainingProgress], None] | None = None
) -> FineTuned:
    """Train whatever parameters of the model want a gradient (all, or its LoRA), in place.

    Raises:
        BadOption: there is no pair, or a completion has no token.
        TrainingFailed: the loss is no number, or memory ran out.
        MissingExtra: torch is not installed.
    """
    torch = torch_of()
    if not pairs:
        raise BadOption("there is nothing to train on", "no pair of prompt and completion was given")
    if settings.threads:
        torch.set_num_threads(settings.threads)
    from transformers import get_cosine_schedule_with_warmup

    model = weights.model
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=settings.rate, weight_decay=settings.decay)
    schedule = get_cosine_schedule_with_warmup(
        optimiser, math.ceil(settings.warmup * settings.updates), settings.updates
    )
    coded = [encode(weights.tokenizer, pair) for pair in pairs]
    order = _endless(len(pairs), settings)
    losses: list[float] = []
    tokens, began = 0, time.monotonic()
    model.train()
    try:
        for update in range(1, settings.updates + 1):
            batch = [coded[next(order)] for _ in range(settings.batch)]
            optimiser.zero_grad(set_to_none=True)
            value = _backward(model, batch, settings.at_once)
            if not math.isfinite(value):
                raise TrainingFailed(
                    f"the loss of update {update} is {value}", "the weights are those of the update before it",
                    "Use a lower learning rate.",
                )  # fmt: skip
            torch.nn.utils.clip_grad_norm_(trained, settings.clip)
            optimiser.step()
            schedule.step()
            losses.append(value)
            tokens += sum(len(prompt) + len(completion) for prompt, completion in batch)
            if progress is not None:
                progress(TrainingProgress(update, settings.updates, value, time.monotonic() - began))
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise TrainingFailed("memory ran out", str(error).split("\n")[0], "Use a smaller batch.") from error
    finally:
        model.eval()
    tenth = max(1, len(losses) // 10)
    return FineTuned(
        sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth, tokens, round(time.monotonic() - began, 1)
    )


def _backward(model: Any, batch: Sequence[Coded], most: int) -> float:
    """Add the gradient of the batch's mean loss, pack by pack; the loss."""
    whole = sum(len(completion) for _, completion in batch)
    value = 0.0
    for pack in packs([[*prompt, *completion] for prompt, completion in batch], most):
        rows = [batch[i] for i in pack.rows]
        loss = loss_of(model, pack, rows) * (sum(len(completion) for _, completion in rows) / whole)
        loss.backward()
        value += float(loss.detach())
    return value


def encode(tokenizer: Any, pair: Pair) -> Coded:
    """The pair's tokens: (prompt, completion). They are cut apart where the texts are, as a server cuts them."""
    prompt, completion = (
        list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in (pair.prompt, pair.completion)
    )
    if not prompt or not completion:
        raise BadOption("a pair to train on is empty", f"prompt {pair.prompt[:40]!r}, completion {pair.completion!r}")
    return prompt, completion


def loss_of(model: Any, pack: Pack, rows: Sequence[Coded]) -> Any:
    """Mean negative log-likelihood of the completions' tokens, in nats; logits are computed for those alone.

    Args:
        pack: holds `rows`, in its own order.
    """
    torch = torch_of()
    before: list[int] = []  # the node before each token of a completion
    targets: list[int] = []
    for path, (prompt, completion) in zip(pack.paths, rows, strict=True):
        before += path[len(prompt) - 1 : -1]
        targets += completion
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    hidden = hidden_states(model, pack)
    logits = inner.lm_head(hidden[torch.tensor(before, device=hidden.device)])
    return torch.nn.functional.cross_entropy(logits.float(), torch.tensor(targets, device=hidden.device))


def _endless(count: int, settings: SFT) -> Iterator[int]:
    turn = 0
    while True:
        rng = named_rng(settings.seed, "training", "order", turn)
        yield from rng.permutation(count).tolist() if settings.shuffle else range(count)
        turn += 1
