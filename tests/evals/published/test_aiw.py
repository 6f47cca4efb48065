"""The scorer of published AIW responses against its golden counts, and against every trap of the published layouts."""

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from akrasia.errors import BadOption, UnknownName
from akrasia.evals.published import aiw, greedy_table
from akrasia.evals.published.aiw import AiwUnscored, read_integer, score_file

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "aiw"


def published(name: str) -> Path:
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not here")
    return SHARED / name


def row(response: str, right: Any = "7", **more: Any) -> dict[str, Any]:
    prompt = "Alice has 3 brothers and she also has 6 sisters. How many sisters does Alice's brother have?"
    return {"model": "a/model", "prompt": prompt, "model_response": response, "right_answer": right, **more}


def written(tmp_path: Path, rows: Any, name: str = "rows.json") -> Path:
    path = tmp_path / name
    path.write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
    return path


def printed(path: Path, rule: str) -> str:
    console = Console(file=io.StringIO(), width=160, color_system=None)
    aiw.score_and_show(path, rule, console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


@pytest.mark.parametrize(
    ("name", "rule", "parsed", "correct", "verdicts"),
    [
        ("base_models.json", "first", 1320, 69, (1320, 1320)),
        ("base_models.json", "last", 1320, 73, (1218, 1320)),
        ("reflection_70b.json", "first", 800, 176, (794, 800)),
        ("reflection_70b.json", "last", 800, 182, (800, 800)),
    ],
)
def test_golden_counts(name: str, rule: str, parsed: int, correct: int, verdicts: tuple[int, int]) -> None:
    score = score_file(published(name), rule)
    assert (score.parsed, score.correct, score.agrees_correct) == (parsed, correct, verdicts)
    assert score.rows == parsed and not score.unscored and score.rule == rule
    other = score_file(published(name), score.other[0])
    assert score.other == (other.rule, other.correct)


def test_golden_rates_per_variation() -> None:
    (model,) = score_file(published("reflection_70b.json"), "last").models
    assert [v.correct for v in model.variations] == [7, 39, 37, 48, 9, 26, 9, 7]
    assert {v.rows for v in model.variations} == {100} and model.spread == pytest.approx(0.41)
    assert (model.variations[0].low, model.variations[0].high) == pytest.approx((0.0343, 0.1375), abs=1e-4)


def test_the_golden_output_says_what_it_is() -> None:
    text = printed(published("base_models.json"), "first")
    assert "rule 'first'" in text and "1320/1320 parsed, 69 correct" in text and "under rule 'last': 73 correct" in text
    text = printed(published("reflection_70b.json"), "last")
    assert "agrees 800/800 with the file's verdicts" in text and "182 correct" in text and "0.410" in text


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


def test_answers_of_every_type_are_compared_as_numbers(tmp_path: Path) -> None:
    rows = [
        row("answer: 7", "7", parsed_answer="7", correct=True),
        row("answer: 7", 7, parsed_answer=7, correct=True),
        row("answer: 7", 7.0, parsed_answer=7.0, correct=False),  # what a comparison of strings made of it
        row("answer: 007", "7", parsed_answer="007", correct=False),
        row("answer: 7", "007", parsed_answer="null", correct="False"),
        row("no number", "7", parsed_answer=None, correct=False),
        row("answer: 8", "7"),
    ]
    score = score_file(written(tmp_path, rows))
    assert (score.rows, score.parsed, score.correct) == (7, 6, 5)
    assert (score.agrees_parsed, score.agrees_correct) == ((5, 6), (3, 6))


def test_rows_that_cannot_be_scored_are_reported_and_the_rest_scored(tmp_path: Path) -> None:
    rows = [
        row("answer: 7"),
        row("answer: 7", None),
        row("answer: 7", "null"),
        row("answer: 7", "M + 1"),
        row("answer: 7", 7.5),
        row("answer: 7", True),
        row("answer: 7") | {"model_response": None},
        row("answer: 7") | {"model_response": 7},
        {k: v for k, v in row("answer: 7").items() if k != "prompt"},
        "answer: 7",
        None,
        row("answer: 6") | {"model": None, "prompt": ["Turn one.", "Turn two."]},
    ]
    path = written(tmp_path, rows)
    score = score_file(path)
    assert (score.rows, score.correct) == (2, 1) and [u.row for u in score.unscored] == list(range(2, 12))
    assert score.unscored[0] == AiwUnscored(2, "right_answer is absent")
    assert [m.model for m in score.models] == ["a/model", "no model named"]
    text = printed(path, "first")
    assert "10 rows could not be scored" in text and f"{path}, row 4: right_answer is 'M + 1'" in text.replace("\n", "")


def test_json_lines_are_read_and_a_broken_line_is_one_row(tmp_path: Path) -> None:
    good = json.dumps(row("answer:\u2028 7"), ensure_ascii=False)  # a line separator inside a text ends no line
    path = written(tmp_path, f'{good}\n\n{{"model": "cut of\n{good}\n', "rows.jsonl")
    score = score_file(path)
    assert (score.rows, score.correct, [u.row for u in score.unscored]) == (2, 2, [3])
    assert score_file(written(tmp_path, json.dumps(row("answer: 7")))).rows == 1


@pytest.mark.parametrize("text", ["", "{}", '[{"model": ', "plain text", '{"a/model": [{"User": "?"}]}', "[" * 100_000])
def test_what_is_no_response_file_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="no response file"):
        score_file(written(tmp_path, text))


def test_an_absent_file_an_unknown_rule_and_no_rows(tmp_path: Path) -> None:
    with pytest.raises(BadOption, match="there is no file"):
        score_file(tmp_path / "absent.json")
    with pytest.raises(BadOption, match="cannot be read"):
        score_file(tmp_path)
    with pytest.raises(UnknownName, match="'first'"):
        score_file(tmp_path / "absent.json", "frist")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is empty"),
        (" \n ", "it is empty"),
        ("\ufeff", "it is empty"),
        ("[]", "it is empty"),
        ("{}", "it is empty"),
        ("[\n]", "it is empty"),
        ("[1, 2]", "row 1: it is no row of fields but a int"),
        ('[{"model": "m", "prompt": "p", "right_answer": 3}]', "row 1: model_response is absent"),
    ],
)
def test_nothing_to_score_is_refused_and_no_rate_of_nothing_is_printed(text: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(BadOption, match=why):
        score_file(written(tmp_path, text))


def test_long_numbers_and_markup_harm_nothing(tmp_path: Path) -> None:
    rows = [row("answer: " + "9" * 6000, parsed_answer="9" * 6000), row("answer: 7") | {"prompt": "[/bold] [red]x"}]
    path = written(tmp_path, rows)
    assert score_file(path).correct == 1 and "[/bold] [red]x" in printed(path, "first")


def test_prompts_that_differ_in_their_instructions_are_told_apart(tmp_path: Path) -> None:
    story = "Alice has 2 sisters."
    rows = [
        row("answer: 7") | {"prompt": f"{story} {how}"} for how in ("Solve this problem now.", "To answer the question")
    ]
    text = printed(written(tmp_path, rows), "first")
    assert "Alice has 2 sisters. / Solve this problem now." in text and "/ To answer the question" in text


@given(told=st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("pqr"), st.booleans()), min_size=1, max_size=30))
def test_rates_add_up(told: list[tuple[str, str, bool]], tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = [row(f"answer: {7 if right else 6}") | {"model": m, "prompt": p} for m, p, right in told]
    score = score_file(written(tmp_path_factory.mktemp("rates"), rows))
    assert score.correct == sum(m.correct for m in score.models) == sum(right for *_, right in told)
    for model in score.models:
        assert model.rows == sum(v.rows for v in model.variations)
        assert model.correct == sum(v.correct for v in model.variations) and 0 <= model.spread <= 1
        for rate in model.variations:
            assert 0 <= rate.low <= rate.value <= rate.high <= 1 and rate.low < rate.high


def test_the_published_table_read_both_ways() -> None:
    console = Console(file=io.StringIO(), width=160, color_system=None)
    table = greedy_table.show_greedy_table(console=console)
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    for shares in (("64.3", "23.9", "11.7"), ("73.5", "6.1", "20.4")):
        assert re.search(r" .*│\s+".join(map(re.escape, shares)), text), shares
    assert "add up to 100.1" in text
    rows = {"knows": (64.3, 23.9, 11.7), "does not know": (73.5, 6.1, 20.4)}
    for name, shares_ in rows.items():
        found = [100 * (table.conditional(name, c) or 0) for c in greedy_table.COLUMNS]
        assert found == pytest.approx(shares_, abs=0.051)


@pytest.mark.parametrize(
    "cells", [[1, 2, 3], [1, 2, 3, 4, 5, -6], [0] * 6, [1, 2, 3, 4, 5, float("nan")], [1, 2, 3, 4, 5, "6"]]
)
def test_what_is_no_table_is_refused(cells: list[Any]) -> None:
    with pytest.raises(BadOption, match="Give six"):
        greedy_table.six_cell_table(cells)


def test_an_empty_row_has_no_conditional() -> None:
    table = greedy_table.six_cell_table([3, 2, 1, 0, 0, 0])
    assert table.conditional("does not know", "greedy") is None and table.joint("knows", "greedy") == 0.5
    console = Console(file=io.StringIO(), width=160, color_system=None)
    greedy_table.show_greedy_table([3, 2, 1, 0, 0, 0], console)


def test_half_a_surrogate_pair_is_an_unscored_row(tmp_path: Path) -> None:
    row = '{"model": "m", "prompt": "%s", "model_response": "Answer: 7", "right_answer": "7"}'
    (tmp_path / "r.json").write_text("[" + row % "a \\ud800" + "," + row % "fine" + "]")
    score = score_file(tmp_path / "r.json")
    assert (score.rows, score.correct, [u.row for u in score.unscored]) == (1, 1, [1])


def test_prompts_are_the_clusters_of_a_model_s_rate(tmp_path: Path) -> None:
    """Four prompts, two of them always solved, say little of others, however many trials each has."""
    rows = [
        {"model": "m", "prompt": f"p{n}", "model_response": f"answer: {1 + n % 2}", "right_answer": 1}
        for n in range(4)
        for _ in range(100)
    ]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    (model,) = score_file(path, "first").models
    assert model.low < 0.1 and model.high > 0.9 and model.correct == 200
