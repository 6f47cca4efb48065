"""Supervised fine-tuning on pairs of prompt and completion: the organism, behaviour cloning, thought cloning.

Invariants: the loss is the mean over completion tokens, the prompt is never trained; a pair's place in the training
follows from the seed alone; a loss that is no number stops the training and leaves the weights of the last good update.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...errors import BadOption, TrainingFailed
from ...streams import stream
from .weights import Weights, torch_of

__all__ = ["SFT", "Pair", "Progress", "Trained", "encode", "fine_tune", "loss_of"]


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
        seed: of the order.
        threads: CPU threads; by default torch's choice.
    """

    updates: int
    batch: int = 16
    rate: float = 1e-3
    warmup: float = 0.05
    clip: float = 1.0
    decay: float = 0.0
    seed: int = 0
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.updates < 1 or self.batch < 1 or self.rate <= 0 or not 0 <= self.warmup < 1:
            raise BadOption(
                f"fine-tuning with {self}", remedy="Use updates and batch >= 1, rate > 0, warmup in [0, 1)."
            )


@dataclass(frozen=True, slots=True)
class Progress:
    """Told after every update: its number from 1, of how many, its loss in nats per token, seconds so far."""

    update: int
    updates: int
    loss: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training took: loss in nats per completion token over the first and last tenth, tokens, seconds."""

    first: float
    last: float
    tokens: int
    seconds: float


def fine_tune(
    weights: Weights, pairs: Sequence[Pair], settings: SFT, progress: Callable[[Progress], None] | None = None
) -> Trained:
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
    order = _endless(len(pairs), settings.seed)
    losses: list[float] = []
    tokens, began = 0, time.monotonic()
    model.train()
    try:
        for update in range(1, settings.updates + 1):
            batch = [coded[next(order)] for _ in range(settings.batch)]
            loss = loss_of(model, batch)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise TrainingFailed(
                    f"the loss of update {update} is {value}", "the weights are those of the update before it",
                    "Use a lower learning rate.",
                )  # fmt: skip
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(trained, settings.clip)
            optimiser.step()
            schedule.step()
            losses.append(value)
            tokens += sum(len(prompt) + len(completion) for prompt, completion in batch)
            if progress is not None:
                progress(Progress(update, settings.updates, value, time.monotonic() - began))
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise TrainingFailed("memory ran out", str(error).split("\n")[0], "Use a smaller batch.") from error
    finally:
        model.eval()
    tenth = max(1, len(losses) // 10)
    return Trained(
        sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth, tokens, round(time.monotonic() - began, 1)
    )


def encode(tokenizer: Any, pair: Pair) -> tuple[list[int], list[int]]:
    """The pair's tokens: (prompt, completion). They are cut apart where the texts are, as a server cuts them."""
    prompt, completion = (
        list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in (pair.prompt, pair.completion)
    )
    if not prompt or not completion:
        raise BadOption("a pair to train on is empty", f"prompt {pair.prompt[:40]!r}, completion {pair.completion!r}")
    return prompt, completion


def loss_of(model: Any, batch: Iterable[tuple[list[int], list[int]]]) -> Any:
    """Mean negative log-likelihood of the completions' tokens, in nats; logits are computed for those alone."""
    torch = torch_of()
    rows = list(batch)
    device = next(model.parameters()).device
    longest = max(len(p) + len(c) for p, c in rows)
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    mask = torch.zeros_like(ids)
    wanted = torch.zeros(ids.shape, dtype=torch.bool)  # positions whose next token is a completion's
    for i, (prompt, completion) in enumerate(rows):
        size = len(prompt) + len(completion)
        ids[i, :size] = torch.tensor(prompt + completion)
        mask[i, :size] = 1
        wanted[i, len(prompt) - 1 : size - 1] = True
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    hidden = inner.model(input_ids=ids.to(device), attention_mask=mask.to(device)).last_hidden_state
    places = wanted.to(device)
    logits = inner.lm_head(hidden[places])
    targets = torch.roll(ids, -1, dims=1).to(device)[places]
    return torch.nn.functional.cross_entropy(logits.float(), targets)


def _endless(count: int, seed: int) -> Any:
    turn = 0
    while True:
        yield from stream(seed, "training", "order", turn).permutation(count).tolist()
        turn += 1
