"""A run folder seen from outside: records, scorecard, comparison, report, training data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .blocking import blocking
from .errors import BadOption, MissingExtra
from .events import Listener, event_bus
from .ledger import read_ledger
from .records import Record
from .stored_run import StoredRun

if TYPE_CHECKING:
    import polars as pl

    from .evals.check_report import CheckReport
    from .evals.compare import Comparison
    from .evals.evaluator import Evaluator, Value
    from .evals.heterogeneity import Heterogeneity
    from .evals.inference import Interval
    from .evals.judge import Judged
    from .evals.scorecard import Scorecard
    from .evals.two_way import TwoWay
    from .experiments.runner import Outcome
    from .experiments.training_data import TrainingData
    from .reports.plots import Plot


@dataclass(frozen=True)
class Result(StoredRun):
    """A run folder seen from outside: its records, scorecard and report. `outcome` is None for a run opened later."""

    outcome: Outcome | None = None

    def score(
        self,
        metrics: Sequence[str] | None = None,
        baseline: str | None = None,
        interval: Interval = "robust",
        evaluators: Sequence[str | Evaluator | Callable[[Record], Value]] = (),
        turns: bool | None = None,
        headline: bool = False,
        by_item: bool = False,
        mixed: bool = True,
    ) -> Scorecard:
        """The scorecard as data; see `akrasia.evals.scoring.score`.

        Args:
            evaluators: evaluators beside the metrics, by name or as they are; see `akrasia.evals.evaluator`.
            turns: whether to read the transcripts too, for who changed whom and for latency; by default where the run
                holds at most 20,000 records, since it takes a second per some 8,000.
            headline: only what a scorecard opens with, at a fraction of the time.
            by_item: also how effects on the gap differ by item (`heterogeneity`).
            mixed: with these, a mixed model beside each, up to two seconds for each variant.
        """
        from .evals.scorecard import Scorecard
        from .evals.scoring import score

        Scorecard.plotter = _plot
        run, added = self._readable(evaluators, turns)
        return score(run, metrics, baseline, interval, added, headline, by_item, mixed)

    def plot(self, name: str, task: str | None = None, model: str | None = None) -> Plot:
        """A figure of the run, which shows itself in a notebook and can be saved; see docs/results.md.

        Args:
            name: such as "gap_closed", "flips" or "influence". task, model: needed where the run has several.

        Raises:
            UnknownName: there is no such figure, task or model.
            BadOption: the run has several tasks or models, and none is named.
            NotMeasured: the run has no data for it.
        """
        from .reports.plots import figure_of

        return figure_of(self.score(), name, self.records, task, model)

    def check(
        self,
        *checks: str,
        level: float = 0.95,
        interval: Any = "robust",
        evaluators: Sequence[str | Evaluator | Callable[[Record], Value]] = (),
        task: str | None = None,
        model: str | None = None,
        raises: bool = False,
    ) -> CheckReport:
        """Whether figures of the run lie where they must; the worst case decides. See docs/checks.md.

        Args:
            checks: such as "gap < 0.2", "doing(reason_act | critique) >= 70%" or "gap(a) < gap(b)".
            level, interval: of the intervals. evaluators: that checks may name, by name or as they are.
            task, model: only there; by default on every task and model.
            raises: raise `CheckFailed`, an AssertionError, unless all hold.

        Raises:
            UsageError: a check does not parse, names what is unknown, or is always or never true.
        """
        from .evals.check import check_run
        from .evals.check_report import CheckFailed

        tables, added = self._readable(evaluators, turns=True)
        report = check_run(tables, added, checks, level=level, kind=interval, task=task, model=model)
        if raises and not report:
            raise CheckFailed(report)
        return report

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

        tables = two_way(self._tables, metrics or MEASURED, interval, baseline)
        if not tables:
            raise BadOption(
                f"{str(self.folder)!r} has no two-way table",
                "it takes two models that share two variants and an episode",
                'Run several models in one experiment: models = ["embedded", "embedded:FILE"], leader = "embedded".',
            )
        return tables

    def heterogeneity(
        self,
        metric: str = "gap",
        interval: Interval = "robust",
        baseline: str | None = None,
        mixed: bool = True,
    ) -> tuple[Heterogeneity, ...]:
        """How the effect of every variant differs by item and situation; see `akrasia.evals.heterogeneity`.

        Args:
            metric: a share of steps, such as "gap" or "doing"; baseline: instead of the run's own.
            mixed: fit a mixed model beside each, up to two seconds for each variant.

        Raises:
            BadOption: there is no variant to compare with the baseline on the same situations, or no oracle.
        """
        from .evals.heterogeneity import heterogeneity
        from .evals.metrics import ratio_metric

        ratio_metric(metric, "has no effect by item", ("gap", "doing", "knowing"))
        found = heterogeneity(replace(self._tables, trials=self.trials), metric, interval, baseline, mixed)
        if not found:
            raise BadOption(
                f"{str(self.folder)!r} has no effects to tell by item",
                "it takes a variant beside the baseline, on the same situations, and a task that says what is right",
                "Run variants in the fork design.",
            )
        return found

    def evaluate(self, evaluators: Sequence[str | Evaluator | Callable[[Record], Value]]) -> pl.DataFrame:
        """What evaluators say of each record, with their reasons; see `akrasia.evals.evaluating.evaluate`."""
        from .evals.evaluating import evaluate
        from .evals.evaluator import select_evaluators

        with read_ledger(self.folder) as ledger:
            return evaluate(select_evaluators(evaluators), ledger.records())

    def compare(
        self,
        a: str | Result,
        b: str | None = None,
        metrics: Sequence[str] | None = None,
        interval: Interval = "robust",
        shared: bool = False,
    ) -> tuple[Comparison, ...]:
        """Compare two variants of this run, or one variant of this run and another; see `akrasia.evals.compare`.

        Args:
            a: a variant, or another run.
            b: the other variant; beside another run, which variant of both, by default the baseline.
            metrics: by default knowing, doing, gap and say-do.
            shared: of imported runs, compare the items and trials that both arms hold, where one holds more.

        Raises:
            UsageError: the arms cannot be paired, or a name is unknown.
        """
        from .evals.compare import COMPARED, compare, compare_runs

        chosen = metrics or COMPARED
        if isinstance(a, Result):
            return compare_runs(self._tables, a._tables, b, chosen, interval, shared)
        if b is None:
            raise BadOption(
                "there is one arm to compare",
                f"{a!r} is no run folder",
                "Name two variants, akrasia compare RUN A B, or two runs, akrasia compare RUN1 RUN2.",
            )  # fmt: skip
        return compare(self._tables, a, b, chosen, interval, shared)

    def judge(
        self,
        *models: Any,
        calibrate: int = 50,
        budget: Any = None,
        concurrency: int | None = None,
        on_event: Listener | Sequence[Listener] | None = None,
        implied: bool = False,
    ) -> Judged:
        """Let models read the recommendations that the parser could not; kept in the run folder under `judge`.

        The scorecard then shows the parser's numbers and those with the judges, side by side.

        Args:
            models: names or backends; an action stands if more than half of them name it.
            calibrate: how many texts that the parser read measure their agreement.
            budget: {"calls": n, "dollars": x} over all judging of this run.
            concurrency: texts under way at once.
            on_event: one listener or several, called with every event; see docs/observability.md.
            implied: let them read, instead, which action a reasoning implies with its conclusion cut off.

        Raises:
            BadOption: no model, or the judged model alone; of what is implied, the judged model among them.
            RunStopped: the budget is spent or a provider is down; the same call goes on.
        """
        from .experiments.config import budget_of
        from .experiments.judging import judge_run
        from .models.resolve import resolve

        backends = [resolve(m) for m in models]
        emit = event_bus(on_event)
        limits = budget_of(budget)
        return blocking(lambda: judge_run(self.folder, backends, calibrate, limits, concurrency, emit, implied))

    def show(self, wide: bool = False) -> None:
        """Print the scorecard, in a terminal or a notebook; `score` returns it.

        Args:
            wide: every column, also where the terminal is too narrow for all of them.
        """
        from .reports.terminal import show_scorecard

        paid = f"{self.outcome.run_usage}\n{self.costs}" if self.outcome else ""
        show_scorecard(self.score(headline=True), self.experiment, paid, wide=wide)

    def _repr_html_(self) -> str:
        from .notebook import paragraph_html

        missing = self.missing_sentence
        head = paragraph_html(missing and f"! {missing}", str(self.folder))
        return head if self.records.is_empty() else head + self.score(headline=True)._repr_html_()

    def report(self, path: Path | str | None = None, mixed: bool = False) -> Path:
        """Write the self-contained HTML report, by default `report.html` in the run folder; returns its path.

        Args:
            mixed: with a mixed model beside the effects by item, up to two seconds for each variant.
        """
        from .reports.html import write_report
        from .reports.page_charts import RunSteps

        to = Path(path) if path else self.folder / "report.html"
        card = self.score(by_item=True, mixed=mixed)
        return write_report(card, self.experiment, to, RunSteps(self.folder, self.records))

    def report_files(self, folder: Path | str) -> list[Path]:
        """Write the report's charts (PNG, SVG, PDF) and tables (CSV, Markdown, LaTeX) into a folder; needs `figures`.

        Raises:
            MissingExtra: matplotlib is not installed.
            RunFolderError: a file cannot be written.
        """
        from .reports.page_charts import RunSteps
        from .reports.report_files import write_report_files

        card = self.score(by_item=True, mixed=False)  # no figure or table holds a mixed model
        return write_report_files(card, self.experiment, RunSteps(self.folder, self.records), Path(folder))

    def export(self, path: Path | str, form: str | None = None) -> Path:
        """Write the records with their prompts: `.jsonl` whole, `.parquet` or `.csv` as a table; plugins add formats.

        Beside them a file `NAME.provenance.json` says where the records come from and what they are not: the sessions
        of the run, the episodes that are missing, and the variants that the oracle tells something.

        Args:
            form: name of the format; by default the file's ending.
        """
        from .reports.export import RecordSource, export_records, write_provenance

        written = export_records(RecordSource(self.folder, self.records), Path(path), form)
        write_provenance(self._tables, written)
        return written

    def to_frame(self) -> pl.DataFrame:
        """The records with their prompts as `export` writes them: a row per step of a variant, `prompts` as JSON."""
        from .reports.export import RecordSource

        return RecordSource(self.folder, self.records).frame()

    def to_dataset(self) -> Any:
        """The same as a `datasets.Dataset` of Hugging Face (extra: datasets).

        Raises:
            MissingExtra: the extra is not installed.
        """
        try:
            from datasets import Dataset
        except ImportError:
            raise MissingExtra.of("datasets", "datasets") from None
        return Dataset.from_dict(self.to_frame().to_dict(as_series=False))

    def data(
        self,
        path: Path | str,
        form: str = "sft",
        *,
        only: str = "optimal",
        variants: Sequence[str] = (),
        models: Sequence[str] = (),
        tasks: Sequence[str] = (),
    ) -> TrainingData:
        """Write training data of this run as JSON lines; see `akrasia.experiments.training_data`.

        Args:
            path: a .jsonl file, replaced at once or not at all.
            form: "sft", answers worth imitating, or "preference", answers that knew and did not do, corrected.
            only: which answers are worth imitating: "optimal", "follows" or "valid".
            variants: whose answers; by default the baseline's. models, tasks: by default all.

        Raises:
            UnknownName: no such form, kind of answers, variant, model or task.
            NotMeasured: the run holds nothing of the kind; nothing was written.
        """
        from .experiments.training_data import training_data_of, write_training_data

        return write_training_data(
            Path(path), lambda: training_data_of(self.folder, form, only, variants, models, tasks)
        )


def open_run(folder: Path | str) -> Result:
    """A stored run.

    Raises:
        RunFolderError, LedgerError: the folder holds none, or one that cannot be read.
    """
    read_ledger(folder).close()
    return Result(Path(folder))


def _plot(card: Scorecard, name: str, task: str | None, model: str | None) -> Plot:
    from .reports.plots import figure_of

    return figure_of(card, name, None, task, model)
