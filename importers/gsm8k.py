"""The importer `gsm8k`: the solutions that OpenAI published with GSM8K (Cobbe et al. 2021, 2110.14168).

A line of `example_model_solutions.jsonl` is a test question with its solution and four arms: 6B and 175B models,
fine-tuned alone or with a verifier that picks among samples. Each arm has its solution and the stored verdict, which
counts. What is read of a solution's last line, "A: 18", and of the key's is compared with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..records import Message
from .base import IMPORTERS, Intake, SourceRow
from .grading import compared, judged
from .sources import beginning, files_of, json_rows, refuse_empty

MODEL = "GPT-3"


@dataclass(frozen=True)
class Gsm8kImporter:
    """Solutions of four models to the GSM8K test set, with stored verdicts."""

    def recognises(self, source: Path) -> bool:
        """A question beside a `ground_truth` and an arm's `is_correct`."""
        head = beginning(source)
        return b'"ground_truth"' in head and b'"is_correct"' in head

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        """One decision for each arm of a question; questions are items by their number in the file."""
        intake.name, intake.tool = "gsm8k", "openai/grade-school-math"
        for path in files_of(source, (".jsonl",), intake):
            refuse_empty(path)
            for where, row in json_rows(path, intake):
                yield from self._arms(where, row, intake)

    def _arms(self, where: str, row: Any, intake: Intake) -> Iterator[SourceRow]:
        if not isinstance(row, dict) or not isinstance(row.get("question"), str):
            intake.leave_out(where, "it holds no question")
            return
        question, key = row["question"], _final(str(row.get("ground_truth", "")))
        for arm, said in row.items():
            if not isinstance(said, dict):
                continue
            right, solution = said.get("is_correct"), said.get("solution")
            if not isinstance(right, bool) or not isinstance(solution, str):
                intake.leave_out(f"{where}, {arm}", "it holds no solution with a verdict")
                continue
            answer = _final(solution)
            done, optimal = judged(answer, right)
            graded = compared(answer, key) if key and answer else None
            if graded is not None and graded.done is not None and (graded.done in graded.optimal) != right:
                intake.doubt(f"{where}, {arm}", "its verdict contradicts its answer and the key; the verdict counts")
            yield SourceRow(
                where,
                item=where.rpartition("row ")[2],
                variant=arm,
                model=MODEL,
                question=question,
                done=done,
                optimal=optimal,
                text=solution,
                messages=(Message("user", question),),
            )


def _final(solution: str) -> str:
    """What stands behind the last "A:"; "" where nothing does."""
    before, sign, answer = solution.rpartition("\nA:")
    return answer.strip() if sign else ""


IMPORTERS.register("gsm8k", Gsm8kImporter)
