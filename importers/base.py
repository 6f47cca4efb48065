"""What an importer is: a function of a source to rows, and what was wrong with the rest.

An importer reads files that somebody else wrote and yields one `SourceRow` for each decision in them. It never writes,
and it never fills in what the source does not hold. `akrasia.importers.load` makes a run of the rows.

    @IMPORTERS...  IMPORTERS.register("mine", MyImporter), or an entry point of the group akrasia.importers

Invariant: no row disappears. A row of the source is a record, or it is left out with its place and the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from ..ledger.imported import ImportedFile, RowsLeftOut
from ..records import Message, Status, ToolCall, Turn, Usage
from ..registry import Registry

ARM = "imported"  # the variant of rows that name none
UNNAMED = "no model named"
SEVERAL = "several models"  # the model of a run whose variants are models
SHOWN = 5  # places that are kept of the rows that share a reason


@dataclass(slots=True)
class SourceRow:
    """One decision, as far as its source says. Each field that is left at its default is not in the source.

    Attributes:
        where: its place in the source: "rows.csv, row 12".
        item: what the decision is about. Arms are paired by it.
        trial: which of the repeated draws of its item it is, from 0; None where the source does not say: then the order
            of the rows does.
        variant, model, task: the arm, the model, and the set of questions.
        question: what is asked, where it is the same for every arm; arms that were asked different things under one
            item are no pairs.
        name: which question of a set it is, for rates by item; "" where the set is not one of variations.
        done: the answer that counts, in short; None where there is none, and then `status` says why.
        optimal: the answers that are right. Where the source itself says whether the answer is right, `done` is among
            them exactly if it does.
        stated: what the rationale recommends; `stated_status` is "absent" where the source holds no recommendation.
        stated_by_verdict: the source says of what was stated only whether it is right, so it cannot be compared with
            what was done.
        actions: the legal answers, where there is a choice; greedy: those of them that a myopic player takes.
        form: how the answer is compared.
        graded: "source" where the source says whether it is right, "match" where it was compared with the key as it
            stands, "reader" where the answer was read out of a text here.
        text: what was answered, whole; messages: the conversation before it; reasoning: the thought, where it is apart.
        turns: further turns before the last one; tool_calls: the calls of tools that the answer ends with.
        reward: a score that the source gives; usage, calls, cost (US dollars), latency (seconds), confidence in [0, 1].
        leaks: what of the oracle the arm is told; control: of which kind it is a control.
        probe: what the row asks about the episode's other rows, where it is no decision of its own.
        step: place in its episode, from 0.
    """

    where: str
    item: str
    trial: int | None = None
    variant: str = ""
    model: str = ""
    task: str = ""
    question: str = ""
    name: str = ""
    done: str | None = None
    status: Status = "ok"
    optimal: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    stated_status: Status = "absent"
    stated_by_verdict: bool = False
    actions: tuple[str, ...] = ()
    greedy: tuple[str, ...] = ()
    form: Literal["action", "number", "text"] = "text"
    graded: Literal["source", "match", "reader"] = "source"
    text: str = ""
    rationale: str = ""
    reasoning: str = ""
    messages: tuple[Message, ...] = ()
    turns: tuple[Turn, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    reward: float | None = None
    usage: Usage | None = None
    calls: int | None = None
    cost: float | None = None
    latency: float | None = None
    confidence: float | None = None
    leaks: str = ""
    control: str = ""
    probe: str = ""
    step: int = 0


@dataclass
class Intake:
    """What is found out of a source beside its rows, while it is read.

    Attributes:
        name: what the run is about, such as "gsm8k"; by default the source's name.
        options: with what it is read, for the ledger: which column as what.
        rows: how many rows were read so far.
        confirm: is shown what was guessed, as (what, which column, an example, whether it is a guess), before the
            first row enters; it raises to refuse.
    """

    name: str
    tool: str = ""
    options: dict[str, str] = field(default_factory=dict)
    files: list[ImportedFile] = field(default_factory=list)
    rows: int = 0
    confirm: Callable[[Sequence[tuple[str, str, str, bool]]], None] | None = None
    notes: dict[str, None] = field(default_factory=dict)
    _left_out: dict[str, _Places] = field(default_factory=dict)
    _doubted: dict[str, _Places] = field(default_factory=dict)

    def leave_out(self, where: str, reason: str) -> None:
        """A row that is no record, and why."""
        self._left_out.setdefault(reason, _Places()).add(where)

    def doubt(self, where: str, reason: str) -> None:
        """A row that enters and contradicts itself, and how."""
        self._doubted.setdefault(reason, _Places()).add(where)

    def note(self, sentence: str) -> None:
        """What had to be assumed; said once."""
        self.notes[sentence] = None

    @property
    def left_out(self) -> tuple[RowsLeftOut, ...]:
        """The rows that are no records, the commonest reason first."""
        return _told(self._left_out)

    @property
    def doubted(self) -> tuple[RowsLeftOut, ...]:
        """The rows that contradict themselves, the commonest reason first."""
        return _told(self._doubted)


@dataclass
class _Places:
    rows: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, where: str) -> None:
        self.rows += 1
        if len(self.first) < SHOWN:
            self.first.append(where)


def _told(by_reason: Mapping[str, _Places]) -> tuple[RowsLeftOut, ...]:
    ordered = sorted(by_reason.items(), key=lambda pair: -pair[1].rows)
    return tuple(RowsLeftOut(reason, places.rows, tuple(places.first)) for reason, places in ordered)


@runtime_checkable
class Importer(Protocol):
    """Reads sources of one format."""

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        """The decisions in a file or a folder, in its order; what cannot be read is left out in `intake`.

        Raises:
            BadOption: the source is not of this format at all, or options do not fit it.
        """
        ...

    def recognises(self, source: Path) -> bool:
        """Whether the beginning of a file, or the names in a folder, look like this format; raises nothing."""
        ...


IMPORTERS: Registry[Importer] = Registry("importer", "akrasia.importers")
