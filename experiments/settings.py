"""The settings of an experiment: the keywords of `akrasia.run`, which are also the keys of a TOML file.

Invariant: what an editor completes is what is accepted; a test compares it with the fields of `Experiment`. What a
setting may hold is checked by `akrasia.experiments.config.assemble`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias, TypedDict

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ..graphs.plan import Plan
    from ..models.base import Backend
    from ..models.budget import Budget
    from ..tasks.base import Task
    from .design import Design
    from .variant import Variant

TaskLike: TypeAlias = "Task | str | Mapping[str, Any]"
"""A task, its name, or a table with its name and options."""

ModelLike: TypeAlias = "Backend | BaseChatModel | str | Mapping[str, Any]"
"""A backend, a LangChain chat model, a model's name, or a table: of a name and options, or of slots to models."""

VariantLike: TypeAlias = "Variant | Plan | str"
"""A variant, a plan, or an expression such as "reason_act | critique"."""


class ExperimentSettings(TypedDict, total=False):
    """What is run. Every setting has a default.

    Attributes:
        name: of the experiment, and of its run folder; by default "experiment".
        task: one task or a list of them; by default "bandit".
        model: one model or a list of them; by default "embedded".
        models: several models, as a list or as tables by name; in the place of `model`.
        variants: plans or expressions, the first of which is the baseline; a mapping names them.
        episodes: seeded plays per task and model; by default 16. A play of a question set asks one question, so ask for
            as many episodes as it has questions.
        seed: names the set of episodes; by default 0.
        design: "fork" (the default): every variant decides the baseline's situations; or "rollout": each plays its own.
        budget: {"calls": n, "tokens": n, "dollars": x} over the whole run; by default no limit.
        concurrency: episodes under way at once; by default as many as the slowest model takes.
        until: stop before `episodes`, once this is known closely enough: "gap +- 0.05", "gap difference +- 0.05".
        workers: processes that play; by default 1. A script that asks for several calls `run` under
            `if __name__ == "__main__":`.
        executor: "local", "processes" or "ray"; by default what `workers` asks for.
        address: of the Ray cluster; by default this machine.
        leader: with several models and the fork design, the label of the model whose baseline plays the episodes for
            all of them, so that they decide the same situations; by default each model's own baseline plays.
        trials: how often every decision is drawn, by default once; several draws tell luck from what a model can do
            (pass@k, consistency, self-consistency for every n). Each costs as much as the decision.
        keep_going: go on also where the first 8 decisions of a variant all failed alike; by default the run stops then.
    """

    name: str
    task: TaskLike | Sequence[TaskLike]
    model: ModelLike | Sequence[ModelLike]
    models: Sequence[ModelLike] | Mapping[str, Any] | None
    variants: VariantLike | Sequence[VariantLike] | Mapping[str, VariantLike]
    episodes: int
    seed: int
    design: Design
    budget: Budget | Mapping[str, float | None] | None
    concurrency: int | None
    until: str
    workers: int
    executor: str
    address: str
    leader: str
    keep_going: bool
    trials: int
