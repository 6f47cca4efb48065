"""What is read of a stored run before it is judged: its tables, and what was kept of the run as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from ..ledger.imported import ImportedFrom
from ..ledger.provenance import RunSession, ended_sentence
from .anytime import InterimLooks
from .completeness import MissingEpisodes, missing_episodes
from .encoded import Prompts
from .judge import Judged


@dataclass(frozen=True)
class RunTables:
    """A run as tables.

    Attributes:
        steps: the table made by `akrasia.evals.step_table`.
        turns: the transcripts, as `akrasia.evals.turns` makes them; None where they were not read, and then what is
            told by turns is not measured.
        trials: the repeated draws of every decision, as `akrasia.evals.trials` makes them; None where each was drawn
            once, or they were not read. trial_answers: the answers behind them, for what was paid.
        looks: how the run was looked at while it went on, None if it was not.
        judged: what judges read of it, None where nobody judged; see `akrasia.evals.judge`. judged_implied: what they
            found implied; see `akrasia.evals.implied_judge`.
        experiment: the resolved experiment as stored with the run; may be empty.
        finished: how many of the planned episodes are finished, by task, model and variant; None where it is not known.
        sessions: each time that the run was played, oldest first; empty where that is not known.
        checksummed: whether all that was read has checksums, so that damage in it would have been seen.
        stopped: why the run ended early; "" where it did not, or is not known to have.
        prompts: of every arm at one situation, where some arm shows what is encoded; see `akrasia.evals.encoded`.
        played: of a run that ended early, the episodes that each (task, model, variant) has played to their ends.
        name: what the run is called beside another.
        imported: where the run was imported from; None where it was played.
    """

    steps: pl.DataFrame
    turns: pl.DataFrame | None = None
    trials: pl.DataFrame | None = None
    trial_answers: pl.DataFrame | None = None
    looks: InterimLooks | None = None
    judged: Judged | None = None
    judged_implied: Judged | None = None
    experiment: Mapping[str, Any] = field(default_factory=dict)
    finished: Mapping[tuple[str, str, str], int] | None = None
    sessions: tuple[RunSession, ...] = ()
    checksummed: bool = True
    stopped: str = ""
    prompts: Prompts = field(default_factory=dict)
    played: Mapping[tuple[str, str, str], frozenset[int]] = field(default_factory=dict)
    name: str = "the run"
    imported: ImportedFrom | None = None

    @classmethod
    def of(cls, run: RunTables | pl.DataFrame) -> RunTables:
        """The run itself, or a bare table of steps as a run."""
        return cls(run) if isinstance(run, pl.DataFrame) else run

    @property
    def missing(self) -> tuple[MissingEpisodes, ...]:
        """What every variant lacks; empty where the run is complete, or it is not known."""
        return missing_episodes(self.experiment, self.looks, self.finished)

    @property
    def ended(self) -> str:
        """How the run ended, in words; "" where it is complete or nothing is known."""
        return self.stopped or ended_sentence(self.sessions)

    @property
    def models(self) -> tuple[str, ...]:
        """The models by their names in records, in the experiment's order; then any others of the table."""
        here = [str(m) for m in self.steps["model"].unique(maintain_order=True)]
        listed = [m for m in self.experiment.get("labels", ()) if m in here]
        return (*listed, *(m for m in here if m not in listed))
