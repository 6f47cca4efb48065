"""The runner: an experiment played into a ledger.

Invariant: what is stored follows from the experiment and the models' answers alone. Concurrency, interruptions and the
presence of other variants change nothing in a variant's records.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..agents.worked import unheard
from ..errors import BadOption, Denied, PlanError, RunStopped, UnknownName
from ..graphs.plan import Node
from ..models.base import Backend
from ..models.gateway import Budget, Desk, Gateway, Store, Tally
from ..records import Record
from ..tasks.base import Task
from .design import DESIGNS, Arena, Design
from .executors import run_local
from .foreign import Foreign, MessagesAdapter
from .stopping import Watch, looks
from .variant import Variant

__all__ = ["EPISODES", "Experiment", "ModelSet", "Observer", "Outcome", "RecordStore", "play"]

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
        labels = {slot: b.card.label for slot, b in self.slots.items()}
        default = labels.pop("default")
        return " + ".join([default, *(f"{slot}: {label}" for slot, label in sorted(labels.items()))])


@dataclass(frozen=True)
class Experiment:
    """Tasks x models x variants x episodes, with design and budget.

    Args:
        variants: the first is the baseline.
        episodes: seeded plays per task and model: the unit of statistical independence.
        seed: names the whole set of episodes.
        concurrency: episodes under way at once; by default what the slowest model bears.
        until: stop earlier, once this is known closely enough: "gap +- 0.05"; see `akrasia.experiments.stopping`.
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

    def __post_init__(self) -> None:
        if isinstance(self.episodes, bool) or not isinstance(self.episodes, int) or not 1 <= self.episodes < EPISODES:
            raise BadOption(f"episodes is {self.episodes!r}", remedy=f"Use an integer from 1 to {EPISODES - 1}.")
        if not isinstance(self.design, str) or self.design not in DESIGNS:
            raise BadOption(f"the design is {self.design!r}", remedy=f"Use {' or '.join(DESIGNS)}.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**31:
            raise BadOption(f"the seed is {self.seed!r}", remedy="Use an integer of at least 0.")
        if self.concurrency is not None and (
            isinstance(self.concurrency, bool) or not isinstance(self.concurrency, int) or self.concurrency < 1
        ):
            raise BadOption(f"concurrency is {self.concurrency!r}", remedy="Use an integer of at least 1.")
        for what, names in (
            ("tasks", [str((t.name, t.options)) for t in self.tasks]),
            ("models", [m.label for m in self.models]),
        ):
            if not names or len(set(names)) != len(names):
                raise BadOption(f"the {what} of the experiment are empty or repeated", remedy="Give each once.")

        self._check_slots()
        for variant in self.variants:  # an intervention on the context refuses a task now, before any call
            for task in self.tasks:
                variant.plan.see(task.situation(task.start(0)))
        if not self.name or self.name in (".", "..") or any(c in self.name for c in "/\\\0"):
            raise BadOption(f"the experiment's name {self.name!r} is no folder name", remedy="Use letters and dashes.")
        if self.until:
            Watch(self)

    def _check_slots(self) -> None:
        """A slot that no agent speaks through is a misspelling: its model would be shown and never asked."""
        known = {n.agent.slot or n.agent.role for v in self.variants for n in v.plan.nodes} | {"default"}
        known |= {slot for v in self.variants if isinstance(v.plan, Foreign) for slot in v.plan.slots}
        for models in self.models:
            for slot in models.slots:
                if slot not in known:
                    raise UnknownName.among("model slot", slot, known)
            for variant in self.variants:
                for node in variant.plan.nodes:
                    slot = node.agent.slot or node.agent.role
                    if models.slots.get(slot, models.slots["default"]).card.style == "completion":
                        _check_continues(variant, node)
            if models.slots["default"].card.style == "completion":
                for variant in self.variants:
                    _check_adapter_has_words(variant)

    @property
    def backends(self) -> list[Backend]:
        """Every distinct backend."""
        return list({b.card.id: b for m in self.models for b in m.slots.values()}.values())

    @property
    def at_once(self) -> int:
        """Episodes under way at once."""
        return self.concurrency or min(b.card.max_concurrency for b in self.backends)

    @property
    def situations(self) -> int:
        """The most situations the run can hold: episodes x decisions per episode, over all tasks and models."""
        return self.episodes * len(self.models) * sum(self.bounds().values())

    def bounds(self) -> dict[str, int]:
        """The most decisions that an episode of each task can have."""
        first = [t.situation(t.start(0)) for t in self.tasks]
        return {label: s.horizon - s.step for label, s in zip(self.labels(), first, strict=True)}

    def labels(self) -> list[str]:
        """One name per task: its own, with its options where the experiment has several of that name."""
        names = [t.name for t in self.tasks]
        return [
            t.name if names.count(t.name) == 1 else f"{t.name}({', '.join(f'{k}={v}' for k, v in t.options.items())})"
            for t in self.tasks
        ]

    def identity(self) -> dict[str, Any]:
        """Everything that decides what is stored, as JSON. Budget, concurrency, variants and `until` are no part
        of it: a run may be resumed with another budget, extended by variants, and stopped elsewhere.
        """
        return {
            "tasks": [{"name": t.name, **t.options} for t in self.tasks],
            "models": [{slot: b.card.id for slot, b in sorted(m.slots.items())} for m in self.models],
            "baseline": [self.variants[0].name, self.variants[0].plan.fingerprint],
            "seed": self.seed,
            "design": self.design,
        }


def _check_continues(variant: Variant, node: Node) -> None:
    """Refuse an agent that a model in completion style would not hear, or whose words it does not have.

    An actor answers with a label alone there: asked again by itself, it would repeat it by design.
    """
    agent = node.agent
    if agent.role == "summariser" or agent.move == "ballot":
        raise PlanError(
            f"{variant.name!r} asks a model in completion style for a "
            f"{'ballot' if agent.move == 'ballot' else 'summary'}", "it needs one that follows instructions",
            "Use another model, or vote by plurality.",
        )  # fmt: skip
    if agent.role == "actor" and agent.move != "open" and all(_role(variant, r) == "actor" for r in node.reads):
        raise PlanError(
            f"{variant.name!r} asks an actor alone to look again", "a model in completion style has no words there",
            "Start from reason_act or reason_then_act, or use a model that is prompted by instructions.",
        )  # fmt: skip
    if option := unheard(agent):
        raise PlanError(
            f"{variant.name!r} asks for what a model in completion style would not hear",
            f"{option!r} of {node.name!r} has no place in a prompt of worked examples",
            "Use a model that is prompted by instructions, or drop the variant.",
        )  # fmt: skip


def _role(variant: Variant, name: str) -> str:
    return next(n.agent.role for n in variant.plan.nodes if n.name == name)


def _check_adapter_has_words(variant: Variant) -> None:
    if isinstance(variant.plan, Foreign) and isinstance(variant.plan.adapter, MessagesAdapter):
        raise PlanError(
            f"{variant.name!r} instructs a model in completion style", "it continues texts and follows no instructions",
            "Use a model that is prompted by instructions, or an adapter whose texts can be continued.",
        )  # fmt: skip


class RecordStore(Store, Protocol):
    """A store that also keeps records, and what is known of the run as a whole."""

    async def record(self, records: Sequence[Record]) -> None: ...

    def set_meta(self, key: str, value: str) -> None: ...


class Observer(Protocol):
    """Who watches a run; called after each group of records is safe."""

    def __call__(self, records: Sequence[Record], tally: Tally) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `stopped` says why it ended early, None if it is complete."""

    tally: Tally
    stopped: RunStopped | Denied | None = None


async def play(
    experiment: Experiment,
    gateway: Gateway,
    store: RecordStore,
    observe: Observer | None = None,
) -> Outcome:
    """Play every episode of an experiment into a store, or as many as `experiment.until` asks for."""
    design = DESIGNS[experiment.design]
    watch = Watch(experiment) if experiment.until else None

    def jobs(begin: int, end: int) -> Iterator[Callable[[], Awaitable[None]]]:
        for label, task in zip(experiment.labels(), experiment.tasks, strict=True):
            for models in experiment.models:
                desk = Desk(gateway, {slot: b.card.id for slot, b in models.slots.items()})
                arena = Arena(label, task, models.label, desk, experiment.variants)
                for episode in range(begin, end):
                    yield _job(arena, episode)

    def _job(arena: Arena, episode: int) -> Callable[[], Awaitable[None]]:
        async def job() -> None:
            async for records in design(arena, episode, experiment.seed * EPISODES + episode):
                await store.record(records)
                if watch is not None:
                    watch.see(records)
                if observe is not None:
                    observe(records, gateway.tally)

        return job

    stopped: RunStopped | Denied | None = None
    begin = 0
    try:
        for end in looks(experiment.episodes) if watch else [experiment.episodes]:
            stopped = await run_local(jobs(begin, end), experiment.at_once)
            begin = end
            if stopped is not None or watch is None:
                break
            enough = watch.look(end)
            store.set_meta("looks", watch.record())
            if enough:
                break
    except BaseException:
        gateway.stop(RunStopped("the run was cancelled", remedy="Resume it: every answer so far is kept."))
        raise
    finally:
        await gateway.close()
    return Outcome(gateway.tally, stopped)
