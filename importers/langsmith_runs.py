"""The importer `langsmith`: runs of LangSmith as they are exported: JSON or JSON lines of run objects.

A root run (without `parent_run_id`) is a decision; the runs below it tell of its calls and tokens. Its dataset example
(`reference_example_id`) is the item, its experiment (`session_name`, else `session_id`) the arm, and a feedback key the
verdict: `correctness`, `correct` or `accuracy`, or see `feedback`. A run that failed is a decision that failed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..records import Message
from .base import IMPORTERS, Intake
from .cells import CellImporter, FoundCells, named_cells
from .grading import as_text
from .sources import beginning
from .transcripts import Transcript, text_of, transcript_of

FEEDBACK = ("correctness", "correct", "accuracy", "exact_match", "score", "pass")
_ANSWERS = ("output", "answer", "content", "response", "result", "prediction", "text", "final_answer")
_QUESTIONS = ("question", "input", "query", "prompt", "problem", "text")


@dataclass(frozen=True)
class LangSmithImporter(CellImporter):
    """Runs exported from LangSmith, with their feedback.

    Args:
        feedback: the key whose score is the verdict; by default the first known one.
    """

    feedback: str = ""

    lists = ("runs", "data", "results")

    def recognises(self, source: Path) -> bool:
        """Runs with their types and traces."""
        head = beginning(source) if source.is_file() else b""
        return b'"run_type"' in head and (b'"trace_id"' in head or b'"outputs"' in head)

    def cells(self, row: dict[str, Any], path: Path, intake: Intake) -> FoundCells:
        """One root run."""
        if "run_type" not in row:
            return "it is no run of LangSmith"
        if row.get("parent_run_id"):
            return None
        inputs, outputs = row.get("inputs") or {}, row.get("outputs") or {}
        talk = _transcript(inputs, outputs)
        reference = row.get("reference_outputs") or (row.get("reference_example") or {}).get("outputs") or {}
        error = as_text(row.get("error"))
        metadata = (row.get("extra") or {}).get("metadata") or {}
        own: dict[str, Any] = {
            "item": row.get("reference_example_id") or row.get("example_id"),
            "variant": row.get("session_name") or row.get("session_id"),
            "model": metadata.get("ls_model_name"),
            "done": "" if error else _named(outputs, _ANSWERS),
            "right": _score(row, self.feedback),
            "key": _named(reference, _ANSWERS) or None,
            "error": error or None,
            "tokens_in": row.get("prompt_tokens"),
            "tokens_out": row.get("completion_tokens"),
            "cost": row.get("total_cost"),
            "time": _seconds(row.get("start_time"), row.get("end_time")),
        }
        if own["right"] is None:
            own["right"] = own.pop("key")
        rest = {"metadata": metadata, "inputs": inputs, "name": None}
        return named_cells(own, {k: v for k, v in rest.items() if v}), talk


def _transcript(inputs: Any, outputs: Any) -> Transcript:
    messages = inputs.get("messages") if isinstance(inputs, dict) else None
    said = outputs.get("messages") if isinstance(outputs, dict) else None
    talk = transcript_of([*(messages or []), *(said or [])]) if isinstance(said, list) else None
    if talk is not None:
        return talk
    asked = _named(inputs, _QUESTIONS)
    return Transcript((Message("user", asked),) if asked else (), _named(outputs, _ANSWERS), (), "", 1, asked)


def _named(values: Any, names: tuple[str, ...]) -> str:
    """The text of the first of these fields, or of the only one."""
    if not isinstance(values, dict):
        return as_text(values)
    name = next((n for n in names if values.get(n) is not None), next(iter(values)) if len(values) == 1 else "")
    value = values.get(name)
    return text_of(value) if isinstance(value, str | list) or value is None else as_text(value)


def _score(row: dict[str, Any], wanted: str) -> Any:
    """The score of a feedback key: of its statistics, or of its entries."""
    stats = row.get("feedback_stats") or {}
    names = (wanted,) if wanted else (*FEEDBACK, *([next(iter(stats))] if len(stats) == 1 else []))
    for name in names:
        found = stats.get(name)
        if isinstance(found, dict) and found.get("avg") is not None:
            return found["avg"]
        if isinstance(found, int | float):
            return found
        for entry in row.get("feedback") or row.get("feedbacks") or ():
            if isinstance(entry, dict) and entry.get("key") == name and entry.get("score") is not None:
                return entry["score"]
    return None


def _seconds(start: Any, end: Any) -> float | None:
    try:
        between = datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(start))
    except ValueError:
        return None
    return max(between.total_seconds(), 0.0)


IMPORTERS.register("langsmith", LangSmithImporter)
