"""One situation of a run, for its page: what was right there, and every variant's draws beside the baseline's.

Invariant: everything here stands in the ledger; nothing is concluded but what the table of steps concludes too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...ledger import LedgerReader
from ...records import NO_ORACLE, Record, digest
from .listing import Place
from .transcript import TranscriptView
from .trial_view import TrialView, drawn_record, trial_view
from .viewed_run import RunState, ViewerTools

WHOLE = 12  # draws of a decision that stand on a page with their transcripts
Source = tuple[str, RunState, LedgerReader, ViewerTools]


@dataclass(frozen=True, slots=True)
class VariantColumn:
    """A variant's decision, for a page.

    Attributes:
        anchor: its name in addresses. run: which run it is of, where two are shown. role: "baseline", "control: WHAT"
            or "". elsewhere: it decided another situation than the baseline, which a rollout may lead to.
        trials: its draws, the first of which leads the episode on. more: (action, how often) of those left out.
        right: how many of all draws are right, of how many; None where nobody says what is.
        alike: every draw is word for word that of the baseline.
    """

    anchor: str
    variant: str
    run: str
    role: str
    elsewhere: bool
    trials: list[TrialView]
    more: list[tuple[str, int]]
    right: tuple[int, int] | None
    alike: bool


@dataclass(frozen=True, slots=True)
class ActionRow:
    """A legal action, and what every variant made of it.

    Attributes:
        marks: "optimal", "greedy", "untried", "frequent".
        cells: by column: (draws that state it, draws that do it, draws, probability or None).
    """

    label: str
    value: str
    regret: str
    marks: list[str]
    cells: list[tuple[int, int, int, float | None]]


@dataclass(frozen=True, slots=True)
class SituationPage:
    """A situation, for its page.

    Attributes:
        actions: the legal ones; empty where the answer is open. optimal: what is right, as text.
        judged: somebody says what is right. trials: how often a decision was drawn, at most.
        siblings: of an imported run, (draw of the same item from 1, its situation), this one among them.
    """

    place: Place
    rule: str
    actions: list[ActionRow]
    columns: list[VariantColumn]
    item: str
    question: str
    optimal: str
    judged: bool
    trials: int
    siblings: list[tuple[int, Place]]


def situation_page(sources: Sequence[Source], place: Place, words: str = "") -> SituationPage | None:
    """A situation with all variants; None where the run has no such situation.

    Args:
        sources: (name, state, open ledger, tools) of the run, and of a second one that is laid beside it.
        words: marked wherever they stand.
    """
    makers = []
    for name, state, ledger, tools in sources:
        records = {
            v: record
            for v in state.variants
            if (record := ledger.step_record(place.task, place.model, v, place.episode, place.step)) is not None
        }
        rows = _rows(state, place) if records else {}
        for variant, record in records.items():
            encoded = records.get(state.encoded_from.get((place.task, place.model, variant), ""))
            whose = name if len(sources) > 1 else ""
            makers.append(_ColumnMaker(whose, ledger, tools, record, rows.get(variant), encoded, words))
    if not makers:
        return None
    first = makers[0].record
    return SituationPage(
        place,
        first.oracle.rule,
        [_action(a, first, [maker.record for maker in makers]) for a in first.actions],
        [maker.column(makers[0]) for maker in makers],
        first.item,
        first.tags.get("item", ""),
        ", ".join(first.oracle.optimal),
        first.oracle.rule != NO_ORACLE,
        max(1 + len(maker.record.trials) for maker in makers),
        _siblings(sources[0][1], place, first),
    )


def _rows(state: RunState, place: Place) -> dict[str, Mapping[str, Any]]:
    """The rows of a situation in the table of steps, by variant."""
    here = state.steps.filter(episode=place.episode, step=place.step, task=place.task, model=place.model)
    return {row["variant"]: row for row in here.iter_rows(named=True)}


def _siblings(state: RunState, place: Place, record: Record) -> list[tuple[int, Place]]:
    """The draws of the same item of an imported run, where each is an episode of its own; around this one."""
    if "trial" not in record.tags:
        return []
    same = state.steps.filter(item=record.item, task=place.task, model=place.model, step=place.step)
    found = same.select("item_trial", "episode").unique()
    rows = found.sort("item_trial", "episode").rows()
    at = next((n for n, (_, episode) in enumerate(rows) if episode == place.episode), 0)
    near = rows[max(0, at - WHOLE) : at + WHOLE + 1]
    return [(int(n) + 1, replace(place, episode=int(e))) for n, e in near] if len(rows) > 1 else []


def _action(label: str, first: Record, records: Sequence[Record]) -> ActionRow:
    oracle = first.oracle
    value = oracle.values.get(label)
    sets = {"optimal": oracle.optimal, "greedy": oracle.greedy, "untried": oracle.untried, "frequent": oracle.frequent}
    cells = []
    for record in records:
        decision = record.decision
        draws = [decision, *(t.decision for t in record.trials)]
        probs = decision.probs or next((t.probs for t in reversed(decision.turns) if t.probs), None) or {}
        stated, done = sum(label in d.stated for d in draws), sum(d.done == label for d in draws)
        cells.append((stated, done, len(draws), probs.get(label)))
    return ActionRow(
        label,
        "never tried"
        if value is None and label in oracle.untried
        else "\N{INFINITY}"
        if value is None
        else f"{value:.2f}",
        f"{oracle.regret[label]:.2f}" if label in oracle.regret else "",
        [name for name, labels in sets.items() if label in labels],
        cells,
    )


class _ColumnMaker:
    """Makes the column of one record; reads each of its draws once."""

    def __init__(
        self,
        run: str,
        ledger: LedgerReader,
        tools: ViewerTools,
        record: Record,
        row: Mapping[str, Any] | None,
        encoded: Record | None,
        words: str,
    ) -> None:
        self.run, self.record, self.row, self.encoded = run, record, row, encoded
        draws = range(min(WHOLE, 1 + len(record.trials)))
        self.transcripts = [TranscriptView(ledger, tools, drawn_record(record, n), words) for n in draws]

    def column(self, base: _ColumnMaker) -> VariantColumn:
        record = self.record
        anchor = f"v-{digest([self.run, record.variant], size=4)}"
        trials = []
        for n, transcript in enumerate(self.transcripts):
            beside = base.transcripts[min(n, len(base.transcripts) - 1)]
            trials.append(trial_view(n, anchor, transcript, beside, None if n else self.row, self.encoded))
        left = Counter(t.decision.done or t.decision.status for t in record.trials[len(trials) - 1 :])
        done = [record.decision.done, *(t.decision.done for t in record.trials)]
        control = f"control: {record.tags['control']}" if "control" in record.tags else ""
        role = "baseline" if record.tags.get("arm") == "baseline" else control
        right = sum(d in record.oracle.optimal for d in done), len(done)
        return VariantColumn(
            anchor=anchor,
            variant=record.variant,
            run=self.run,
            role=role,
            elsewhere=record.situation != base.record.situation,
            trials=trials,
            more=left.most_common(),
            right=None if record.oracle.rule == NO_ORACLE else right,
            alike=base is not self and all(not t.parting.words for t in trials),
        )
