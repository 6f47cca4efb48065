"""A transcript for a page: its turns with what they were asked, thought, said, called and settled, beside another's.

Invariant: everything here stands in the ledger, and every text is pieces (`pieces.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp
from typing import Any, cast

from ...ledger import LedgerReader, StoredAnswer
from ...records import Record, Situation, ToolUse, Turn
from ..show import agents_read, answer_error, changed_position, tool_outcome, turn_words, unread_lines
from ..text import rate_text
from .beside import Parting, part, partner, prompt_marks, whole_prompt
from .pieces import LONGEST, Mark, Piece, found_in, marked_pieces
from .viewed_run import ViewerTools

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


class TranscriptView:
    """The turns of one decision, with the answers and prompts behind them.

    Args:
        record: a decision, whose situation names the actions. words: marked wherever they stand.
    """

    def __init__(self, ledger: LedgerReader, tools: ViewerTools, record: Record, words: str) -> None:
        self.tools, self.record, self.words = tools, record, words
        self.turns = record.decision.turns
        self.answers = [ledger.answer(t.key) if t.key else None for t in self.turns]
        self.prompts = ["" if a is None else whole_prompt(a.request.messages)[0] for a in self.answers]

    def parting(self, base: TranscriptView) -> Parting:
        """How far it goes along with another, and in which way it parts."""
        return Parting(0, "") if base is self else part(self.turns, base.turns, self.prompts, base.prompts)

    def views(self, base: TranscriptView, parting: Parting) -> list[TurnView]:
        """Its turns beside those of another."""
        spoken: dict[tuple[str, int], Turn] = {}
        return [
            self._turn(at, turn, base, parting, changed_position(turn, spoken).removeprefix("; "))
            for at, turn in enumerate(self.turns)
        ]

    def _turn(self, at: int, turn: Turn, base: TranscriptView, parting: Parting, changed: str) -> TurnView:
        answer, alone = self.answers[at], base is self
        beside = None if alone else partner(turn, at, base.turns)
        error = answer_error(turn, answer)
        stops = unread_lines(turn, self.record, answer, self.tools.unread) if answer is not None and not error else []
        text = turn.text.strip("\n")
        thought = answer.response.reasoning.strip() if answer is not None else ""
        return TurnView(
            number=at + 1,
            title=turn.agent,
            about=turn_words(turn, agents_read(turn, self.turns, answer)),
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


def _tool(use: ToolUse, words: str) -> tuple[list[Piece], list[Piece]]:
    """A call, and what came of it."""
    call, came = f"{use.name}({use.arguments})", tool_outcome(use)
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
