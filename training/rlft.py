"""Fine-tuning by reinforcement on a policy's own turns: rollouts, a clipped objective, a KL penalty to the start.

Invariants
- An update's rollouts, their order and the random state follow from (seed, update) and the weights before it. So a
  training that was killed and resumed ends with the weights of one that was not.
- The optimiser takes no step on a loss or gradient that is not a number, and the last checkpoint stays:
  `TrainingFailed` says which update failed.
- The reference is the trained parameters as they were at the start. They are put into the model for one forward pass,
  so no second model is needed.

torch, transformers and peft do the optimisation. The loop is our own because an update here is an episode of several
turns, each with its own reward-to-go, which trainers of single answers do not support.

Source: Schmied et al. 2025 (2504.16078), App. B; docs/training.md lists where the defaults differ.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..errors import BadOption, MissingExtra, RunFolderError, TrainingFailed
from ..options import real, whole
from ..rng import named_rng, seed_of
from .batches import TokenSequence, logits_at_positions, pack_samples
from .checkpoint import CHECKPOINT_FILE, Checkpoint, read_checkpoint, weights_digest, write_checkpoint
from .objective import TokenLosses, policy_loss, target_log_probs
from .rollouts import RolloutBatch
from .weights import import_torch, is_out_of_memory


@dataclass(frozen=True, slots=True)
class RLFTConfig:
    """How to train.

    Attributes:
        updates: batches of rollouts, each trained on once.
        epochs, minibatches: optimiser steps per update are their product.
        micro_batch: sequences per forward pass; gradients are accumulated over an optimiser step.
        learning_rate: at its peak. It rises over the first `warmup` share of the optimiser steps and falls along a
            cosine to a hundredth.
        warmup: the share of the optimiser steps over which the learning rate rises.
        clip: of the probability ratio.
        beta: weight of the KL penalty.
        entropy_weight: of the entropy bonus.
        max_grad_norm: largest norm of the gradient.
        optimiser: "adamw" or "adafactor".
        checkpoint_every: updates between checkpoints; there is one at the end as well.
        seed: of the order in which sequences are trained on, and of dropout.
    """

    updates: int
    epochs: int = 1
    minibatches: int = 1
    micro_batch: int = 8
    learning_rate: float = 1e-4
    warmup: float = 0.05
    clip: float = 0.2
    beta: float = 0.05
    entropy_weight: float = 0.0
    max_grad_norm: float = 1.0
    optimiser: Literal["adamw", "adafactor"] = "adamw"
    checkpoint_every: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("updates", "epochs", "minibatches", "micro_batch", "checkpoint_every"):
            whole(f"training option {name}", getattr(self, name), 1)
        for name in ("learning_rate", "clip", "max_grad_norm"):
            real(f"training option {name}", getattr(self, name), above=0)
        for name in ("beta", "entropy_weight", "warmup"):
            real(f"training option {name}", getattr(self, name), 0)
        if self.warmup >= 1:
            raise BadOption(f"training option warmup is {self.warmup!r}", remedy="Use a share below 1.")
        if self.optimiser not in ("adamw", "adafactor"):
            raise BadOption(f"the optimiser is {self.optimiser!r}", remedy='Use "adamw" or "adafactor".')

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole training."""
        return self.updates * self.epochs * self.minibatches


@dataclass(frozen=True, slots=True)
class RLFTProgress:
    """The state of a training after an update.

    Attributes:
        update, updates: the update's number from 1, and how many there are.
        metrics: of its rollouts (see `akrasia.training.rollouts.RolloutBatch`) and of its optimisation: `loss`, `kl`,
            `entropy`, `clipped`, `norm`.
        tokens: how many went through the model for a gradient.
        turns: how many were trained on.
        seconds: of this update.
        seconds_left: of all updates to come, at the mean pace of this session.
    """

    update: int
    updates: int
    metrics: Mapping[str, float]
    tokens: int
    turns: int
    seconds: float
    seconds_left: float


@dataclass(frozen=True, slots=True)
class RLFTResult:
    """A finished training.

    Attributes:
        curve: the metrics of each update.
        seconds: of this session.
        resumed_at: the update after which this session began; 0 for a new training.
    """

    curve: tuple[Mapping[str, float], ...]
    seconds: float
    resumed_at: int


def default_device() -> str:
    """The GPU if there is one, else the CPU."""
    return "cuda" if import_torch().cuda.is_available() else "cpu"


def train_policy(
    model: Any,
    rollouts: Callable[[int], RolloutBatch],
    config: RLFTConfig,
    *,
    folder: Path | None = None,
    resume: bool = False,
    recipe: Mapping[str, Any] | None = None,
    evaluate: Callable[[int], Mapping[str, float]] | None = None,
    every: int = 0,
    on_update: Callable[[RLFTProgress], None] | None = None,
) -> RLFTResult:
    """Train, in place, all parameters of a model that require a gradient (all of them, or its LoRA).

    Args:
        rollouts: the rollouts of an update, played by the model as it is now; the first update is number 1.
        folder: where checkpoints are kept; without one nothing is kept.
        resume: continue from the folder's checkpoint, if it holds one.
        recipe: what else decides the result (the task, the plan), as plain values. A training is only resumed with the
            same ones.
        evaluate: called after every `every` updates; its values enter the curve as `eval_NAME`.
        on_update: called after every update.

    Raises:
        RunFolderError: the folder holds a training and `resume` is false, or it holds another training.
        TrainingFailed: the loss or gradient is not a number, or memory ran out.
        MissingExtra: torch or transformers is not installed.
    """
    loop = _TrainingLoop(model, config, recipe or {})
    done = _restore(loop, folder, resume) if folder is not None else 0
    began = last = time.monotonic()
    for update in range(done + 1, config.updates + 1):
        batch, metrics, tokens = _guarded_update(loop, rollouts, update, folder)
        metrics = {"update": update, **batch.metrics, **metrics}
        if evaluate is not None and every and update % every == 0:
            metrics |= {f"eval_{name}": value for name, value in evaluate(update).items()}
        now = time.monotonic()
        loop.curve.append(metrics)
        if folder is not None and (update % config.checkpoint_every == 0 or update == config.updates):
            write_checkpoint(folder, loop.checkpoint(update))
        if on_update is not None:
            pace = (now - began) / (update - done)
            seconds_left = pace * (config.updates - update)
            on_update(
                RLFTProgress(update, config.updates, metrics, tokens, len(batch.samples), now - last, seconds_left)
            )
        last = now
    model.eval()
    return RLFTResult(tuple(loop.curve), time.monotonic() - began, done)


def _restore(loop: _TrainingLoop, folder: Path, resume: bool) -> int:
    """Load the folder's checkpoint into the loop; returns how many updates it has done."""
    checkpoint = read_checkpoint(folder)
    if checkpoint is None:
        return 0
    if not resume:
        raise RunFolderError(
            f"{str(folder)!r} holds a training already", remedy="Use --resume to go on with it, or another folder."
        )
    changed = [k for k, v in loop.identity.items() if checkpoint.settings.get(k) != v]
    if checkpoint.initial_digest != loop.initial_digest:
        changed.append("the weights that it began from")
    if changed:
        raise RunFolderError(
            f"{str(folder)!r} holds another training", f"it differs in: {', '.join(changed)}", "Choose another folder."
        )
    loop.restore(checkpoint)
    return checkpoint.update


def _guarded_update(
    loop: _TrainingLoop, rollouts: Callable[[int], RolloutBatch], update: int, folder: Path | None
) -> tuple[RolloutBatch, dict[str, float], int]:
    try:
        batch = rollouts(update)
        metrics, tokens = loop.train(batch, update)
        return batch, metrics, tokens
    except FloatingPointError as error:
        raise TrainingFailed(
            f"{error} in update {update}", _last_checkpoint(folder), "Use a lower learning rate or a smaller penalty."
        ) from None
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise TrainingFailed(
            f"memory ran out in update {update}",
            _last_checkpoint(folder),
            "Use a smaller micro_batch, or fewer episodes.",
        ) from error


def _last_checkpoint(folder: Path | None) -> str:
    checkpoint = None if folder is None else read_checkpoint(folder)
    if checkpoint is None:
        return "no checkpoint was kept"
    return f"{str(folder)}/{CHECKPOINT_FILE} holds update {checkpoint.update}"


class _TrainingLoop:
    """The state of a training, and one update of it."""

    def __init__(self, model: Any, config: RLFTConfig, recipe: Mapping[str, Any]) -> None:
        torch = import_torch()
        try:
            from transformers import get_cosine_with_min_lr_schedule_with_warmup
        except ImportError:
            raise MissingExtra.of("transformers", "train") from None
        self._model, self._config, self._recipe = model, config, recipe
        self._parameters = {n: p for n, p in model.named_parameters() if p.requires_grad}
        if not self._parameters:
            raise BadOption("no parameter of the model requires a gradient", remedy="Add a LoRA, or unfreeze some.")
        self._reference = {n: p.detach().clone() for n, p in self._parameters.items()}
        self.initial_digest = weights_digest(self._reference)
        self._optimiser = _make_optimiser(list(self._parameters.values()), config)
        self._schedule = get_cosine_with_min_lr_schedule_with_warmup(
            self._optimiser, math.ceil(config.warmup * config.steps), config.steps, min_lr=config.learning_rate / 100
        )
        self.curve: list[dict[str, float]] = []
        self._torch = torch

    @property
    def identity(self) -> dict[str, Any]:
        """The settings that decide the result."""
        return {k: v for k, v in asdict(self._config).items() if k != "checkpoint_every"} | dict(self._recipe)

    def checkpoint(self, update: int) -> Checkpoint:
        """The current state."""
        return Checkpoint(
            update,
            self.identity,
            self.initial_digest,
            {n: p.detach() for n, p in self._parameters.items()},
            self._optimiser.state_dict(),
            self._schedule.state_dict(),
            self._torch.get_rng_state(),
            self.curve,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Continue from a checkpoint."""
        self._load_parameters(checkpoint.weights)
        self._optimiser.load_state_dict(checkpoint.optimiser)
        self._schedule.load_state_dict(checkpoint.schedule)
        self._torch.set_rng_state(checkpoint.rng_state)
        self.curve = list(checkpoint.curve)

    def train(self, batch: RolloutBatch, update: int) -> tuple[dict[str, float], int]:
        """Train on an update's turns: (metrics, tokens).

        Raises:
            FloatingPointError: the loss or gradient is not a number; the optimiser took no step on it.
        """
        config, torch = self._config, self._torch
        sequences = pack_samples(batch.samples)
        if not sequences:
            raise BadOption("the rollouts hold no turn to train on", remedy="Check that the policy answers at all.")
        torch.manual_seed(seed_of(config.seed, "training", "dropout", update, bits=63))
        if config.epochs * config.minibatches > 1:  # the first step of an update uses the weights that sampled
            for sequence, log_probs in self._log_probs_of(sequences):
                sequence.old_log_probs = log_probs
        if config.beta:
            with self._with_reference_weights():
                for sequence, log_probs in self._log_probs_of(sequences):
                    sequence.reference_log_probs = log_probs
        steps: list[dict[str, float]] = []
        self._model.train()
        for epoch in range(config.epochs):
            order = named_rng(config.seed, "training", "rows", update, epoch).permutation(len(sequences))
            for part in np.array_split(order, min(config.minibatches, len(sequences))):
                steps.append(self._step([sequences[i] for i in part]))
        self._model.eval()
        metrics = {name: float(np.mean([step[name] for step in steps])) for name in steps[0]}
        return metrics, sum(len(s.token_ids) for s in sequences) * config.epochs

    def _step(self, sequences: Sequence[TokenSequence]) -> dict[str, float]:
        """One optimiser step on the mean loss over all trained tokens of the sequences."""
        torch = self._torch
        count = sum(len(s.positions) for s in sequences)
        sums = {"loss": 0.0, "kl": 0.0, "entropy": 0.0, "clipped": 0.0}
        self._optimiser.zero_grad(set_to_none=True)
        for micro_batch in _micro_batches(sequences, self._config.micro_batch):
            losses = self._losses(micro_batch)
            loss = losses.loss.sum() / count
            if not math.isfinite(float(loss.detach())):
                raise FloatingPointError(f"the loss is {float(loss.detach())}")
            loss.backward()
            values = (loss.detach() * count, losses.kl.sum(), losses.entropy.sum(), losses.clipped.sum())
            for name, value in zip(sums, values, strict=True):
                sums[name] += float(value) / count
        norm = torch.nn.utils.clip_grad_norm_(list(self._parameters.values()), self._config.max_grad_norm)
        if not math.isfinite(float(norm)):
            raise FloatingPointError(f"the norm of the gradient is {float(norm)}")
        self._optimiser.step()
        self._schedule.step()
        return sums | {"norm": float(norm)}

    def _losses(self, sequences: Sequence[TokenSequence]) -> TokenLosses:
        config, torch = self._config, self._torch
        logits, targets = logits_at_positions(self._model, sequences)
        advantage = torch.tensor([a for s in sequences for a in s.advantages], device=logits.device)
        old, reference = (
            None if values[0] is None else torch.cat(values).to(logits.device)
            for values in (
                [s.old_log_probs for s in sequences],
                [s.reference_log_probs for s in sequences],
            )
        )
        return policy_loss(
            logits,
            targets,
            advantage,
            old,
            reference,
            clip=config.clip,
            beta=config.beta,
            bonus=config.entropy_weight,
        )

    def _log_probs_of(self, sequences: Sequence[TokenSequence]) -> Iterator[tuple[TokenSequence, Any]]:
        """Each sequence with the model's log-probabilities of its trained tokens."""
        for micro_batch in _micro_batches(sequences, self._config.micro_batch):
            with self._torch.no_grad():
                log_probs = target_log_probs(*logits_at_positions(self._model, micro_batch))
            yield from zip(micro_batch, log_probs.split([len(s.positions) for s in micro_batch]), strict=True)

    @contextmanager
    def _with_reference_weights(self) -> Iterator[None]:
        """The model with the trained parameters that it began with."""
        current = {n: p.detach().clone() for n, p in self._parameters.items()}
        self._load_parameters(self._reference)
        try:
            yield
        finally:
            self._load_parameters(current)

    def _load_parameters(self, values: Mapping[str, Any]) -> None:
        with self._torch.no_grad():
            for name, parameter in self._parameters.items():
                parameter.copy_(values[name])


def _micro_batches(sequences: Sequence[TokenSequence], size: int) -> Iterator[Sequence[TokenSequence]]:
    """Sequences of similar length together, so that there is little padding."""
    ordered = sorted(sequences, key=lambda s: (len(s.token_ids), s.token_ids))
    return (ordered[begin : begin + size] for begin in range(0, len(ordered), size))


def _make_optimiser(parameters: list[Any], config: RLFTConfig) -> Any:
    if config.optimiser == "adamw":
        return import_torch().optim.AdamW(parameters, lr=config.learning_rate, weight_decay=0.0)
    from transformers import Adafactor

    return Adafactor(parameters, lr=config.learning_rate, scale_parameter=False, relative_step=False, warmup_init=False)
