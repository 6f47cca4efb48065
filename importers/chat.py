"""The importer `chat`: transcripts in OpenAI's chat form, one a row, with calls of tools; batch outputs among them.

A row holds its conversation under `messages`, `traj`, `conversation`, `trajectory` or `history`, or as `prompt` and
`completion`. Its other fields say what it is about and what is right, as in a table: `--map item=task_id,right=reward`.
What the assistant said last is the answer; where no field is a verdict, it is compared with the key.

A line of a batch output (`custom_id`, `response`) is a row too: its `custom_id` is the item.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .base import IMPORTERS, Intake
from .cells import CellImporter, FoundCells, named_cells
from .sources import beginning
from .transcripts import Transcript, transcript_of

FIELDS = ("messages", "traj", "conversation", "conversations", "trajectory", "history")


@dataclass(frozen=True)
class ChatImporter(CellImporter):
    """Chat transcripts as JSON or JSON lines, in OpenAI's form."""

    lists = ("data", "rows", "results", "samples", "conversations", "transcripts")
    by_file = True

    def recognises(self, source: Path) -> bool:
        """Messages with roles."""
        head = beginning(source) if source.is_file() else b""
        return b'"role"' in head and any(f'"{name}"'.encode() in head for name in (*FIELDS, "completion", "choices"))

    def cells(self, row: dict[str, Any], path: Path, intake: Intake) -> FoundCells:
        """What a row says beside its conversation, with what was said last as the answer."""
        body = row.get("response", {}).get("body") if isinstance(row.get("response"), dict) else None
        if isinstance(body, dict):
            return _batch_line(row, body)
        name = next((f for f in FIELDS if isinstance(row.get(f), list)), "")
        talk = transcript_of(row[name]) if name else _prompted(row)
        if talk is None:
            return "it holds no conversation in which an assistant speaks"
        rest = {k: v for k, v in row.items() if k not in (name or "completion", "prompt" if not name else name)}
        return named_cells({"done": talk.answer, "question": None}, rest), talk


def _prompted(row: dict[str, Any]) -> Transcript | None:
    """A conversation in two parts."""
    before, after = row.get("prompt"), row.get("completion")
    if not isinstance(after, list):
        return None
    return transcript_of([*(before if isinstance(before, list) else [{"role": "user", "content": before}]), *after])


def _batch_line(row: dict[str, Any], body: dict[str, Any]) -> FoundCells:
    choices = body.get("choices")
    message = choices[0].get("message") if isinstance(choices, list) and choices else None
    talk = transcript_of([message]) if isinstance(message, dict) else None
    if talk is None:
        return "it holds no answer"
    used = body.get("usage") or {}
    own = {
        "item": row.get("custom_id"),
        "model": body.get("model"),
        "done": talk.answer,
        "tokens_in": used.get("prompt_tokens"),
        "tokens_out": used.get("completion_tokens"),
    }
    return named_cells(own, {k: v for k, v in row.items() if k not in ("response", "custom_id", "id")}), talk


IMPORTERS.register("chat", ChatImporter)
