"""The table importer: which column is what, long and wide forms, every kind of file, and what it refuses."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from akrasia.errors import BadOption, RunFolderError, UnknownName
from akrasia.importers import import_run
from akrasia.result import Result, open_run

Importing = Callable[..., Result]
LONG = "question_id,model,answer,key\n" + "".join(
    f"q{i},{m},{'AB'[i % n]},A\n" for i in range(12) for m, n in (("gpt", 1), ("llama", 2))
)


def does(run: Result) -> dict[str, int]:
    return {str(v): int(n) for v, n in run.records.group_by("variant").agg(pl.col("does").sum()).rows()}


def test_models_are_the_arms_where_no_column_names_a_variant(imported: Importing) -> None:
    run = imported("table", "rows.csv", LONG)
    assert does(run) == {"gpt": 12, "llama": 6} and run.records["item"].n_unique() == 12
    assert run.imported is not None and "item=question_id" in run.imported.options["map"]
    (one,) = run.compare("gpt", "llama")
    assert one.items == 12 and one.imported.startswith("imported as table from rows.csv")


@pytest.mark.parametrize("kind", ["tsv", "json", "jsonl", "parquet", "csv.gz", "semicolons", "utf-16", "bom"])
def test_every_kind_of_file_gives_the_same_rates(kind: str, imported: Importing, tmp_path: Path) -> None:
    frame = pl.read_csv(LONG.encode())
    path = tmp_path / f"rows.{kind if kind in ('tsv', 'json', 'jsonl', 'parquet', 'csv.gz') else 'csv'}"
    if kind == "parquet":
        frame.write_parquet(path)
    else:
        text = {
            "tsv": LONG.replace(",", "\t"),
            "semicolons": LONG.replace(",", ";"),
            "json": json.dumps(frame.to_dicts()),
            "jsonl": "\n".join(map(json.dumps, frame.to_dicts())),
        }.get(kind, LONG)
        data = text.encode("utf-16" if kind == "utf-16" else "utf-8-sig" if kind == "bom" else "utf-8")
        path.write_bytes(gzip.compress(data) if kind == "csv.gz" else data)
    assert does(imported("table", path)) == {"gpt": 12, "llama": 6}


def test_the_wide_form_with_verdicts_and_with_answers(imported: Importing) -> None:
    verdicts = "id,gpt_correct,llama_correct\n" + "".join(f"{i},1,{i % 2}\n" for i in range(12))
    run = imported("table", "wide.csv", verdicts)
    assert does(run) == {"gpt_correct": 12, "llama_correct": 6}
    answers = "id,gold,gpt,llama\n" + "".join(f"{i},{i},{i},{i % 2}\n" for i in range(12))
    run = imported("table", "answers.csv", answers, map="item=id,right=gold,arms=gpt|llama")
    assert does(run) == {"gpt": 12, "llama": 2}


def test_a_map_goes_before_any_guess(imported: Importing) -> None:
    text = "a,b,c,d\n" + "".join(f"{i},x,{i % 2},{(i + 1) % 2}\n" for i in range(6))
    run = imported("table", "odd.csv", text, map="item=a,variant=b,right=c,knows=d")
    steps = run.records
    assert steps["does"].to_list() == [False, True] * 3 and steps["knows"].to_list() == [True, False] * 3
    assert steps["follows"].null_count() == 6, "of two verdicts nothing tells whether they are of one answer"


def test_answers_are_read_where_no_verdict_is_told(imported: Importing) -> None:
    rows = [("It is 42.", 42), ("6 * 7 = 42\n#### 42", 42), ("1,042", 1042), ("no idea", 42), ("", 42)]
    text = "\n".join(json.dumps({"id": i, "response": r, "gold": k}) for i, (r, k) in enumerate(rows))
    run = imported("table", "rows.jsonl", text)
    assert run.records["does"].to_list() == [True, True, True, False, False]
    assert run.records["status"].to_list() == ["ok", "ok", "ok", "unparsable", "unparsable"]
    assert run.imported is not None and run.imported.reader


def test_what_is_not_in_the_source_is_measured_nowhere(imported: Importing) -> None:
    (arm, *_) = imported("table", "rows.csv", LONG).score().arms
    for name in ("calls", "prompt_tokens", "completion_tokens", "dollars", "latency", "knowing", "gap", "say_do"):
        assert arm.metrics[name].value is None, name
    assert arm.calls is None and arm.tokens is None
    told = "id,variant,correct,prompt_tokens,completion_tokens,cost,seconds\n" + "".join(
        f"{i},a,1,10,2,0.5,1.5\n" for i in range(3)
    )
    (arm,) = imported("table", "more.csv", told).score().arms
    figures = {n: arm.metrics[n].value for n in ("prompt_tokens", "completion_tokens", "dollars", "latency")}
    assert figures == pytest.approx({"prompt_tokens": 10, "completion_tokens": 2, "dollars": 0.5, "latency": 1.5})


def test_arms_that_are_not_paired_are_refused_with_their_items(imported: Importing) -> None:
    run = imported("table", "rows.csv", LONG + "q99,gpt,A,A\n")
    with pytest.raises(BadOption, match=r"same items.*1 of 'gpt' alone \(item q99\).*--shared"):
        run.compare("gpt", "llama")
    assert run.compare("gpt", "llama", shared=True)[0].items == 12
    asked = "id,variant,question,correct\n" + "".join(f"{i},{v},what {v}?,1\n" for i in range(3) for v in "ab")
    with pytest.raises(BadOption, match="asked different questions"):
        imported("table", "asked.csv", asked).compare("a", "b")
    apart = "id,variant,correct\n" + "".join(f"{v}{i},{v},1\n" for i in range(3) for v in "ab")
    with pytest.raises(BadOption, match="not paired"):
        imported("table", "apart.csv", apart, map="item=id").compare("a", "b", shared=True)


def test_two_imported_runs_are_paired_by_item_and_trial(imported: Importing, tmp_path: Path) -> None:
    def rows(order: list[int], right: int) -> str:
        return "id,trial,correct\n" + "".join(f"{i},{t},{int(i % right == 0)}\n" for i in order for t in (0, 1))

    one = imported("table", "one.csv", rows(list(range(12)), 1), out="one", task="set", model="a")
    other = imported("table", "other.csv", rows(list(range(11, -1, -1)), 2), out="two", task="set", model="b")
    (comparison,) = one.compare(other)
    assert comparison.episodes == 24 and comparison.items == 12 and comparison.flips is not None
    assert (comparison.flips.wrong_to_right, comparison.flips.right_to_wrong) == (0, 12)
    short = imported("table", "short.csv", rows(list(range(11)), 1), out="short", task="set", model="c")
    with pytest.raises(BadOption, match="same items and trials"):
        one.compare(short)


def test_duplicates_contradictions_and_bad_cells_are_told_by_row(imported: Importing) -> None:
    text = (
        "id,trial,variant,answer,key,correct,cost\n"
        "1,0,a,7,7,1,1\n1,0,a,7,7,1,1\n2,0,a,8,7,1,1\n3,x,a,7,7,1,1\n4,0,a,7,7,maybe,1\n5,0,a,7,7,1,free\n,0,a,7,7,1,1\n"
    )
    told = imported("table", "rows.csv", text).imported
    assert told is not None and (told.rows, told.records) == (7, 2)
    reasons = {one.reason: one.first for one in told.left_out}
    assert [places for reason, places in reasons.items() if "another row of the same item" in reason] == [
        ("rows.csv, row 3",)
    ]
    assert any("no whole number" in r for r in reasons) and any("neither right nor wrong" in r for r in reasons)
    assert any("no number" in r for r in reasons) and any("is empty" in r for r in reasons)
    (doubted,) = told.doubted
    assert doubted.first == ("rows.csv, row 4",) and "contradicts" in doubted.reason
    warnings = imported("table", "rows.csv", text).score().warnings
    assert any("5 of 7 rows of the source are in no number" in w for w in warnings)


def test_scores_between_right_and_wrong_need_a_threshold(imported: Importing) -> None:
    text = "id,variant,score\n" + "".join(f"{i},a,{i / 10}\n" for i in range(11))
    with pytest.raises(BadOption, match="--threshold|score"):
        imported("table", "rows.csv", "id,variant,score\n1,a,0.5\n2,a,0.7\n", map="right=score")
    run = imported("table", "rows.csv", text, threshold=0.5)
    assert does(run) == {"a": 6}


@pytest.mark.parametrize(
    ("name", "text", "options", "why"),
    [
        ("rows.csv", "", {}, "is empty"),
        ("rows.csv", "id,correct\n", {}, "it holds no row"),
        ("rows.csv", "id,id\n1,1\n", {}, "names a column twice"),
        ("rows.csv", "text\nhello\n", {}, "no column says what a row is about"),
        ("rows.csv", "id,note\n1,hello\n", {}, "right=COLUMN"),
        ("rows.csv", LONG, {"map": "item=nothing"}, "no column named 'nothing'"),
        ("rows.csv", LONG, {"map": "itme=key"}, "'item'"),
        ("rows.csv", LONG, {"map": "item"}, "names no column"),
        ("rows.parquet", "PAR1 and no more", {}, "no whole Parquet file"),
        ("rows.json", '{"a": ', {}, "can be imported"),
        ("rows.csv", "a\0b,c\n1,2\n", {}, "no table"),
        ("rows.csv", LONG, {"threshold": "high"}, "threshold"),
    ],
)
def test_what_cannot_be_imported_is_refused_and_leaves_nothing(
    name: str, text: str, options: dict[str, str], why: str, imported: Importing, tmp_path: Path
) -> None:
    with pytest.raises((BadOption, UnknownName), match=why):
        imported("table", name, text, **options)
    assert not (tmp_path / "run").exists()


def test_a_run_that_is_there_is_kept_unless_it_is_to_be_replaced(imported: Importing, tmp_path: Path) -> None:
    imported("table", "rows.csv", LONG)
    with pytest.raises(RunFolderError, match="--fresh"):
        import_run("table", tmp_path / "rows.csv", tmp_path / "run")
    (tmp_path / "bad.csv").write_text("")
    with pytest.raises(BadOption):
        import_run("table", tmp_path / "bad.csv", tmp_path / "run", fresh=True)
    assert does(open_run(tmp_path / "run")) == {"gpt": 12, "llama": 6}, "a failed import replaces nothing"
