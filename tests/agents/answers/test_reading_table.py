"""The reader's rates on its table are those that are stated, and no mistake of it is silent."""

import importlib.util
import json
import runpy
from pathlib import Path
from typing import Any

import pytest

import akrasia
from akrasia.agents.answers import READER_ERRORS, read_answer, read_recommendation
from akrasia.records import ReadingErrors, Situation

ROOT = Path(akrasia.__file__).parent
KEPT = ROOT.parent / "shared" / "cases" / "answers.py"


def table() -> Any:
    import sys

    spec = importlib.util.spec_from_file_location("reading_table", ROOT / "benchmarks" / "reading.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_stated_rates_are_those_of_the_table() -> None:
    reading = table()
    rows = reading.load_rows()
    errors = reading.errors_of(rows)
    assert len(rows) >= 400 and errors == READER_ERRORS
    total = sum(errors.values(), ReadingErrors(0, 0, 0, 0))
    assert (total.silent, total.invented) == (0, 0) and total.missed <= 0.1 * total.rows
    assert str(total).startswith("0 silently wrong, 0 invented")


def test_every_row_of_the_table_is_one_of_its_own() -> None:
    lines = (ROOT / "benchmarks" / "reading.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert len({(r["kind"], tuple(r["labels"]), r["field"], r["answer"]) for r in rows}) == len(rows)
    for r in rows:
        said = r["right"] if isinstance(r["right"], list) else [r["right"]]
        assert r["right"] is None or not r["labels"] or set(said) <= set(r["labels"])


@pytest.mark.skipif(not KEPT.exists(), reason="the shared rows are not here")
def test_answers_as_several_families_write_them() -> None:
    silent, invented, missed = [], [], []
    rows = runpy.run_path(str(KEPT))["ROWS"]
    for kind, labels, field, answer, right in rows:
        task = "tictactoe" if kind.startswith("tic") else "own"
        form: Any = "number" if kind.startswith("number") else "action"
        situation = Situation(task, 0, 1, "", labels, answer=form)
        stated = read_recommendation(answer, situation)[0]
        read = read_answer(answer, situation)[0] if field == "done" else (stated[0] if len(stated) == 1 else stated)
        if (read or None) == right:
            continue
        (missed if not read else invented if right is None else silent).append((answer, right, read))
    assert (silent, invented) == ([], []) and len(missed) <= 0.1 * len(rows)
