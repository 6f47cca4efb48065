"""Progress of a run as it happens: how far it is, what it cost, what it waits for, and the estimates so far.

Invariant: whatever a run waits for is said within two seconds: a model that loads, a provider that does not answer or
asks to wait, answers under way. In a terminal it is drawn anew twice a second; in a pipe it is a line every ten
seconds, and at once where a new wait begins. A rate and its interval are made as on the scorecard, over items: they are
the same once the run is complete, for a run that is not looked at early.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from ..evals.inference import Estimate, estimate
from ..events import (
    AttemptFailed,
    CallAnswered,
    CallBegan,
    CallGivenUp,
    CallStopped,
    CircuitClosed,
    CircuitOpened,
    Event,
    Level,
    RecordsStored,
    RunBegan,
    WaitBegan,
)
from ..records import Record
from .tables import RowNamedTable, TableColumn
from .text import share_text, short_name

RATES = ("knowing", "doing", "gap")
QUIET = 2.0  # seconds without an answer after which it is said what is waited for
EVERY = 10.0  # seconds between two lines in a pipe
ANSWERED = (CallAnswered, CallGivenUp, CallStopped)


@dataclass(frozen=True, slots=True)
class RunSize:
    """What a run will hold.

    Attributes:
        situations: the most that it can hold; stored: how many of them an earlier session has decided.
        models, variants: in their order, the baseline first.
        local: whether this process asks the models; else workers do.
    """

    situations: int
    models: Sequence[str]
    variants: Sequence[str]
    stored: int = 0
    local: bool = True


@dataclass
class _Waits:
    """What is under way and what is waited for. Times are those of `time.monotonic`."""

    began: bool = False
    stopping: bool = False
    calls: dict[str, tuple[str, float]] = field(default_factory=dict)  # key -> model, since when
    pauses: dict[str, tuple[float, str]] = field(default_factory=dict)  # model -> until when, why
    silent: dict[str, str] = field(default_factory=dict)  # models that do not answer, and why
    failures: dict[str, str] = field(default_factory=dict)  # models whose last attempt failed, and how
    last_answer: float = 0.0

    def note(self, event: Event, now: float) -> None:
        match event:
            case RunBegan():
                self.began, self.last_answer = True, now
            case CallBegan():
                self.calls[event.key] = event.model, now
            case WaitBegan():
                self.pauses[event.model] = now + event.seconds, event.why
            case CircuitOpened():
                self.silent[event.model] = event.why
            case CircuitClosed():
                self.silent.pop(event.model, None)
            case AttemptFailed():
                self.failures[event.model] = event.fault
            case _ if isinstance(event, ANSWERED):
                self.calls.pop(event.key, None)
                self.failures.pop(event.model, None)
                self.last_answer = now
            case RecordsStored():
                self.last_answer = now

    def kind(self, now: float) -> tuple[str, ...]:
        """What is waited for without its seconds: it changes where a new wait begins."""
        return (str(self.began), str(self.stopping), *self.silent, *(model for model, _ in self._paused(now)))

    def _paused(self, now: float) -> list[tuple[str, tuple[float, str]]]:
        return [(model, wait) for model, wait in self.pauses.items() if wait[0] > now + 0.5]

    def sentence(self, models: Sequence[str], now: float) -> str:
        """What is waited for; "" where answers come."""
        if self.stopping:
            return "stopping: answers under way are being kept; Ctrl-C once more stops at once"
        if not self.began:
            return f"waiting for {', '.join(models)}: loading weights, or connecting"
        pauses = [f"{model}: {why}, {until - now:.0f} s left" for model, (until, why) in self._paused(now)]
        pauses += [f"{model} does not answer and is tried again: {why}" for model, why in self.silent.items()]
        if pauses or now - self.last_answer < QUIET:
            return "; ".join(pauses)
        if not self.calls:
            return f"nothing was answered for {now - self.last_answer:.0f} s"
        asked = Counter(model for model, _ in self.calls.values())
        oldest = now - min(since for _, since in self.calls.values())
        failed = "".join(f"; {model}: the last attempt failed ({how})" for model, how in self.failures.items())
        answers = ", ".join(f"{n} answer{'s' * (n > 1)} of {model}" for model, n in asked.items())
        return f"waiting for {answers}, the oldest for {oldest:.0f} s{failed}"


class RunProgress:
    """A listener that tells how far a run is."""

    records = True

    def __init__(self, size: RunSize, console: Console) -> None:
        self.level: Level = "debug" if size.local else "info"  # single calls of workers are not sent here
        self._size, self._console = size, console
        self._tally, self._waits = RunTally(size.models, size.variants), _Waits()
        self._last: RecordsStored | None = None
        self._decided = size.stored
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._ended = threading.Event()
        terminal = console.is_terminal
        self._live = (
            Live(get_renderable=self._view, refresh_per_second=2, console=console, transient=True) if terminal else None
        )
        self._lines = threading.Thread(target=self._print_lines, daemon=True)

    def __enter__(self) -> RunProgress:
        self._live.start() if self._live else self._lines.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._live:
            self._live.stop()
        else:
            self._lines.join()

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._waits.note(event, time.monotonic())
            if isinstance(event, RecordsStored):
                self._last = event
                for record in event.records:
                    self._tally.add(record)
                    self._decided += record.tags.get("arm") == "baseline"

    def stopping(self) -> None:
        """The run was asked to stop."""
        self._waits.stopping = True

    def _print_lines(self) -> None:
        printed = self._began - EVERY + QUIET
        kind: tuple[str, ...] = ()
        while not self._ended.wait(0.25):
            now = time.monotonic()
            with self._lock:
                new = self._waits.kind(now)
                if now - printed < EVERY and (new == kind or now - self._began < QUIET):
                    continue
                lines = [self._line(now), *filter(None, [self._waits.sentence(self._size.models, now)])]
            printed, kind = now, new
            self._console.print(Text(f"[{now - self._began:5.0f} s] {'; '.join(lines)}"), soft_wrap=True)

    def _line(self, now: float) -> str:
        """How far it is, what it cost, and how long it goes on."""
        done, last = self._decided, self._last
        parts = [f"{done:,} of {self._size.situations:,} situations decided"]
        if last is not None:
            parts += [f"{last.made:,} calls made, {last.shared:,} shared"]
            parts += [f"{last.prompt_tokens:,} tokens in, {last.completion_tokens:,} out", f"${last.dollars:.4f}"]
            spent = now - self._began
            parts += [f"{last.made / spent:.1f} calls/s"] if last.made else []
            new = done - self._size.stored
            if new and done < self._size.situations:
                parts.append(f"about {_duration(spent / new * (self._size.situations - done))} left")
        return ", ".join(parts)

    def _view(self) -> RenderableType:
        with self._lock:
            now = time.monotonic()
            waits = self._waits.sentence(self._size.models, now)
            bar = ProgressBar(self._size.situations, self._decided, width=min(60, self._console.width))
            head = Text(f"{_duration(now - self._began)}: {self._line(now)}", style="dim")
            return Group(head, bar, Text(f"\n{waits}", style="yellow"), *self._tables())

    def _tables(self) -> list[RenderableType]:
        """A table per model, as far as the terminal is high."""
        shown = {m: [(v, a) for v, a in arms.items() if a.steps] for m, arms in self._tally.arms.items()}
        shown = {model: arms for model, arms in shown.items() if arms}
        room = max(1, (self._console.height - 6) // max(1, len(shown)) - 4)
        tables: list[RenderableType] = []
        for model, arms in shown.items():
            tables.append(_table(model, arms[:room], self._size.variants))
            if len(arms) > room:
                tables.append(Text(f"  and {len(arms) - room} more", style="dim"))
        return tables


def _table(model: str, arms: Sequence[tuple[str, ArmTally]], variants: Sequence[str]) -> RowNamedTable:
    baseline = variants[0] if variants else ""
    columns = [TableColumn("steps", [str(arm.steps) for _, arm in arms], "right", rank=1)]
    for rate in RATES:
        told = ((arm, rate == "doing" or arm.asked) for _, arm in arms)
        cells = [str(share_text(arm.estimate(rate))) if asked else "not asked" for arm, asked in told]
        columns.append(TableColumn(rate, cells, rank=0 if rate == "gap" else 2))
    names = [v if v == baseline else short_name(v, baseline) for v, _ in arms]
    return RowNamedTable(model, "variant", names, columns)


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 90:
        return f"{whole} s"
    return f"{whole / 60:.0f} min" if whole < 5400 else f"{whole / 3600:.1f} h"


@dataclass
class ArmTally:
    """The steps of one variant with one model, counted per item.

    Attributes:
        steps: how many there are; asked: at how many of them a recommendation was asked for.
    """

    steps: int = 0
    asked: int = 0
    _items: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0] * 5))
    _estimates: dict[str, Estimate] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        """Count one record."""
        knows = bool(set(record.decision.stated) & set(record.oracle.optimal))
        does = record.decision.done in record.oracle.optimal
        asked = record.decision.stated_status != "absent"
        counts = self._items[record.item or str(record.episode)]
        for i, one in enumerate((1, asked, asked and knows, does, asked and knows and not does)):
            counts[i] += one
        self.steps += 1
        self.asked += asked
        self._estimates.clear()

    def estimate(self, rate: str) -> Estimate:
        """Knowing, doing or gap with its interval over the items so far."""
        if rate not in self._estimates:
            table = np.array(list(self._items.values()), dtype=float)
            over = table[:, 0] if rate == "doing" else table[:, 1]
            self._estimates[rate] = estimate(table[:, 2 + RATES.index(rate)], over, rate)
        return self._estimates[rate]


class RunTally:
    """All arms of a run: per model its variants, both in the order in which they are listed."""

    def __init__(self, models: Sequence[str], variants: Sequence[str]) -> None:
        self.arms = {model: {variant: ArmTally() for variant in variants} for model in models}

    def add(self, record: Record) -> None:
        """Count one record; of a model or variant that is not listed too."""
        self.arms.setdefault(record.model, {}).setdefault(record.variant, ArmTally()).add(record)
