"""Supervised fine-tuning on prompt-completion pairs: for the organism, behaviour cloning and thought cloning.

Invariants: the loss is the mean over completion tokens; the prompt is never trained. The order of the pairs follows
from the seed alone. A loss that is not a number stops the training, and the weights stay as the update before left
them.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BadOption, TrainingFailed
from ..rng import named_rng
from .packing import TokenTrie, hidden_states, pack_sequences
from .weights import Weights, import_torch, unwrap_peft

TokenPair = tuple[list[int], list[int]]  # tokens of a prompt, tokens of its completion


@dataclass(frozen=True, slots=True)
class TrainingPair:
    """A prompt and its completion, as text. In a chat the prompt is the rendered template."""

    prompt: str
    completion: str


@dataclass(frozen=True, slots=True)
class SFTConfig:
    """How to fine-tune.

    Attributes:
        updates: optimiser steps.
        batch: pairs per step. All pairs are passed through, then again in a new order.
        learning_rate: at its peak. It rises over the first `warmup` share of the updates and falls along a cosine to
            zero.
        max_grad_norm: largest norm of the gradient.
        weight_decay: of AdamW.
        seed: of the order of the pairs.
        max_pack_tokens: a batch goes through the model in packs of at most this many tokens, to limit memory.
        shuffle: whether the order is random; without it pairs with a common prefix stay together, which is faster.
        threads: CPU threads; by default torch's choice.
    """

    updates: int
    batch: int = 16
    learning_rate: float = 1e-3
    warmup: float = 0.05
    max_grad_norm: float = 1.0
    weight_decay: float = 0.0
    seed: int = 0
    max_pack_tokens: int = 512
    shuffle: bool = True
    threads: int | None = None

    def __post_init__(self) -> None:
        if (
            min(self.updates, self.batch, self.max_pack_tokens) < 1
            or self.learning_rate <= 0
            or not 0 <= self.warmup < 1
        ):
            raise BadOption(
                f"fine-tuning with {self}", remedy="Use updates and batch >= 1, learning_rate > 0, warmup in [0, 1)."
            )


@dataclass(frozen=True, slots=True)
class SFTProgress:
    """The state after an update: its number from 1, how many there are, its loss in nats per token, seconds so far."""

    update: int
    updates: int
    loss: float
    seconds: float


@dataclass(frozen=True, slots=True)
class SFTResult:
    """A finished fine-tuning.

    Attributes:
        first_loss, last_loss: in nats per completion token, over the first and the last tenth of the updates.
        tokens: how many went through the model.
        seconds: how long it took.
    """

    first_loss: float
    last_loss: float
    tokens: int
    seconds: float


def fine_tune(
    weights: Weights,
    pairs: Sequence[TrainingPair],
    config: SFTConfig,
    on_update: Callable[[SFTProgress], None] | None = None,
) -> SFTResult:
    """Train, in place, all parameters of the model that require a gradient (all of them, or its LoRA).

    Raises:
        BadOption: there is no pair, or a completion has no token.
        TrainingFailed: the loss is not a number, or memory ran out.
        MissingExtra: torch is not installed.
    """
    torch = import_torch()
    if not pairs:
        raise BadOption("there is nothing to train on", "no pair of prompt and completion was given")
    if config.threads:
        torch.set_num_threads(config.threads)
    from transformers import get_cosine_schedule_with_warmup

    model = weights.model
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(parameters, lr=config.learning_rate, weight_decay=config.weight_decay)
    schedule = get_cosine_schedule_with_warmup(optimiser, math.ceil(config.warmup * config.updates), config.updates)
    token_pairs = [tokenize_pair(weights.tokenizer, pair) for pair in pairs]
    order = _endless_order(len(pairs), config)
    losses: list[float] = []
    tokens, began = 0, time.monotonic()
    model.train()
    try:
        for update in range(1, config.updates + 1):
            batch = [token_pairs[next(order)] for _ in range(config.batch)]
            optimiser.zero_grad(set_to_none=True)
            loss = _backward(model, batch, config.max_pack_tokens)
            if not math.isfinite(loss):
                raise TrainingFailed(
                    f"the loss of update {update} is {loss}",
                    "the weights are those of the update before it",
                    "Use a lower learning rate.",
                )
            torch.nn.utils.clip_grad_norm_(parameters, config.max_grad_norm)
            optimiser.step()
            schedule.step()
            losses.append(loss)
            tokens += sum(len(prompt) + len(completion) for prompt, completion in batch)
            if on_update is not None:
                on_update(SFTProgress(update, config.updates, loss, time.monotonic() - began))
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise TrainingFailed("memory ran out", str(error).split("\n")[0], "Use a smaller batch.") from error
    finally:
        model.eval()
    tenth = max(1, len(losses) // 10)
    return SFTResult(
        sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth, tokens, round(time.monotonic() - began, 1)
    )


def _backward(model: Any, batch: Sequence[TokenPair], max_nodes: int) -> float:
    """Accumulate the gradient of the batch's mean loss, trie by trie; returns the loss."""
    total = sum(len(completion) for _, completion in batch)
    value = 0.0
    for trie in pack_sequences([[*prompt, *completion] for prompt, completion in batch], max_nodes):
        pairs = [batch[i] for i in trie.members]
        loss = completion_loss(model, trie, pairs) * (sum(len(completion) for _, completion in pairs) / total)
        loss.backward()
        value += float(loss.detach())
    return value


def tokenize_pair(tokenizer: Any, pair: TrainingPair) -> TokenPair:
    """The tokens of prompt and completion, tokenized apart, as a server tokenizes a prompt and samples the rest."""
    prompt, completion = (
        list(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in (pair.prompt, pair.completion)
    )
    if not prompt or not completion:
        raise BadOption("a pair to train on is empty", f"prompt {pair.prompt[:40]!r}, completion {pair.completion!r}")
    return prompt, completion


def completion_loss(model: Any, trie: TokenTrie, pairs: Sequence[TokenPair]) -> Any:
    """Mean negative log-likelihood of the completions' tokens, in nats; logits are computed for those alone.

    Args:
        trie: holds the pairs, in this order.
    """
    torch = import_torch()
    preceding: list[int] = []  # the node before each token of a completion
    targets: list[int] = []
    for path, (prompt, completion) in zip(trie.paths, pairs, strict=True):
        preceding += path[len(prompt) - 1 : -1]
        targets += completion
    hidden = hidden_states(model, trie)
    logits = unwrap_peft(model).lm_head(hidden[torch.tensor(preceding, device=hidden.device)])
    return torch.nn.functional.cross_entropy(logits.float(), torch.tensor(targets, device=hidden.device))


def _endless_order(count: int, config: SFTConfig) -> Iterator[int]:
    epoch = 0
    while True:
        rng = named_rng(config.seed, "training", "order", epoch)
        yield from rng.permutation(count).tolist() if config.shuffle else range(count)
        epoch += 1
