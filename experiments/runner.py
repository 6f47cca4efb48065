"""The runner: an experiment played into a store.

Invariant: what is stored follows from the experiment and the models' answers alone. Concurrency, interruptions and the
presence of other variants change nothing in a variant's records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ..errors import EndsRun, RunStopped
from ..events import EventBus, LookTaken, RunBegan, RunEnded
from ..ledger.store import RunStore
from ..models.retry import RunUsage
from .executors import Assignment, Executor, Session, executor_for
from .experiment import Experiment
from .first_decisions import FirstDecisions, WatchedStore
from .stopping import Watch, look_schedule


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        run_usage: what this session asked and paid.
        stopped: why it ended early; None if everything was played.
        planned: episodes, counted once per task and model.
        missing: how many of them are not complete: not played to their end, or holding a call that was given up.
    """

    run_usage: RunUsage
    stopped: EndsRun | None = None
    planned: int = 0
    missing: int = 0


async def play_experiment(
    experiment: Experiment,
    store: RunStore,
    executor: Executor | None = None,
    emit: EventBus | None = None,
    replay: bool = False,
    on_start: Callable[[Callable[[RunStopped], None]], None] | None = None,
) -> Outcome:
    """Play every episode of an experiment into a store, or as many as `experiment.until` asks for.

    Args:
        executor: where the episodes are played; by default what the experiment asks for.
        emit: is told what happens.
        replay: play finished episodes too, from the stored answers alone, which shows that every answer is there.
        on_start: is called before the first request, with the function that stops the run in order.
    """
    executor = executor or executor_for(experiment, offline=replay)
    if emit is not None:
        emit(_began(experiment))
    cells = experiment.cell_names()
    watch = FirstDecisions(len(cells) > 1, experiment.at_once, experiment.bounds())
    watched = store if replay or experiment.keep_going else WatchedStore(store, watch)
    async with executor.running(watched, emit) as session:
        if isinstance(watched, WatchedStore):
            watched.stop = session.stop
        if on_start is not None:
            on_start(session.stop)
        try:
            asked_for, stopped = await _rounds(experiment, store, session, emit, replay)
        except BaseException as error:
            session.stop(RunStopped("the run was cancelled", remedy="Resume it: every answer so far is kept."))
            if emit is not None:
                emit(_ended(experiment, session.run_usage, error))
            raise
    complete = store.complete([v.name for v in experiment.variants], asked_for)
    planned = asked_for * len(cells)
    missing = planned - sum(complete.get(cell, 0) for cell in cells)
    if emit is not None:
        emit(_ended(experiment, session.run_usage, stopped, planned, missing))
    return Outcome(session.run_usage, stopped, planned, missing)


async def _rounds(
    experiment: Experiment, store: RunStore, session: Session, emit: EventBus | None, replay: bool
) -> tuple[int, EndsRun | None]:
    """Play from look to look: (episodes that the run asks for, why it ended early)."""
    until = experiment.stopping_rule
    watch = None if until is None else Watch(experiment, until)
    begin = end = 0
    for end in [experiment.episodes] if watch is None else look_schedule(experiment.episodes):
        stopped = await session(_assignments(experiment, store, range(begin, end), replay))
        if stopped is not None:
            return experiment.episodes, stopped
        if watch is None:
            break
        enough = watch.look(store, range(begin, end))
        store.set_meta("looks", watch.record())
        if emit is not None:
            emit(LookTaken(experiment.until, end, enough))
        if enough:
            break
        begin = end
    return end, None


def _assignments(experiment: Experiment, store: RunStore, episodes: range, replay: bool) -> Iterator[Assignment]:
    """What is left to play of some episodes, in their order."""
    variants = {v.name for v in experiment.variants}
    cells = experiment.cell_names()
    for episode in episodes:
        left = tuple(n for n, c in enumerate(cells) if replay or not variants <= store.finished(*c, episode))
        if left:
            yield Assignment(episode, left)


def _began(e: Experiment) -> RunBegan:
    models, variants = tuple(m.label for m in e.models), tuple(v.name for v in e.variants)
    return RunBegan(e.name, tuple(e.labels()), models, variants, e.episodes, e.design)


def _ended(
    e: Experiment, u: RunUsage, stopped: BaseException | None, planned: int | None = None, missing: int | None = None
) -> RunEnded:
    kind = "" if stopped is None else type(stopped).__name__
    return RunEnded(e.name, u.asked, u.made, u.shared, u.failed, u.retried, u.lost, u.dollars, planned, missing, kind)
