"""Training behind one call each: reinforcement, cloning, an expert's answers as data.

Invariant: whatever is trained ends as a model that an experiment names, and is measured as any other: the evaluations
before and after are ordinary run folders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..api import execute
from ..result import Result, blocking, writable, written

if TYPE_CHECKING:
    from ..evals.compare import Comparison
    from ..experiments.experiment import Experiment
    from ..experiments.training_data import Data
    from .cloning import Cloned
    from .recipe import Learner
    from .rlft import PolicyTrained, Update

__all__ = ["TrainingResult", "clone", "expert_data", "train"]

TRAINED = ("valid", "mass", "encoded", "knowing", "doing", "gap", "greedy_share", "coverage", "regret")


@dataclass(frozen=True)
class TrainingResult:
    """A training that ended: its curve, and its evaluations before and after, as runs.

    Attributes:
        trained: figures per update, those of earlier sessions included.
        model: what was saved, as `embedded:FILE`, or a folder in transformers' format.
        runs: (before, after) per evaluation.
    """

    folder: Path
    trained: PolicyTrained
    model: Path
    runs: dict[str, tuple[Result, Result]]

    def compare(self, metrics: Sequence[str] | None = None) -> dict[str, tuple[Comparison, ...]]:
        """After against before, paired on the same situations or seeds: per evaluation and variant with a model."""
        import polars as pl

        found: dict[str, tuple[Comparison, ...]] = {}
        for name, (before, after) in self.runs.items():
            asking = before.records.filter(pl.col("calls") > 0)  # a random player is the same before and after
            for variant in asking["variant"].unique(maintain_order=True):
                found[f"{name}: {variant}"] = before.compare(after, variant, metrics or TRAINED)
        return found

    def summary(self) -> dict[str, dict[str, dict[str, Any]]]:
        """The same as plain values: per evaluation and variant, per metric that was measured in both."""
        return {
            name: {
                line.metric: {
                    "before": [line.a.value, line.a.low, line.a.high],
                    "after": [line.b.value, line.b.low, line.b.high],
                    "difference": [d.value, d.low, d.high],
                    "p_holm": line.contrast.p_holm,
                    "episodes": d.clusters,
                }
                for one in found
                for line in one.lines
                if (d := line.contrast.difference).value is not None
            }
            for name, found in self.compare().items()
        }


def _figures(result: Result) -> dict[str, float]:
    """What an evaluation measured, by variant and metric."""
    return {
        f"{arm.variant}.{name}": found.value
        for arm in result.score(TRAINED, turns=False).arms
        for name, found in arm.metrics.items()
        if found.value is not None
    }


def train(
    task: Any = "bandit",
    plan: Any = "reason_then_act",
    base: str = "embedded",
    *,
    out: Path | str | None = None,
    resume: bool = False,
    tell: Callable[[Update], None] | None = None,
    began: Callable[[Learner], None] | None = None,
    **settings: Any,
) -> TrainingResult:
    """Fine-tune a model by reinforcement on its own turns, and evaluate it before and after.

    Args:
        task: what it plays; plan: who decides; base: "embedded", "organism", "embedded:FILE.gguf" or a folder.
        out: folder of the training, by default `runs/NAME`.
        resume: go on from the folder's last checkpoint.
        tell: hears of every update; began: of the loaded model before the first.
        settings: as in the file of `akrasia train`: name, episodes, seed, rlft, reward, lora, evaluate, ...

    Raises:
        UsageError: something asked for cannot be; nothing was written.
        TrainingFailed: the loss is no number, or memory ran out; the last checkpoint is kept.
    """
    from .recipe import assemble_training, trained, write_card

    chosen = assemble_training({"task": task, "plan": plan, "base": base, **settings})
    folder = Path(out) if out is not None else Path("runs") / chosen.name
    writable(folder)

    def evaluation(experiment: Experiment, place: Path) -> Result:
        return asyncio.run(execute(experiment, place, resume=True))

    def whole() -> TrainingResult:
        learned, model, runs = trained(chosen, folder, resume, evaluation, _figures, tell, began)
        done = TrainingResult(folder, learned, model, runs)
        write_card(folder, chosen, learned, model, done.summary())
        return done

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return whole()
    return blocking(lambda: asyncio.to_thread(whole))


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
) -> Data:
    """Write what an expert would have answered, as JSON lines; see `akrasia.training.cloning`.

    Args:
        path: a .jsonl file, replaced at once or not at all.
        expert: a reference player of the task, or "oracle".
        form: "sft", or "preference": the expert's answer before the same answer with the greedy action.
        plan: whose prompts are answered: "act" (actions alone), "reason_act" or "reason_then_act" (with a rationale).
        style: of the model that is to be trained: "chat", "completion" or "tuned".
        episodes: plays of the expert; `seed` names them, and no experiment plays one of them.

    Raises:
        UsageError: something asked for cannot be; nothing was written.
    """
    from ..experiments.config import one_task
    from ..experiments.training_data import form_named
    from .cloning import demonstrations, preferences

    made = preferences if form_named(form) == "preference" else demonstrations
    return written(Path(path), lambda: made(one_task(task), expert, episodes, seed, cast(Any, plan), cast(Any, style)))


def clone(
    out: Path | str,
    task: Any = "bandit",
    expert: str = "ucb",
    *,
    plan: str = "reason_then_act",
    episodes: int = 100,
    updates: int = 100,
    batch: int = 16,
    rate: float = 1e-3,
    rank: int = 8,
    seed: int = 0,
    base: str | None = None,
    told: Callable[[str], None] | None = None,
    progress: Callable[[Any], None] | None = None,
) -> Cloned:
    """Fine-tune the embedded model on an expert's play: behaviour cloning (plan "act") or thought cloning.

    The adapter that comes out is a model like any other: `embedded:FILE`. Needs the extra `train`.

    Args:
        out: a .gguf file.
        updates, batch, rate: of the fine-tuning; rank: of the LoRA. The rest is as in `expert_data`.
        told: hears what the training will take, before it starts; progress: of every update.

    Raises:
        UsageError: something cannot be used, or is not installed; nothing was trained.
        TrainingFailed: the loss is no number, or memory ran out; nothing was written.
    """
    from ..experiments.config import one_task
    from .cloning import clone
    from .supervised import SFT

    settings = SFT(updates, batch, rate, seed=seed)
    target = Path(out)
    writable(target.parent)
    return clone(
        one_task(task), target, expert, cast(Any, plan), episodes, settings, rank, base, told=told, progress=progress
    )
