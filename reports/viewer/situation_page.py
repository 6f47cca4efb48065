"""One situation of a run, for its page: what was right there, and every variant's transcript beside the baseline's.

Invariant: everything here stands in the ledger; nothing is concluded but what the table of steps concludes too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp
from typing import Any, cast

from ...evals.labels import text_code
from ...ledger import LedgerReader, StoredAnswer
from ...records import Decision, Oracle, Record, Situation, ToolUse, Turn, digest
from ..show import agents_read, changed_position, unread_lines
from ..text import rate_text
from .beside import Parting, part, partner, prompt_marks, whole_prompt
from .listing import Place
from .pieces import LONGEST, Mark, Piece, found_in, marked_pieces
from .viewed_run import RunState, ViewerTools

__all__ = ["ActionRow", "SituationPage", "TurnView", "VariantColumn", "situation_page"]

TOKENS = 2_000  # of an answer whose probabilities are shown


@dataclass(frozen=True, slots=True)
class TurnView:
    """A turn, for a page.

    Attributes:
        number: from 1. shared: it is one of those at the start that the baseline has too. parts: in which way the
            transcript parts from the baseline's here; "" elsewhere. again: the same answer stands in the baseline.
        prompt, thought, text: pieces; empty where there is nothing. probs: (label, probability), likeliest first.
        tools: (call, what it returned or why it did not). tokens: (token, probability) of the answer, where shown.
        notes: (name, what it is) of all else that is known. long: the text is longer than what is shown.
    """

    number: int
    title: str
    about: str
    shared: bool
    parts: str
    again: bool
    prompt: list[Piece]
    prompt_length: int
    thought: list[Piece]
    text: list[Piece]
    tools: list[tuple[list[Piece], list[Piece]]]
    probs: list[tuple[str, float]]
    tokens: list[tuple[Piece, float]]
    stops: list[str]
    error: str
    notes: list[tuple[str, str]]
    key: str
    long: bool


@dataclass(frozen=True, slots=True)
class VariantColumn:
    """A variant's decision, for a page.

    Attributes:
        anchor: its name in addresses. run: which run it is of, where two are shown. role: "baseline", "control: WHAT"
            or "". elsewhere: it decided another situation than the baseline, which a rollout may lead to.
        known: "knows", "does not know", "not read" where no recommendation was read, or "" where nobody was asked.
        kind: what was done: "optimal", "greedy", "other" or "none". chips: what else is to be said of the step.
        trials: (stated, done, what kind that is, its last text) of each further draw of the decision.
        identity: equal for equal transcripts. rationale: code of the text that states something; "" where none does.
    """

    anchor: str
    variant: str
    run: str
    role: str
    elsewhere: bool
    known: str
    stated: str
    stated_status: str
    done: str
    kind: str
    status: str
    gap: bool
    chips: list[tuple[str, str]]
    account: str
    parting: Parting
    turns: list[TurnView]
    trials: list[tuple[str, str, str, list[Piece]]]
    identity: str
    rationale: str


@dataclass(frozen=True, slots=True)
class ActionRow:
    """A legal action, and what every variant made of it.

    Attributes:
        marks: "optimal", "greedy", "untried", "frequent". cells: by column: (stated, done, probability or None).
    """

    label: str
    value: str
    regret: str
    marks: list[str]
    cells: list[tuple[bool, bool, float | None]]


@dataclass(frozen=True, slots=True)
class SituationPage:
    """A situation, for its page.

    Attributes:
        actions: the legal ones; empty where the answer is open. optimal: what is right, as text.
    """

    place: Place
    rule: str
    actions: list[ActionRow]
    columns: list[VariantColumn]
    item: str
    question: str
    optimal: str


def situation_page(
    sources: Sequence[tuple[str, RunState, LedgerReader, ViewerTools]], place: Place, words: str = ""
) -> SituationPage | None:
    """A situation with all variants; None where the run has no such situation.

    Args:
        sources: (name, state, open ledger, tools) of the run, and of a second one that is laid beside it.
        words: marked wherever they stand.
    """
    found: list[tuple[str, RunState, LedgerReader, ViewerTools, Record]] = []
    for name, state, ledger, tools in sources:
        for variant in state.variants:
            record = ledger.step_record(place.task, place.model, variant, place.episode, place.step)
            if record is not None:
                found.append((name, state, ledger, tools, record))
    if not found:
        return None
    first = found[0][-1]
    makers = [
        _ColumnMaker(name if len(sources) > 1 else "", state, ledger, tools, record, words)
        for name, state, ledger, tools, record in found
    ]
    columns = [maker.column(makers[0]) for maker in makers]
    records = [record for *_, record in found]
    return SituationPage(
        place,
        first.oracle.rule,
        [_action(a, first, records) for a in first.actions],
        columns,
        first.item,
        first.tags.get("item", ""),
        ", ".join(first.oracle.optimal),
    )


def _action(label: str, first: Record, records: Sequence[Record]) -> ActionRow:
    oracle = first.oracle
    value = oracle.values.get(label)
    sets = {"optimal": oracle.optimal, "greedy": oracle.greedy, "untried": oracle.untried, "frequent": oracle.frequent}
    cells = []
    for record in records:
        decision = record.decision
        probs = decision.probs or next((t.probs for t in reversed(decision.turns) if t.probs), None) or {}
        cells.append((label in decision.stated, decision.done == label, probs.get(label)))
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
    """Makes the column of one record; knows the answers and prompts behind its turns."""

    def __init__(
        self, run: str, state: RunState, ledger: LedgerReader, tools: ViewerTools, record: Record, words: str
    ) -> None:
        self.run, self.state, self.tools, self.record, self.words = run, state, tools, record, words
        self.turns = record.decision.turns
        self.answers = [ledger.answer(t.key) if t.key else None for t in self.turns]
        self.prompts = ["" if a is None else whole_prompt(a.request.messages)[0] for a in self.answers]

    def column(self, base: _ColumnMaker) -> VariantColumn:
        record, decision, oracle = self.record, self.record.decision, self.record.oracle
        asked = decision.stated_status != "absent"
        knows = _knows(record)
        right = decision.done in oracle.optimal
        parting = Parting(0, "") if base is self else part(self.turns, base.turns, self.prompts, base.prompts)
        spoken: dict[tuple[str, int], Turn] = {}
        turns = []
        for at, turn in enumerate(self.turns):
            turns.append(self._turn(at, turn, base, parting, changed_position(turn, spoken).removeprefix("; ")))
        return VariantColumn(
            anchor=f"v-{digest([self.run, record.variant], size=4)}",
            variant=record.variant,
            run=self.run,
            role="baseline" if record.tags.get("arm") == "baseline" else _control(record),
            elsewhere=record.situation != base.record.situation,
            known=_known(record) if asked else "",
            stated=", ".join(decision.stated),
            stated_status=decision.stated_status,
            done=decision.done or "",
            kind=_kind(decision.done, oracle),
            status=decision.status,
            gap=asked and knows and not right,
            chips=_chips(record),
            account=_account(record),
            parting=parting,
            turns=turns,
            trials=[_trial(t.decision, oracle, self.words) for t in record.trials],
            identity=digest([[t.key, t.text] for t in self.turns], size=6),
            rationale=text_code(record) if asked and decision.rationale.strip() else "",
        )

    def _turn(self, at: int, turn: Turn, base: _ColumnMaker, parting: Parting, changed: str) -> TurnView:
        answer, alone = self.answers[at], base is self
        beside = None if alone else partner(turn, at, base.turns)
        error = "" if answer is None else answer.response.error
        if answer is None and turn.key:
            error = "no answer of this call is kept: a resumed run asks again"
        reads = agents_read(turn, self.turns, answer)
        lane = f", lane {turn.lane}" if turn.lane else ""
        about = f"{turn.role}{lane}, sample {turn.sample}" + (f", reads {', '.join(reads)}" if reads else "")
        stops = unread_lines(turn, self.record, answer, self.tools.unread) if answer is not None and not error else []
        text = turn.text.strip("\n")
        thought = answer.response.reasoning.strip() if answer is not None else ""
        return TurnView(
            number=at + 1,
            title=turn.agent,
            about=about,
            shared=not alone and at < parting.shared,
            parts=parting.words if not alone and at == parting.shared else "",
            again=not alone and at >= parting.shared and bool(turn.key) and turn.key in {t.key for t in base.turns},
            prompt=self._prompt(at, None if beside is None else base.prompts[beside]),
            prompt_length=len(self.prompts[at]),
            thought=marked_pieces(thought, found_in(thought, self.words)),
            text=marked_pieces(text, [*found_in(text, self.words), *self._read_marks(text)]),
            tools=[_tool(use, self.words) for use in turn.tools],
            tokens=[] if answer is None else _tokens(answer),
            probs=sorted((turn.probs or {}).items(), key=lambda kv: -kv[1]),
            stops=stops,
            error=error,
            notes=_notes(turn, answer, changed),
            key=turn.key,
            long=len(text) > LONGEST or len(thought) > LONGEST or len(self.prompts[at]) > LONGEST,
        )

    def _prompt(self, at: int, other: str | None) -> list[Piece]:
        answer = self.answers[at]
        if answer is None:
            return []
        text, roles = whole_prompt(answer.request.messages)
        beside = [] if other is None else prompt_marks(text, other)
        return marked_pieces(text, [*found_in(text, self.words), *roles, *beside])

    def _read_marks(self, text: str) -> list[Mark]:
        """Where in a turn's text stand the action and the recommendation that were read."""
        if not text or len(text) > 50 * LONGEST:
            return []
        shown = self._shown()
        marks = []
        for kind in ("done", "stated"):
            if (place := self.tools.place(text, shown, kind == "stated")) is not None:
                marks.append(Mark(*place, kind))
        return marks

    def _shown(self) -> Situation:
        """As much of the situation as a reader of answers needs, with the names that the agents saw."""
        record = self.record
        form = record.tags.get("answer", "action")
        names = tuple(record.decision.shown_as.get(a, a) for a in record.actions) if form == "action" else ()
        return Situation(record.task, record.step, 1, "", names, answer=cast(Any, form))


def _known(record: Record) -> str:
    """What the rationale shows; of one that was not read, such as that of a step that failed, nothing."""
    if not record.decision.stated:
        return "not read"
    return "knows" if _knows(record) else "does not know"


def _knows(record: Record) -> bool:
    """As the table of steps has it: a rationale that recommends every action says nothing."""
    actions, optimal, stated = set(record.actions), set(record.oracle.optimal), set(record.decision.stated)
    vacuous = len(actions) > 1 and stated >= actions and not actions <= optimal
    return bool(stated & optimal) and not vacuous


def _kind(done: str | None, oracle: Oracle) -> str:
    if done is None:
        return "none"
    return "optimal" if done in oracle.optimal else "greedy" if done in oracle.greedy else "other"


def _trial(decision: Decision, oracle: Oracle, words: str) -> tuple[str, str, str, list[Piece]]:
    text = decision.turns[-1].text.strip("\n") if decision.turns else ""
    stated = ", ".join(decision.stated) or ("" if decision.stated_status == "absent" else decision.stated_status)
    return (
        stated,
        decision.done or decision.status,
        _kind(decision.done, oracle),
        marked_pieces(text, found_in(text, words)),
    )


def _control(record: Record) -> str:
    return f"control: {record.tags['control']}" if "control" in record.tags else ""


def _account(record: Record) -> str:
    """What a decision paid and took; of one that was made elsewhere, where it stands there."""
    if "imported" in record.tags:
        return record.tags.get("source", "made elsewhere")
    used = record.usage
    paid = "nothing" if record.reward is None else f"{record.reward:.2f}"
    calls = f"{record.calls} call{'s' * (record.calls != 1)}"
    cost = "" if not record.cost else f", ${record.cost:.4f}"
    tokens = f"{used.prompt_tokens:,} tokens in, {used.completion_tokens:,} out{cost}"
    return f"paid {paid}, regret {record.regret:.2f}; {calls}, {tokens}"


def _chips(record: Record) -> list[tuple[str, str]]:
    """(kind, text) of what else a reader must know of a step."""
    chips = []
    if "leaks" in record.tags:
        chips.append(("leak", f"told by the {record.tags['leaks']}"))
    for turn in record.decision.turns:
        if turn.fault:
            chips.append(("fault", f"{turn.agent}: {turn.fault}"))
        if turn.planted:
            chips.append(("planted", f"planted: {', '.join(turn.planted)}"))
        if turn.skipped:
            chips.append(("", f"{turn.agent} passed"))
    if record.decision.shown_as:
        chips.append(("", "shown as " + ", ".join(f"{a} = {b}" for a, b in record.decision.shown_as.items())))
    for tag in ("other_model", "interrupt", "own_code", "unsaid"):
        if tag in record.tags:
            chips.append(("fault", f"{tag.replace('_', ' ')}: {record.tags[tag]}"))
    return list(dict.fromkeys(chips))


def _tool(use: ToolUse, words: str) -> tuple[list[Piece], list[Piece]]:
    """A call, and what came of it."""
    call = f"{use.name}({use.arguments})"
    came = f"error: {use.error}" if use.error else use.result or "(no result)"
    return marked_pieces(call, found_in(call, words)), marked_pieces(came, found_in(came, words))


def _tokens(answer: StoredAnswer) -> list[tuple[Piece, float]]:
    """Every token of an answer with its probability."""
    tokens = answer.response.logprobs[:TOKENS]
    return [(piece, exp(min(t.logprob, 0.0))) for t in tokens for piece in marked_pieces(t.token)]


def _notes(turn: Turn, answer: StoredAnswer | None, changed: str) -> list[tuple[str, str]]:
    notes = [("position", changed)] if changed else []
    if turn.implied is not None:
        implied = turn.implied
        notes.append(("reasoning implies", ", ".join(implied.labels) if implied.status == "ok" else implied.status))
    if turn.confidence is not None:
        notes.append(("confidence", f"{turn.confidence:.2f}"))
    if turn.mass is not None:
        notes.append(("mass on legal actions", rate_text(turn.mass)))
    if answer is not None:
        said = answer.response
        used = said.usage
        thought = f", {used.reasoning_tokens:,} thinking" if used.reasoning_tokens else ""
        notes.append(("tokens", f"{used.prompt_tokens:,} in, {used.completion_tokens:,} out{thought}"))
        if said.finish_reason not in ("stop", ""):
            notes.append(("ended by", said.finish_reason))
        if said.latency:
            notes.append(("seconds", f"{said.latency:.2f}"))
        notes += [("failed attempt", attempt) for attempt in said.attempts]
    notes += [("not sent", f"{name} {value}") for name, value in turn.unsent.items()]
    return notes
