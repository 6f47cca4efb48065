"""The front door in Python: `run` an ablation, get a `Result`, look at its scorecard and report.

Invariant: whatever is asked, everything that can be checked is checked before the run folder is made: unknown names,
wrong options, missing extras and weights leave nothing behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import BadOption, RunFolderError
from .events import Listener, sink
from .experiments.bill import Bill
from .experiments.ledger import FILE, LOCK, Ledger, read_ledger
from .records import Record, digest

if TYPE_CHECKING:
    import polars as pl

    from .evals.compare import Comparison
    from .evals.evaluator import Evaluator, Value
    from .evals.inference import Interval
    from .evals.judge import Judged
    from .evals.scorecard import Scorecard
    from .evals.two_way import TwoWay
    from .experiments.executors import Engine, Observer
    from .experiments.forecast import Forecast
    from .experiments.runner import Experiment, Outcome
    from .interventions.training.export import Data

T = TypeVar("T")

__all__ = ["Result", "arun", "blocking", "execute", "forecast", "open_run", "run", "writable", "written"]


TRANSCRIPTS = 20_000  # records whose turns are read without being asked to
_DEFAULTS: dict[str, Any] = {"task": "bandit", "variants": ("reason_act",)}


@dataclass(frozen=True)
class Result:
    """A run folder seen from outside: its records, scorecard and report. `outcome` is None for a run opened later."""

    folder: Path
    outcome: Outcome | None = None

    @cached_property
    def records(self) -> pl.DataFrame:
        """The records as a table, one row per step of a variant (columns: `akrasia.evals.frame`)."""
        from .evals.frame import frame
        from .evals.lines import table

        ledger = read_ledger(self.folder)
        try:
            lines = ledger.lines()
            return frame(ledger.raw_records()) if lines is None else table(lines)
        finally:
            ledger.close()

    @property
    def experiment(self) -> dict[str, Any]:
        """The resolved experiment, as stored with the run."""
        return self._meta("experiment") or {}

    def _meta(self, key: str) -> dict[str, Any] | None:
        """What is stored of the run as a whole under `key`; None where nothing is."""
        ledger = read_ledger(self.folder)
        try:
            stored: dict[str, Any] | None = json.loads(ledger.meta(key) or "null")
        finally:
            ledger.close()
        return stored

    @property
    def bill(self) -> Bill:
        """What all sessions of the run paid, and what every variant would have paid alone."""
        ledger = read_ledger(self.folder)
        try:
            return Bill(ledger.paid(), ledger.alone())
        finally:
            ledger.close()

    def score(
        self,
        metrics: Sequence[str] | None = None,
        baseline: str | None = None,
        interval: Interval = "robust",
        evaluators: Sequence[str | Evaluator | Callable[[Record], Value]] = (),
        turns: bool | None = None,
    ) -> Scorecard:
        """The scorecard as data; see `akrasia.evals.scorecard.score`.

        Args:
            evaluators: evaluators beside the metrics, by name or as they are; see `akrasia.evals.evaluator`.
            turns: whether to read the transcripts too, for who changed whom and for latency; by default where the run
                holds at most 20,000 records, since it takes a second per some 8,000.
        """
        from .evals.scorecard import score
        from .experiments.judged import read_judged

        table, added = self.records, list[Any]()
        said = self.turns if turns or (turns is None and table.height <= TRANSCRIPTS) else None
        if said is not None:
            table = self._with_latency(table, said)
        if evaluators:
            from .evals.evaluator import evaluated, known

            ledger = read_ledger(self.folder)
            try:
                table, added = evaluated(known(evaluators), table, ledger.records())
            finally:
                ledger.close()
        looks, judged = self._meta("looks"), read_judged(self.folder)
        return score(table, metrics, baseline, interval, added, looks, judged, said, self._models)

    def two_way(
        self,
        metrics: Sequence[str] | None = None,
        baseline: str | None = None,
        interval: Interval = "robust",
    ) -> tuple[TwoWay, ...]:
        """Two models by two variants: cell means, main effects and interaction; see `akrasia.evals.two_way`.

        Args:
            metrics: ratios over episodes; by default knowing, doing and gap.
            baseline: the variant without the intervention, instead of the run's own baseline.

        Raises:
            BadOption: the run has no two models that share two variants and an episode.
        """
        from .evals.two_way import MEASURED, two_way

        tables = two_way(self.records, metrics or MEASURED, interval, baseline, self._models, self._meta("looks"))
        if not tables:
            raise BadOption(
                f"{str(self.folder)!r} has no two-way table",
                "it takes two models that share two variants and an episode",
                'Run several models in one experiment: models = ["embedded", "embedded:FILE"], leader = "embedded".',
            )  # fmt: skip
        return tables

    @property
    def _models(self) -> tuple[str, ...]:
        """The models by their names in records, in the experiment's order; empty where that was not stored."""
        return tuple(self.experiment.get("labels", ()))

    @cached_property
    def turns(self) -> pl.DataFrame:
        """The transcripts as a table, one row per turn of a decision (columns: `akrasia.evals.turns`)."""
        from .evals.turns import turns

        ledger = read_ledger(self.folder)
        try:
            return turns(ledger.raw_records())
        finally:
            ledger.close()

    def _with_latency(self, table: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
        from .evals.metrics.cost import with_latency

        ledger = read_ledger(self.folder)
        try:
            return with_latency(table, said, ledger.latencies())
        finally:
            ledger.close()

    def evaluate(self, evaluators: Sequence[str | Evaluator | Callable[[Record], Value]]) -> pl.DataFrame:
        """What evaluators say of each record, with their reasons; see `akrasia.evals.evaluator.evaluate`."""
        from .evals.evaluator import evaluate, known

        ledger = read_ledger(self.folder)
        try:
            return evaluate(known(evaluators), ledger.records())
        finally:
            ledger.close()

    def compare(
        self, a: str | Result, b: str | None = None, metrics: Sequence[str] | None = None, interval: Interval = "robust"
    ) -> tuple[Comparison, ...]:
        """Compare two variants of this run, or one variant of this run and another; see `akrasia.evals.compare`.

        Args:
            a: a variant, or another run.
            b: the other variant; beside another run, which variant of both, by default the baseline.
            metrics: by default knowing, doing, gap and say-do.

        Raises:
            UsageError: the arms cannot be paired, or a name is unknown.
        """
        from .evals.compare import COMPARED, compare, compare_runs

        chosen = metrics or COMPARED
        if isinstance(a, Result):
            one, other = ((str(r.folder), r.records, r.experiment) for r in (self, a))
            looked = [x for r in (self, a) if (x := r._meta("looks"))]
            return compare_runs(one, other, b, chosen, interval, looked)
        if b is None:
            raise BadOption(
                "there is one arm to compare", f"{a!r} is no run folder",
                "Name two variants, akrasia compare RUN A B, or two runs, akrasia compare RUN1 RUN2.",
            )  # fmt: skip
        return compare(self.records, a, b, chosen, interval, self._meta("looks"))

    def judge(
        self,
        *models: Any,
        calibrate: int = 50,
        budget: Any = None,
        concurrency: int | None = None,
        observe_events: Listener | Sequence[Listener] | None = None,
    ) -> Judged:
        """Let models read the recommendations that the parser could not; kept in the run folder under `judge`.

        The scorecard then shows the parser's numbers and those with the judges, side by side.

        Args:
            models: names or backends; an action stands if more than half of them name it.
            calibrate: how many texts that the parser read measure their agreement.
            budget: {"calls": n, "dollars": x} over all judging of this run.
            concurrency: texts under way at once.
            observe_events: who hears of every event; see docs/observability.md.

        Raises:
            BadOption: no model, or the judged model alone.
            RunStopped: the budget is spent or a provider is down; the same call goes on.
        """
        from .experiments.config import budget_of
        from .experiments.judging import judge_run
        from .models.resolve import resolve

        backends = [resolve(m) for m in models]
        hear = sink(observe_events)
        return blocking(lambda: judge_run(self.folder, backends, calibrate, budget_of(budget), concurrency, hear))

    def scorecard(self) -> None:
        """Show the scorecard in the terminal or notebook."""
        from .reports.terminal import show_scorecard

        paid = f"{self.outcome.tally}\n{self.bill}" if self.outcome else ""
        show_scorecard(self.score(), self.experiment, paid)

    def report(self, path: Path | str | None = None) -> Path:
        """Write the self-contained HTML report, by default `report.html` in the run folder; returns its path."""
        from .reports.html import write_report

        return write_report(self.score(), self.experiment, Path(path) if path else self.folder / "report.html")

    def export(self, path: Path | str) -> Path:
        """Write the records: `.jsonl` as they are stored, `.parquet` or `.csv` as the table."""
        from .reports.export import export

        return export(self.folder, self.records, Path(path))

    def data(
        self,
        path: Path | str,
        form: str = "sft",
        *,
        only: str = "optimal",
        variants: Sequence[str] = (),
        models: Sequence[str] = (),
        tasks: Sequence[str] = (),
    ) -> Data:
        """Write training data of this run as JSON lines; see `akrasia.interventions.training.export`.

        Args:
            path: a .jsonl file, replaced at once or not at all.
            form: "sft", answers worth imitating, or "preference", answers that knew and did not do, corrected.
            only: which answers are worth imitating: "optimal", "follows" or "valid".
            variants: whose answers; by default the baseline's. models, tasks: by default all.

        Raises:
            UnknownName: no such form, kind of answers, variant, model or task.
            NotMeasured: the run holds nothing of the kind; nothing was written.
        """
        from .experiments.harvest import harvest

        return written(Path(path), lambda: harvest(self.folder, form, only, variants, models, tasks))


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
    engine: str = "",
    address: str = "",
    leader: str = "",
    name: str = "experiment",
    out: Path | str | None = None,
    offline: bool = False,
    observe: Observer | None = None,
    observe_events: Listener | Sequence[Listener] | None = None,
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
        engine: "ray" to play on a Ray cluster, at `address` or on this machine.
        out: run folder; by default one named by the experiment and its variants under `runs/`, so that the same call
            again goes on where it stopped and pays nothing twice, and another call has a folder of its own. In a folder
            that you name, further variants of the same experiment join those that it holds.
        offline: answer from the ledger only.
        observe: called with (records, tally) after each group of records is stored.
        observe_events: who hears of every event (`akrasia.events`), one or a list; see docs/observability.md.

    Raises:
        UsageError: something asked for cannot be; nothing was written.
        Denied: the provider refused the credentials.
    """
    settings = {
        "name": name, "task": task, "variants": variants, "episodes": episodes, "seed": seed, "design": design,
        "budget": budget, "concurrency": concurrency, "until": until, "workers": workers, "engine": engine,
        "address": address, "leader": leader,
        **({"models": models} if models else {"model": model}),
    }  # fmt: skip
    experiment, folder = _prepared(settings, out)
    return blocking(
        lambda: execute(
            experiment, folder, resume=True, offline=offline, observe=observe, observe_events=observe_events
        )
    )


async def arun(
    *,
    out: Path | str | None = None,
    offline: bool = False,
    observe: Observer | None = None,
    observe_events: Listener | Sequence[Listener] | None = None,
    **settings: Any,
) -> Result:
    """`run` for callers that have an event loop: the same arguments, awaited. Cancelling stops the run."""
    experiment, folder = _prepared(settings, out)
    return await execute(
        experiment, folder, resume=True, offline=offline, observe=observe, observe_events=observe_events
    )


def forecast(*, probes: int = 4, answer_tokens: int = 160, **settings: Any) -> Forecast:
    """What `run` with the same keywords will take: calls, tokens and dollars. Asks no model and writes nothing.

    Args:
        probes: situations that each variant decides per task.
        answer_tokens: assumed length of an answer that holds a reasoning.
    """
    from .experiments.config import assemble
    from .experiments.forecast import forecast

    for name in ("out", "offline", "observe", "observe_events"):  # of no weight before a run
        settings.pop(name, None)
    return forecast(assemble(_DEFAULTS | settings), probes, answer_tokens)


def written(path: Path, made: Callable[[], Data]) -> Data:
    """Make training data and write them; what cannot be written is said first."""
    from .interventions.training.export import jsonl
    from .reports.export import write_whole

    if path.suffix != ".jsonl":
        raise BadOption(f"the data would be written to {str(path)!r}", remedy="Give a .jsonl file.")
    writable(path.parent)
    data = made()
    write_whole(path, jsonl(data.rows))
    return data


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


def open_run(folder: Path | str) -> Result:
    """A stored run.

    Raises:
        RunFolderError, LedgerError: the folder holds none, or one that cannot be read.
    """
    read_ledger(folder).close()
    return Result(Path(folder))


async def execute(
    experiment: Experiment,
    folder: Path,
    *,
    resume: bool = False,
    fresh: bool = False,
    offline: bool = False,
    observe: Observer | None = None,
    observe_events: Listener | Sequence[Listener] | None = None,
    engine: Engine | None = None,
    started: Callable[[Engine], None] | None = None,
    settings: dict[str, Any] | None = None,
) -> Result:
    """Run an experiment into a folder.

    Args:
        resume: go on with the run the folder holds; the same experiment is required.
        fresh: start over: a run in the folder is removed first.
        settings: what the experiment was assembled from, as JSON, so that the folder alone can be resumed.
        engine: where it is played; by default what the experiment asks for.
        started: called with the engine once everything is ready, before the first request.

    Raises:
        RunFolderError: the folder holds a run and neither `resume` nor `fresh` was asked for, or another experiment.
    """
    from .experiments.config import describe
    from .experiments.context import check_context
    from .experiments.executors import engine_for
    from .experiments.runner import play

    folder = Path(folder)
    exists = (folder / FILE).is_file()
    if exists and not fresh:
        _same_experiment(folder, experiment, resume)
    if offline and fresh:
        raise RunFolderError(
            "starting over offline would remove every answer there is", remedy="Use --resume --offline to replay."
        )
    if offline and not exists:
        raise RunFolderError(f"{str(folder)!r} holds no run to replay offline", remedy="Run it once without --offline.")
    writable(folder)
    if fresh or not exists:
        check_context(experiment)
    engine = engine or engine_for(experiment, offline=offline)
    try:
        if fresh or not exists:  # a run that is resumed may need no model at all: it is opened at the first new request
            await engine.open()
        if exists and fresh:
            _remove(folder)
        kept = {} if settings is None else {"settings": json.dumps(settings)}
        ledger = Ledger(folder, {"experiment": json.dumps(describe(experiment)), **kept})
        try:
            ledger.set_meta("experiment", json.dumps(_widened(ledger.meta("experiment"), describe(experiment))))
            if started is not None:
                started(engine)
            outcome = await play(experiment, ledger, engine, observe, offline, sink(observe_events))
        finally:
            ledger.close()
    finally:
        await engine.close()
    return Result(folder, outcome)


def _same_experiment(folder: Path, experiment: Experiment, resume: bool) -> None:
    if not resume:
        raise RunFolderError(
            f"{str(folder)!r} holds a run already", remedy="Use --resume to go on with it, or --fresh to start over."
        )
    ledger = read_ledger(folder)
    try:
        stored = json.loads(ledger.meta("experiment") or "{}")
    finally:
        ledger.close()
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


def writable(folder: Path) -> None:
    """Say that a folder cannot be written before anything is loaded; leaves no trace."""
    parent = folder
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise RunFolderError(
            f"the run folder {str(folder)!r} cannot be written", f"{str(parent)!r} is no writable folder",
            "Choose another --out.",
        )  # fmt: skip


def _remove(folder: Path) -> None:
    Ledger(folder).close()  # refused while another process is using it
    kept = (FILE, f"{FILE}-wal", f"{FILE}-shm")
    from .experiments.judged import FOLDER

    judged = [f"{FOLDER}/{name}" for name in (*kept, LOCK)]  # what judges said of a run goes with it
    for name in (*kept, "report.html", "records.jsonl", *judged):
        (folder / name).unlink(missing_ok=True)


def blocking(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end, also where the caller's thread has an event loop (a notebook)."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    box: list[T | BaseException] = []
    under_way: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any] | None]] = []

    async def told() -> T:
        under_way.append((asyncio.get_running_loop(), asyncio.current_task()))
        return await work()

    def inside() -> None:
        try:
            box.append(asyncio.run(told()))
        except BaseException as error:  # handed to the caller's thread below
            box.append(error)

    # With the caller's context, as `asyncio.run` has it: callbacks of LangChain that are in force stay so.
    thread = threading.Thread(target=copy_context().run, args=(inside,), name="akrasia")
    thread.start()
    try:
        thread.join()
    except KeyboardInterrupt:
        for loop, task in under_way:
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)
        thread.join()
        raise
    if isinstance(box[0], BaseException):
        raise box[0]
    return box[0]
