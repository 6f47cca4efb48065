"""The importer `promptfoo`: results of promptfoo as JSON (`promptfoo eval -o results.json`), of version 2 and 3.

A result is one test under one prompt and one provider: the test is the item (its `testIdx`, or its variables), prompt
and provider are the arm, `success` is the verdict. An error is a decision that failed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import BadOption
from ..records import Message, digest
from .base import IMPORTERS, Intake
from .cells import CellImporter, Cells, LocatedRow, named_cells
from .grading import as_text
from .sources import beginning, files_of, refuse_empty, whole_json
from .transcripts import Transcript, text_of

ERROR = 2  # promptfoo's own code for a result that is none
NAMES = 40  # characters of a prompt that name it


@dataclass(frozen=True)
class PromptfooImporter(CellImporter):
    """Results of promptfoo: each test under each prompt and provider."""

    def recognises(self, source: Path) -> bool:
        """An evaluation with its results."""
        head = beginning(source) if source.is_file() else b""
        return b'"evalId"' in head or (b'"results"' in head and b'"prompts"' in head)

    def located(self, source: Path, intake: Intake) -> Iterator[LocatedRow]:
        """The results of every file."""
        for path in files_of(source, (".json",), intake):
            refuse_empty(path)
            whole = whole_json(path)
            results = whole.get("results") if isinstance(whole, dict) else None
            rows = results.get("results") if isinstance(results, dict) else results
            if not isinstance(rows, list):
                raise BadOption(
                    f"{str(path)!r} is no output of promptfoo", "it holds no list of results", "Give results.json."
                )
            versions = {results.get("version")} if isinstance(results, dict) else set()
            intake.tool = f"promptfoo, results of version {', '.join(map(str, versions))}" if versions else "promptfoo"
            prompts = list(dict.fromkeys(_prompt(row) for row in rows if isinstance(row, dict)))
            for number, row in enumerate(rows, 1):
                intake.rows += 1
                where = f"{path.name}, result {number}"
                found = _result(row, len(prompts) > 1) if isinstance(row, dict) else "it is no result"
                if isinstance(found, str):
                    intake.leave_out(where, found)
                else:
                    yield where, *found


def _result(row: dict[str, Any], several: bool) -> tuple[Cells, Transcript | None] | str:
    success = row.get("success")
    if not isinstance(success, bool):
        return "it does not say whether it succeeded"
    provider = row.get("provider") if isinstance(row.get("provider"), dict) else {"id": row.get("provider")}
    response = row.get("response") if isinstance(row.get("response"), dict) else {}
    assert isinstance(provider, dict) and isinstance(response, dict)
    used = response.get("tokenUsage") or row.get("tokenUsage") or {}
    variables = row.get("vars") or (row.get("testCase") or {}).get("vars") or {}
    item = f"test {row['testIdx']}" if row.get("testIdx") is not None else f"test {digest(variables, 4)}"
    output = response.get("output", row.get("output"))
    name = str(provider.get("label") or provider.get("id") or "")
    latency = row.get("latencyMs")
    answer = text_of(output) if isinstance(output, str) else as_text(output)
    own = {
        "item": item,
        "variant": " | ".join(filter(None, [name, _prompt(row) if several else ""])),
        "done": answer,
        "error": (row.get("error") or response.get("error") or "it failed") if _failed(row, response) else None,
        "right": success,
        "score": row.get("score"),
        "tokens_in": used.get("prompt"),
        "tokens_out": used.get("completion"),
        "cost": row.get("cost"),
        "time": None if not isinstance(latency, int | float) else latency / 1000,
        "question": as_text(variables) if variables else None,
    }
    raw = (row.get("prompt") or {}).get("raw") if isinstance(row.get("prompt"), dict) else row.get("prompt")
    talk = Transcript(
        before=(Message("user", str(raw)),) if raw else (),
        answer=answer or str(row.get("error") or ""),
        turns=(),
        reasoning="",
        calls=1,
        question="",
    )
    return named_cells(own, {}), talk


def _failed(row: dict[str, Any], response: dict[str, Any]) -> bool:
    """Whether a test has no answer; one whose answer was judged wrong has an error text as well."""
    return row.get("failureReason") == ERROR or bool(response.get("error"))


def _prompt(row: dict[str, Any]) -> str:
    prompt = row.get("prompt")
    label = prompt.get("label") or prompt.get("raw") if isinstance(prompt, dict) else prompt
    text = " ".join(str(label or "").split())
    return text if len(text) <= NAMES else f"{text[:NAMES]}... {digest(text, 3)}"


IMPORTERS.register("promptfoo", PromptfooImporter)
