"""The importer of AIW responses against every trap of the published layouts; the published table of six cells."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from akrasia.errors import BadOption, UnknownName
from akrasia.importers.aiw import read_integer
from akrasia.result import Result

Importing = Callable[..., Result]


def row(response: str, right: Any = "7", **more: Any) -> dict[str, Any]:
    prompt = "Alice has 3 brothers and she also has 6 sisters. How many sisters does Alice's brother have?"
    return {"model": "a/model", "prompt": prompt, "model_response": response, "right_answer": right, **more}


@pytest.mark.parametrize(
    ("said", "first", "last"),
    [
        ("### Answer: 3", "3", "3"),
        ("ANSWER:\n\nwell,\n7 sisters", "7", "7"),  # lower case, and newlines are blanks
        ("Answer: 6. I was wrong. Answer: 7", "6", "7"),
        ("Answer: 6. Then answer: none", "6", "6"),  # the last marker with an integer behind it
        ("He has 6, no, he has 7 sisters", "6", "7"),
        ("She has 6 of them. Answer: 7", "7", "7"),  # "answer:" goes before "has"
        ("She has 6 of them. Answer: seven", "6", "6"),  # nothing behind it: on to "has"
        ("Answer: 007", "7", "7"),
        ("Answer: 000", "0", "0"),
        ("Answer: -3.5", "3", "3"),  # integers without a sign, as published
        ("The phase is 4", "4", "4"),  # "has" anywhere, as published
        ("7", None, None),
        ("", None, None),
        ("Answer: ٣", None, None),
    ],
)
def test_both_rules(said: str, first: str | None, last: str | None) -> None:
    assert (read_integer(said, "first"), read_integer(said, "last")) == (first, last)


PIECES = st.sampled_from(["answer:", "has", "Answer: ", "7", "12", " 003", "\n", " so ", "phase", ".", "2"])


@given(st.lists(PIECES, max_size=12).map("".join))
def test_the_rules_are_those_of_the_published_expression(said: str) -> None:
    text = said.replace("\n", " ").lower()
    found = re.findall(r"answer:.*?(\d+)", text) or re.findall(r"has.*?(\d+)", text)
    expected = [str(int(n)) for n in found]
    assert read_integer(said, "first") == (expected[0] if expected else None)
    assert read_integer(said, "last") == (expected[-1] if expected else None)


def test_answers_of_every_type_are_compared_as_numbers(imported: Importing) -> None:
    rows = [
        row("answer: 7", "7", parsed_answer="7", correct=True),
        row("answer: 7", 7, parsed_answer=7, correct=True),
        row("answer: 7", 7.0, parsed_answer=7.0, correct=False),  # what a comparison of strings made of it
        row("answer: 007", "7", parsed_answer="007", correct=False),
        row("answer: 7", "007", parsed_answer="null", correct="False"),
        row("no number", "7", parsed_answer=None, correct=False),
        row("answer: 8", "7"),
    ]
    run = imported("aiw", "rows.json", json.dumps(rows))
    steps = run.records
    assert (steps.height, int(steps["valid"].sum()), int(steps["does"].sum())) == (7, 6, 5)
    assert run.imported is not None
    assert any("5 of 6 answers" in n for n in run.imported.notes) and any(
        "3 of 6 verd" in n for n in run.imported.notes
    )


def test_rows_that_cannot_be_read_are_told_and_the_rest_enters(imported: Importing) -> None:
    rows = [
        row("answer: 7"),
        row("answer: 7", None),
        row("answer: 7", "M + 1"),
        row("answer: 7", True),
        row("answer: 7") | {"model_response": None},
        {k: v for k, v in row("answer: 7").items() if k != "prompt"},
        "answer: 7",
        row("answer: 6") | {"model": None, "prompt": ["Turn one.", "Turn two."]},
    ]
    run = imported("aiw", "rows.json", json.dumps(rows))
    told = run.imported
    assert told is not None and (told.rows, told.records) == (8, 2)
    assert sum(one.rows for one in told.left_out) == 6
    assert any(one.reason == "right_answer is absent" and one.first == ("rows.json, row 2",) for one in told.left_out)
    assert set(run.records["variant"]) == {"a/model", "no model named"}


def test_parametric_prompts_by_their_published_rule_and_a_folder_as_well_as_a_file(
    imported: Importing, tmp_path: Path
) -> None:
    def parametric(response: str, prompt_id: int, stored: bool) -> dict[str, Any]:
        return row(response, "null", prompt_id=prompt_id, correct=stored)

    folder = tmp_path / "responses" / "deeper"
    folder.mkdir(parents=True)
    rows = [
        parametric("so M +1", 100, True),
        parametric("it is M", 100, False),
        parametric("X+1 as asked", 103, False),
    ]
    (folder / "param.json").write_text(json.dumps(rows))
    (folder.parent / "base.json").write_text(json.dumps([row("answer: 7")]))
    (folder.parent / "big.jsonl").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    (folder.parent / "talk.json").write_text('{"a model": [{"User": "?"}]}')
    run = imported("aiw", folder.parent)
    assert run.records.height == 4 and int(run.records["does"].sum()) == 3
    assert run.imported is not None and len(run.imported.files) == 4
    assert any("Git LFS" in one.reason for one in run.imported.left_out)
    assert any("2 of 3 verdicts" in note for note in run.imported.notes), "one was overturned by hand"


@pytest.mark.parametrize("text", ["", " \n ", "[]", "{}", "[1, 2]", '[{"model": ', "plain text", "[" * 100_000])
def test_what_is_no_response_file_is_refused(text: str, imported: Importing, tmp_path: Path) -> None:
    with pytest.raises(BadOption):
        imported("aiw", "rows.json", text)
    assert not (tmp_path / "run").exists()


def test_an_absent_file_and_an_unknown_rule(imported: Importing, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="there is no file"):
        imported("aiw", tmp_path / "absent.json")
    with pytest.raises(UnknownName, match="'first'"):
        imported("aiw", tmp_path / "absent.json", rule="frist")


def test_the_published_table_read_both_ways(imported: Importing) -> None:
    run = imported("greedy-table", "cells.txt", "58.1 21.6 10.6 7.2 0.6 2.0")
    (arm,) = run.score().arms
    given = [arm.metrics[f"{c}_given_knowing"].value for c in ("greedy", "optimal", "other")]
    assert [round(100 * (v or 0), 1) for v in given] == [64.3, 23.9, 11.7]
    wrong = [arm.metrics[f"{c}_given_not_knowing"].value for c in ("greedy", "optimal", "other")]
    assert [round(100 * (v or 0), 1) for v in wrong] == [73.5, 6.1, 20.4]
    assert arm.table.joint("knows", "greedy") == pytest.approx(0.581 / 1.001)
    assert arm.metrics["gap"].low is None, "the table does not say which steps belong together"
    assert arm.metrics["say_do"].value is None, "nor what a wrong rationale recommended"
    assert run.imported is not None and any("100.1" in note for note in run.imported.notes)


@pytest.mark.parametrize("cells", ["1 2 3", "1 2 3 4 5 -6", "0 0 0 0 0 0", "words", ""])
def test_what_is_no_table_of_six_cells_is_refused(cells: str, imported: Importing) -> None:
    with pytest.raises(BadOption, match="Give"):
        imported("greedy-table", "cells.txt", cells)
