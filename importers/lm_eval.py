"""The importer `lm-eval`: the sample files of lm-evaluation-harness (`--log_samples`), `samples_TASK_TIME.jsonl`.

A line is a document under one filter: its `doc_id` is the item, a metric of 0 or 1 (`exact_match`, `acc`) the verdict.
A file of several filters counts the first, see `filter`. The task is in the file's name, the model in its folder's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..records import Message
from .base import IMPORTERS, Intake
from .cells import CellImporter, FoundCells, named_cells
from .sources import beginning
from .transcripts import Transcript

_FILE = re.compile(r"samples_(.+?)(?:_\d{4}-\d\d-\d\dT[\d.:-]+)?\.jsonl$")
METRICS = ("exact_match", "acc", "acc_norm", "pass@1", "pass_at_1", "em", "correct", "prompt_level_strict_acc")


@dataclass(frozen=True)
class LmEvalImporter(CellImporter):
    """Sample files of lm-evaluation-harness.

    Args:
        metric: whose value is the verdict; by default the first known one of the line.
        filter: the lines of this filter; by default the first that comes.
    """

    metric: str = ""
    filter: str = ""

    def recognises(self, source: Path) -> bool:
        """Lines with a document, its responses and its target."""
        path = next(iter(sorted(source.rglob("samples_*.jsonl"))), source) if source.is_dir() else source
        head = beginning(path) if path.is_file() else b""
        return b'"doc_id"' in head and b'"target"' in head and b'resps"' in head

    def cells(self, row: dict[str, Any], path: Path, intake: Intake) -> FoundCells:
        """One document under one filter."""
        if "doc_id" not in row or "target" not in row:
            return "it holds no document with its target"
        told = intake.options.setdefault("filter", self.filter or str(row.get("filter", "none")))
        if str(row.get("filter", "none")) != told:
            intake.note(f"only the lines of the filter {told!r} count, see --option filter=NAME")
            return None
        metric = self.metric or next((m for m in METRICS if m in row), "")
        if not metric or metric not in row:
            return f"it holds no metric {self.metric or 'of 0 or 1 that is known here'}: --option metric=NAME"
        intake.options.setdefault("metric", metric)
        found = _FILE.search(path.name)
        answer = _first(row.get("filtered_resps"))
        own = {
            "item": row["doc_id"],
            "task": found[1] if found else None,
            "model": path.parent.name.replace("__", "/") if "__" in path.parent.name else None,
            "done": answer if isinstance(answer, str) else None,
            "right": row[metric],
            "key": row["target"] if isinstance(row["target"], str) else None,
        }
        text = _first(row.get("resps"))
        asked = _first(row.get("arguments"))
        talk = Transcript(
            before=(Message("user", asked),) if isinstance(asked, str) else (),
            answer=text if isinstance(text, str) else "",
            turns=(),
            reasoning="",
            calls=1,
            question="",
        )
        return named_cells(own, {}), talk


def _first(value: Any) -> Any:
    """The first of nested lists: resps are [[text]], arguments {"gen_args_0": {"arg_0": text}} or [[text, ...]]."""
    while isinstance(value, list | dict) and value:
        value = value[0] if isinstance(value, list) else next(iter(value.values()))
    return value


IMPORTERS.register("lm-eval", LmEvalImporter)
