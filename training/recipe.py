"""A training as settings: what is trained on which task, and how it is evaluated before and after.

    name = "train-demo"
    base = "embedded"                  # or "organism", "embedded:FILE.gguf", a folder in transformers' format
    plan = "act"                       # who decides; every turn of the model is trained
    episodes = 16                      # per update
    [task]
    name = "bandit"
    [rlft]                             # akrasia.training.rlft.RLFT
    updates = 40
    [reward]                           # akrasia.training.returns.Shaping
    bonus = 1.0
    [lora]                             # rank = 0 trains all parameters
    rank = 8
    [evaluate]
    every = 0                          # also after every so many updates
    [evaluate.plays]                   # an experiment, as `akrasia run` takes it, without a model
    variants = ["act"]
    design = "rollout"

Invariants: whatever can be checked is checked before anything is loaded or written; both sides of an evaluation are
asked in the form that was trained (the style), on the same episodes and draws, by the same backend.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar, cast

import orjson

from ..errors import BadOption, MissingWeights, PlanError, RunFolderError, UnknownName
from ..experiments.config import assemble, tasks_of
from ..experiments.experiment import Experiment
from ..experiments.variant import as_variants
from ..graphs.plan import Plan
from ..models.base import Backend, Style
from ..models.providers.embedded import Embedded
from ..models.providers.lora import organism
from ..models.resolve import resolve
from ..registry import bind
from ..tasks.base import Task
from .checkpoint import FILE, digest_of
from .policy import Policy
from .returns import Shaping
from .rlft import RLFT, PolicyTrained, Update, device_of, rlft
from .rollouts import Rollouts
from .weights import Weights, add_lora, load, put_adapter, save_adapter

__all__ = ["ADAPTER", "FULL", "LoRA", "Learner", "Training", "assemble_training", "trained", "write_card"]

Evaluated = TypeVar("Evaluated")

ADAPTER, FULL, CARD = "adapter.gguf", "model", "card.json"
_KEYS = ("name", "base", "plan", "task", "episodes", "seed", "style", "others", "rlft", "reward", "lora", "evaluate")


@dataclass(frozen=True, slots=True)
class LoRA:
    """The low-rank adapter that is trained; rank 0 trains all parameters instead."""

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0


@dataclass(frozen=True)
class Training:
    """A training and its evaluations; made by `assemble_training`.

    Attributes:
        base: what is trained; plan: who decides; others: models of slots that are not trained.
        episodes: per update; seed: of weights, rollouts and order.
        evaluations: settings of experiments, by name; every: after how many updates they are run as well.
    """

    name: str
    base: str
    plan: Plan
    task: Task
    rlft: RLFT
    episodes: int = 16
    seed: int = 0
    style: Style = "tuned"
    reward: Shaping = Shaping()  # noqa: RUF009  (frozen)
    lora: LoRA = LoRA()  # noqa: RUF009  (frozen)
    others: Mapping[str, Backend] = field(default_factory=dict)
    evaluations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    every: int = 0

    @property
    def folder_base(self) -> bool:
        """Whether the base is a folder in transformers' format, which llama.cpp does not read."""
        return self.base not in ("embedded", "organism") and not self.base.startswith("embedded:")

    def experiment(self, name: str, model: Backend) -> Experiment:
        """An evaluation of a model. Its episodes are those that its seed names: none of them is trained on."""
        settings = {"task": {"name": self.task.name, **self.task.options}, "name": name, **self.evaluations[name]}
        models: Any = {"default": model, **self.others}
        return assemble({**settings, "models": models})

    def about(self) -> dict[str, Any]:
        """The recipe, as JSON."""
        return {
            "name": self.name,
            "base": self.base,
            "plan": self.plan.name,
            "task": {"name": self.task.name, **self.task.options},
            "episodes": self.episodes,
            "seed": self.seed,
            "style": self.style,
            "rlft": asdict(self.rlft),
            "reward": asdict(self.reward),
            "lora": asdict(self.lora),
            "others": {slot: b.info.id for slot, b in self.others.items()},
        }


def assemble_training(settings: Mapping[str, Any]) -> Training:
    """The training that settings describe.

    Raises:
        UsageError: an unknown key, name or value, with the remedy.
    """
    for key in settings:
        if key not in _KEYS:
            raise UnknownName.among("setting of a training", key, _KEYS)
    tasks = tasks_of(settings.get("task", "bandit"))
    if len(tasks) != 1:
        raise BadOption(f"a training has {len(tasks)} tasks", remedy="Give one.")
    variant = as_variants(settings.get("plan", "reason_then_act"))[0]
    if not isinstance(variant.plan, Plan):
        raise PlanError(f"{variant.name!r} cannot be trained", "it is no plan", "Give a plan or its expression.")
    seed = settings.get("seed", 0)
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise BadOption(f"the seed is {seed!r}", remedy="Use an integer of at least 0.")
    evaluate = dict(_table(settings, "evaluate"))
    every = evaluate.pop("every", 0)
    if isinstance(every, bool) or not isinstance(every, int) or every < 0:
        raise BadOption(f"evaluate.every is {every!r}", remedy="Use a number of updates, or 0.")
    training = Training(
        name=str(settings.get("name", "training")),
        base=_base(settings.get("base", "embedded")),
        plan=variant.plan,
        task=tasks[0],
        rlft=bind("setting", "rlft", RLFT, (), {"updates": 20, "seed": seed, **_table(settings, "rlft")}),
        episodes=settings.get("episodes", 16),
        seed=seed,
        style=settings.get("style", "tuned"),
        reward=bind("setting", "reward", Shaping, (), dict(_table(settings, "reward"))),
        lora=bind("setting", "lora", LoRA, (), dict(_table(settings, "lora"))),
        others={slot: resolve(model) for slot, model in _table(settings, "others").items()},
        evaluations={name: _evaluation(name, table) for name, table in evaluate.items()},
        every=every,
    )
    if training.style not in ("chat", "completion", "tuned"):
        raise BadOption(f"the prompt style is {training.style!r}", remedy='Use "tuned", "completion" or "chat".')
    if not training.name or any(c in training.name for c in "/\\\0"):
        raise BadOption(f"the training's name {training.name!r} is no folder name", remedy="Use letters and dashes.")
    for name in training.evaluations:  # a wrong name or option is said now, not after the training
        training.experiment(name, Embedded(style=training.style))
    return training


def _base(given: Any) -> str:
    base = str(given)
    path = base.removeprefix("embedded:")
    if base not in ("embedded", "organism") and not Path(path).exists():
        raise MissingWeights(
            f"there is no base {base!r}",
            remedy='Use "embedded", "organism", "embedded:FILE.gguf", or a folder in transformers\' format.',
        )
    return base


def _table(settings: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = settings.get(key) or {}
    if not isinstance(table, Mapping):
        raise BadOption(f"{key} is {table!r}", remedy=f"Write it as a table: [{key}].")
    return table


def _evaluation(name: str, table: Any) -> Mapping[str, Any]:
    if not isinstance(table, Mapping):
        raise BadOption(f"evaluate.{name} is {table!r}", remedy=f"Write it as a table: [evaluate.{name}].")
    for key in ("model", "models"):
        if key in table:
            raise BadOption(f"evaluate.{name} names a {key}", "what is evaluated is what is trained", "Remove it.")
    return {"seed": 1, "variants": ["act"], **table}


class Learner:
    """The model of a training: loaded, trained, saved, and handed out as a backend before and after."""

    def __init__(self, training: Training) -> None:
        self._training = training
        self.weights = _loaded(training)
        self.device = device_of()
        self.weights.model.to(self.device)

    @property
    def parameters(self) -> int:
        """How many parameters are trained."""
        return sum(p.numel() for p in self.weights.model.parameters() if p.requires_grad)

    @property
    def _recipe(self) -> dict[str, Any]:
        """What a resumed training must have in common beside the options of `rlft`; its name is of no weight."""
        return {k: v for k, v in self._training.about().items() if k not in ("name", "rlft", "seed")}

    def before(self) -> Backend:
        """The base as it is evaluated."""
        t = self._training
        if t.folder_base:
            return self._policy(load(t.base), f"{t.name}-base")
        return cast(Backend, replace(_embedded(t), style=t.style))

    def now(self, update: int) -> Backend:
        """The policy as it is in the middle of the training."""
        return self._policy(self.weights, f"{self._training.name}-{update}")

    def after(self, folder: Path) -> Backend:
        """What was saved in a folder, as it is evaluated."""
        t = self._training
        if (folder / FULL).is_dir():
            return self._policy(load(str(folder / FULL)), t.name)
        return Embedded(weights=_embedded(t).weights, adapter=str(folder / ADAPTER), style=t.style)

    def _policy(self, weights: Weights, name: str) -> Backend:
        named = dict(weights.model.named_parameters())
        return Policy(weights, name, self._training.style, identity=digest_of(named))

    def train(
        self,
        folder: Path,
        resume: bool,
        evaluate: Callable[[int], Mapping[str, float]] | None,
        tell: Callable[[Update], None] | None,
    ) -> PolicyTrained:
        """Train, with checkpoints in a folder."""
        t = self._training
        policy = Policy(self.weights, t.name, t.style, free=True)
        play = Rollouts(t.task, t.plan, policy, t.episodes, t.reward, t.seed, t.others)
        return rlft(
            self.weights.model,
            play,
            t.rlft,
            folder=folder,
            resume=resume,
            recipe=self._recipe,
            evaluate=evaluate,
            every=t.every,
            tell=tell,
        )

    def save(self, folder: Path) -> Path:
        """Write what was trained: an adapter that llama.cpp reads, or the whole model; returns where."""
        t = self._training
        self.weights.model.to("cpu")
        if not t.folder_base and t.lora.rank:
            note = f"fine-tuned by reinforcement on {t.task.name}, {t.rlft.updates} updates, plan {t.plan.name}"
            path = folder / ADAPTER
            save_adapter(self.weights.model, path, name=t.name, sha256=self.weights.sha256, style=t.style, note=note)
            return path
        if (folder / FULL).is_dir():
            return folder / FULL
        model = self.weights.model
        whole = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
        with tempfile.TemporaryDirectory(dir=folder, prefix="part-") as part:
            whole.save_pretrained(Path(part) / FULL)
            self.weights.tokenizer.save_pretrained(Path(part) / FULL)
            os.rename(Path(part) / FULL, folder / FULL)
        return folder / FULL


def _embedded(training: Training) -> Embedded:
    detail = "organism" if training.base == "organism" else training.base.partition(":")[2]
    return Embedded(weights=detail or None)


def _loaded(training: Training) -> Weights:
    lora = training.lora
    if training.folder_base:
        weights = load(training.base)
    else:
        base = _embedded(training)
        weights = load(base.weights)
        if base.adapter is not None:
            path = organism() if base.adapter == "organism" else Path(base.adapter)
            return replace(weights, model=put_adapter(weights.model, path))
    if not lora.rank:
        return weights
    tuned = add_lora(weights.model, rank=lora.rank, alpha=lora.alpha, dropout=lora.dropout, seed=training.seed)
    return replace(weights, model=tuned)


def trained(
    training: Training,
    folder: Path,
    resume: bool,
    evaluation: Callable[[Experiment, Path], Evaluated],
    figures: Callable[[Evaluated], Mapping[str, float]],
    tell: Callable[[Update], None] | None = None,
    began: Callable[[Learner], None] | None = None,
) -> tuple[PolicyTrained, Path, dict[str, tuple[Evaluated, Evaluated]]]:
    """Evaluate, train, save and evaluate again, in a folder: (training, what was saved, evaluations by name).

    Args:
        evaluation: plays an experiment into a folder of its own, or goes on with it; figures: what it measured.
        began: told of the model once it is loaded.
    """
    if not resume and (folder / FILE).is_file():
        raise RunFolderError(
            f"{str(folder)!r} holds a training already", remedy="Use --resume to go on with it, or another folder."
        )
    learner = Learner(training)
    if began is not None:
        began(learner)
    before = {
        name: evaluation(training.experiment(name, learner.before()), folder / f"{name}-before")
        for name in training.evaluations
    }

    def between(update: int) -> Mapping[str, float]:
        seen: dict[str, float] = {}
        for name in training.evaluations:
            played = evaluation(training.experiment(name, learner.now(update)), folder / f"{name}-{update}")
            seen |= {f"{name}.{what}": value for what, value in figures(played).items()}
        return seen

    learned = learner.train(folder, resume, between if training.evaluations else None, tell)
    saved = learner.save(folder)
    after = {
        name: evaluation(training.experiment(name, learner.after(folder)), folder / f"{name}-after")
        for name in training.evaluations
    }
    return learned, saved, {name: (before[name], after[name]) for name in before}


def write_card(
    folder: Path, training: Training, learned: PolicyTrained, saved: Path, evaluations: Mapping[str, Any]
) -> Path:
    """Say beside a trained model what it is: recipe, versions, what training showed, and figures before and after."""
    card = {
        "model": saved.name,
        "sha256": _sha256(saved) if saved.is_file() else "",
        "recipe": training.about(),
        "versions": {p: version(p) for p in ("akrasia", "torch", "transformers", "peft")},
        "training": {
            "seconds of the last session": round(learned.seconds, 1),
            "resumed at": learned.resumed,
            "first": learned.curve[0],
            "last": learned.curve[-1],
        },
        "evaluation": dict(evaluations),
    }
    path = folder / CARD
    part = path.with_suffix(".part")
    part.write_bytes(orjson.dumps(card, option=orjson.OPT_INDENT_2))
    os.replace(part, path)
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
