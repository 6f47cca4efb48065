"""What is stored of a run, as tables and values: records, transcripts, costs, sessions, and what is missing.

Invariant: the ledger is only read, and what was read once stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .ledger import LedgerReader, read_ledger
from .ledger.costs import RunCosts
from .ledger.imported import ImportedFrom
from .ledger.provenance import RunSession
from .records import decode

if TYPE_CHECKING:
    import polars as pl

    from .evals.completeness import MissingEpisodes
    from .evals.race import RaceResult
    from .evals.run_tables import RunTables

RACE = "race"  # the setting of a ledger that says how a race stands
STOPPED = "stopped"  # the setting of a ledger that says why its run ended early; empty where it did not
TRANSCRIPTS = 20_000  # records whose turns, and draws whose outcomes, are read without being asked to


@dataclass(frozen=True)
class StoredRun:
    """What is stored in a run folder."""

    folder: Path

    @cached_property
    def records(self) -> pl.DataFrame:
        """The records as a table, one row per step of a variant (columns: `akrasia.evals.step_table`)."""
        with read_ledger(self.folder) as ledger:
            return _read("records", ledger)

    @property
    def experiment(self) -> dict[str, Any]:
        """The experiment as it is stored with the run: its task, models, variants, episodes, seed and design."""
        with read_ledger(self.folder) as ledger:
            return ledger.stored("experiment") or {}

    @property
    def race(self) -> RaceResult | None:
        """How the race stands that this run was, with when each arm was dropped and why; None where it was none."""
        from .evals.race import RaceResult

        with read_ledger(self.folder) as ledger:
            stored = ledger.meta(RACE)
        return None if stored is None else decode(RaceResult, stored)

    @property
    def costs(self) -> RunCosts:
        """What all sessions of the run paid, and what every variant would have paid alone."""
        with read_ledger(self.folder) as ledger:
            return RunCosts(ledger.paid(), ledger.alone())

    @property
    def sessions(self) -> list[RunSession]:
        """Each time that the run was played: when, on what kind of host, with which versions, and how it ended."""
        with read_ledger(self.folder) as ledger:
            return ledger.sessions()

    @property
    def imported(self) -> ImportedFrom | None:
        """Where the run was imported from; None where it was played."""
        with read_ledger(self.folder) as ledger:
            return ledger.imported()

    @property
    def missing(self) -> tuple[MissingEpisodes, ...]:
        """The episodes that variants lack; empty where the run is complete, or its ledger is too old to tell."""
        from .evals.completeness import stored_missing

        with read_ledger(self.folder) as ledger:
            return stored_missing(ledger)

    @property
    def missing_sentence(self) -> str:
        """The same in words, with how the last session ended; "" where nothing is missing."""
        from .evals.completeness import missing_sentence, stored_missing
        from .ledger.provenance import ended_sentence

        with read_ledger(self.folder) as ledger:
            return missing_sentence(stored_missing(ledger), ended_sentence(ledger.sessions()), str(self.folder))

    @cached_property
    def turns(self) -> pl.DataFrame:
        """The transcripts as a table, one row per turn of a decision (columns: `akrasia.evals.turns`)."""
        with read_ledger(self.folder) as ledger:
            return _read("turns", ledger)

    @cached_property
    def trials(self) -> pl.DataFrame:
        """The repeated draws, one row per decision (`akrasia.evals.trials`); empty where each was drawn once."""
        with read_ledger(self.folder) as ledger:
            return _read("trials", ledger)

    @property
    def _tables(self) -> RunTables:
        """The run as evaluators take it, without transcripts and without what judges read."""
        with read_ledger(self.folder) as ledger:
            return self._tables_of(ledger)

    def _tables_of(self, ledger: LedgerReader) -> RunTables:
        from .evals.anytime import InterimLooks
        from .evals.completeness import planned_episodes
        from .evals.encoded import stored_prompts
        from .evals.run_tables import RunTables

        stored, experiment = ledger.stored("looks"), ledger.stored("experiment") or {}
        looks = InterimLooks.of(stored) if stored else None
        stopped = ledger.meta(STOPPED) or ""
        steps = self._once("records", ledger)
        return RunTables(
            steps,
            looks=looks,
            experiment=experiment,
            finished=ledger.finished_counts(planned_episodes(experiment, looks)),
            sessions=tuple(ledger.sessions()),
            checksummed=ledger.checksummed,
            stopped=stopped,
            played=ledger.finished_episodes() if stopped else {},
            prompts=stored_prompts(ledger, steps),
            name=str(self.folder),
            imported=ledger.imported(),
        )

    def _once(self, name: str, ledger: LedgerReader) -> pl.DataFrame:
        """The cached property `name`; read through a ledger that is open already, if it was not read before."""
        if name not in self.__dict__:
            self.__dict__[name] = _read(name, ledger)
        table: pl.DataFrame = self.__dict__[name]
        return table

    def _readable(self, evaluators: Sequence[Any], turns: bool | None) -> tuple[RunTables, list[Any]]:
        """All that a scorecard reads, and evaluators as metrics; see `score`."""
        from .evals.judge import IMPLIED, read_judged
        from .evals.metrics.cost import with_latency

        added: list[Any] = []
        with read_ledger(self.folder) as ledger:
            run = self._tables_of(ledger)
            if run.imported is not None:
                from .evals.trials import trials_of_items

                drawn = trials_of_items(run.steps)
                run = replace(run, trials=None if drawn.is_empty() else drawn)
            draws = run.steps.height * run.experiment.get("trials", 1)
            if draws > run.steps.height and (turns or (turns is None and draws <= TRANSCRIPTS)):
                drawn, answers = self._once("trials", ledger), self._once("trial_answers", ledger)
                run = replace(run, trials=drawn, trial_answers=answers)
            if turns or (turns is None and run.steps.height <= TRANSCRIPTS):
                transcripts = self._once("turns", ledger)
                run = replace(run, turns=transcripts, steps=with_latency(run.steps, transcripts, ledger.latencies()))
            if evaluators:
                from .evals.evaluating import evaluated
                from .evals.evaluator import select_evaluators

                steps, added = evaluated(select_evaluators(evaluators), run.steps, ledger.records())
                run = replace(run, steps=steps)
        judged, implied = read_judged(self.folder), read_judged(self.folder, IMPLIED)
        return replace(run, judged=judged, judged_implied=implied), added


def _read(table: str, ledger: LedgerReader) -> pl.DataFrame:
    """A table of the run, by the name of the property that holds it."""
    if table == "records":
        from .evals.step_table import stored_steps

        return stored_steps(ledger)
    if table == "turns":
        from .evals.turns import turns

        return turns(ledger.raw_records())
    from .evals.trials import asked_by_trials, trials

    return (trials if table == "trials" else asked_by_trials)(ledger.raw_records())
