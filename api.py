"""The front door in Python: `run` an ablation, get a `Result`, look at its scorecard and report.

Invariant: whatever is asked, everything that can be checked is checked before the run folder is made: unknown names,
wrong options, missing extras and weights leave nothing behind.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import RunFolderError, RunStopped
from .events import Listener, event_bus
from .ledger.file import FILE, LOCK
from .ledger.ledger import Ledger, Reader, begun, read_ledger
from .records import digest
from .result import Result, blocking, writable

if TYPE_CHECKING:
    from .experiments.executors import Executor
    from .experiments.experiment import Experiment
    from .experiments.planning.forecast import Forecast

__all__ = ["arun", "execute", "forecast", "run"]

_DEFAULTS: dict[str, Any] = {"task": "bandit", "variants": ("reason_act",)}


def run(
    task: Any = "bandit",
    model: Any = "embedded",
    variants: Any = ("reason_act",),
    episodes: int = 16,
    *,
    models: Any = None,
    design: str = "fork",
    seed: int = 0,
    budget: Any = None,
    concurrency: int | None = None,
    until: str = "",
    workers: int = 1,
    executor: str = "",
    address: str = "",
    leader: str = "",
    name: str = "experiment",
    out: Path | str | None = None,
    offline: bool = False,
    on_event: Listener | Sequence[Listener] | None = None,
) -> Result:
    """Run an ablation and return its result.

    Args:
        task: a task, its name, a mapping with name and options, or a list of these.
        model: a model name, backend, LangChain chat model, or a mapping of slots to these. `models`: several.
        variants: plans or expressions; the first is the baseline. A mapping names them.
        episodes: seeded plays per task and model, the unit of statistical independence.
        design: "fork" (every variant decides the baseline's situations) or "rollout".
        leader: of several models, by its label, the one whose baseline plays the episodes of a fork for all of them,
            so that they decide the same situations; by default each model's own baseline plays.
        seed: names the set of episodes.
        budget: {"calls": n, "dollars": x} over the whole run.
        concurrency: episodes under way at once.
        until: stop before `episodes`, once this is known closely enough: "gap +- 0.05", "gap difference +- 0.05".
        workers: processes that play; a script that asks for several calls this under `if __name__ == "__main__":`.
        executor: who plays, by name: "local", "processes", "ray" (a cluster at `address`, or this machine), or an
            executor that another package registers.
        out: run folder; by default one named by the experiment and its variants under `runs/`, so that the same call
            again goes on where it stopped and pays nothing twice, and another call has a folder of its own. In a folder
            that you name, further variants of the same experiment join those that it holds.
        offline: answer from the ledger only.
        on_event: one listener or several, called with every event (`akrasia.events`); see docs/observability.md.

    Raises:
        UsageError: something asked for cannot be; nothing was written.
        Denied: the provider refused the credentials.
    """
    settings = {
        "name": name, "task": task, "variants": variants, "episodes": episodes, "seed": seed, "design": design,
        "budget": budget, "concurrency": concurrency, "until": until, "workers": workers, "executor": executor,
        "address": address, "leader": leader,
        **({"models": models} if models else {"model": model}),
    }  # fmt: skip
    experiment, folder = _prepared(settings, out)
    return blocking(lambda: execute(experiment, folder, resume=True, offline=offline, on_event=on_event))


async def arun(
    *,
    out: Path | str | None = None,
    offline: bool = False,
    on_event: Listener | Sequence[Listener] | None = None,
    **settings: Any,
) -> Result:
    """`run` for callers that have an event loop: the same arguments, awaited. Cancelling stops the run."""
    experiment, folder = _prepared(settings, out)
    return await execute(experiment, folder, resume=True, offline=offline, on_event=on_event)


def forecast(*, probes: int = 4, answer_tokens: int = 160, **settings: Any) -> Forecast:
    """What `run` with the same keywords will take: calls, tokens and dollars. Asks no model and writes nothing.

    Args:
        probes: situations that each variant decides per task.
        answer_tokens: assumed length of an answer that holds a reasoning.
    """
    from .experiments.config import assemble
    from .experiments.planning.forecast import forecast

    for name in ("out", "offline", "on_event"):  # of no weight before a run
        settings.pop(name, None)
    return forecast(assemble(_DEFAULTS | settings), probes, answer_tokens)


def _prepared(settings: dict[str, Any], out: Path | str | None) -> tuple[Experiment, Path]:
    """The experiment, and the folder it goes to."""
    from .experiments.config import assemble

    experiment = assemble(_DEFAULTS | settings)
    if out is None:
        variants = {v.name: v.plan.fingerprint for v in experiment.variants}
        return experiment, Path("runs") / f"{experiment.name}-{digest([experiment.identity(), variants], 4)}"
    if not isinstance(out, str | Path):
        raise RunFolderError(f"the run folder is {out!r}", remedy="Give a path.")
    return experiment, Path(out)


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
        settings: what the experiment was assembled from, as JSON, so that the folder alone can be resumed.
        executor: where it is played; by default what the experiment asks for.
        on_start: called once everything is ready, before the first request, with the function that stops the run.

    Raises:
        RunFolderError: the folder holds a run and neither `resume` nor `fresh` was asked for, or another experiment.
    """
    from .experiments.config import experiment_json
    from .experiments.executors import executor_for
    from .experiments.planning.context_length import check_context
    from .experiments.runner import play_experiment
    from .models.secrets import keys, refuse_keys

    folder = Path(folder)
    exists = begun(folder)
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
        ledger = Ledger(folder, {"experiment": json.dumps(experiment_json(experiment)), **kept}, fresh)
        try:
            if fresh:
                _remove(folder)
            _see_same(folder, ledger, experiment)  # once more: another may have been started there meanwhile
            ledger.set_meta("experiment", json.dumps(_widened(ledger.meta("experiment"), experiment_json(experiment))))
            outcome = await play_experiment(
                experiment, ledger, executor, event_bus(on_event), replay=offline, on_start=on_start
            )
        finally:
            ledger.close()
    return Result(folder, outcome)


def _same_experiment(folder: Path, experiment: Experiment, resume: bool) -> None:
    if not resume:
        raise RunFolderError(
            f"{str(folder)!r} holds a run already", remedy="Use --resume to go on with it, or --fresh to start over."
        )
    ledger = read_ledger(folder)
    try:
        _see_same(folder, ledger, experiment)
    finally:
        ledger.close()


def _see_same(folder: Path, ledger: Reader, experiment: Experiment) -> None:
    stored = json.loads(ledger.meta("experiment") or "{}")
    for variant in experiment.variants:
        then_plan = stored.get("variants", {}).get(variant.name)
        if then_plan is not None and then_plan["fingerprint"] != variant.plan.fingerprint:
            raise RunFolderError(
                f"{str(folder)!r} holds a variant {variant.name!r} with another plan", then_plan["plan"],
                "Give the variant another name, or choose another --out.",
            )  # fmt: skip
    here = json.dumps(experiment.identity(), sort_keys=True)
    if stored and stored.get("identity") != here:
        then, now = json.loads(stored["identity"]), json.loads(here)
        changed = ", ".join(k for k in {**then, **now} if now.get(k) != then.get(k))
        raise RunFolderError(
            f"{str(folder)!r} holds another experiment", f"it differs in: {changed}", "Choose another --out."
        )


def _widened(stored: str | None, now: dict[str, Any]) -> dict[str, Any]:
    """What the folder says of itself: the present experiment, with variants and episodes of earlier sessions kept."""
    if stored:
        then = json.loads(stored)
        now["variants"] = {**then.get("variants", {}), **now["variants"]}
        now["episodes"] = max(now["episodes"], then.get("episodes", 0))
    return now


def _remove(folder: Path) -> None:
    """Remove what was made of the run that a new ledger has replaced."""
    from .evals.judgements import FOLDER

    judged = [f"{FOLDER}/{name}" for name in (FILE, f"{FILE}-wal", f"{FILE}-shm", LOCK)]
    for name in ("report.html", "records.jsonl", *judged):
        (folder / name).unlink(missing_ok=True)
