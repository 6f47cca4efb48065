"""The importer `potemkin`: the published tree of the Potemkin benchmark (Mancoridis et al. 2025, 2506.21521, Table 1).

The models are the arms and the concepts the items; a concept's definition is what is known, each use of it a decision.
So the metrics `potemkin_classify`, `potemkin_generate` and `potemkin_edit` of the run are the rates of Table 1, by
model; with `pooled` they are those of its last row. Their intervals are over concepts, where the paper counts each use
as independent.

Filters: 7 models and 32 concepts (12 literary, 9 of game theory, 11 psychological); everything else in the tree is
`outside`. Where a label comes from: definitions, and generate and edit of literary and psychological concepts, from the
authors' CSV files; classify from its two CSV files; generate and edit of games from the field `correct` of the answer
file (JSON, whatever its name ends with), which is a truth value or a list whose element 0 is one.

Invariant: no row disappears. A row is a decision, outside the filters, blank, or left out with its file, row (the
header is row 1) and reason. The answers themselves are never shown or copied: the tree carries no licence.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import BadOption
from ..options import one_of
from .base import IMPORTERS, SEVERAL, Intake, SourceRow
from .grading import as_verdict
from .sources import files_of

MODELS: dict[str, str] = {
    "meta-llama/Llama-3.3-70B-Instruct-Turbo": "Llama-3.3",
    "claude-3-5-sonnet-20241022": "Claude-Sonnet",
    "gpt-4o": "GPT-4o",
    "gemini-2.0-flash-exp": "Gemini-2.0",
    "deepseek-ai/DeepSeek-V3": "DeepSeek-V3",
    "deepseek-ai/DeepSeek-R1": "DeepSeek-R1",
    "Qwen/Qwen2-VL-72B-Instruct": "Qwen2-VL",
}
"""Full model id -> short name, in the order of Table 1."""

CONCEPTS: dict[str, tuple[str, ...]] = {
    "literary": (
        "Haiku", "Shakespearean Sonnet", "Analogy", "Paradox", "Anacoluthon", "Asyndeton", "Hyperbaton", "Synesis",
        "Accismus", "Slant Rhyme", "Enthymeme", "Anapest",
    ),
    "game": (
        "Strict Dominance", "Iterated Dominance", "Weak Dominance", "Pure Nash Equilibrium",
        "Mixed Strategy Nash Equilibrium", "Pareto Optimality", "Best Response", "Zero-Sum Game", "Symmetric Game",
    ),
    "psychological": (
        "Fundamental Attribution Error", "Black and White Thinking", "Sunk Cost Fallacy", "IKEA Effect",
        "Pseudocertainty Effect", "Endowment Effect", "Naive Cynicism", "Normalcy Bias", "Spotlight Effect",
        "Illusory Superiority", "Catastrophizing",
    ),
}  # fmt: skip
"""Domain -> concepts of the final set: early data also hold "Demanding Bias", which was cut."""

CHANCE = {"classify": 0.5, "generate": 0.0, "edit": 0.0}
CLASSIFY = ("psych_classify_with_cot.csv", "literature_and_game_theory_classify_with_cot.csv")
YES, NO = ("yes", "1", "1.0", "true"), ("no", "0", "0.0", "false")
NO_ANSWER = "no answer or no label"
POOLED = "all models"

_DOMAIN = {concept: domain for domain, concepts in CONCEPTS.items() for concept in concepts}
_SHORT = MODELS | {short: short for short in MODELS.values()}


@dataclass(frozen=True, slots=True)
class _Use:
    use: str
    concept: str
    model: str
    right: bool
    where: str


@dataclass
class _Reading:
    """What has been read so far, and what was wrong with it."""

    root: Path
    intake: Intake
    uses: list[_Use] = field(default_factory=list)
    definitions: dict[tuple[str, str], bool] = field(default_factory=dict)
    outside: int = 0
    blank: int = 0

    def lost(self, path: Path, row: int | None, why: str) -> None:
        """A row, or where it is None a whole file, that cannot be scored."""
        self.intake.leave_out(self.place(path, row), why)

    def place(self, path: Path, row: int | None) -> str:
        """A row of a file, for a reader."""
        name = path.relative_to(self.root).as_posix()
        return name if row is None else f"{name}, row {row}"


@dataclass(frozen=True)
class PotemkinImporter:
    """The published Potemkin tree: definitions of concepts against uses of them.

    Args:
        pooled: one arm of all models, as the published table has it in its last row, instead of one arm a model.
        domain: concepts of this domain alone: "literary", "game" or "psychological".
    """

    pooled: bool | str = False
    domain: str = ""

    def __post_init__(self) -> None:
        """Refuse a domain that is none."""
        if self.domain:
            one_of("domain", self.domain, CONCEPTS)

    def recognises(self, source: Path) -> bool:
        """A folder with a table of definitions."""
        return any((root / "define" / "define_labels.csv").is_file() for root in (source, source / "BenchmarkDataset"))

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        """One decision for each use of a concept; its definition is what is known."""
        intake.name, intake.tool = "potemkin", "MarinaMancoridis/PotemkinBenchmark"
        root = _root(source)
        files_of(root / "define", (".csv",), intake)
        reading = _Reading(root, intake)
        _read_definitions(reading)
        for name in CLASSIFY:
            _read_classify(reading, root / "classify" / name)
        for use in ("generate", "edit"):
            _read_games(reading, use)
            _read_labels(reading, use)
        if not reading.definitions or not reading.uses:
            missing = "definition" if not reading.definitions else "use of a concept"
            first = next((str(one) for one in intake.left_out), "its tables hold no row of these models")
            raise BadOption(f"no {missing} in {str(source)!r} can be scored", first, "Name the whole tree.")
        right = sum(reading.definitions.values())
        intake.note(f"{right:,} of {len(reading.definitions):,} definitions are right")
        intake.note(
            f"{reading.outside:,} rows of other models or concepts and {reading.blank:,} blank rows are no part of it"
        )
        yield from self._decisions(reading)

    def _decisions(self, reading: _Reading) -> Iterator[SourceRow]:
        by_pair: dict[tuple[str, str], list[_Use]] = {}
        for use in reading.uses:
            by_pair.setdefault((use.concept, use.model), []).append(use)
        pooled = self.pooled is True or (isinstance(self.pooled, str) and as_verdict(self.pooled) is True)
        for trial, model in enumerate(MODELS.values()):
            for concept in (c for c in _DOMAIN if self.domain in ("", _DOMAIN[c])):
                uses = by_pair.get((concept, model), [])
                pair = partial(
                    SourceRow,
                    item=concept,
                    trial=trial if pooled else 0,
                    variant=POOLED if pooled else model,
                    model=SEVERAL,
                    form="action",
                    actions=("right", "wrong"),
                    optimal=("right",),
                )
                known = reading.definitions.get((concept, model))
                if known is not None and uses:
                    where = f"define/define_labels.csv, {model}, {concept}"
                    yield pair(where, name=f"{concept}/define", probe="definition", done=_word(known))
                for step, use in enumerate(uses, 1):
                    question = f"{use.use} {step}"
                    legal = ("right", "wrong") if CHANCE[use.use] else ()
                    yield pair(
                        use.where,
                        name=f"{concept}/{use.use}",
                        question=question,
                        done=_word(use.right),
                        step=step,
                        actions=legal,
                        form="action" if legal else "text",
                    )


def _word(right: bool) -> str:
    return "right" if right else "wrong"


def _root(path: Path) -> Path:
    for root in (path, path / "BenchmarkDataset"):
        if (root / "define" / "define_labels.csv").is_file():
            return root
    raise BadOption(
        f"{path} is no Potemkin tree",
        "there is no define/define_labels.csv in it",
        "Name the folder that holds define, classify, generate and edit.",
    )


def _rows(reading: _Reading, path: Path, needs: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """(row number, its cells stripped) of each row inside the filters; blank rows and others are counted."""
    if not path.is_file():
        reading.lost(path, None, "file is missing")
        return
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        try:
            yield from _table(reading, path, file, needs)
        except csv.Error as error:  # what was read before it stays scored
            reading.lost(path, None, f"not readable as CSV from some row on: {error}")


def _table(reading: _Reading, path: Path, file: Any, needs: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    lines = csv.reader(file)
    header = [name.strip() for name in next(lines, [])]
    absent = [name for name in needs if name not in header]
    if absent:
        reading.lost(path, 1, f"no column {', '.join(absent)}")
        return
    for number, cells in enumerate(lines, start=2):
        if not any(cell.strip() for cell in cells):
            reading.blank += 1
            continue
        reading.intake.rows += 1
        if len(cells) != len(header):
            reading.lost(path, number, f"{len(cells)} cells instead of {len(header)}")
            continue
        row = {name: cell.strip() for name, cell in zip(header, cells, strict=True)}
        row["Model"] = _SHORT.get(row["Model"], row["Model"])
        if not row["Model"] or not row["Concept"]:
            reading.lost(path, number, "no model or no concept")
        elif row["Model"] not in MODELS.values() or row["Concept"] not in _DOMAIN:
            reading.outside += 1
        elif any(not row[name] for name in needs):
            reading.lost(path, number, NO_ANSWER)
        else:
            yield number, row


def _label(reading: _Reading, path: Path, number: int, label: str) -> bool | None:
    if label.casefold() in (*YES, *NO):
        return label.casefold() in YES
    reading.lost(path, number, f"the label is {label[:20]!r}, neither yes nor no")
    return None


def _read_definitions(reading: _Reading) -> None:
    path = reading.root / "define" / "define_labels.csv"
    for number, row in _rows(reading, path, ("Model", "Concept", "Correct")):
        right = _label(reading, path, number, row["Correct"])
        if right is not None:
            key = (row["Concept"], row["Model"])
            reading.definitions[key] = right or reading.definitions.get(key, False)


def _read_classify(reading: _Reading, path: Path) -> None:
    for number, row in _rows(reading, path, ("Concept", "Model", "Inference", "Correct")):
        right = _label(reading, path, number, row["Correct"])
        if right is None:
            continue
        labels = [row.get(name, "").casefold() for name in ("Model Label", "True Label")]
        if all(label in ("yes", "no") for label in labels) and (labels[0] == labels[1]) != right:
            reading.lost(path, number, "Correct contradicts the two labels")
            continue
        reading.uses.append(_Use("classify", row["Concept"], row["Model"], right, reading.place(path, number)))


def _read_labels(reading: _Reading, use: str) -> None:
    """Literary and psychological concepts: the authors' label counts where the answer's file is there."""
    path = reading.root / use / f"author_labels_{use}.csv"
    for number, row in _rows(reading, path, ("Concept", "Model", "File", "Correct")):
        if _DOMAIN[row["Concept"]] == "game":
            reading.outside += 1
            continue
        right = _label(reading, path, number, row["Correct"])
        if right is None:
            continue
        answer = reading.root / use / "inferences" / row["Concept"] / row["Model"] / row["File"]
        if not answer.is_file():
            reading.lost(path, number, "the answer's file is missing")
        elif _answer(answer) is None:
            reading.lost(path, number, "the answer's file is no JSON object")
        else:
            reading.uses.append(_Use(use, row["Concept"], row["Model"], right, reading.place(path, number)))


def _read_games(reading: _Reading, use: str) -> None:
    """Games: every answer file of an allowed model counts, by its own field `correct`."""
    for concept in CONCEPTS["game"]:
        for model in MODELS.values():
            for path in sorted((reading.root / use / "inferences" / concept / model).glob("*")):
                if not path.is_file() or path.name.startswith("."):
                    continue
                answer = _answer(path)
                correct = None if answer is None else answer.get("correct")
                if isinstance(correct, list) and correct:
                    correct = correct[0]
                if answer is None:
                    reading.lost(path, None, "no JSON object")
                elif not isinstance(correct, bool):
                    reading.lost(path, None, "its field correct is no truth value")
                else:
                    reading.uses.append(_Use(use, concept, model, correct, reading.place(path, None)))


def _answer(path: Path) -> dict[str, Any] | None:
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


IMPORTERS.register("potemkin", PotemkinImporter)
