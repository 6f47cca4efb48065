"""The importer `game24`: logs of the Game of 24, published with Tree of Thoughts (Yao et al. 2023, 2305.10601).

A file is an arm over the same 100 puzzles: `standard` (input to output) and `cot` with 100 samples of each puzzle,
graded one by one, and the tree search with the candidates that it ended with. A sample is a trial of its puzzle.

The tree's success is that of the paper's script: any of the candidates that it ended with is right. It is one trial.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .base import IMPORTERS, Intake, SourceRow
from .grading import as_verdict, judged
from .sources import beginning, files_of, json_rows, refuse_empty

_NAMES = (("naive_standard", "io"), ("naive_cot", "cot"), ("propose", "tree of thoughts"))
_MODEL = re.compile(r"^(gpt-[0-9.a-z-]*?)_")


@dataclass(frozen=True)
class Game24Importer:
    """Samples of the Game of 24 of GPT-4, with stored grades."""

    def recognises(self, source: Path) -> bool:
        """Puzzles with their samples and grades."""
        path = next(iter(sorted(source.glob("*.json"))), source) if source.is_dir() else source
        head = beginning(path) if path.is_file() else b""
        return b'"ys"' in head and any(k in head for k in (b'"idx"', b'"steps"'))

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        """One decision for each sample of a puzzle."""
        intake.name, intake.tool = "game24", "princeton-nlp/tree-of-thought-llm"
        for path in sorted(files_of(source, (".json",), intake), key=_order):
            refuse_empty(path)
            intake.note("usage is told for a whole file in its last row, and for no answer")
            for where, row in json_rows(path, intake):
                yield from _samples(where, row, path, intake)


def _samples(where: str, row: Any, path: Path, intake: Intake) -> Iterator[SourceRow]:
    said = row.get("ys") if isinstance(row, dict) else None
    grades = _grades(row) if isinstance(row, dict) else []
    if not isinstance(said, list) or len(said) != len(grades) or not said or "idx" not in row:
        intake.leave_out(where, "it holds no puzzle with as many grades as samples")
        return
    arm, model = _arm(path), found[1] if (found := _MODEL.match(path.name)) else ""
    decision = partial(SourceRow, item=str(row["idx"]), variant=arm, model=model)
    if "steps" in row:  # a search: its candidates are one answer
        right = any(grades)
        best = said[grades.index(True)] if right else said[0]
        done, optimal = judged(_final(best), bool(right))
        yield decision(where, trial=0, done=done, optimal=optimal, text="\n\n".join(map(str, said)))
        return
    for trial, (text, grade) in enumerate(zip(said, grades, strict=True)):
        if grade is None:
            intake.leave_out(f"{where}, sample {trial + 1}", "its grade is neither right nor wrong")
            continue
        done, optimal = judged(_final(text), grade)
        place = f"{where}, sample {trial + 1}"
        yield decision(place, trial=trial, done=done, optimal=optimal, text=str(text))


def _grades(row: dict[str, Any]) -> list[bool | None]:
    if isinstance(row.get("accs"), list):
        return [as_verdict(a) for a in row["accs"]]
    infos = row.get("infos")
    return [as_verdict(i.get("r") if isinstance(i, dict) else None) for i in infos] if isinstance(infos, list) else []


def _final(text: Any) -> str:
    """The expression in the last line, before "= 24", as the published script takes it."""
    return str(text).strip().rpartition("\n")[2].casefold().replace("answer: ", "").partition("=")[0].strip()


def _arm(path: Path) -> str:
    return next((arm for part, arm in _NAMES if part in path.name), path.name.partition(".")[0])


def _order(path: Path) -> tuple[int, str]:
    """The plain arm first: it is the baseline."""
    return next((i for i, (part, _) in enumerate(_NAMES) if part in path.name), len(_NAMES)), path.name


IMPORTERS.register("game24", Game24Importer)
