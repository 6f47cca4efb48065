"""The runner: an experiment played into a ledger.

Invariant: what is stored follows from the experiment and the models' answers alone. Concurrency, interruptions and the
presence of other variants change nothing in a variant's records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import BadOption, Denied, RunStopped, UnknownName
from ..events import EventBus, LookTaken, RunBegan, RunEnded
from ..models.base import Backend
from ..models.gateway import Budget, RunUsage
from ..records import Record
from ..tasks.base import Task, max_decisions
from .design import DESIGNS, Design
from .executors import Assignment, Executor, Observer, RunStore, executor_for
from .stopping import Watch, looks
from .variant import Variant

__all__ = ["EPISODES", "Experiment", "ModelSet", "Observer", "Outcome", "play"]

EPISODES = 10_000_000  # seeds of episodes are seed * EPISODES + number: no two experiments share one by accident


@dataclass(frozen=True)
class ModelSet:
    """Which backend serves which slot: "default" serves every slot that is not named."""

    slots: dict[str, Backend]
    name: str = ""

    @property
    def label(self) -> str:
        """Short name for tables: the given one, or what the backends call themselves."""
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
        episodes: seeded plays per task and model: the unit of statistical independence.
        seed: names the whole set of episodes.
        concurrency: episodes under way at once; by default what the slowest model bears.
        until: stop earlier, once this is known closely enough: "gap +- 0.05"; see `akrasia.experiments.stopping`.
        workers: processes, or actors of a Ray cluster, that play; 1 is this process.
        leader: the model, by its label, whose baseline plays the episodes of a fork, so that all models decide the same
            situations; empty where each model's own baseline does.
        executor: "local", "processes" or "ray"; by default what `workers` asks for. `address`: of the Ray cluster.
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

    def __post_init__(self) -> None:
        if isinstance(self.episodes, bool) or not isinstance(self.episodes, int) or not 1 <= self.episodes < EPISODES:
            raise BadOption(f"episodes is {self.episodes!r}", remedy=f"Use an integer from 1 to {EPISODES - 1}.")
        if not isinstance(self.design, str) or self.design not in DESIGNS:
            raise BadOption(f"the design is {self.design!r}", remedy=f"Use {' or '.join(DESIGNS)}.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**31:
            raise BadOption(f"the seed is {self.seed!r}", remedy="Use an integer of at least 0.")
        for what, count in (("concurrency", self.concurrency), ("workers", self.workers)):
            if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 1):
                raise BadOption(f"{what} is {count!r}", remedy="Use an integer of at least 1.")
        for what, names in (
            ("tasks", [str((t.name, t.options)) for t in self.tasks]),
            ("models", [m.label for m in self.models]),
        ):
            if not names or len(set(names)) != len(names):
                raise BadOption(f"the {what} of the experiment are empty or repeated", remedy="Give each once.")

        self._check_leader()
        self._check_slots()
        for variant in self.variants:  # an intervention on the context refuses a task now, before any call
            for task in self.tasks:
                variant.plan.view(task.situation(task.start(0)))
        if not self.name or self.name in (".", "..") or any(c in self.name for c in "/\\\0"):
            raise BadOption(f"the experiment's name {self.name!r} is no folder name", remedy="Use letters and dashes.")
        if self.until:
            Watch(self)

    def _check_leader(self) -> None:
        if not self.leader:
            return
        if self.design != "fork":
            raise BadOption(
                f"the leader of a {self.design} is {self.leader!r}", "every variant plays its own episodes there",
                "Use the fork design, or no leader.",
            )  # fmt: skip
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

    @property
    def backends(self) -> list[Backend]:
        """Every distinct backend."""
        return list({b.info.id: b for m in self.models for b in m.slots.values()}.values())

    @property
    def at_once(self) -> int:
        """Episodes under way at once."""
        return self.concurrency or min(b.info.max_concurrency for b in self.backends)

    @property
    def situations(self) -> int:
        """The most situations the run can hold: episodes x decisions per episode, over all tasks and models."""
        return self.episodes * len(self.models) * sum(self.bounds().values())

    def bounds(self) -> dict[str, int]:
        """The most decisions that an episode of each task can have."""
        return {label: max_decisions(task) for label, task in zip(self.labels(), self.tasks, strict=True)}

    def number(self, episode: int) -> int:
        """The seed of an episode, which also names it in draws."""
        return self.seed * EPISODES + episode

    def labels(self) -> list[str]:
        """One name per task: its own, with its options where the experiment has several of that name."""
        names = [t.name for t in self.tasks]
        return [
            t.name if names.count(t.name) == 1 else f"{t.name}({', '.join(f'{k}={v}' for k, v in t.options.items())})"
            for t in self.tasks
        ]

    def places(self) -> list[tuple[str, str]]:
        """(task, model) of every arena, by their names in records."""
        return [(label, models.label) for label in self.labels() for models in self.models]

    def identity(self) -> dict[str, Any]:
        """Everything that decides what is stored, as JSON. Budget, concurrency, variants and `until` are no part
        of it: a run may be resumed with another budget, extended by variants, and stopped elsewhere.
        """
        return {
            "tasks": [{"name": t.name, **t.options} for t in self.tasks],
            "models": [{slot: b.info.id for slot, b in sorted(m.slots.items())} for m in self.models],
            "baseline": [self.variants[0].name, self.variants[0].plan.fingerprint],
            "seed": self.seed,
            "design": self.design,
            **({"leader": self.leader} if self.leader else {}),
        }


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        tally: what this session asked and paid.
        stopped: why it ended early, None if everything was played.
        planned: episodes, counted once per task and model.
        missing: those of them that are not complete: not played to their end, or holding a call that was given up.
    """

    run_usage: RunUsage
    stopped: RunStopped | Denied | None = None
    planned: int = 0
    missing: int = 0


async def play(
    experiment: Experiment,
    store: RunStore,
    executor: Executor | None = None,
    observe: Observer | None = None,
    again: bool = False,
    emit: EventBus | None = None,
) -> Outcome:
    """Play every episode of an experiment into a store, or as many as `experiment.until` asks for.

    Args:
        executor: where; by default what the experiment asks for. It is closed at the end.
        observe: told of each group of records once it is safe.
        again: play also what is finished, and so see that every answer is there.
        hear: who listens to what happens.
    """
    executor = executor or executor_for(experiment, offline=again)
    watch = Watch(experiment) if experiment.until else None

    def seen(records: Sequence[Record]) -> None:
        if observe is not None:
            observe(records, executor.run_usage)

    stopped: RunStopped | Denied | None = None
    begin = end = 0
    if emit is not None:
        emit(_began(experiment))
    try:
        executor.begin(store, None if observe is None else seen, emit)
        for end in looks(experiment.episodes) if watch else [experiment.episodes]:
            stopped = await executor.play(_assignments(experiment, store, range(begin, end), again))
            if stopped is not None or watch is None:
                break
            enough = watch.look(store, range(begin, end))
            store.set_meta("looks", watch.record())
            if emit is not None:
                emit(LookTaken(experiment.until, end, enough))
            if enough:
                break
            begin = end
    except BaseException as error:
        executor.stop(RunStopped("the run was cancelled", remedy="Resume it: every answer so far is kept."))
        if emit is not None:
            emit(_ended(experiment, executor.run_usage, error))
        raise
    finally:
        await executor.close()
    asked_for = end if stopped is None else experiment.episodes  # a run that knows enough has nothing missing
    complete = store.complete([v.name for v in experiment.variants], asked_for)
    planned = asked_for * len(experiment.places())
    missing = planned - sum(complete.get(p, 0) for p in experiment.places())
    if emit is not None:
        emit(_ended(experiment, executor.run_usage, stopped, planned, missing))
    return Outcome(executor.run_usage, stopped, planned, missing)


def _began(e: Experiment) -> RunBegan:
    models, variants = tuple(m.label for m in e.models), tuple(v.name for v in e.variants)
    return RunBegan(e.name, tuple(e.labels()), models, variants, e.episodes, e.design)


def _ended(
    e: Experiment, t: RunUsage, stopped: BaseException | None, planned: int | None = None, missing: int | None = None
) -> RunEnded:
    kind = "" if stopped is None else type(stopped).__name__
    return RunEnded(e.name, t.asked, t.made, t.shared, t.failed, t.retried, t.lost, t.dollars, planned, missing, kind)


def _assignments(experiment: Experiment, store: RunStore, episodes: range, again: bool) -> Iterator[Assignment]:
    """What is left to play of some episodes, in their order."""
    variants = {v.name for v in experiment.variants}
    places = experiment.places()
    for episode in episodes:
        left = tuple(n for n, p in enumerate(places) if again or not variants <= store.finished(*p, episode))
        if left:
            yield Assignment(episode, left)
