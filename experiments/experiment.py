"""An experiment as a value: tasks x models x variants x episodes, with design, budget and stopping rule.

Invariant: an `Experiment` that exists can be played. Everything that can be checked without asking a model is checked
when it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import BadOption, UnknownName
from ..graphs.code_identity import code_of
from ..graphs.code_modules import is_shipped
from ..models.base import Backend
from ..models.budget import Budget
from ..options import flag, one_of, whole
from ..tasks.base import Task, count_items, max_decisions, says_what_is_right
from .design import DESIGNS, Design
from .until import Until
from .variant import Variant

EPISODES = 10_000_000  # an episode's seed is seed * EPISODES + its number: experiments share no episode by accident
MOST_TRIALS = 1000  # draws of one decision
MOST_AT_ONCE, MOST_WORKERS = 100_000, 1_000  # episodes under way; processes


@dataclass(frozen=True)
class ModelSet:
    """Which backend serves which slot: "default" serves every slot that is not named."""

    slots: dict[str, Backend]
    name: str = ""

    @property
    def label(self) -> str:
        """Short name for tables: `name`, or what the backends call themselves."""
        if self.name:
            return self.name
        labels = {slot: b.info.label for slot, b in self.slots.items()}
        default = labels.pop("default")
        return " + ".join([default, *(f"{slot}: {label}" for slot, label in sorted(labels.items()))])

    def continues(self, slot: str) -> bool:
        """Whether the model in a slot continues texts, and follows no instructions."""
        return self.slots.get(slot, self.slots["default"]).info.mode == "completion"


@dataclass(frozen=True)
class Experiment:
    """Tasks x models x variants x episodes, with design and budget.

    Args:
        variants: the first is the baseline.
        episodes: seeded plays per task and model. Those that are about the same item are one unit of statistical
            independence.
        seed: names the whole set of episodes.
        concurrency: episodes under way at once; by default what the slowest model bears.
        until: stop before `episodes`, once this is known closely enough: "gap +- 0.05"; see `Until`.
        workers: processes, or actors of a Ray cluster, that play; 1 is this process.
        leader: the label of the model whose baseline plays the episodes of a fork, so that all models decide the same
            situations; empty: each model's own baseline plays.
        executor: a name in `akrasia.experiments.executors.EXECUTORS`; by default what `workers` asks for.
        address: of the Ray cluster.
        keep_going: go on also where the first decisions of a variant all failed alike, see `first_decisions`.
        trials: how often every decision is drawn. The first draw leads an episode on; the others tell how much of what
            is measured is the luck of one draw (`akrasia.evals.metrics.trials`).
    """

    tasks: tuple[Task, ...]
    models: tuple[ModelSet, ...]
    variants: tuple[Variant, ...]
    episodes: int
    seed: int = 0
    design: Design = "fork"
    budget: Budget = Budget()
    concurrency: int | None = None
    name: str = "experiment"
    until: str = ""
    workers: int = 1
    executor: str = ""
    address: str = ""
    leader: str = ""
    keep_going: bool = False
    trials: int = 1

    def __post_init__(self) -> None:
        whole("episodes", self.episodes, 1, EPISODES - 1)
        whole("trials", self.trials, 1, MOST_TRIALS)
        one_of("design", self.design, DESIGNS)
        whole("the seed", self.seed, 0, 2**31 - 1)
        for what, count, most in (
            ("concurrency", self.concurrency, MOST_AT_ONCE),
            ("workers", self.workers, MOST_WORKERS),
        ):
            if count is not None:
                whole(what, count, 1, most)
        for what, names in (
            ("tasks", [str((t.name, t.options)) for t in self.tasks]),
            ("models", [m.label for m in self.models]),
        ):
            if not names or len(set(names)) != len(names):
                raise BadOption(f"the {what} of the experiment are empty or repeated", remedy="Give each once.")

        if self.workers > 1 and (batched := [b.info.label for b in self.backends if b.info.batched]):
            raise BadOption(
                f"{batched[0]!r} is asked in batches, and the run has {self.workers} workers",
                "one process collects the calls of all episodes",
                "Use workers = 1.",
            )
        flag("keep_going", self.keep_going)
        self._check_leader()
        self._check_slots()
        for variant in self.variants:  # an intervention on the context refuses a task now, before any call
            for task in self.tasks:
                variant.plan.view(task.situation(task.start(0)))
        if not self.name or self.name in (".", "..") or any(c in self.name for c in "/\\\0"):
            raise BadOption(f"the experiment's name {self.name!r} is no folder name", remedy="Use letters and dashes.")
        self._check_until()

    def _check_leader(self) -> None:
        if not self.leader:
            return
        if self.design != "fork":
            raise BadOption(
                f"the leader of a {self.design} is {self.leader!r}",
                "every variant plays its own episodes there",
                "Use the fork design, or no leader.",
            )
        known = [m.label for m in self.models]
        if self.leader not in known:
            raise UnknownName.among("model to lead", self.leader, known)

    def _check_slots(self) -> None:
        """Refuse a slot that no agent asks, which is a misspelling, and agents that a completion model cannot play."""
        known = {"default"}.union(*(v.plan.slots for v in self.variants))
        for models in self.models:
            for slot in models.slots:
                if slot not in known:
                    raise UnknownName.among("model slot", slot, known)
            for variant in self.variants:
                variant.plan.check_styles(variant.name, models.continues)
                self._check_settings(variant, models)

    def _check_settings(self, variant: Variant, models: ModelSet) -> None:
        """Refuse an arm whose intervention is a setting that a model of it is known not to take."""
        settings = getattr(variant.plan, "sampling", None) or {}
        if not settings:
            return
        for slot in sorted(variant.plan.slots):
            info = models.slots.get(slot, models.slots["default"]).info
            why, remedy = info.why_not(settings)
            if why:
                raise BadOption(
                    f"the variant {variant.name!r} cannot be asked of the model {info.label!r}", why, remedy
                )

    def _check_until(self) -> None:
        until = self.stopping_rule
        if until is not None and until.paired and not set(self.measured) - {self.variants[0].name}:
            raise BadOption(
                f"until is {self.until!r}",
                "the experiment holds no variant to compare with its baseline",
                f'Add one, or write "{until.metric.name} +- {until.reach:g}".',
            )
        if until is not None:
            self._check_oracle(until)
            self._check_items(until)

    def _check_oracle(self, until: Until) -> None:
        """Refuse to wait for what no task can show."""
        from ..evals.oracle import needs_oracle  # noqa: PLC0415  (statistics load where they are needed)

        open_tasks = [task.name for task in self.tasks if not says_what_is_right(task)]
        if open_tasks and needs_oracle(until.metric.name, until.metric):
            raise BadOption(
                f"until is {self.until!r}",
                f"nobody says what is right in {open_tasks[0]} (no oracle), so {until.metric.name} is never measured",
                'Wait for "say_do +- 0.05", or leave until out.',
            )

    def _check_items(self, until: Until) -> None:
        """Refuse a wish that the task's items cannot fulfil, whatever the run shows."""
        for task, items in self.items().items():
            if items is None or items >= self.episodes:
                continue
            reach = until.narrowest(items)
            if reach > until.reach:
                raise BadOption(
                    f"until is {self.until!r}",
                    f"{task} has {items} item{'s' * (items > 1)}, whose interval reaches {reach:.2g} at least, however "
                    "often they are asked",
                    "Use a task with more items, or a wider reach.",
                )

    @property
    def stopping_rule(self) -> Until | None:
        """`until` as a value; None if the run plays all its episodes."""
        return Until.parse(self.until) if self.until else None

    @property
    def measured(self) -> list[str]:
        """The names of the variants that are no controls: a stopping rule waits for these."""
        return [v.name for v in self.variants if "control" not in v.tags]

    @property
    def backends(self) -> list[Backend]:
        """Every distinct backend."""
        return list({b.info.id: b for m in self.models for b in m.slots.values()}.values())

    @property
    def at_once(self) -> int:
        """Episodes under way at once."""
        most = min(b.info.max_concurrency for b in self.backends)
        if all(b.info.batched for b in self.backends):  # all episodes wait for one batch
            most = min(most, self.episodes * len(self.tasks) * len(self.models))
        return self.concurrency or most

    @property
    def situations(self) -> int:
        """The most situations the run can hold: episodes x decisions per episode, over all tasks and models."""
        return self.episodes * len(self.models) * sum(self.bounds().values())

    def bounds(self) -> dict[str, int]:
        """The most decisions that an episode of each task can have."""
        return {label: max_decisions(task) for label, task in zip(self.labels(), self.tasks, strict=True)}

    def items(self, episodes: int | None = None) -> dict[str, int | None]:
        """What the first episodes of each task are about, by number; None where the task does not say.

        Args:
            episodes: how many; by default all.
        """
        seeds = range(self.episode_seed(0), self.episode_seed(self.episodes if episodes is None else episodes))
        return {label: count_items(task, seeds) for label, task in zip(self.labels(), self.tasks, strict=True)}

    def unasked(self) -> list[str]:
        """A sentence for each task of which the episodes ask only a part, such as 16 of 200 questions."""
        lines = []
        for (label, asked), task in zip(self.items().items(), self.tasks, strict=True):
            cycle = getattr(task, "cycle", 0)
            total = count_items(task, range(cycle)) or 0
            if asked is not None and self.episodes < cycle and asked < total:
                lines.append(f"{label}: {asked} of {total} questions are asked; episodes = {cycle} asks each once")
        return lines

    def episode_seed(self, episode: int) -> int:
        """The seed of an episode, which also names the episode in draws."""
        return self.seed * EPISODES + episode

    def labels(self) -> list[str]:
        """One name per task: its own, with its options where the experiment has several of that name."""
        names = [t.name for t in self.tasks]
        return [
            t.name if names.count(t.name) == 1 else f"{t.name}({', '.join(f'{k}={v}' for k, v in t.options.items())})"
            for t in self.tasks
        ]

    def cell_names(self) -> list[tuple[str, str]]:
        """(task, model) of every cell, by their names in records."""
        return [(label, models.label) for label in self.labels() for models in self.models]

    def identity(self) -> dict[str, Any]:
        """Everything that decides what is stored, as JSON, with the code of own tasks. Budget, concurrency, variants,
        `until` and `keep_going` are not in it: a run may be resumed with another budget, extended by variants, and
        stopped elsewhere.
        """
        own = {
            label: code_of(type(t)).digest
            for label, t in zip(self.labels(), self.tasks, strict=True)
            if not is_shipped(t)
        }
        return {
            "tasks": [{"name": t.name, **t.options} for t in self.tasks],
            **({"code of tasks": own} if own else {}),
            "models": [{slot: b.info.id for slot, b in sorted(m.slots.items())} for m in self.models],
            "baseline": [self.variants[0].name, self.variants[0].plan.fingerprint],
            "seed": self.seed,
            "design": self.design,
            **({"leader": self.leader} if self.leader else {}),
            **({"trials": self.trials} if self.trials > 1 else {}),
        }
