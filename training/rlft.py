"""Fine-tuning by reinforcement on a policy's own turns: rollouts, a clipped objective, a leash to where it began.

Invariants
- An update's rollouts, their order and the random state follow from (seed, update) and the weights before it: a
  training that was killed and resumed ends with the weights of one that was not.
- The optimiser takes no step on a loss or gradient that is no number, and what was kept stays: `TrainingFailed` says
  after which update.
- The reference is the trained parameters as they were at the start, put in the model for the time of one forward pass;
  it costs no second model.

torch, transformers and peft do the optimisation. The loop is our own because an update here is an episode of several
turns, each with a reward-to-go of its own, which trainers of single answers do not know.

Source: Schmied et al. 2025 (2504.16078), App. B; the defaults are theirs but for what docs/training.md lists.
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
from .batches import TrainingRow, logits_at, pack
from .checkpoint import FILE, State, digest_of, read, write
from .objective import Parts, log_probs, objective
from .rollouts import Batch
from .weights import out_of_memory, torch_of

__all__ = ["RLFT", "PolicyTrained", "Update", "device_of", "rlft"]


@dataclass(frozen=True, slots=True)
class RLFT:
    """How to train.

    Attributes:
        updates: batches of rollouts, each trained on once.
        epochs, minibatches: optimiser steps per update are their product.
        rows: sequences per forward pass; gradients are accumulated over an optimiser step.
        rate: peak learning rate; it rises over the first `warmup` share of the optimiser steps and falls along a cosine
            to a hundredth.
        clip: of the probability ratio; beta: weight of the KL to the reference; entropy: weight of an entropy bonus.
        norm: largest norm of the gradient.
        optimiser: "adamw" or "adafactor".
        keep: a checkpoint every so many updates, and one at the end.
        seed: of the order in which rows are trained on, and of dropout.
    """

    updates: int
    epochs: int = 1
    minibatches: int = 1
    rows: int = 8
    rate: float = 1e-4
    warmup: float = 0.05
    clip: float = 0.2
    beta: float = 0.05
    entropy: float = 0.0
    norm: float = 1.0
    optimiser: Literal["adamw", "adafactor"] = "adamw"
    keep: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("updates", "epochs", "minibatches", "rows", "keep"):
            whole(f"training option {name}", getattr(self, name), 1)
        for name in ("rate", "clip", "norm"):
            real(f"training option {name}", getattr(self, name), above=0)
        for name in ("beta", "entropy", "warmup"):
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
class Update:
    """Told after every update.

    Attributes:
        update, updates: its number from 1, of how many.
        figures: what its rollouts and its training showed (`akrasia.training.rollouts.Batch`, and
            `loss`, `kl`, `entropy`, `clipped`, `norm`).
        tokens: that a gradient was computed over; turns: that were trained on.
        seconds: of this update; left: of all that are still to come, at the mean pace of those of this session.
    """

    update: int
    updates: int
    figures: Mapping[str, float]
    tokens: int
    turns: int
    seconds: float
    left: float


@dataclass(frozen=True, slots=True)
class PolicyTrained:
    """What a training was: its curve (figures per update), seconds of this session, and whether it was resumed."""

    curve: tuple[Mapping[str, float], ...]
    seconds: float
    resumed: int


def device_of() -> str:
    """Where to train: the GPU if there is one."""
    return "cuda" if torch_of().cuda.is_available() else "cpu"


def rlft(
    model: Any,
    play: Callable[[int], Batch],
    settings: RLFT,
    *,
    folder: Path | None = None,
    resume: bool = False,
    recipe: Mapping[str, Any] | None = None,
    evaluate: Callable[[int], Mapping[str, float]] | None = None,
    every: int = 0,
    tell: Callable[[Update], None] | None = None,
) -> PolicyTrained:
    """Train the parameters of a model that want a gradient (all, or its LoRA), in place.

    Args:
        play: rollouts of an update by the model as it is now; the first is number 1.
        folder: where checkpoints are kept; without one nothing is.
        resume: go on from the folder's checkpoint, if it holds one.
        recipe: what else decides what comes out (the task, the plan), as plain values: a training is resumed with the
            same alone.
        evaluate: called after every `every` updates; what it returns stands in the curve as `eval_NAME`.
        tell: hears of every update.

    Raises:
        RunFolderError: the folder holds a training and `resume` was not asked for, or another training.
        TrainingFailed: the loss or gradient is no number, or memory ran out.
        MissingExtra: torch or transformers is not installed.
    """
    loop = _Loop(model, settings, recipe or {})
    at = 0
    if folder is not None:
        at = _restored(loop, folder, resume)
    began = last = time.monotonic()
    for update in range(at + 1, settings.updates + 1):
        batch, figures, tokens = _guarded(loop, play, update, folder)
        figures = {"update": update, **batch.figures, **figures}
        if evaluate is not None and every and update % every == 0:
            figures |= {f"eval_{name}": value for name, value in evaluate(update).items()}
        now = time.monotonic()
        loop.curve.append(figures)
        if folder is not None and (update % settings.keep == 0 or update == settings.updates):
            write(folder, loop.state(update))
        if tell is not None:
            pace = (now - began) / (update - at)
            left = pace * (settings.updates - update)
            tell(Update(update, settings.updates, figures, tokens, len(batch.samples), now - last, left))
        last = now
    model.eval()
    return PolicyTrained(tuple(loop.curve), time.monotonic() - began, at)


def _restored(loop: _Loop, folder: Path, resume: bool) -> int:
    """Put the folder's state into the loop; how many updates it has behind it."""
    state = read(folder)
    if state is None:
        return 0
    if not resume:
        raise RunFolderError(
            f"{str(folder)!r} holds a training already", remedy="Use --resume to go on with it, or another folder."
        )
    changed = [k for k, v in loop.identity.items() if state.settings.get(k) != v]
    if state.start != loop.start:
        changed.append("the weights that it began from")
    if changed:
        raise RunFolderError(
            f"{str(folder)!r} holds another training", f"it differs in: {', '.join(changed)}", "Choose another folder."
        )
    loop.restore(state)
    return state.update


def _guarded(
    loop: _Loop, play: Callable[[int], Batch], update: int, folder: Path | None
) -> tuple[Batch, dict[str, float], int]:
    try:
        batch = play(update)
        figures, tokens = loop.train(batch, update)
        return batch, figures, tokens
    except FloatingPointError as error:
        raise TrainingFailed(
            f"{error} in update {update}", _kept(folder), "Use a lower learning rate or a smaller penalty."
        ) from None
    except Exception as error:
        if not out_of_memory(error):
            raise
        raise TrainingFailed(
            f"memory ran out in update {update}", _kept(folder), "Use fewer rows per forward pass, or fewer episodes."
        ) from error


def _kept(folder: Path | None) -> str:
    state = None if folder is None else read(folder)
    return "no checkpoint was kept" if state is None else f"{str(folder)}/{FILE} holds update {state.update}"


class _Loop:
    """The state of a training, and one update of it."""

    def __init__(self, model: Any, settings: RLFT, recipe: Mapping[str, Any]) -> None:
        torch = torch_of()
        try:
            from transformers import get_cosine_with_min_lr_schedule_with_warmup
        except ImportError:
            raise MissingExtra.of("transformers", "train") from None
        self._model, self._settings, self._recipe = model, settings, recipe
        self._trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
        if not self._trained:
            raise BadOption("nothing of the model wants a gradient", remedy="Add a LoRA, or unfreeze its parameters.")
        self._first = {n: p.detach().clone() for n, p in self._trained.items()}
        self.start = digest_of(self._first)
        self._optimiser = _optimiser(list(self._trained.values()), settings)
        self._schedule = get_cosine_with_min_lr_schedule_with_warmup(
            self._optimiser, math.ceil(settings.warmup * settings.steps), settings.steps, min_lr=settings.rate / 100
        )
        self.curve: list[dict[str, float]] = []
        self._torch = torch

    @property
    def identity(self) -> dict[str, Any]:
        """What decides what comes out."""
        return {k: v for k, v in asdict(self._settings).items() if k != "keep"} | dict(self._recipe)

    def state(self, update: int) -> State:
        """Where the training stands."""
        return State(
            update, self.identity, self.start, {n: p.detach() for n, p in self._trained.items()},
            self._optimiser.state_dict(), self._schedule.state_dict(), self._torch.get_rng_state(), self.curve,
        )  # fmt: skip

    def restore(self, state: State) -> None:
        """Continue from there."""
        with self._torch.no_grad():
            for name, parameter in self._trained.items():
                parameter.copy_(state.weights[name])
        self._optimiser.load_state_dict(state.optimiser)
        self._schedule.load_state_dict(state.schedule)
        self._torch.set_rng_state(state.random)
        self.curve = list(state.curve)

    def train(self, batch: Batch, update: int) -> tuple[dict[str, float], int]:
        """Train on an update's turns: (figures, tokens).

        Raises:
            FloatingPointError: the loss or gradient is no number; the weights are those before the optimiser step.
        """
        s, torch = self._settings, self._torch
        rows = pack(batch.samples)
        if not rows:
            raise BadOption("the rollouts hold no turn to train on", remedy="Check that the policy answers at all.")
        torch.manual_seed(seed_of(s.seed, "training", "dropout", update, bits=63))
        if s.epochs * s.minibatches > 1:  # the first step of an update is taken by the weights that sampled
            self._note(rows, "old")
        if s.beta:
            with self._as_at_first():
                self._note(rows, "reference")
        told: list[dict[str, float]] = []
        self._model.train()
        for epoch in range(s.epochs):
            order = named_rng(s.seed, "training", "rows", update, epoch).permutation(len(rows))
            for part in np.array_split(order, min(s.minibatches, len(rows))):
                told.append(self._step([rows[i] for i in part]))
        self._model.eval()
        figures = {name: float(np.mean([t[name] for t in told])) for name in told[0]}
        return figures, sum(len(r.ids) for r in rows) * s.epochs

    def _step(self, rows: Sequence[TrainingRow]) -> dict[str, float]:
        """One optimiser step: the mean of the loss over all tokens of the rows."""
        torch = self._torch
        count = sum(len(r.places) for r in rows)
        sums = {"loss": 0.0, "kl": 0.0, "entropy": 0.0, "clipped": 0.0}
        self._optimiser.zero_grad(set_to_none=True)
        for few in _chunks(rows, self._settings.rows):
            parts = self._parts(few)
            loss = parts.loss.sum() / count
            if not math.isfinite(float(loss.detach())):
                raise FloatingPointError(f"the loss is {float(loss.detach())}")
            loss.backward()
            values = (loss.detach() * count, parts.divergence.sum(), parts.entropy.sum(), parts.clipped.sum())
            for name, value in zip(sums, values, strict=True):
                sums[name] += float(value) / count
        norm = torch.nn.utils.clip_grad_norm_(list(self._trained.values()), self._settings.norm)
        if not math.isfinite(float(norm)):
            raise FloatingPointError(f"the norm of the gradient is {float(norm)}")
        self._optimiser.step()
        self._schedule.step()
        return sums | {"norm": float(norm)}

    def _parts(self, rows: Sequence[TrainingRow]) -> Parts:
        s, torch = self._settings, self._torch
        logits, targets = logits_at(self._model, rows)
        gain = torch.tensor([a for r in rows for a in r.advantages], device=logits.device)
        old, reference = (
            None if getattr(rows[0], name) is None else torch.cat([getattr(r, name) for r in rows]).to(logits.device)
            for name in ("old", "reference")
        )
        return objective(logits, targets, gain, old, reference, clip=s.clip, beta=s.beta, bonus=s.entropy)

    def _note(self, rows: Sequence[TrainingRow], name: str) -> None:
        """Write the model's log-probabilities of every trained token into the rows."""
        with self._torch.no_grad():
            for few in _chunks(rows, self._settings.rows):
                found = log_probs(*logits_at(self._model, few))
                for row, part in zip(few, found.split([len(r.places) for r in few]), strict=True):
                    setattr(row, name, part)

    @contextmanager
    def _as_at_first(self) -> Iterator[None]:
        """The model with the trained parameters that it began with."""
        now = {n: p.detach().clone() for n, p in self._trained.items()}
        self._put(self._first)
        try:
            yield
        finally:
            self._put(now)

    def _put(self, values: Mapping[str, Any]) -> None:
        with self._torch.no_grad():
            for name, parameter in self._trained.items():
                parameter.copy_(values[name])


def _chunks(rows: Sequence[TrainingRow], size: int) -> Iterator[Sequence[TrainingRow]]:
    """Rows of like length together, so that little is padded."""
    ordered = sorted(rows, key=lambda r: (len(r.ids), r.ids))
    return (ordered[begin : begin + size] for begin in range(0, len(ordered), size))


def _optimiser(parameters: list[Any], settings: RLFT) -> Any:
    if settings.optimiser == "adamw":
        return torch_of().optim.AdamW(parameters, lr=settings.rate, weight_decay=0.0)
    from transformers import Adafactor

    return Adafactor(parameters, lr=settings.rate, scale_parameter=False, relative_step=False, warmup_init=False)
