"""Labels that people give: which action a text recommends, kept in the run folder and scored against parser and judge.

A label is of a text, so that the same text is labelled once whichever steps share it. They lie in `labels.jsonl`, one
JSON object a line, beside the ledger, which they never touch.

Invariants: a file of labels is written whole or not at all; a line that cannot be read ends the reading with an error
and is never skipped; a label that was given after the parser's reading was shown counts apart from one given blind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from ..errors import BadOption, RunFolderError
from ..files import write_file
from ..records import Record, digest
from .inference import Estimate
from .judge import CANNOT_TELL, Judged, cohens_kappa

LABELS = "labels.jsonl"
LONGEST_NOTE = 4_000
_FIELDS = {"text": str, "action": str, "note": str, "blind": bool, "at": str, "read": str, "item": str, "steps": list}


@dataclass(frozen=True, slots=True)
class HumanLabel:
    """What a person says of a text.

    Attributes:
        text: code of the text (`text_code`). action: what it recommends, by the task's own name; "cannot tell"; or ""
            where only a note was made.
        blind: whether the parser's reading was out of sight. at: when, in UTC.
        read: what the parser read: an action, several joined by "|", or "cannot tell"; item: what the step is about.
        steps: the steps that share the text, as (task, model, variant, episode, step).
    """

    text: str
    action: str
    note: str
    blind: bool
    at: str
    read: str
    item: str
    steps: tuple[tuple[str, str, str, int, int], ...]


@dataclass(frozen=True, slots=True)
class LabelAgreement:
    """How far people, parser and judges agree on the texts that people labelled.

    Attributes:
        labelled: texts with an action or "cannot tell"; blind: how many of them were labelled blind.
        parser: Cohen's kappa of people and parser over the blind labels, with a 95 % interval over items.
        judges: the same of people and judges, over the texts that judges read; `judged` says how many those are.
    """

    labelled: int
    blind: int
    parser: Estimate
    judges: Estimate
    judged: int


def text_code(record: Record) -> str:
    """The code of what a step states: equal for equal texts about the same actions."""
    return digest([record.decision.rationale, sorted(record.actions)], size=8)


def label_of_step(record: Record, action: str, note: str, at: str, blind: bool) -> HumanLabel:
    """A label of what a step's rationale recommends.

    Raises:
        BadOption: the step states nothing, the action is none of its own, or the note is too long.
    """
    decision = record.decision
    if not decision.rationale.strip():
        raise BadOption("the step holds no rationale", "nobody was asked for one", "Label a step that has one.")
    if action not in ("", CANNOT_TELL, *record.actions):
        raise BadOption(f"{action!r} is no action of this step", remedy=f"Choose one of: {', '.join(record.actions)}.")
    if len(note) > LONGEST_NOTE:
        raise BadOption(f"the note has {len(note):,} characters", remedy=f"Keep it within {LONGEST_NOTE:,}.")
    read = "|".join(decision.stated) if decision.stated_status == "ok" else CANNOT_TELL
    step = (record.task, record.model, record.variant, record.episode, record.step)
    item = record.item or f"episode {record.episode}"
    return HumanLabel(text_code(record), action, note, blind, at, read, item, (step,))


def human_labels(folder: Path) -> dict[str, HumanLabel]:
    """The labels of a run by the code of their text; empty where nobody gave one.

    Raises:
        RunFolderError: the file cannot be read.
    """
    path = folder / LABELS
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RunFolderError(f"{str(path)!r} cannot be read", error.strerror or str(error)) from None
    labels = {}
    for number, line in enumerate(lines, 1):
        label = _label(path, number, line)
        labels[label.text] = label
    return labels


def _label(path: Path, number: int, line: bytes) -> HumanLabel:
    try:
        stored = orjson.loads(line)
        if not all(isinstance(stored[name], kind) for name, kind in _FIELDS.items()):
            raise ValueError("a field is of the wrong kind")
        steps = tuple((str(t), str(m), str(v), int(e), int(s)) for t, m, v, e, s in stored["steps"])
        return HumanLabel(**{name: stored[name] for name in _FIELDS} | {"steps": steps})
    except (ValueError, KeyError, TypeError) as error:
        raise RunFolderError(
            f"line {number} of {str(path)!r} is no label", str(error), "Mend the line, or move the file away."
        ) from None


def keep_label(folder: Path, label: HumanLabel) -> dict[str, HumanLabel]:
    """Store a label; it takes the place of an earlier one of the same text, whose other steps it keeps.

    One process writes labels at a time. Returns all labels of the run.

    Raises:
        RunFolderError: the file cannot be read or written; it is then as it was.
    """
    labels = human_labels(folder)
    earlier = labels.get(label.text)
    steps = dict.fromkeys((*label.steps, *(earlier.steps if earlier else ())))
    labels[label.text] = replace(label, steps=tuple(steps))
    write_file(folder / LABELS, b"".join(orjson.dumps(one) + b"\n" for one in labels.values()))
    return labels


def label_agreement(labels: Mapping[str, HumanLabel] | Iterable[HumanLabel], judged: Judged | None) -> LabelAgreement:
    """How far people agree with the parser, and with judges where there are any.

    Args:
        labels: as `human_labels` gives them.
    """
    given = list(labels.values() if isinstance(labels, Mapping) else labels)
    named = [label for label in given if label.action]
    blind = [label for label in named if label.blind]
    rulings = _rulings(judged)
    both = [(label, rulings[label.steps[0]]) for label in blind if label.steps[0] in rulings]
    return LabelAgreement(
        len(named),
        len(blind),
        _kappa([(label.item, label.action, label.read) for label in blind], "no text was labelled blind"),
        _kappa(
            [(label.item, label.action, said) for label, said in both],
            "nobody judged this run" if judged is None else "no text that a judge read was labelled blind",
        ),
        len(both),
    )


def _rulings(judged: Judged | None) -> dict[tuple[str, str, str, int, int], str]:
    rows: Sequence[Mapping[str, Any]] = () if judged is None else judged.steps
    return {
        (r["task"], r["model"], r["variant"], int(r["episode"]), int(r["step"])): r["stated"] or CANNOT_TELL
        for r in rows
    }


def _kappa(rows: Sequence[tuple[str, str, str]], why: str) -> Estimate:
    return cohens_kappa(rows) if rows else Estimate(None, why=why)
