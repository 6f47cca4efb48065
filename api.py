"""The front door in Python: `run` an ablation, get a `Result`, look at its scorecard and report.

Invariant: everything that can be checked is checked before the run folder is made. An unknown name, a wrong option, a
missing extra or missing weights leave nothing behind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from .blocking import blocking
from .errors import BadOption, RunFolderError, RunStopped, cause_of
from .events import Listener, event_bus
from .files import writable
from .ledger import Ledger, LedgerReader, holds_run, read_ledger
from .ledger.file import FILE, LOCK
from .ledger.imported import refuse_imported
from .records import digest
from .result import Result
from .stored_run import STOPPED

if TYPE_CHECKING:
    from .experiments.executors import Executor
    from .experiments.experiment import Experiment
    from .experiments.planning.forecast import Forecast
    from .experiments.runner import Outcome
    from .experiments.settings import ExperimentSettings
    from .reports.progress import RunProgress, RunSize

_DEFAULTS: dict[str, Any] = {"task": "bandit", "variants": ("reason_act",)}


def run(
    experiment: Experiment | None = None,
    /,
    *,
    out: Path | str | None = None,
    offline: bool = False,
    on_event: Listener | Sequence[Listener] | None = None,
    progress: bool = False,
    **settings: Unpack[ExperimentSettings],
) -> Result:
    """Run an ablation and return its result.

    What is run is an `Experiment`, or is described by keywords: `task`, `model` or `models`, `variants`, `episodes`,
    `seed`, `design`, `budget`, `until`, `concurrency`, `workers`, `executor`, `address`, `leader` and `name`. Each
    has a default; `akrasia.experiments.settings.ExperimentSettings` says what they mean.

    Args:
        experiment: in the place of the keywords.
        out: run folder. By default one below `runs/` that is named by the experiment and its variants, so that the same
            call again goes on where it stopped and pays nothing twice, and another call has a folder of its own. In a
            folder that you name, further variants of the same experiment join those that it holds.
        offline: answer from the ledger only.
        on_event: called with every event of the run (`akrasia.events`), one or a list; see docs/observability.md.
        progress: draw how far the run is in a terminal; elsewhere, as in a notebook, print a line every ten seconds.
        settings: the keywords of an experiment.

    Raises:
        UsageError: something that is asked for cannot be done; nothing was written.
        Denied: the provider refused the credentials.
    """
    chosen, folder = prepared(experiment, settings, out)
    with _progress(chosen, folder) if progress else nullcontext() as shown:
        heard = _with_listener(on_event, shown)
        return blocking(lambda: execute(chosen, folder, resume=True, offline=offline, on_event=heard))


def _progress(experiment: Experiment, folder: Path) -> RunProgress:
    from .reports.progress import RunProgress
    from .reports.text import plain_console

    return RunProgress(run_size(experiment, folder, resume=True), plain_console())


def _with_listener(
    on_event: Listener | Sequence[Listener] | None, more: Listener | None
) -> Listener | Sequence[Listener] | None:
    if more is None or on_event is None:
        return more or on_event
    return [*([on_event] if callable(on_event) else on_event), more]


async def arun(
    experiment: Experiment | None = None,
    /,
    *,
    out: Path | str | None = None,
    offline: bool = False,
    on_event: Listener | Sequence[Listener] | None = None,
    progress: bool = False,
    **settings: Unpack[ExperimentSettings],
) -> Result:
    """`run` for callers that have an event loop: the same arguments, awaited. Cancelling it stops the run."""
    chosen, folder = prepared(experiment, settings, out)
    with _progress(chosen, folder) if progress else nullcontext() as shown:
        heard = _with_listener(on_event, shown)
        return await execute(chosen, folder, resume=True, offline=offline, on_event=heard)


def forecast(
    experiment: Experiment | None = None,
    /,
    *,
    probes: int = 4,
    answer_tokens: int = 160,
    out: Path | str | None = None,
    offline: bool = False,
    on_event: Listener | Sequence[Listener] | None = None,
    progress: bool = False,
    **settings: Unpack[ExperimentSettings],
) -> Forecast:
    """The calls, tokens and dollars that `run` with the same arguments will take. Asks no model and writes nothing.

    Args:
        experiment: in the place of the keywords.
        probes: situations that each variant decides per task.
        answer_tokens: assumed length of an answer that holds a reasoning.
        out, offline, on_event, progress: accepted, so that arguments of `run` can be handed on; they change nothing.
        settings: the keywords of an experiment.
    """
    from .experiments.planning.forecast import forecast_run

    return forecast_run(_experiment(experiment, settings), probes, answer_tokens)


def _experiment(experiment: Experiment | None, settings: ExperimentSettings) -> Experiment:
    """The experiment that was handed in, or the one that keywords describe."""
    from .experiments import Experiment, assemble

    if experiment is None:
        return assemble({**_DEFAULTS, **settings})
    if not isinstance(experiment, Experiment):
        raise BadOption(
            f"{experiment!r} is not an experiment", remedy="Name each setting, such as task='bandit', model='embedded'."
        )
    if settings:
        raise BadOption(
            f"an experiment was given together with {', '.join(settings)}",
            remedy="Change the experiment with dataclasses.replace, or give keywords alone.",
        )
    return experiment


def prepared(
    experiment: Experiment | None, settings: ExperimentSettings, out: Path | str | None
) -> tuple[Experiment, Path]:
    """The experiment, and the folder it goes to."""
    chosen = _experiment(experiment, settings)
    if out is None:
        variants = {v.name: v.plan.fingerprint for v in chosen.variants}
        return chosen, Path("runs") / f"{chosen.name}-{digest([chosen.identity(), variants], 4)}"
    if not isinstance(out, str | Path):
        raise RunFolderError(f"the run folder is {out!r}", remedy="Give a path.")
    return chosen, Path(out)


def run_size(experiment: Experiment, folder: Path, resume: bool) -> RunSize:
    """What a run in the folder will hold, and how much of it is there already, as its progress is told."""
    from .reports.progress import RunSize

    stored = 0
    if resume and holds_run(folder):
        bounds, baseline = experiment.bounds(), experiment.variants[0].name
        with read_ledger(folder) as ledger:
            finished = ledger.finished_counts(experiment.episodes) or {}
        stored = sum(n * bounds.get(task, 0) for (task, _, variant), n in finished.items() if variant == baseline)
    models, variants = [m.label for m in experiment.models], [v.name for v in experiment.variants]
    local = experiment.workers == 1 and experiment.executor in ("", "local")
    return RunSize(experiment.situations, models, variants, stored, local)


async def execute(
    experiment: Experiment,
    folder: Path,
    *,
    resume: bool = False,
    fresh: bool = False,
    offline: bool = False,
    on_event: Listener | Sequence[Listener] | None = None,
    executor: Executor | None = None,
    on_start: Callable[[Callable[[RunStopped], None]], None] | None = None,
    settings: dict[str, Any] | None = None,
) -> Result:
    """Run an experiment into a folder.

    Args:
        resume: go on with the run the folder holds; the same experiment is required.
        fresh: start over: a run in the folder is removed first.
        on_event: called with every event of the run, one listener or a list.
        executor: who plays it; by default what the experiment asks for.
        on_start: called once everything is ready, before the first request, with the function that stops the run.
        settings: what the experiment was assembled from, as JSON, so that the folder alone can be resumed.

    Raises:
        RunFolderError: the folder holds a run and neither `resume` nor `fresh` was asked for, or another experiment.
    """
    from .experiments.config import experiment_json
    from .experiments.executors import executor_for
    from .experiments.planning.context_length import check_context
    from .experiments.runner import play_experiment
    from .models.secrets import keys, refuse_keys

    folder = Path(folder)
    exists = holds_run(folder)
    if exists and not fresh:
        _same_experiment(folder, experiment, resume)
    if offline and fresh:
        raise RunFolderError(
            "starting over offline would remove every answer there is", remedy="Use --resume --offline to replay."
        )
    if offline and not exists:
        raise RunFolderError(f"{str(folder)!r} holds no run to replay offline", remedy="Run it once without --offline.")
    refuse_keys([json.dumps(experiment_json(experiment)), json.dumps(settings)], keys(), "the experiment")
    writable(folder)
    if fresh or not exists:
        check_context(experiment)
    executor = executor or executor_for(experiment, offline=offline)
    # A run that is resumed may need no model at all: each opens at the first new request.
    async with executor.opened() if fresh or not exists else nullcontext():
        kept = {} if settings is None else {"settings": json.dumps(settings)}
        with Ledger(folder, {"experiment": json.dumps(experiment_json(experiment)), **kept}, fresh) as ledger:
            if fresh:
                _remove(folder)
            _see_same(folder, ledger, experiment)  # once more: another may have been started there meanwhile
            ledger.set_meta("experiment", json.dumps(_widened(ledger.meta("experiment"), experiment_json(experiment))))
            ledger.begin_session()
            ledger.set_meta(STOPPED, "it is still going, or was killed")
            try:
                outcome = await play_experiment(
                    experiment, ledger, executor, event_bus(on_event), replay=offline, on_start=on_start
                )
            except BaseException as error:
                ledger.end_session(f"interrupted by {type(error).__name__}")
                ledger.set_meta(STOPPED, cause_of(error))
                raise
            ledger.end_session(_end(outcome))
            ledger.set_meta(STOPPED, "" if outcome.stopped is None else cause_of(outcome.stopped))
    return Result(folder, outcome)


def _end(outcome: Outcome) -> str:
    """How a session ended, in words."""
    if outcome.stopped is not None:
        return cause_of(outcome.stopped)
    return "some calls were given up" if outcome.missing else "complete"


def _same_experiment(folder: Path, experiment: Experiment, resume: bool) -> None:
    if not resume:
        raise RunFolderError(
            f"{str(folder)!r} holds a run already", remedy="Use --resume to go on with it, or --fresh to start over."
        )
    with read_ledger(folder) as ledger:
        _see_same(folder, ledger, experiment)


def _see_same(folder: Path, ledger: LedgerReader, experiment: Experiment) -> None:
    refuse_imported(ledger.imported(), folder)
    stored = ledger.stored("experiment") or {}
    changed: set[str] = set()  # variants with new code, all of whose episodes failed with the old
    for variant in experiment.variants:
        then_plan = stored.get("variants", {}).get(variant.name)
        if then_plan is None or then_plan["fingerprint"] == variant.plan.fingerprint:
            continue
        if then_plan["plan"] == variant.plan.name and then_plan.get("code", "") != variant.plan.code.digest:
            if _nothing_finished(ledger, variant.name):
                changed.add(variant.name)
                continue
            raise RunFolderError(
                f"the code behind the variant {variant.name!r} has changed",
                f"{str(folder)!r} holds what it decided before",
                "Give the changed one another name, or choose another --out.",
            )
        raise RunFolderError(
            f"{str(folder)!r} holds a variant {variant.name!r} with another plan",
            then_plan["plan"],
            "Give the variant another name, or choose another --out.",
        )
    here = json.dumps(experiment.identity(), sort_keys=True)
    if stored and stored.get("identity") != here:
        then, now = json.loads(stored["identity"]), json.loads(here)
        differs = [k for k in {**then, **now} if now.get(k) != then.get(k)]
        if differs == ["baseline"] and now["baseline"][0] == then["baseline"][0] and now["baseline"][0] in changed:
            return
        if differs == ["code of tasks"]:
            changed_tasks = [t for t, code in now[differs[0]].items() if then.get(differs[0], {}).get(t) != code]
            raise RunFolderError(
                f"the code behind the task {', '.join(map(repr, changed_tasks))} has changed",
                f"{str(folder)!r} holds what was decided in the one before",
                "Choose another --out.",
            )
        raise RunFolderError(
            f"{str(folder)!r} holds another experiment", f"it differs in: {', '.join(differs)}", "Choose another --out."
        )


def _nothing_finished(ledger: LedgerReader, variant: str) -> bool:
    """Whether a variant has finished no episode in a ledger: then all that it decided is decided anew."""
    from .experiments.experiment import EPISODES

    return not any(ledger.complete([variant], EPISODES).values())


def _widened(stored: str | None, now: dict[str, Any]) -> dict[str, Any]:
    """What the folder says of itself: the present experiment, with variants and episodes of earlier sessions kept.

    Under `until` the episodes were a ceiling that nobody asked to reach; a session without it then says how many.
    """
    if stored:
        then = json.loads(stored)
        before = then.get("variants", {})
        if not then.get("until") or now.get("until"):
            for name, about in now["variants"].items():
                about["episodes"] = max(about["episodes"], before.get(name, {}).get("episodes", 0))
            now["episodes"] = max(now["episodes"], then.get("episodes", 0))
        else:
            before = {name: {**about, "episodes": now["episodes"]} for name, about in before.items()}
        now["variants"] = {**before, **now["variants"]}
    return now


def _remove(folder: Path) -> None:
    """Remove what was made of the run that a new ledger has replaced."""
    from .evals.judge import FOLDER

    judged = [f"{FOLDER}/{name}" for name in (FILE, f"{FILE}-wal", f"{FILE}-shm", LOCK)]
    for name in ("report.html", "records.jsonl", *judged):
        (folder / name).unlink(missing_ok=True)
