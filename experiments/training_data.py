"""Training data from a run as JSON lines, in the forms that TRL and others read.

    sft          a chat: {"messages": [...]}; a text to continue: {"prompt": "...", "completion": "..."}
    preference   a chat: {"prompt": [...], "chosen": [...], "rejected": [...]}; a text: the same with strings

The prompts are those that the run asked, to the letter, so a model is trained on what it is asked later.

A run gives two kinds of data. Its good answers: those of an agent whose position was right. And its gap: where an
answer recommended an optimal action and took another, the same answer with the recommended action is preferred to it.
Nothing else differs between the two, so what is learned is to do what one says.

Invariants
- An answer that several variants share gives one row.
- An answer whose action is replaced is read again by the parser, and left out if the parser finds another action.
- Whose answers are taken is named; by default those of the baseline alone. The ledger is only read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ..agents.answers.parsing import read_action, replace_action
from ..errors import BadOption, NotMeasured, UnknownName
from ..files import writable, write_file
from ..ledger import read_ledger
from ..options import one_of
from ..records import FAILURES, Message, Record, Request, Response, Turn, encode

Form = Literal["sft", "preference"]
FORMS: tuple[Form, ...] = ("sft", "preference")
ANSWER_KINDS = {
    "optimal": "answers that hold an optimal action",
    "follows": "answers that recommend an optimal action and take it",
    "valid": "answers that hold a legal action, right or wrong",
}
Lookup = Callable[[str], tuple[Request, Response] | None]


@dataclass(frozen=True, slots=True)
class Demonstration:
    """An answer to be imitated.

    Attributes:
        prompt: as the run asked it; in completion mode the contents are joined as they are.
        end: the text that ends an answer in completion mode; a chat's template has an end of its own.
    """

    prompt: tuple[Message, ...]
    answer: str
    mode: Literal["chat", "completion"] = "chat"
    end: str = ""

    def row(self) -> dict[str, Any]:
        """The row as a JSON object of the file."""
        if self.mode == "completion":
            return {"prompt": prompt_text(self.prompt), "completion": self.answer + self.end}
        return {"messages": [*chat_messages(self.prompt), *assistant_message(self.answer)]}


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """Two answers to one prompt, of which the first is better."""

    prompt: tuple[Message, ...]
    chosen: str
    rejected: str
    mode: Literal["chat", "completion"] = "chat"
    end: str = ""

    def row(self) -> dict[str, Any]:
        """The row as a JSON object of the file."""
        if self.mode == "completion":
            ends = {"chosen": self.chosen + self.end, "rejected": self.rejected + self.end}
            return {"prompt": prompt_text(self.prompt), **ends}
        return {
            "prompt": chat_messages(self.prompt),
            "chosen": assistant_message(self.chosen),
            "rejected": assistant_message(self.rejected),
        }


@dataclass
class TrainingData:
    """The rows that a run gives.

    Attributes:
        steps: how many steps were read.
        left_out: how many answers gave no row, by the reason.
    """

    rows: list[Demonstration] | list[PreferencePair]
    steps: int
    left_out: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        why = "; ".join(f"{n:,} {what}" for what, n in self.left_out.most_common())
        return f"{len(self.rows):,} rows from {self.steps:,} steps" + (f" (left out: {why})" if why else "")


def good_answers(records: Iterable[Record], answer: Lookup, only: str = "optimal") -> TrainingData:
    """The answers of a run that are worth imitating.

    Args:
        records: of the variants that are to be imitated.
        answer: looks up the request and the response of a key.
        only: one of `ANSWER_KINDS`. Where a decision has several answers, each is judged by the position after it.

    Raises:
        UnknownName: no such choice.
        NotMeasured: no answer is of that kind.
    """
    one_of("kind of answers", only, ANSWER_KINDS)
    rows: list[Demonstration] = []
    data = TrainingData(rows, 0)
    for record, turn, (request, response) in _answers(records, answer, data):
        if request.tools or any(m.role == "tool" for m in request.messages):
            data.left_out["with tools on offer"] += 1
            continue
        optimal, taken = record.oracle.optimal, turn.position
        right = taken in optimal
        if taken is None:
            data.left_out["without a legal action"] += 1
        elif not right and only != "valid":
            data.left_out["not optimal"] += 1
        elif only == "follows" and not (turn.status == "ok" and turn.action in turn.stated):
            data.left_out["without a recommendation that is followed"] += 1
        else:
            rows.append(Demonstration(request.messages, response.text, request.mode, _end(request)))
    return _not_empty(data, ANSWER_KINDS[only])


def gap_pairs(records: Iterable[Record], answer: Lookup) -> TrainingData:
    """Pairs of each answer that recommended an optimal action and took another, and the same answer put right.

    Raises:
        NotMeasured: there is no such answer.
    """
    rows: list[PreferencePair] = []
    data = TrainingData(rows, 0)
    for record, turn, (request, response) in _answers(records, answer, data):
        stated = [a for a in turn.stated if a in record.oracle.optimal]
        if request.tools or any(m.role == "tool" for m in request.messages):
            data.left_out["with tools on offer"] += 1
        elif turn.status != "ok" or turn.action is None:
            data.left_out["that take no action"] += 1
        elif not stated:
            data.left_out["without an optimal recommendation"] += 1
        elif turn.action in record.oracle.optimal:
            data.left_out["that do what is optimal"] += 1
        elif "surgery" in record.tags:  # the actor read something else than the recommendation
            data.left_out["behind a rationale that was tampered with"] += 1
        else:
            names = [record.decision.shown_as.get(a, a) for a in record.actions]
            better = _with_action_replaced(response.text, names, names[record.actions.index(stated[0])])
            if better is None:
                data.left_out["whose action cannot be replaced"] += 1
            else:
                rows.append(PreferencePair(request.messages, better, response.text, request.mode, _end(request)))
    return _not_empty(data, "an answer that recommends an optimal action and takes another")


def training_data_of(
    folder: Path,
    form: str = "sft",
    only: str = "optimal",
    variants: Sequence[str] = (),
    models: Sequence[str] = (),
    tasks: Sequence[str] = (),
) -> TrainingData:
    """The training data of a run.

    Args:
        only: for the form "sft", which answers.
        variants: by default the baseline; models, tasks: by default all.

    Raises:
        UnknownName: no such form, kind of answers, variant, model or task.
        NotMeasured: the run holds nothing of the kind.
        RunFolderError, LedgerError: the folder holds no run that can be read.
    """
    wanted_form = form_named(form)
    with read_ledger(folder) as ledger:
        known_names = list(zip(*ledger.arms(), strict=True)) or [(), (), ()]
        for kind, names, known in zip(
            ("task", "model", "variant"), (tasks, models, variants), known_names, strict=True
        ):
            for name in names:
                one_of(kind, name, known)

        def wanted(record: Record) -> bool:
            of_variant = record.variant in variants if variants else record.tags.get("arm") == "baseline"
            return of_variant and (not models or record.model in models) and (not tasks or record.task in tasks)

        def answer(key: str) -> tuple[Request, Response] | None:
            stored = ledger.answer(key)
            return None if stored is None else (stored.request, stored.response)

        records = filter(wanted, ledger.records())
        return gap_pairs(records, answer) if wanted_form == "preference" else good_answers(records, answer, only)


def form_named(name: str) -> Form:
    """The form of that name.

    Raises:
        UnknownName: there is none.
    """
    for form in FORMS:
        if form == name:
            return form
    raise UnknownName.among("form of training data", name, FORMS)


def jsonl(rows: Sequence[Demonstration] | Sequence[PreferencePair]) -> bytes:
    """The rows as JSON lines."""
    return b"".join(encode(row.row()) + b"\n" for row in rows)


def write_training_data(path: Path, made: Callable[[], TrainingData]) -> TrainingData:
    """Make training data and write them; what cannot be written is said first."""
    if path.suffix != ".jsonl":
        raise BadOption(f"the data would be written to {str(path)!r}", remedy="Give a .jsonl file.")
    writable(path.parent)
    data = made()
    write_file(path, jsonl(data.rows))
    return data


def _answers(
    records: Iterable[Record], answer: Lookup, data: TrainingData
) -> Iterator[tuple[Record, Turn, tuple[Request, Response]]]:
    """Every answer behind the steps whose actions have names, each once."""
    used: set[str] = set()
    for record in records:
        data.steps += 1
        if record.tags.get("answer"):
            data.left_out["to open questions, which have no actions"] += 1
            continue
        for turn in record.decision.turns:
            if not turn.key or turn.key in used:
                continue
            used.add(turn.key)
            pair = answer(turn.key)
            if pair is None or pair[1].status in FAILURES:
                data.left_out["that failed or were cut"] += 1
            else:
                yield record, turn, pair


def _with_action_replaced(text: str, names: Sequence[str], label: str) -> str | None:
    """The answer with `label` in the place of its action; None if the parser does not find `label` there."""
    better = replace_action(text, names, label)
    if better is None:
        return None
    return better if better.strip() == label or read_action(better, names) == (label, "ok") else None


def _not_empty(data: TrainingData, what: str) -> TrainingData:
    if not data.rows:
        raise NotMeasured(
            f"there is no row to write: no step holds {what}", str(data), "Choose other variants, or run more episodes."
        )
    return data


def _end(request: Request) -> str:
    """The end of an answer in completion mode: the last of its stop texts, which is the likeliest."""
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
