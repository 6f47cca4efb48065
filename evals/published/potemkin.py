"""The scorer of the published Potemkin benchmark's folder tree (Mancoridis et al. 2025, 2506.21521, Table 1).

Potemkin rate of a use = (1 - accuracy) / (1 - chance), over the (concept, model) pairs whose definition was judged
right; chance is 0.5 for classify and 0 for generate and edit, so classify counts twice. The rate is not capped at 1.
SE = sqrt(p (1 - p) / n), scaled by the same factor.

Filters: 7 models and 32 concepts (12 literary, 9 of game theory, 11 psychological); everything else in the tree is
`outside`. Where a label comes from: definitions, and generate and edit of literary and psychological concepts, from the
authors' CSV files; classify from its two CSV files; generate and edit of games from the field `correct` of the answer
file (JSON, whatever its name ends with), which is a truth value or a list whose element 0 is one.

Invariant: no row disappears. A row is scored, outside the filters, blank, or `unscored` with its file, row (the header
is row 1) and reason. The answers themselves are never shown or copied: the tree carries no licence.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ...errors import BadOption

__all__ = [
    "CHANCE",
    "CONCEPTS",
    "MODELS",
    "PotemkinRate",
    "PotemkinScore",
    "PotemkinUnscored",
    "score_tree",
    "show_potemkin_rates",
]

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

_DOMAIN = {concept: domain for domain, concepts in CONCEPTS.items() for concept in concepts}
_SHORT = MODELS | {short: short for short in MODELS.values()}


@dataclass(frozen=True, slots=True)
class PotemkinRate:
    """How many uses were right out of how many scored, at what chance."""

    right: int
    scored: int
    chance: float

    @property
    def value(self) -> float | None:
        """(1 - accuracy) / (1 - chance); None where nothing was scored."""
        return (1 - self.right / self.scored) / (1 - self.chance) if self.scored else None

    @property
    def se(self) -> float | None:
        """Standard error over items, on the scale of `value`."""
        if not self.scored:
            return None
        p = self.right / self.scored
        return math.sqrt(p * (1 - p) / self.scored) / (1 - self.chance)

    def __str__(self) -> str:
        return "-" if self.value is None else f"{self.value:.3f} ({self.se:.3f})"


@dataclass(frozen=True, slots=True)
class PotemkinUnscored:
    """A row or file that could not be scored. `row` counts from 1, the header; None for a whole file."""

    file: str
    row: int | None
    why: str


@dataclass(frozen=True, slots=True)
class _Use:
    use: str
    concept: str
    model: str
    right: bool


@dataclass
class _Reading:
    """What has been read so far, and what was wrong with it."""

    root: Path
    uses: list[_Use] = field(default_factory=list)
    definitions: dict[tuple[str, str], bool] = field(default_factory=dict)
    unscored: list[PotemkinUnscored] = field(default_factory=list)
    outside: int = 0
    blank: int = 0

    def lost(self, path: Path, row: int | None, why: str) -> None:
        self.unscored.append(PotemkinUnscored(path.relative_to(self.root).as_posix(), row, why))


@dataclass(frozen=True)
class PotemkinScore:
    """What a tree says.

    Attributes:
        rates: (model or "overall", use) -> rate; domains: (domain, use) -> rate over all models.
        definitions: (right, asked) over the (concept, model) pairs.
        dropped: uses left out because the pair's definition was wrong or is not there.
        outside: rows of other models or concepts; blank: empty rows.
    """

    rates: dict[tuple[str, str], PotemkinRate]
    domains: dict[tuple[str, str], PotemkinRate]
    definitions: tuple[int, int]
    dropped: int
    outside: int
    blank: int
    unscored: tuple[PotemkinUnscored, ...]


def score_tree(path: Path | str) -> PotemkinScore:
    """Score a tree.

    Args:
        path: the folder that holds `define`, `classify`, `generate` and `edit`, or the one above (`BenchmarkDataset`).

    Raises:
        BadOption: there is no such tree, or it holds no definitions or no uses that can be scored.
    """
    reading = _Reading(_root(Path(path)))
    _read_definitions(reading)
    for name in CLASSIFY:
        _read_classify(reading, reading.root / "classify" / name)
    for use in ("generate", "edit"):
        _read_games(reading, use)
        _read_labels(reading, use)
    if not reading.definitions or not reading.uses:
        first = next((f"{u.file}: {u.why}" for u in reading.unscored), "its tables hold no row of these models")
        missing = "definition" if not reading.definitions else "use of a concept"
        raise BadOption(f"no {missing} in {str(path)!r} can be scored", first, "Name the whole tree.")
    known = [u for u in reading.uses if reading.definitions.get((u.concept, u.model), False)]
    rates = {(m, use): _rate(known, use, model=m) for m in MODELS.values() for use in CHANCE}
    rates |= {("overall", use): _rate(known, use) for use in CHANCE}
    return PotemkinScore(
        rates=rates,
        domains={(d, use): _rate(known, use, domain=d) for d in CONCEPTS for use in CHANCE},
        definitions=(sum(reading.definitions.values()), len(reading.definitions)),
        dropped=len(reading.uses) - len(known),
        outside=reading.outside,
        blank=reading.blank,
        unscored=tuple(reading.unscored),
    )


def show_potemkin_rates(path: Path | str, console: Console) -> None:
    """Print Table 1 of a tree, and what could not be scored."""
    score = score_tree(path)
    table = Table("model", *CHANCE, title="Potemkin rate (SE)", title_justify="left")
    for model in MODELS.values():
        table.add_row(model, *(str(score.rates[model, use]) for use in CHANCE))
    table.add_section()
    table.add_row("overall", *(str(score.rates["overall", use]) for use in CHANCE))
    overall = [score.rates["overall", use] for use in CHANCE]
    table.add_row("right / scored", *(f"{r.right}/{r.scored}" for r in overall))
    for domain in CONCEPTS:
        table.add_row(domain, *(str(score.domains[domain, use]) for use in CHANCE))
    console.print(table)
    right, asked = score.definitions
    console.print(f"definitions right: {right}/{asked}; classify is scaled to its chance of 0.5")
    console.print(
        f"left out: {score.dropped} uses whose definition was not right, {score.outside} rows of other models or "
        f"concepts, {score.blank} blank rows"
    )
    reasons: dict[tuple[str, str], list[str]] = {}
    for lost in score.unscored:
        where = (lost.file, lost.why)
        reasons.setdefault(where, []).extend([] if lost.row is None else [str(lost.row)])
    console.print(f"unscored: {len(score.unscored)}")
    for (file, why), rows in reasons.items():
        numbers = f", {'row' if len(rows) == 1 else 'rows'} {', '.join(rows)}" if rows else ""
        console.print(f"  {file}{numbers}: {why}", markup=False, highlight=False, soft_wrap=True)


def _root(path: Path) -> Path:
    for root in (path, path / "BenchmarkDataset"):
        if (root / "define" / "define_labels.csv").is_file():
            return root
    raise BadOption(
        f"{path} is no Potemkin tree",
        "there is no define/define_labels.csv in it",
        "Name the folder that holds define, classify, generate and edit.",
    )


def _rate(uses: list[_Use], use: str, model: str | None = None, domain: str | None = None) -> PotemkinRate:
    kept = [u.right for u in uses if u.use == use and model in (None, u.model) and domain in (None, _DOMAIN[u.concept])]
    return PotemkinRate(sum(kept), len(kept), CHANCE[use])


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
        reading.uses.append(_Use("classify", row["Concept"], row["Model"], right))


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
            reading.uses.append(_Use(use, row["Concept"], row["Model"], right))


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
                    reading.uses.append(_Use(use, concept, model, correct))


def _answer(path: Path) -> dict[str, Any] | None:
    try:
        answer = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None
