"""One draw of a variant's decision, for a page: what it stated and did, the levels between, and its transcript.

Invariant: everything here stands in the ledger; nothing is concluded but what the table of steps concludes too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from ...evals.labels import text_code
from ...ledger.step_rows import step_row
from ...records import NO_ORACLE, Record, digest, encode
from ..show import action_kind
from .beside import Parting
from .levels import LevelMark, level_marks
from .transcript import TranscriptView, TurnView


@dataclass(frozen=True, slots=True)
class TrialView:
    """One draw of a decision, for a page.

    Attributes:
        number: from 0; the first draw leads the episode on. anchor: its name in addresses; prefix: of its turns'.
        known: "knows", "does not know", "not read" where no recommendation was read, "not judged" where nobody says
            what is right, or "" where nobody was asked.
        kind: what was done: "optimal", "greedy", "other", "none", or "free" where nobody says what is right.
        chips: what else is to be said of it. identity: equal for equal transcripts.
        rationale: code of the text that states something; "" where none does.
    """

    number: int
    anchor: str
    prefix: str
    known: str
    stated: str
    stated_status: str
    done: str
    kind: str
    status: str
    gap: bool
    chips: list[tuple[str, str]]
    account: str
    levels: list[LevelMark]
    parting: Parting
    turns: list[TurnView]
    identity: str
    rationale: str

    @property
    def words(self) -> str:
        """What it came to, in words."""
        said = f"states {self.stated or self.stated_status}, " if self.known else ""
        return f"draw {self.number + 1}: {said}does {self.done or f'nothing ({self.status})'}"


def drawn_record(record: Record, number: int) -> Record:
    """The record of one draw of a decision, from 0; what a further draw decided leads nowhere and pays nothing."""
    if not number:
        return record
    t = record.trials[number - 1]
    return replace(
        record,
        decision=t.decision,
        regret=t.regret,
        calls=t.calls,
        usage=t.usage,
        cost=t.cost,
        tags=record.tags | t.tags,
        reward=None,
        trials=(),
    )


def trial_view(
    number: int,
    column: str,
    transcript: TranscriptView,
    base: TranscriptView,
    row: Mapping[str, Any] | None,
    source: Record | None,
) -> TrialView:
    """One draw, beside the baseline's of the same number.

    Args:
        column: anchor of the variant. row: of the table of steps; None for a further draw, which has none there.
        source: the record that shows what is encoded, where that is another one.
    """
    record, decision, oracle = transcript.record, transcript.record.decision, transcript.record.oracle
    asked = decision.stated_status != "absent"
    parting = transcript.parting(base)
    return TrialView(
        number=number,
        anchor=f"{column}-t{number}",
        prefix=f"{column}-t{number}" if number else column,
        known=_known(record) if asked else "",
        stated=", ".join(decision.stated),
        stated_status=decision.stated_status,
        done=decision.done or "",
        kind=_kind(record),
        status=decision.status,
        gap=asked and _knows(record) and decision.done not in oracle.optimal,
        chips=_chips(record),
        account=_account(record, number),
        levels=level_marks(row or step_row(orjson.loads(encode(record))), record, source),
        parting=parting,
        turns=transcript.views(base, parting),
        identity=digest([[t.key, t.text] for t in transcript.turns], size=6),
        rationale=text_code(record) if asked and decision.rationale.strip() and not number else "",
    )


def _known(record: Record) -> str:
    """What the rationale shows; of one that was not read, such as that of a step that failed, nothing."""
    if not record.decision.stated:
        return "not read"
    if record.oracle.rule == NO_ORACLE:
        return "not judged"
    return "knows" if _knows(record) else "does not know"


def _knows(record: Record) -> bool:
    """As the table of steps has it: a rationale that recommends every action says nothing."""
    actions, optimal, stated = set(record.actions), set(record.oracle.optimal), set(record.decision.stated)
    vacuous = len(actions) > 1 and stated >= actions and not actions <= optimal
    return bool(stated & optimal) and not vacuous


def _kind(record: Record) -> str:
    if record.decision.done is None:
        return "none"
    return "free" if record.oracle.rule == NO_ORACLE else action_kind(record.decision.done, record.oracle)


def _account(record: Record, number: int) -> str:
    """What a draw paid and took; of one that was made elsewhere, where it stands there."""
    if "imported" in record.tags:
        return record.tags.get("source", "made elsewhere")
    used = record.usage
    paid = "nothing" if record.reward is None else f"{record.reward:.2f}"
    came = [] if number else [f"paid {paid}"]
    if record.oracle.rule != NO_ORACLE:
        came.append(f"regret {record.regret:.2f}")
    calls = f"{record.calls} call{'s' * (record.calls != 1)}"
    cost = "" if not record.cost else f", ${record.cost:.4f}"
    tokens = f"{used.prompt_tokens:,} tokens in, {used.completion_tokens:,} out{cost}"
    return f"{', '.join(came)}; {calls}, {tokens}".removeprefix("; ")


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
