"""The front door of training: reinforcement, cloning of an expert, and an expert's answers as data, one call each.

Invariant: whatever is trained ends as a model that an experiment can name. The evaluations before and after a training
are ordinary run folders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..api import execute
from ..blocking import blocking
from ..files import writable
from ..result import Result

if TYPE_CHECKING:
    from ..evals.compare import Comparison
    from ..experiments.experiment import Experiment
    from ..experiments.training_data import TrainingData
    from .cloning import CloneResult
    from .recipe import Trainer
    from .rlft import RLFTProgress, RLFTResult
    from .supervised import SFTProgress

METRICS = ("valid", "mass", "encoded", "knowing", "doing", "gap", "greedy_share", "coverage", "regret")


@dataclass(frozen=True)
class TrainingResult:
    """A finished training: its learning curve, and its evaluations before and after, as runs.

    Attributes:
        training: metrics per update, those of earlier sessions included.
        model: the file that was saved, named in an experiment as `embedded:FILE`; or a folder in transformers' format.
        runs: (before, after) per evaluation.
    """

    folder: Path
    training: RLFTResult
    model: Path
    runs: dict[str, tuple[Result, Result]]

    def compare(self, metrics: Sequence[str] | None = None) -> dict[str, tuple[Comparison, ...]]:
        """After against before, paired on the same situations or seeds: one entry per evaluation and variant.

        Variants that ask no model are left out: a random player is the same before and after.
        """
        import polars as pl

        comparisons: dict[str, tuple[Comparison, ...]] = {}
        for name, (before, after) in self.runs.items():
            with_calls = before.records.filter(pl.col("calls") > 0)
            for variant in with_calls["variant"].unique(maintain_order=True):
                comparisons[f"{name}: {variant}"] = before.compare(after, variant, metrics or METRICS)
        return comparisons

    def summary(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The comparison as plain values: per evaluation and variant, every metric that both runs measured."""
        return {
            name: {
                line.metric: {
                    "before": [line.a.value, line.a.low, line.a.high],
                    "after": [line.b.value, line.b.low, line.b.high],
                    "difference": [d.value, d.low, d.high],
                    "p_holm": line.contrast.p_holm,
                    "episodes": d.clusters,
                }
                for comparison in comparisons
                for line in comparison.lines
                if (d := line.contrast.difference).value is not None
            }
            for name, comparisons in self.compare().items()
        }


def _metrics(result: Result) -> dict[str, float]:
    """The metrics of an evaluation, named "variant.metric"."""
    return {
        f"{arm.variant}.{name}": estimate.value
        for arm in result.score(METRICS, turns=False).arms
        for name, estimate in arm.metrics.items()
        if estimate.value is not None
    }


def train(
    task: Any = "bandit",
    plan: Any = "reason_then_act",
    base: str = "embedded",
    *,
    out: Path | str | None = None,
    resume: bool = False,
    on_update: Callable[[RLFTProgress], None] | None = None,
    on_start: Callable[[Trainer], None] | None = None,
    **settings: Any,
) -> TrainingResult:
    """Fine-tune a model by reinforcement on its own turns, and evaluate it before and after.

    Args:
        task: the task that is played.
        plan: the agents that decide.
        base: the model to train: "embedded", "organism", "embedded:FILE.gguf", or a folder in transformers' format.
        out: folder of the training, by default `runs/NAME`.
        resume: continue from the folder's last checkpoint.
        on_update: called after every update.
        on_start: called with the loaded model before the first update.
        settings: as in the file of `akrasia train`: name, episodes, seed, rlft, reward, lora, evaluate, ...

    Raises:
        UsageError: a setting is not possible; nothing was written.
        TrainingFailed: the loss is not a number, or memory ran out; the last checkpoint is kept.
    """
    from .recipe import assemble_training, run_training, write_card

    config = assemble_training({"task": task, "plan": plan, "base": base, **settings})
    folder = Path(out) if out is not None else Path("runs") / config.name
    writable(folder)

    def evaluate(experiment: Experiment, run_folder: Path) -> Result:
        return asyncio.run(execute(experiment, run_folder, resume=True))

    def run() -> TrainingResult:
        training, model, runs = run_training(config, folder, resume, evaluate, _metrics, on_update, on_start)
        result = TrainingResult(folder, training, model, runs)
        write_card(folder, config, training, model, result.summary())
        return result

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return run()
    return blocking(lambda: asyncio.to_thread(run))


def expert_data(
    path: Path | str,
    task: Any = "bandit",
    expert: str = "ucb",
    form: str = "sft",
    *,
    plan: str = "reason_act",
    style: str = "chat",
    episodes: int = 100,
    seed: int = 0,
) -> TrainingData:
    """Write the answers that an expert would have given, as JSON lines; see `akrasia.training.cloning`.

    Args:
        path: a .jsonl file, replaced as a whole or not at all.
        expert: a reference player of the task, or "oracle".
        form: "sft", or "preference": the expert's answer is preferred to the same answer with the greedy action.
        plan: the agents whose prompts are answered: "act" (actions alone), "reason_act" or "reason_then_act" (with a
            rationale).
        style: the prompt style of the model that is to be trained: "chat", "completion" or "tuned".
        episodes: how many episodes the expert plays.
        seed: names those episodes; no experiment plays any of them.

    Raises:
        UsageError: a setting is not possible; nothing was written.
    """
    from ..experiments.config import one_task
    from ..experiments.training_data import form_named, write_training_data
    from .cloning import demonstrations, preferences

    make = preferences if form_named(form) == "preference" else demonstrations
    made = partial(make, one_task(task), expert, episodes, seed, cast(Any, plan), cast(Any, style))
    return write_training_data(Path(path), made)


def clone(
    out: Path | str,
    task: Any = "bandit",
    expert: str = "ucb",
    *,
    plan: str = "reason_then_act",
    episodes: int = 100,
    updates: int = 100,
    batch: int = 16,
    learning_rate: float = 1e-3,
    rank: int = 8,
    seed: int = 0,
    base: str | None = None,
    on_start: Callable[[str], None] | None = None,
    on_update: Callable[[SFTProgress], None] | None = None,
) -> CloneResult:
    """Fine-tune the embedded model on an expert's play: behaviour cloning (plan "act") or thought cloning.

    The result is an adapter, which an experiment names as `embedded:FILE`. Needs the extra `train`.

    Args:
        out: a .gguf file.
        updates, batch, learning_rate: of the fine-tuning.
        rank: of the LoRA.
        on_start: called with one line about the training, before it starts.
        on_update: called after every update.

    The other arguments are those of `expert_data`.

    Raises:
        UsageError: a setting is not possible, or a package is missing; nothing was trained.
        TrainingFailed: the loss is not a number, or memory ran out; nothing was written.
    """
    from ..experiments.config import one_task
    from .cloning import clone_policy
    from .supervised import SFTConfig

    config = SFTConfig(updates, batch, learning_rate, seed=seed)
    target = Path(out)
    writable(target.parent)
    return clone_policy(
        one_task(task),
        target,
        expert,
        cast(Any, plan),
        episodes,
        config,
        rank,
        base,
        on_start=on_start,
        on_update=on_update,
    )
