"""Training data as JSON lines, in the forms that TRL and others read: what was said, and what would have been better.

    sft          a chat: {"messages": [...]}; a text to continue: {"prompt": "...", "completion": "..."}
    preference   a chat: {"prompt": [...], "chosen": [...], "rejected": [...]}; a text: the same with strings

The prompts are those that were asked, to the letter: whoever trains on them trains what is asked later.

A run gives two kinds of data. Its good answers: what an agent said where its position was right. And its gap: where an
answer recommended an optimal action and took another, the same answer with the recommended action is preferred to it;
nothing else differs between the two, so what is learned is to do what one says.

Invariants: an answer that several variants share is told once; a line is read back before it is told, so that no
action is put into an answer that the parser would not find there; a ledger is only read;
whose answers are taken is named, by default those of the baseline alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..agents.answers.parsing import read_action, with_action
from ..errors import NotMeasured, UnknownName
from ..ledger import read_ledger
from ..records import Message, Record, Request, Response, Turn, encode

__all__ = [
    "FORMS",
    "ONLY",
    "Data",
    "Form",
    "Preferred",
    "Shown",
    "assistant_message",
    "chat_messages",
    "form_named",
    "gap_pairs",
    "good_answers",
    "harvest",
    "jsonl",
    "prompt_text",
]

Form = Literal["sft", "preference"]
FORMS: tuple[Form, ...] = ("sft", "preference")
ONLY = {
    "optimal": "answers that hold an optimal action",
    "follows": "answers that recommend an optimal action and take it",
    "valid": "answers that hold a legal action, right or wrong",
}
Lookup = Callable[[str], tuple[Request, Response] | None]


@dataclass(frozen=True, slots=True)
class Shown:
    """An answer to be imitated.

    Attributes:
        prompt: as it was asked; in completion mode the contents are joined as they are.
        end: what ends the answer of a text that is continued; a chat's template ends it by itself.
    """

    prompt: tuple[Message, ...]
    answer: str
    mode: Literal["chat", "completion"] = "chat"
    end: str = ""

    def row(self) -> dict[str, Any]:
        """The line of a file."""
        if self.mode == "completion":
            return {"prompt": prompt_text(self.prompt), "completion": self.answer + self.end}
        return {"messages": [*chat_messages(self.prompt), *assistant_message(self.answer)]}


@dataclass(frozen=True, slots=True)
class Preferred:
    """Two answers to one prompt, of which the first is better."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    mode: Literal["chat", "completion"] = "chat"
    end: str = ""

    def row(self) -> dict[str, Any]:
        """The line of a file."""
        if self.mode == "completion":
            ends = {"chosen": self.chosen + self.end, "rejected": self.rejected + self.end}
            return {"prompt": prompt_text(self.prompt), **ends}
        return {
            "prompt": chat_messages(self.prompt),
            "chosen": assistant_message(self.chosen),
            "rejected": assistant_message(self.rejected),
        }


@dataclass
class Data:
    """What was found, and of how many steps.

    Attributes:
        left_out: why answers gave no row, and how many each.
    """

    rows: list[Shown] | list[Preferred]
    steps: int
    left_out: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        why = "; ".join(f"{n:,} {what}" for what, n in self.left_out.most_common())
        return f"{len(self.rows):,} rows from {self.steps:,} steps" + (f" (left out: {why})" if why else "")


def good_answers(records: Iterable[Record], answer: Lookup, only: str = "optimal") -> Data:
    """The answers of a run that are worth imitating.

    Args:
        records: of the variants that are to be imitated.
        answer: what was asked and answered under a key.
        only: one of `ONLY`. Of a decision of several answers each is judged by the position that it leaves standing.

    Raises:
        UnknownName: no such choice.
        NotMeasured: no answer is of that kind.
    """
    if only not in ONLY:
        raise UnknownName.among("kind of answers", only, ONLY)
    rows: list[Shown] = []
    data = Data(rows, 0)
    for record, turn, (request, response) in _answers(records, answer, data):
        optimal, taken = record.oracle.optimal, turn.position
        right = taken in optimal
        if taken is None:
            data.left_out["without a legal action"] += 1
        elif not right and only != "valid":
            data.left_out["not optimal"] += 1
        elif only == "follows" and not (turn.status == "ok" and turn.action in turn.stated):
            data.left_out["without a recommendation that is followed"] += 1
        else:
            rows.append(Shown(request.messages, response.text, request.mode, _end(request)))
    return _found(data, ONLY[only])


def gap_pairs(records: Iterable[Record], answer: Lookup) -> Data:
    """Where an answer recommended an optimal action and took one that is not: the same with the recommended one first.

    Raises:
        NotMeasured: there is no such answer.
    """
    rows: list[Preferred] = []
    data = Data(rows, 0)
    for record, turn, (request, response) in _answers(records, answer, data):
        stated = [a for a in turn.stated if a in record.oracle.optimal]
        if turn.status != "ok" or turn.action is None:
            data.left_out["that take no action"] += 1
        elif not stated:
            data.left_out["without an optimal recommendation"] += 1
        elif turn.action in record.oracle.optimal:
            data.left_out["that do what is optimal"] += 1
        elif "surgery" in record.tags:  # the actor read something else than what was recommended
            data.left_out["behind a rationale that was tampered with"] += 1
        else:
            names = [record.decision.shown_as.get(a, a) for a in record.actions]
            better = _swapped(response.text, names, names[record.actions.index(stated[0])])
            if better is None:
                data.left_out["whose action cannot be exchanged"] += 1
            else:
                rows.append(Preferred(request.messages, better, response.text, request.mode, _end(request)))
    return _found(data, "an answer that recommends an optimal action and takes another")


def harvest(
    folder: Path,
    form: str = "sft",
    only: str = "optimal",
    variants: Sequence[str] = (),
    models: Sequence[str] = (),
    tasks: Sequence[str] = (),
) -> Data:
    """What a run gives to train on.

    Args:
        only: for the form "sft", which answers.
        variants: by default the baseline; models, tasks: by default all.

    Raises:
        UnknownName: no such form, kind of answers, variant, model or task.
        NotMeasured: the run holds nothing of the kind.
        RunFolderError, LedgerError: the folder holds no run that can be read.
    """
    wanted = form_named(form)
    with read_ledger(folder) as ledger:
        held = list(zip(*ledger.arms(), strict=True)) or [(), (), ()]
        for kind, names, known in zip(("task", "model", "variant"), (tasks, models, variants), held, strict=True):
            for name in names:
                if name not in known:
                    raise UnknownName.among(kind, name, known)

        def taken(record: Record) -> bool:
            own = record.variant in variants if variants else record.tags.get("arm") == "baseline"
            return own and (not models or record.model in models) and (not tasks or record.task in tasks)

        def answer(key: str) -> tuple[Request, Response] | None:
            found = ledger.answer(key)
            return None if found is None else (found.request, found.response)

        records = filter(taken, ledger.records())
        return gap_pairs(records, answer) if wanted == "preference" else good_answers(records, answer, only)


def form_named(name: str) -> Form:
    """The form of that name.

    Raises:
        UnknownName: there is none.
    """
    for form in FORMS:
        if form == name:
            return form
    raise UnknownName.among("form of training data", name, FORMS)


def jsonl(rows: Sequence[Shown] | Sequence[Preferred]) -> bytes:
    """The rows as JSON lines."""
    return b"".join(encode(row.row()) + b"\n" for row in rows)


def _answers(
    records: Iterable[Record], answer: Lookup, data: Data
) -> Iterator[tuple[Record, Turn, tuple[Request, Response]]]:
    """Every answer behind the steps whose actions have names, once."""
    told: set[str] = set()
    for record in records:
        data.steps += 1
        if record.tags.get("answer"):
            data.left_out["to open questions, which have no actions"] += 1
            continue
        for turn in record.decision.turns:
            if not turn.key or turn.key in told:
                continue
            told.add(turn.key)
            found = answer(turn.key)
            if found is None or found[1].status in ("error", "refused", "truncated"):
                data.left_out["that failed or were cut"] += 1
            else:
                yield record, turn, found


def _swapped(text: str, names: Sequence[str], label: str) -> str | None:
    """The answer with `label` in the place of its action, if it is then read so."""
    better = with_action(text, names, label)
    if better is None:
        return None
    return better if better.strip() == label or read_action(better, names) == (label, "ok") else None


def _found(data: Data, what: str) -> Data:
    if not data.rows:
        raise NotMeasured(
            f"there is no row to write: no step holds {what}", str(data), "Choose other variants, or run more episodes."
        )
    return data


def _end(request: Request) -> str:
    """How a text that is continued ends: by what stops it, the likeliest last."""
    return request.sampling.stop[-1] if request.mode == "completion" and request.sampling.stop else ""


def prompt_text(prompt: Sequence[Message]) -> str:
    """The contents of a prompt that is continued as one text."""
    return "".join(m.content for m in prompt)


def chat_messages(prompt: Sequence[Message]) -> list[dict[str, str]]:
    """A prompt as chat messages of a data file."""
    return [{"role": m.role, "content": m.content} for m in prompt]


def assistant_message(text: str) -> list[dict[str, str]]:
    """An answer as the closing message of a chat."""
    return [{"role": "assistant", "content": text}]
