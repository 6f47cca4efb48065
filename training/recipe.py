"""A training as settings: which model is trained on which task, and how it is evaluated before and after.

    name = "train-demo"
    base = "embedded"                  # or "organism", "embedded:FILE.gguf", a folder in transformers' format
    plan = "act"                       # the agents that decide; every turn of the model is trained
    episodes = 16                      # per update
    [task]
    name = "bandit"
    [rlft]                             # akrasia.training.rlft.RLFTConfig
    updates = 40
    [reward]                           # akrasia.training.returns.RewardShaping
    bonus = 1.0
    [lora]                             # rank = 0 trains all parameters
    rank = 8
    [evaluate]
    every = 0                          # also after every so many updates
    [evaluate.plays]                   # an experiment, as `akrasia run` takes it, without a model
    variants = ["act"]
    design = "rollout"

Invariants: everything that can be checked is checked before anything is loaded or written. Both evaluations use the
prompt style that was trained, the same episodes and draws, and the same backend.
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
from ..files import write_file
from ..graphs.plan import Plan
from ..models.base import Backend, Style
from ..models.providers.embedded import Embedded
from ..models.providers.lora import organism
from ..models.resolve import resolve
from ..options import MOST_SEED, whole
from ..registry import bind
from ..tasks.base import Task
from .checkpoint import CHECKPOINT_FILE, weights_digest
from .policy import Policy
from .returns import RewardShaping
from .rlft import RLFTConfig, RLFTProgress, RLFTResult, default_device, train_policy
from .rollouts import Rollouts
from .weights import Weights, add_lora, attach_adapter, load_weights, save_adapter

Run = TypeVar("Run")

ADAPTER_FILE, MODEL_FOLDER, CARD_FILE = "adapter.gguf", "model", "card.json"
_KEYS = ("name", "base", "plan", "task", "episodes", "seed", "style", "others", "rlft", "reward", "lora", "evaluate")


@dataclass(frozen=True, slots=True)
class LoRASettings:
    """The low-rank adapter that is trained; rank 0 trains all parameters instead."""

    rank: int = 8
    alpha: float = 16.0
    dropout: float = 0.0


@dataclass(frozen=True)
class TrainingConfig:
    """A training and its evaluations; made by `assemble_training`.

    Attributes:
        base: the model that is trained.
        plan: the agents that decide.
        episodes: per update.
        seed: of weights, rollouts and order.
        style: how the model is prompted.
        others: models of slots that are not trained.
        evaluations: settings of experiments, by name.
        every: updates between evaluations during the training; 0 for none.
    """

    name: str
    base: str
    plan: Plan
    task: Task
    rlft: RLFTConfig
    episodes: int = 16
    seed: int = 0
    style: Style = "tuned"
    reward: RewardShaping = RewardShaping()  # noqa: RUF009  (frozen)
    lora: LoRASettings = LoRASettings()  # noqa: RUF009  (frozen)
    others: Mapping[str, Backend] = field(default_factory=dict)
    evaluations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    every: int = 0

    @property
    def base_is_folder(self) -> bool:
        """Whether the base is a folder in transformers' format, which llama.cpp cannot read."""
        return self.base not in ("embedded", "organism") and not self.base.startswith("embedded:")

    def experiment(self, name: str, model: Backend) -> Experiment:
        """An evaluation of a model, on the episodes that its seed names; no training uses them."""
        settings = {"task": {"name": self.task.name, **self.task.options}, "name": name, **self.evaluations[name]}
        models: Any = {"default": model, **self.others}
        return assemble({**settings, "models": models})

    def as_json(self) -> dict[str, Any]:
        """The settings as JSON."""
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


def assemble_training(settings: Mapping[str, Any]) -> TrainingConfig:
    """The training that the settings describe.

    Raises:
        UsageError: an unknown key, name or value, with the remedy.
    """
    for key in settings:
        if key not in _KEYS:
            raise UnknownName.among("setting of a training", key, _KEYS)
    tasks = tasks_of(settings.get("task", "bandit"))
    if len(tasks) != 1:
        raise BadOption(f"a training has {len(tasks)} tasks", remedy="Give one task.")
    variant = as_variants(settings.get("plan", "reason_then_act"))[0]
    if not isinstance(variant.plan, Plan) or variant.plan.graphs:
        raise PlanError(
            f"{variant.name!r} cannot be trained",
            "what it asks is not written here",
            "Give a plan of akrasia's own agents, or its expression.",
        )
    seed = whole("the seed", settings.get("seed", 0), most=MOST_SEED)
    evaluate = dict(_table(settings, "evaluate"))
    every = whole("evaluate.every", evaluate.pop("every", 0), remedy="Use a number of updates, or 0.")
    config = TrainingConfig(
        name=str(settings.get("name", "training")),
        base=_base(settings.get("base", "embedded")),
        plan=variant.plan,
        task=tasks[0],
        rlft=bind("setting", "rlft", RLFTConfig, (), {"updates": 20, "seed": seed, **_table(settings, "rlft")}),
        episodes=settings.get("episodes", 16),
        seed=seed,
        style=settings.get("style", "tuned"),
        reward=bind("setting", "reward", RewardShaping, (), dict(_table(settings, "reward"))),
        lora=bind("setting", "lora", LoRASettings, (), dict(_table(settings, "lora"))),
        others={slot: resolve(model) for slot, model in _table(settings, "others").items()},
        evaluations={name: _evaluation(name, table) for name, table in evaluate.items()},
        every=every,
    )
    if config.style not in ("chat", "completion", "tuned"):
        raise BadOption(f"the prompt style is {config.style!r}", remedy='Use "tuned", "completion" or "chat".')
    if not config.name or any(c in config.name for c in "/\\\0"):
        raise BadOption(
            f"the training's name {config.name!r} cannot be a folder's name", remedy="Use letters and dashes."
        )
    for name in config.evaluations:  # a wrong name or option is reported now, not after the training
        config.experiment(name, Embedded(style=config.style))
    return config


def _base(value: Any) -> str:
    base = str(value)
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
            raise BadOption(
                f"evaluate.{name} names a {key}", "an evaluation uses the model that is trained", "Remove it."
            )
    return {"seed": 1, "variants": ["act"], **table}


class Trainer:
    """The model of a training: loads, trains and saves it, and gives it as a backend before, during and after."""

    def __init__(self, config: TrainingConfig) -> None:
        self._config = config
        self.weights = _initial_weights(config)
        self.device = default_device()
        self.weights.model.to(self.device)

    @property
    def parameters(self) -> int:
        """How many parameters are trained."""
        return sum(p.numel() for p in self.weights.model.parameters() if p.requires_grad)

    @property
    def _recipe(self) -> dict[str, Any]:
        """What a resumed training must share beside the options of `rlft`; its name may differ."""
        return {k: v for k, v in self._config.as_json().items() if k not in ("name", "rlft", "seed")}

    def base_model(self) -> Backend:
        """The base, for the evaluation before the training."""
        config = self._config
        if config.base_is_folder:
            return self._policy(load_weights(config.base), f"{config.name}-base")
        return cast(Backend, replace(_embedded(config), style=config.style))

    def current_model(self, update: int) -> Backend:
        """The policy as it is after an update."""
        return self._policy(self.weights, f"{self._config.name}-{update}")

    def saved_model(self, folder: Path) -> Backend:
        """The model that was saved in a folder, for the evaluation after the training."""
        config = self._config
        if (folder / MODEL_FOLDER).is_dir():
            return self._policy(load_weights(str(folder / MODEL_FOLDER)), config.name)
        return Embedded(weights=_embedded(config).weights, adapter=str(folder / ADAPTER_FILE), style=config.style)

    def _policy(self, weights: Weights, name: str) -> Backend:
        parameters = dict(weights.model.named_parameters())
        return Policy(weights, name, self._config.style, identity=weights_digest(parameters))

    def train(
        self,
        folder: Path,
        resume: bool,
        evaluate: Callable[[int], Mapping[str, float]] | None,
        on_update: Callable[[RLFTProgress], None] | None,
    ) -> RLFTResult:
        """Train, with checkpoints in a folder."""
        config = self._config
        policy = Policy(self.weights, config.name, config.style, unconstrained=True)
        rollouts = Rollouts(
            config.task, config.plan, policy, config.episodes, config.reward, config.seed, config.others
        )
        return train_policy(
            self.weights.model,
            rollouts,
            config.rlft,
            folder=folder,
            resume=resume,
            recipe=self._recipe,
            evaluate=evaluate,
            every=config.every,
            on_update=on_update,
        )

    def save(self, folder: Path) -> Path:
        """Write the trained adapter, which llama.cpp reads, or the whole model; returns its path."""
        config, model = self._config, self.weights.model
        model.to("cpu")
        if not config.base_is_folder and config.lora.rank:
            note = (
                f"fine-tuned by reinforcement on {config.task.name}, {config.rlft.updates} updates, "
                f"plan {config.plan.name}"
            )
            path = folder / ADAPTER_FILE
            save_adapter(model, path, name=config.name, sha256=self.weights.sha256, style=config.style, note=note)
            return path
        if (folder / MODEL_FOLDER).is_dir():
            return folder / MODEL_FOLDER
        merged = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
        with tempfile.TemporaryDirectory(dir=folder, prefix="part-") as part:
            merged.save_pretrained(Path(part) / MODEL_FOLDER)
            self.weights.tokenizer.save_pretrained(Path(part) / MODEL_FOLDER)
            os.rename(Path(part) / MODEL_FOLDER, folder / MODEL_FOLDER)
        return folder / MODEL_FOLDER


def _embedded(config: TrainingConfig) -> Embedded:
    name = "organism" if config.base == "organism" else config.base.partition(":")[2]
    return Embedded(weights=name or None)


def _initial_weights(config: TrainingConfig) -> Weights:
    lora = config.lora
    if config.base_is_folder:
        weights = load_weights(config.base)
    else:
        base = _embedded(config)
        weights = load_weights(base.weights)
        if base.adapter is not None:
            path = organism() if base.adapter == "organism" else Path(base.adapter)
            return replace(weights, model=attach_adapter(weights.model, path))
    if not lora.rank:
        return weights
    tuned = add_lora(weights.model, rank=lora.rank, alpha=lora.alpha, dropout=lora.dropout, seed=config.seed)
    return replace(weights, model=tuned)


def run_training(
    config: TrainingConfig,
    folder: Path,
    resume: bool,
    evaluate: Callable[[Experiment, Path], Run],
    metrics_of: Callable[[Run], Mapping[str, float]],
    on_update: Callable[[RLFTProgress], None] | None = None,
    on_start: Callable[[Trainer], None] | None = None,
) -> tuple[RLFTResult, Path, dict[str, tuple[Run, Run]]]:
    """Evaluate, train, save and evaluate again: (training, path of the saved model, (before, after) by evaluation).

    Args:
        evaluate: runs an experiment in a folder of its own, or continues it.
        metrics_of: the metrics of such a run.
        on_start: called with the loaded model.
    """
    if not resume and (folder / CHECKPOINT_FILE).is_file():
        raise RunFolderError(
            f"{str(folder)!r} holds a training already", remedy="Use --resume to go on with it, or another folder."
        )
    trainer = Trainer(config)
    if on_start is not None:
        on_start(trainer)
    before = {
        name: evaluate(config.experiment(name, trainer.base_model()), folder / f"{name}-before")
        for name in config.evaluations
    }

    def evaluate_update(update: int) -> Mapping[str, float]:
        metrics: dict[str, float] = {}
        for name in config.evaluations:
            run = evaluate(config.experiment(name, trainer.current_model(update)), folder / f"{name}-{update}")
            metrics |= {f"{name}.{metric}": value for metric, value in metrics_of(run).items()}
        return metrics

    training = trainer.train(folder, resume, evaluate_update if config.evaluations else None, on_update)
    model = trainer.save(folder)
    after = {
        name: evaluate(config.experiment(name, trainer.saved_model(folder)), folder / f"{name}-after")
        for name in config.evaluations
    }
    return training, model, {name: (before[name], after[name]) for name in before}


def write_card(
    folder: Path, config: TrainingConfig, training: RLFTResult, model: Path, evaluations: Mapping[str, Any]
) -> Path:
    """Write the card beside a trained model: recipe, versions, first and last update, metrics before and after."""
    card = {
        "model": model.name,
        "sha256": _sha256(model) if model.is_file() else "",
        "recipe": config.as_json(),
        "versions": {p: version(p) for p in ("akrasia", "torch", "transformers", "peft")},
        "training": {
            "seconds of the last session": round(training.seconds, 1),
            "resumed at": training.resumed_at,
            "first": training.curve[0],
            "last": training.curve[-1],
        },
        "evaluation": dict(evaluations),
    }
    return write_file(folder / CARD_FILE, orjson.dumps(card, option=orjson.OPT_INDENT_2))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
