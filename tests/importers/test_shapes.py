"""Tables that come in another shape: nested JSON, a file an arm, sheets and saved data sets."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from akrasia.errors import BadOption, UnknownName
from akrasia.importers import import_run
from akrasia.result import Result

Importing = Callable[..., Result]
ITEMS = [f"q{i}" for i in range(12)]
VERDICTS: dict[str, dict[str, bool]] = {
    "gpt": dict.fromkeys(ITEMS, True),
    "llama": {item: i % 2 == 0 for i, item in enumerate(ITEMS)},
}
FIELDS = {
    arm: {item: {"answer": "A" if right else "B", "gold": "A"} for item, right in of.items()}
    for arm, of in VERDICTS.items()
}


def does(run: Result) -> dict[str, int]:
    return {str(v): int(n) for v, n in run.records.group_by("variant").agg(pl.col("does").sum()).rows()}


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        ("arms of items", VERDICTS),
        ("arms of items with fields", FIELDS),
        ("arms with rows", {a: [{"id": i, **f} for i, f in of.items()] for a, of in FIELDS.items()}),
        ("rows with arms", [{"id": i, "outputs": {a: FIELDS[a][i] for a in FIELDS}} for i in ITEMS]),
        ("rows with arms, deeper", {
            "config": {"seed": 1},
            "results": {"evals": [{"id": i, "by": {a: FIELDS[a][i] for a in FIELDS}} for i in ITEMS]},
        }),
    ],
)  # fmt: skip
def test_json_of_another_shape_is_the_same_table(shape: str, value: Any, imported: Importing) -> None:
    run = imported("table", "rows.json", json.dumps(value))
    assert does(run) == {"gpt": 12, "llama": 6}, shape
    assert run.records["item"].n_unique() == 12
    assert run.imported is not None and any("arm" in note for note in run.imported.notes)


def test_an_object_of_items_is_a_row_each(imported: Importing) -> None:
    run = imported("table", "rows.json", json.dumps(FIELDS["llama"]))
    assert run.records["item"].to_list() == ITEMS and run.records["does"].sum() == 6


def test_lines_whose_rows_hold_arms(imported: Importing) -> None:
    rows = [json.dumps({"id": i, "models": {a: {"correct": VERDICTS[a][i]} for a in VERDICTS}}) for i in ITEMS]
    assert does(imported("table", "rows.jsonl", "\n".join(rows))) == {"gpt": 12, "llama": 6}


def test_of_two_columns_of_one_name_neither_is_taken_alone(imported: Importing) -> None:
    text = "id,gpt.correct,llama.correct\n" + "".join(
        f"{i},{int(VERDICTS['gpt'][i])},{int(VERDICTS['llama'][i])}\n" for i in ITEMS
    )
    assert does(imported("table", "rows.csv", text)) == {"gpt.correct": 12, "llama.correct": 6}


@pytest.mark.parametrize(("kind", "model"), [("table", False), ("table", True), ("chat", True)])
def test_each_of_several_files_is_an_arm(kind: str, model: bool, imported: Importing, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for arm, of in FIELDS.items():
        rows = [{"id": i, **fields} for i, fields in of.items()]
        if kind == "chat":
            rows = [
                {"id": r["id"], "gold": "A", "messages": [{"role": "user", "content": "A or B?"},
                                                          {"role": "assistant", "content": r["answer"]}]}
                for r in rows
            ]  # fmt: skip
        lines = [json.dumps(r | ({"model": "one"} if model else {})) for r in rows]
        (folder / f"{arm}.jsonl").write_text("\n".join(lines))
    run = imported(kind, folder)
    assert does(run) == {"gpt": 12, "llama": 6}
    assert run.imported is not None and "variant=file" in run.imported.options["map"]


def test_files_that_are_repeats_of_one_are_its_trials(imported: Importing, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    for n in (1, 2):
        rows = [json.dumps({"id": i, "answer": "A", "gold": "A"}) for i in ITEMS]
        (folder / f"run_{n}.jsonl").write_text("\n".join(rows))
    run = imported("table", folder)
    assert run.records["variant"].n_unique() == 1 and sorted(run.records["item_trial"].unique()) == [0, 1]


def test_a_run_identifier_that_is_no_number_is_no_trial(imported: Importing) -> None:
    text = "id,run_id,correct\n" + "".join(f"{i},5f3a,1\n" for i in ITEMS)
    assert does(imported("table", "rows.csv", text)) == {"imported": 12}


def test_a_sheet_of_several_is_named(imported: Importing, tmp_path: Path) -> None:
    pytest.importorskip("fastexcel")
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.title = "answers"
    for row in [["id", "answer", "gold"], *([i, f["answer"], "A"] for i, f in FIELDS["llama"].items())]:
        book.active.append(row)
    path = tmp_path / "book.xlsx"
    book.save(path)
    assert imported("table", path).records["does"].sum() == 6
    for row in (["what"], ["a remark"]):
        book["answers"].parent.create_sheet("notes") if "notes" not in book.sheetnames else None
        book["notes"].append(row)
    book.save(path)
    with pytest.raises(BadOption, match="several sheets.*answers, notes"):
        import_run("table", path, tmp_path / "refused")
    with pytest.raises(UnknownName, match="answers"):
        import_run("table", path, tmp_path / "refused", sheet="answrs")
    assert imported("table", path, sheet="answers").records["does"].sum() == 6


def test_a_saved_data_set_and_one_of_its_splits(imported: Importing, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {"id": ITEMS, "answer": [f["answer"] for f in FIELDS["llama"].values()], "gold": ["A"] * 12}
    whole = datasets.Dataset.from_dict(rows)
    whole.save_to_disk(tmp_path / "one")
    assert imported("table", tmp_path / "one").records["does"].sum() == 6
    datasets.DatasetDict({"test": whole, "train": whole.select(range(2))}).save_to_disk(tmp_path / "two")
    with pytest.raises(BadOption, match="several splits.*test, train"):
        import_run("table", tmp_path / "two", tmp_path / "refused")
    run = imported("table", tmp_path / "two", split="train")
    assert len(run.records) == 2 and run.imported is not None
    assert all(f.name.startswith("data-") for f in run.imported.files)
