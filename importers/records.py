"""Rows of a source as records: what every row of a run has, and nothing that its source does not say.

A row's episode is its item's trial: all arms share the numbers, so what is paired lies in one episode. Its situation is
the hash of the item and of the question, equal in every arm that was asked the same.

Invariants: a source row and its options decide the record, whatever the rest of the source holds; what is absent is
named in the tag `absent`, and is null in the table of records.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from ..ledger.step_rows import csv_line
from ..records import Decision, Draw, Message, Oracle, Record, Request, Response, ToolCall, Turn, Usage, digest, encode
from .base import ARM, UNNAMED, SourceRow
from .templates import RIGHT, RowTemplate, is_plain, shape_of

AGENT = "model"  # the name of the one turn of a row that tells of no agents
ROLE = "imported"
_TEXTS = ("text", "rationale", "reasoning", "question", "done", "item", "name", "variant", "model", "task")
LONGEST = 200  # characters of an answer that are kept as the action; the whole text is in its turn
RULE = "source"  # the oracle's rule: what the source says is right
HIDDEN = "[key]"
SECRET = re.compile(
    r"(?<![A-Za-z0-9])sk-(?=[A-Za-z0-9_\-]*[0-9])(?:ant-|proj-|or-v1-|live-)?[A-Za-z0-9_\-]{20,}"
    r"|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,}|hf_[A-Za-z0-9]{30,}"
    r"|AKIA[0-9A-Z]{16}|AIza[0-9A-Za-z_\-]{35}|xox[abprs]-[A-Za-z0-9\-]{10,}|lsv2_(?:pt|sk)_[A-Za-z0-9_]{20,}"
    r"|glpat-[A-Za-z0-9_\-]{20,}|(?<=Bearer )[A-Za-z0-9_\-.]{20,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----",
    re.DOTALL,
)
"""What is surely a key by its form alone: prefixes that providers give to theirs."""


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """An answer that is stored with its conversation, under its key."""

    key: str
    request: Request
    draw: Draw
    response: Response


@dataclass(frozen=True, slots=True)
class MadeRow:
    """A record as it is stored.

    Attributes:
        key: task, model, variant, episode and step; data: its JSON; line: its scoring line.
        read_here: its answer was read out of a text here; stored: the answer that is stored with it.
    """

    key: tuple[str, str, str, int, int]
    data: bytes
    line: bytes
    trial: int
    leaks: str
    read_here: bool
    stored: StoredResponse | None = None


@dataclass
class RecordMaker:
    """Makes the records of one import, row by row.

    Attributes:
        kind: the importer.
        task, model, variant: of rows that name none.
        baseline: the variant that others are compared with; by default the first that comes.
        secrets: how many keys were taken out of texts.
    """

    kind: str
    task: str
    model: str = UNNAMED
    variant: str = ARM
    baseline: str = ""
    secrets: int = 0
    present: set[str] = field(default_factory=set)
    _templates: dict[tuple[object, ...], RowTemplate] = field(default_factory=dict)
    _episodes: dict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    _drawn: dict[tuple[str, str, str], dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    def made(self, row: SourceRow) -> MadeRow:
        """The record of a row as it is stored, with its line, and its answer where there is more than a short text."""
        row = self._scrubbed(row)
        task, model, variant = row.task or self.task, row.model or self.model, row.variant or self.variant
        self.baseline = self.baseline or variant
        trial = self._trial((task, model, variant), row)
        episode = self._episode(task, row.item, trial)
        name = f"{task}\0{row.item}\0{row.question}\0{row.probe}"
        situation = blake2b(name.encode("utf-8", "replace"), digest_size=16).hexdigest()
        key = (task, model, variant, episode, row.step)
        if is_plain(row) and len(row.done or "") <= LONGEST and len(row.optimal[0] if row.optimal else "") <= LONGEST:
            shape = shape_of(row, task, model, variant)
            template = self._templates.get(shape)
            if template is None:

                def make(marked: SourceRow, situation: str, episode: int, trial: int) -> Record:
                    return self.record(marked, (task, model, variant), situation, episode, trial)[0]

                template = self._templates[shape] = RowTemplate.of(row, shape[RIGHT] is True, make)
            data, line = template.filled(row, situation, episode, trial)
            return MadeRow(key, data, line, trial, row.leaks, read_here=False)
        record, stored = self.record(row, (task, model, variant), situation, episode, trial)
        data = encode(record)
        return MadeRow(key, data, csv_line(data), trial, row.leaks, row.graded == "reader", stored)

    def record(
        self, row: SourceRow, arm: tuple[str, str, str], situation: str, episode: int, trial: int
    ) -> tuple[Record, StoredResponse | None]:
        """The record of a row in its place, and its answer where there is more to keep than a short text."""
        task, model, variant = arm
        draw = Draw(episode, row.step)
        stored = self._response(row, model, variant, draw)
        usage = row.usage or Usage()
        done = _short(row.done)
        optimal = tuple(short for o in row.optimal if (short := _short(o)) is not None)
        decision = Decision(
            rationale=row.rationale,
            stated=tuple(short for s in row.stated if (short := _short(s)) is not None),
            stated_status=row.stated_status,
            done=done,
            status=row.status if done is not None or row.status != "ok" else "unparsable",
            turns=(*row.turns, self._turn(row, done, stored, usage)),
        )
        record = Record(
            task=task,
            model=model,
            variant=variant,
            design="fork",
            episode=episode,
            step=row.step,
            situation=situation,
            actions=row.actions,
            oracle=Oracle(
                optimal,
                row.greedy,
                {a: float(a in optimal) for a in row.actions},
                {a: float(a not in optimal) for a in row.actions},
                1.0,
                (),
                RULE,
            ),
            decision=decision,
            reward=row.reward,
            regret=0.0 if done is not None and done in optimal else 1.0,
            calls=row.calls or 0,
            usage=usage,
            cost=row.cost,
            tags=self._tags(row, variant, trial),
            item=row.item,
        )
        return record, stored

    @property
    def episodes(self) -> int:
        """How many episodes there are: trials of items, over all tasks."""
        return max((len(of_task) for of_task in self._episodes.values()), default=0)

    def _trial(self, arm: tuple[str, str, str], row: SourceRow) -> int:
        if row.trial is not None:
            return row.trial
        drawn, name = self._drawn[arm], f"{row.item}\0{row.probe}\0{row.step}"
        trial = drawn.get(name, 0)
        drawn[name] = trial + 1
        return trial

    def _episode(self, task: str, item: str, trial: int) -> int:
        episodes = self._episodes[task]
        return episodes.setdefault(f"{item}\0{trial}", len(episodes))

    def _tags(self, row: SourceRow, variant: str, trial: int) -> dict[str, str]:
        absent = []
        for what, there in (("calls", row.calls is not None), ("tokens", row.usage is not None)):
            if there:
                self.present.add(what)
            else:
                absent.append(what)
        for what, there in (
            ("dollars", row.cost is not None),
            ("time", row.latency is not None),
            ("what the rationale recommends", row.stated_status != "absent"),
            ("the answers' texts", bool(row.text or row.messages)),
        ):
            if there:
                self.present.add(what)
        tags = {"imported": self.kind, "source": row.where, "trial": str(trial), "plan": variant}
        if absent:
            tags["absent"] = " ".join(absent)
        if row.graded != "reader":
            tags["verdict"] = row.graded
        if row.stated_by_verdict:
            tags["stated"] = "verdict"
        if variant == self.baseline:
            tags["arm"] = "baseline"
        if row.form != "action":
            tags["answer"] = row.form
        for name, value in (("item", row.name), ("leaks", row.leaks), ("control", row.control), ("probe", row.probe)):
            if value:
                tags[name] = value
        return tags

    def _turn(self, row: SourceRow, done: str | None, stored: StoredResponse | None, usage: Usage) -> Turn:
        return Turn(
            agent=AGENT,
            role=ROLE,
            text=row.text,
            rationale=row.rationale,
            stated=row.stated,
            stated_status=row.stated_status,
            action=done,
            status=row.status if done is not None or row.status != "ok" else "unparsable",
            key="" if stored is None else stored.key,
            usage=usage,
            cost=row.cost,
            confidence=row.confidence,
        )

    def _response(self, row: SourceRow, model: str, variant: str, draw: Draw) -> StoredResponse | None:
        if not row.messages and row.latency is None and not row.reasoning and row.graded != "reader":
            return None
        asked = row.messages or ((Message("user", row.question),) if row.question else ())
        key = digest(["imported", model, variant, row.where, row.item, draw], 16)
        response = Response(
            row.text,
            usage=row.usage or Usage(),
            cost=row.cost,
            latency=row.latency or 0.0,
            reasoning=row.reasoning,
            tool_calls=row.tool_calls,
        )
        return StoredResponse(key, Request(model, asked), draw, response)

    def _scrubbed(self, row: SourceRow) -> SourceRow:
        """The row with `[key]` in the place of each key in its texts."""
        if not (row.messages or row.turns or row.tool_calls) and all(len(getattr(row, n) or "") < 20 for n in _TEXTS):
            return row
        found = 0
        changes: dict[str, object] = {}
        for name in _TEXTS:
            text, n = without_secrets(getattr(row, name) or "")
            if n:
                changes[name], found = text, found + n
        for name in ("optimal", "stated"):
            texts = [without_secrets(text) for text in getattr(row, name)]
            if any(n for _, n in texts):
                changes[name], found = tuple(text for text, _ in texts), found + sum(n for _, n in texts)
        if row.messages:
            cleaned = [_clean_message(m) for m in row.messages]
            if any(n for _, n in cleaned):
                found += sum(n for _, n in cleaned)
                changes["messages"] = tuple(m for m, _ in cleaned)
        if row.tool_calls:
            calls, n = _clean_calls(row.tool_calls)
            if n:
                changes["tool_calls"], found = calls, found + n
        if row.turns:
            spoken = [without_secrets(t.text) for t in row.turns]
            if any(n for _, n in spoken):
                found += sum(n for _, n in spoken)
                changes["turns"] = tuple(replace(t, text=text) for t, (text, _) in zip(row.turns, spoken, strict=True))
        self.secrets += found
        return replace(row, **changes) if changes else row  # type: ignore[arg-type]


def without_secrets(text: str) -> tuple[str, int]:
    """The text with `[key]` in the place of each key, and how many there were."""
    if len(text) < 20:
        return text, 0
    return SECRET.subn(HIDDEN, text)


def _clean_message(message: Message) -> tuple[Message, int]:
    text, n = without_secrets(message.content)
    thought, more = without_secrets(message.reasoning)
    calls, in_calls = _clean_calls(message.tool_calls)
    if not n + more + in_calls:
        return message, 0
    return replace(message, content=text, reasoning=thought, tool_calls=calls), n + more + in_calls


def _clean_calls(calls: tuple[ToolCall, ...]) -> tuple[tuple[ToolCall, ...], int]:
    cleaned = [without_secrets(call.arguments) for call in calls]
    made = tuple(replace(call, arguments=text) for call, (text, _) in zip(calls, cleaned, strict=True))
    return made, sum(n for _, n in cleaned)


def _short(answer: str | None) -> str | None:
    """An answer as an action: its beginning and a hash, where it is a long text."""
    if answer is None or len(answer) <= LONGEST:
        return answer
    return f"{answer[: LONGEST - 20]}... {digest(answer, 6)}"
