"""The importer `verifiers`: rollouts of verifiers (PrimeIntellect): `results.jsonl` of `vf-eval`, and later forms.

A row is a rollout: `example_id` (else `id`, `task.idx`) is the item, repeated rollouts of it are its trials, and
`reward` is the verdict: 1 is right and 0 is not; what lies between needs `threshold`. `prompt` and `completion` are its
transcript.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .base import IMPORTERS, Intake
from .cells import CellImporter, FoundCells, named_cells
from .sources import beginning
from .transcripts import transcript_of


@dataclass(frozen=True)
class VerifiersImporter(CellImporter):
    """Rollouts of verifiers with their rewards."""

    by_file = True

    def recognises(self, source: Path) -> bool:
        """Rollouts with a completion and a reward."""
        path = next(iter(sorted(source.rglob("results.jsonl"))), source) if source.is_dir() else source
        head = beginning(path) if path.is_file() else b""
        return b'"reward"' in head and (b'"completion"' in head or b'"example_id"' in head)

    def cells(self, row: dict[str, Any], path: Path, intake: Intake) -> FoundCells:
        """One rollout."""
        reward = row.get("reward", row.get("rewards"))
        if isinstance(reward, bool) or not isinstance(reward, int | float):
            return "it holds no reward"
        before, after = row.get("prompt"), row.get("completion")
        task = row.get("task") if isinstance(row.get("task"), dict) else {}
        assert isinstance(task, dict)
        said = after if isinstance(after, list) else [{"role": "assistant", "content": after}] if after else []
        asked = before if isinstance(before, list) else [{"role": "user", "content": before}] if before else []
        talk = transcript_of([*asked, *said]) if said else None
        timing = row.get("timing") if isinstance(row.get("timing"), dict) else {}
        assert isinstance(timing, dict)
        spent = timing.get("total_ms")
        used = row.get("token_usage") if isinstance(row.get("token_usage"), dict) else {}
        assert isinstance(used, dict)
        own = {
            "item": next((v for v in (row.get("example_id"), row.get("id"), task.get("idx")) if v is not None), None),
            "task": row["task"] if isinstance(row.get("task"), str) else None,
            "right": reward,
            "done": "" if talk is None else talk.answer,
            "score": reward,
            "time": spent / 1000 if isinstance(spent, int | float) else None,
            "tokens_in": used.get("input_tokens"),
            "tokens_out": used.get("output_tokens"),
        }
        if own["item"] is None:
            return "it names no example"
        known = ("prompt", "completion", "reward", "task", "timing", "token_usage", "id", "example_id")
        return named_cells(own, {k: v for k, v in row.items() if k not in known and k != "answer"}), talk


IMPORTERS.register("verifiers", VerifiersImporter)
