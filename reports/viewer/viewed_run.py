"""A run as the viewer holds it: its table of steps in memory, read again when the run has gone on.

Invariants: a page is made from one `RunState` and never from two; a state is made whole before it is seen. A run that
grows is read again in the background, and no more often than reading it costs a fifth of the time.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

import polars as pl

from ...errors import AkrasiaError, UnknownName
from ...evals.completeness import missing_sentence, stored_missing
from ...evals.judge import FOLDER as JUDGED
from ...evals.judge import IMPLIED, LEFT, JudgedText, read_judged, texts_to_judge
from ...evals.labels import (
    HumanLabel,
    LabelAgreement,
    human_labels,
    keep_label,
    label_agreement,
    label_of_step,
    text_code,
)
from ...evals.scorecard import Scorecard
from ...evals.step_table import stored_steps
from ...evals.turns import DECISION, turns
from ...ledger import LedgerReader, read_ledger
from ...ledger.file import FILE
from ...ledger.imported import ImportedFrom
from ...ledger.provenance import RunSession, ended_sentence, utc_now
from ...records import Situation, digest
from ...rng import named_rng
from ..arm_rows import group_id
from ..show import Unread
from .filters import LISTED, SITUATION, with_critics, with_marks
from .levels import EncodedFrom, encoded_sources
from .search import TextSearch

DRAWN = 200  # texts of either kind to be labelled blind
QUIET = 900.0  # seconds without an answer after which a run without an end is taken for one that was killed
READ_THROUGH = 2_000  # steps up to which a search reads them all
PATIENCE = 5.0  # times the seconds that reading takes, between two readings
Stamp = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ViewerTools:
    """What the viewer is handed by those who may import more than it may.

    Attributes:
        score: the scorecard of a run folder.
        unread: where the reading of an answer stopped, in words.
        place: where in an answer stands what was read of it: (text, situation, whether of the recommendation).
    """

    score: Callable[[Path], Scorecard]
    unread: Unread
    place: Callable[[str, Situation, bool], tuple[int, int] | None]


@dataclass(frozen=True)
class RunAbout:
    """What is stored of a run as a whole; made without reading its records.

    Attributes:
        experiment: as stored with the run. rows: how many records.
        missing: which episodes are missing, in words, or how it ended; "" where it is complete.
        written: when something was written last, in seconds since the epoch.
        imported: where the run was imported from; None where it was played.
    """

    experiment: Mapping[str, Any]
    sessions: Sequence[RunSession]
    missing: str
    rows: int
    written: float
    imported: ImportedFrom | None = None

    @property
    def started(self) -> str:
        """When it was imported, or played last, in UTC; "" where that is not recorded."""
        return self.imported.at if self.imported else self.sessions[-1].started if self.sessions else ""

    @property
    def live(self) -> bool:
        """Whether it may be going on: its last session has no recorded end, and something was written lately."""
        return bool(self.sessions) and not self.sessions[-1].ended and time.time() - self.written < QUIET


@dataclass(frozen=True)
class RunState:
    """A run at one moment.

    Attributes:
        stamp: tells whether the ledger has changed since.
        steps: the table of `akrasia.evals.step_table`, with the columns of `akrasia.reports.viewer.filters.with_marks`.
        encoded_from: which variant shows what is encoded on the prompt of another.
        transcripts: whether agents that changed their minds are known yet.
    """

    stamp: Stamp
    steps: pl.DataFrame
    about: RunAbout
    encoded_from: EncodedFrom = field(default_factory=dict)
    seconds: float = 0.0
    transcripts: bool = False
    read_at: float = field(default_factory=time.monotonic)

    @property
    def live(self) -> bool:
        """Whether it may be going on."""
        return self.about.live

    @property
    def version(self) -> str:
        """Changes whenever what is shown may change."""
        return digest([self.stored, self.transcripts, self.live], size=6)

    @cached_property
    def stored(self) -> str:
        """Changes whenever what is stored changes."""
        return digest(list(map(list, self.stamp)), size=6)

    @cached_property
    def situations(self) -> dict[str, int]:
        """How many situations each filter lists, of those that a page offers."""
        wheres = {name: f.where for name, f in LISTED.items() if f.where is not None}
        one = self.steps.group_by(SITUATION).agg(where.any().alias(name) for name, where in wheres.items())
        row = one.select(pl.len().alias("all"), pl.col(wheres).sum())
        return {name: int(n) for name, n in row.row(0, named=True).items()}

    @cached_property
    def counts(self) -> dict[tuple[str, str, str], dict[str, int]]:
        """Per (task, model, variant): "steps", "asked", "knows", "does", and each listed filter by name."""
        sums = self.steps.group_by("task", "model", "variant").agg(
            pl.len().alias("steps"),
            pl.col("asked").sum(),
            (pl.col("asked") & pl.col("knows")).sum().alias("knows"),
            pl.col("does").sum(),
            *(f.where.sum().alias(name) for name, f in LISTED.items() if f.where is not None),
        )
        return {(r.pop("task"), r.pop("model"), r.pop("variant")): r for r in sums.iter_rows(named=True)}

    @cached_property
    def groups(self) -> dict[str, tuple[str, str]]:
        """Code -> (task, model), in the experiment's order."""
        here = [(str(t), str(m)) for t, m in self.steps.select("task", "model").unique(maintain_order=True).iter_rows()]
        tasks, models = self.about.experiment.get("task_labels", []), self.about.experiment.get("labels", [])
        here.sort(key=lambda g: (_place(tasks, g[0]), _place(models, g[1])))
        return {group_id(*g): g for g in here}

    @cached_property
    def variants(self) -> tuple[str, ...]:
        """The variants, the baseline first, then in the experiment's order."""
        rows = self.steps.select("variant", "baseline").unique(maintain_order=True)
        names = list(dict.fromkeys(map(str, rows["variant"])))
        base = {str(v) for v in rows.filter("baseline")["variant"]}
        listed = list(self.about.experiment.get("variants", {}))
        return tuple(sorted(names, key=lambda v: (v not in base, _place(listed, v))))

    @cached_property
    def baseline(self) -> str:
        """The variant that others are compared with."""
        return self.variants[0] if self.variants else ""

    @cached_property
    def controls(self) -> dict[str, str]:
        """Variant -> which control it is; variants that are none are left out."""
        rows = self.steps.filter(pl.col("control").is_not_null()).select("variant", "control").unique()
        return {str(v): str(c) for v, c in rows.iter_rows()}


class ViewedRun:
    """A run folder, looked at.

    Args:
        name: what it is called in addresses; unique among the runs that are looked at.
    """

    def __init__(self, name: str, folder: Path, tools: ViewerTools) -> None:
        self.name, self.folder, self.tools = name, folder, tools
        self._state: RunState | None = None
        self._lock, self._reading = threading.Lock(), threading.Lock()
        self._card: tuple[Stamp, Scorecard] | None = None
        self._texts: tuple[Stamp, list[tuple[str, JudgedText]]] | None = None
        self._labelling = threading.Lock()
        self.search = TextSearch(folder)

    def state(self) -> RunState:
        """What is known of the run, read now if it never was; else, where it has grown, read again meanwhile.

        Raises:
            AkrasiaError: the ledger cannot be read.
        """
        with self._lock:
            if self._state is None:
                self._state = self._read()
                self._in_background(self._read_transcripts)
            state = self._state
        waited = time.monotonic() - state.read_at
        if self._stamp() != state.stamp and waited > PATIENCE * state.seconds and not self._reading.locked():
            self._in_background(self._read_again)
        return state

    def scorecard(self, state: RunState) -> Scorecard:
        """The scorecard of the run; kept until the run has grown."""
        if self._card is None or self._card[0] != state.stamp:
            self._card = (state.stamp, self.tools.score(self.folder))
        return self._card[1]

    def about(self) -> RunAbout:
        """What is stored of the run as a whole.

        Raises:
            AkrasiaError: the ledger cannot be read.
        """
        if self._state is not None and self._state.stamp == self._stamp():
            return self._state.about
        with read_ledger(self.folder) as ledger:
            return self._about(ledger)

    def labels(self) -> dict[str, HumanLabel]:
        """The labels that people gave."""
        return human_labels(self.folder)

    def agreement(self) -> LabelAgreement:
        """How far people agree with the parser and the judges."""
        return label_agreement(self.labels(), read_judged(self.folder))

    def keep_label(self, place: tuple[str, str, str, int, int], action: str, note: str, blind: bool) -> None:
        """Store what a person says of the rationale of one step.

        Raises:
            UnknownName: there is no such step.
            BadOption: it has no rationale, or no such action.
            RunFolderError: the labels cannot be written.
        """
        with read_ledger(self.folder) as ledger:
            record = ledger.step_record(*place)
        if record is None:
            raise UnknownName(f"the run {self.name!r} has no such step", remedy="Choose one from the list.")
        with self._labelling:
            keep_label(self.folder, label_of_step(record, action, note, utc_now(), blind))

    def next_text(self) -> tuple[JudgedText | None, int]:
        """The next text to be labelled blind, None where all are; and how many are left.

        They are drawn at random: texts that the parser left, and as many of those that it read.
        """
        state = self.state()
        if self._texts is None or self._texts[0] != state.stamp:
            self._texts = (state.stamp, self._drawn(state))
        done = set(self.labels())
        left = [text for code, text in self._texts[1] if code not in done]
        return (left[0] if left else None), len(left)

    def _drawn(self, state: RunState) -> list[tuple[str, JudgedText]]:
        """(code, text) of the texts to label, in their order."""
        asked = state.steps.filter(pl.col("asked") & pl.col("question").is_null())
        left = pl.col("stated_status").is_in(LEFT)
        keys: list[tuple[Any, ...]] = []
        for kind in (left, pl.col("stated_status") == "ok"):
            rows = asked.filter(kind).select(DECISION)
            chosen = named_rng(0, "labels", "steps").permutation(rows.height)[:DRAWN]
            keys += [rows.row(int(n)) for n in chosen]
        with read_ledger(self.folder) as ledger:
            records = {key: record for key in keys if (record := ledger.step_record(*key)) is not None}
        unread, read = texts_to_judge(records.values(), DRAWN)
        mixed = [text for pair in zip_longest(unread, read) for text in pair if text is not None]
        return [(text_code(records[text.steps[0]]), text) for text in mixed]

    def wait(self) -> RunState:
        """The state with all that is read in the background."""
        self.state()
        self._read_transcripts()
        return self.state()

    def _in_background(self, work: Callable[[], None]) -> None:
        threading.Thread(target=work, daemon=True, name=f"akrasia view {self.name}").start()

    def _stamp(self) -> Stamp:
        return _stamp_of(self.folder) + _stamp_of(self.folder / JUDGED)

    def _read(self) -> RunState:
        stamp, begun = self._stamp(), time.monotonic()
        with read_ledger(self.folder) as ledger:
            judged = read_judged(self.folder, IMPLIED)
            steps = with_marks(stored_steps(ledger), judged)
            encoded = encoded_sources(ledger, steps)
            state = RunState(stamp, steps, self._about(ledger), encoded, time.monotonic() - begun)
        return _counted(state)

    def _about(self, ledger: LedgerReader) -> RunAbout:
        sessions = ledger.sessions(reported=False)
        ended = ended_sentence(sessions)
        missing = missing_sentence(stored_missing(ledger), ended, self.folder.name) or ended
        written = max((ns / 1e9 for ns, _ in _stamp_of(self.folder)), default=0.0)
        experiment = ledger.stored("experiment") or {}
        return RunAbout(experiment, sessions, missing, ledger.count_records(), written, ledger.imported())

    def _read_again(self) -> None:
        with self._reading:
            try:
                self._state = self._read()
            except AkrasiaError:  # while it is being written anew; the page goes on with what it has
                return
        self._read_transcripts()

    def _read_transcripts(self) -> None:
        """See which agents changed their minds, which takes a pass over every record."""
        with self._reading:
            state, begun = self._state, time.monotonic()
            if state is None or state.transcripts:
                return
            try:
                with read_ledger(self.folder) as ledger:
                    changed = _flipped_by_critics(turns(ledger.raw_records()))
            except AkrasiaError:
                return
            steps = with_critics(state.steps, changed)
            seconds = state.seconds + time.monotonic() - begun
            self._state = state = _counted(replace(state, steps=steps, transcripts=True, seconds=seconds))
        if state.steps.height > READ_THROUGH and not state.live:  # of a run that goes on it would never be up to date
            try:
                self.search.prepare(state.stored)
            except AkrasiaError:
                return


def _stamp_of(folder: Path) -> Stamp:
    """When the ledger in a folder was written last, and its size; empty where there is none."""
    stamp = []
    for name in (FILE, f"{FILE}-wal"):
        try:
            told = (folder / name).stat()
        except OSError:
            continue
        stamp.append((told.st_mtime_ns, told.st_size))
    return tuple(stamp)


def _counted(state: RunState) -> RunState:
    """The state, with its counts made before anybody waits for them."""
    _ = state.situations, state.counts
    return state


def _flipped_by_critics(spoken: pl.DataFrame) -> pl.DataFrame:
    """The steps at which an agent read a critic and held another action afterwards."""
    critics = spoken.filter(pl.col("role") == "critic").select(*DECISION, pl.col("agent").alias("critic")).unique()
    minds = spoken.filter(pl.col("spoken_before") & pl.col("position").ne_missing(pl.col("before")))
    both = minds.select(*DECISION, "reads").join(critics, on=DECISION)
    return both.filter(pl.col("reads").list.contains(pl.col("critic"))).select(DECISION).unique()


def _place(names: Sequence[str], name: str) -> tuple[int, str]:
    """Where a name stands in a list; behind it, by its letters, where it does not."""
    return (list(names).index(name), "") if name in names else (len(names), name)
