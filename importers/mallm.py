"""The importer `mallm`: outputs of MALLM (Becker et al. 2025, 2509.11656), debates of several agents.

A row is a debate about one example: `exampleId` is the item, `finalAnswer` (in older versions `extracted_answer` or
`answer`) is compared with `references`, and `globalMemory` is the transcript: who said what in which turn.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..records import Message, Turn
from .base import IMPORTERS, Intake
from .cells import CellImporter, FoundCells, named_cells
from .grading import as_text
from .records import ROLE
from .sources import beginning
from .transcripts import Transcript, text_of


@dataclass(frozen=True)
class MallmImporter(CellImporter):
    """Debates of MALLM, with their final answers and references."""

    def recognises(self, source: Path) -> bool:
        """Examples with the memory of their debate."""
        head = beginning(source) if source.is_file() else b""
        return b'"exampleId"' in head and (b'"paradigm"' in head or b'"globalMemory"' in head)

    def cells(self, row: dict[str, Any], path: Path, intake: Intake) -> FoundCells:
        """One debate."""
        if "exampleId" not in row:
            return "it names no example"
        answer = next((row[k] for k in ("finalAnswer", "extracted_answer", "answer") if row.get(k) is not None), "")
        references = row.get("references")
        keys = references if isinstance(references, list) else [references]
        asked = "\n\n".join(filter(None, [text_of(row.get("instruction")), *map(as_text, _listed(row.get("context")))]))
        inputs = "\n".join(map(as_text, _listed(row.get("input"))))
        memory = row.get("globalMemory") if isinstance(row.get("globalMemory"), list) else []
        own = {
            "item": row["exampleId"],
            "variant": row.get("paradigm"),
            "task": Path(str(row["dataset"])).stem if row.get("dataset") else None,
            "done": as_text(answer),
            "right": keys[0] if keys and keys[0] is not None else None,
            "time": row.get("clockSeconds"),
            "question": inputs or None,
        }
        if own["right"] is None:
            return "it holds no reference, so nothing says what is right"
        if len(keys) > 1:
            intake.note("of several references the first is the key")
        assert memory is not None
        talk = Transcript(
            before=(Message("user", "\n\n".join(filter(None, [asked, inputs]))),),
            answer=as_text(answer),
            turns=tuple(_turn(entry, n) for n, entry in enumerate(memory, 1) if isinstance(entry, dict)),
            reasoning="",
            calls=max(len(memory), 1),
            question=inputs,
        )
        return named_cells(own, {}), talk


def _turn(entry: dict[str, Any], number: int) -> Turn:
    speaker = entry.get("persona") or entry.get("agent_id") or "agent"
    text = entry.get("message") or entry.get("text") or ""
    return Turn(agent=f"{speaker}.{number}", role=str(entry.get("contribution") or ROLE), text=text_of(text))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


IMPORTERS.register("mallm", MallmImporter)
