"""The conformance kit on every importer, and on one that breaks its rules."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from akrasia.importers import IMPORTERS, Intake, SourceRow
from akrasia.importers.conformance import ImporterDefect, check_importer, importer_problems
from akrasia.importers.sources import json_rows

TALK = [{"role": "user", "content": "6 x 7?"}, {"role": "assistant", "content": "ANSWER=42"}]
ROWS: dict[str, tuple[str, Any]] = {
    "aiw": ("rows.json", {"model": "m", "prompt": "p{n}", "model_response": "answer: 3", "right_answer": "3"}),
    "chat": ("rows.jsonl", {"task_id": "{n}", "messages": TALK, "target": "42"}),
    "game24": ("gpt-4_0.7_naive_cot.json", {"idx": "{n}", "ys": ["a", "b"], "infos": [{"r": 1}, {"r": 0}]}),
    "gsm8k": ("rows.jsonl", {
        "question": "q{n}", "ground_truth": "\nA: 1", "arm": {"is_correct": True, "solution": "so"}}),
    "langsmith": ("rows.jsonl", {
        "run_type": "chain", "reference_example_id": "{n}", "outputs": {"output": "x"}, "session_name": "s",
        "feedback_stats": {"correct": {"avg": 1.0}}}),
    "lm-eval": ("samples_t.jsonl", {
        "doc_id": "{n}", "target": "4", "resps": [["it is 4"]], "filtered_resps": ["4"], "acc": 1.0}),
    "mallm": ("rows.json", {"exampleId": "{n}", "finalAnswer": "B", "references": ["B"], "globalMemory": [],
                            "paradigm": "memory", "input": ["which of these is it?"]}),
    "otel": ("rows.jsonl", {"context": {"trace_id": "{n}", "span_id": "s"}, "name": "n", "attributes": {
        "input.value": "q of some length", "output.value": "4", "item": "{n}", "right": "4"}}),
    "tau-bench": ("m-airline.json", {"task_id": "{n}", "reward": 1.0, "traj": TALK}),
    "verifiers": ("rows.jsonl", {"example_id": "{n}", "reward": 1.0, "prompt": "what is it now?", "completion": "4"}),
}  # fmt: skip
SLOW = {"inspect"}


def source(kind: str, folder: Path) -> Path:
    name, row = ROWS[kind]
    rows = [json.dumps(row).replace("{n}", str(n)) for n in range(8)]
    path = folder / "source" / name
    path.parent.mkdir()
    path.write_text("[" + ",\n".join(rows) + "]" if name.endswith(".json") else "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("kind", sorted(ROWS))
def test_every_importer_of_rows_conforms(kind: str, tmp_path: Path) -> None:
    check_importer(kind, source(kind, tmp_path), tmp_path / "bench")


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "json"])
def test_tables_conform(suffix: str, tmp_path: Path) -> None:
    rows = [
        {"id": f"q{n}", "variant": v, "answer": str(n % 2), "key": "1", "note": "some"} for n in range(6) for v in "ab"
    ]
    path = tmp_path / f"rows.{suffix}"
    if suffix in ("csv", "tsv"):
        sign = "," if suffix == "csv" else "\t"
        path.write_text("\n".join(sign.join(map(str, r)) for r in ([*rows[0]], *(row.values() for row in rows))) + "\n")
    else:
        path.write_text(json.dumps(rows) if suffix == "json" else "\n".join(map(json.dumps, rows)) + "\n")
    check_importer("table", path, tmp_path / "bench")


def test_a_source_that_is_one_object_or_six_cells_conforms(tmp_path: Path) -> None:
    results = [
        {"testIdx": n, "provider": {"id": "p"}, "prompt": {"raw": "q"}, "success": True, "response": {"output": "x"}}
        for n in range(4)
    ]
    (tmp_path / "out.json").write_text(json.dumps({"evalId": "e", "results": {"version": 3, "results": results}}))
    check_importer("promptfoo", tmp_path / "out.json", tmp_path / "bench")
    (tmp_path / "cells.txt").write_text("5 4 3 2 1 0")
    check_importer("greedy-table", tmp_path / "cells.txt", tmp_path / "bench2")


def test_the_kit_is_run_on_every_importer_there_is() -> None:
    elsewhere = {"table", "promptfoo", "greedy-table", "reflexion", "potemkin", "inspect"}  # folders, and Inspect's own
    assert set(IMPORTERS) == elsewhere | set(ROWS)


@dataclass(frozen=True)
class Careless:
    """Drops what it cannot read, and takes nothing for something."""

    def recognises(self, source: Path) -> bool:
        return True

    def read(self, source: Path, intake: Intake) -> Iterator[SourceRow]:
        silent = Intake("nobody")
        yield SourceRow("nowhere", "made up", done="right", optimal=("right",))
        for where, row in json_rows(source, silent):
            yield SourceRow(where, str(row.get("id")), done="right", optimal=("right",), trial=0)


def test_an_importer_that_drops_rows_in_silence_fails_the_kit(tmp_path: Path) -> None:
    if "careless" not in IMPORTERS:
        IMPORTERS.register("careless", Careless)
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps({"id": n, "text": "words"}) for n in range(6)))
    found = importer_problems("careless", path, tmp_path / "bench")
    assert {"empty", "no format", "broken row"} <= {line.partition(":")[0] for line in found}
    with pytest.raises(ImporterDefect, match="one line|empty"):
        check_importer("careless", path, tmp_path / "bench")
    IMPORTERS._factories.pop("careless")
