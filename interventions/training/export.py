"""Training data as JSON lines, in the forms that TRL and others read: what was said, and what would have been better.

    sft          a chat: {"messages": [...]}; a text to continue: {"prompt": "...", "completion": "..."}
    preference   a chat: {"prompt": [...], "chosen": [...], "rejected": [...]}; a text: the same with strings

The prompts are those that were asked, to the letter: whoever trains on them trains what is asked later.

A run gives two kinds of data. Its good answers: what an agent said where its position was right. And its gap: where an
answer recommended an optimal action and took another, the same answer with the recommended action is preferred to it;
nothing else differs between the two, so what is learned is to do what one says.

Invariants: an answer that several variants share is told once; a line is read back before it is told, so that no
action is put into an answer that the parser would not find there; nothing here reads a file or writes one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from ...agents.parsing import read_action, with_action
from ...errors import BadOption, NotMeasured, UnknownName
from ...records import Message, Record, Request, Response, Turn, encode
from .supervised import Pair

__all__ = [
    "FORMS", "ONLY", "Data", "Form", "Preferred", "Shown", "form_named", "gap_pairs", "good_answers", "jsonl",
    "pairs_of",
]  # fmt: skip

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
            return {"prompt": _text(self.prompt), "completion": self.answer + self.end}
        return {"messages": [*_chat(self.prompt), *_said(self.answer)]}


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
            return {"prompt": _text(self.prompt), **ends}
        return {"prompt": _chat(self.prompt), "chosen": _said(self.chosen), "rejected": _said(self.rejected)}


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


def pairs_of(rows: Sequence[Shown], tokenizer: Any = None) -> list[Pair]:
    """The rows as pairs for `fine_tune`; of a chat, in the template of the model's tokenizer.

    Raises:
        BadOption: chats, and no tokenizer, or one without a chat template that only appends.
    """
    if any(row.mode == "chat" for row in rows) and not getattr(tokenizer, "chat_template", None):
        raise BadOption(
            "these rows are chats", "the model's tokenizer has no chat template", "Make them in another style."
        )
    found = []
    for row in rows:
        if row.mode == "completion":
            found.append(Pair(_text(row.prompt), row.answer + row.end))
        else:
            asked = tokenizer.apply_chat_template(_chat(row.prompt), tokenize=False, add_generation_prompt=True)
            whole = tokenizer.apply_chat_template([*_chat(row.prompt), *_said(row.answer)], tokenize=False)
            if not whole.startswith(asked):
                raise BadOption("the chat template of the model's tokenizer rewrites what stands before an answer")
            found.append(Pair(asked, whole.removeprefix(asked)))
    return found


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


def _text(prompt: Sequence[Message]) -> str:
    return "".join(m.content for m in prompt)


def _chat(prompt: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": m.role, "content": m.content} for m in prompt]


def _said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]
