"""Question files in the shapes of public data sets: options are shown and the key is right, or the row is refused."""

import csv
import io
import json
import unicodedata
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from akrasia.errors import BadOption
from akrasia.tasks.questions import QuestionSet, questions

Row = dict[str, Any]


def read(folder: Path, *rows: Row, name: str = "set.jsonl", **options: Any) -> QuestionSet:
    path = folder / name
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return questions(str(path), **options)


def shown(task: QuestionSet, seed: int = 0) -> tuple[str, list[str], str]:
    """(the text, the options as shown, the text of the right one)."""
    state = task.start(seed)
    situation, (right,) = task.situation(state), task.oracle(state).optimal
    question = task.questions[state.place]
    assert situation.actions == tuple("ABCDEFGHIJ"[: len(question.choices)])
    lines = situation.observation.removeprefix(question.text + "\n").split("\n")
    assert [line[:3] for line in lines] == [f"{letter}. " for letter in situation.actions]
    (answer,) = (line[3:] for line in lines if line.startswith(f"{right}. "))
    return question.text, [line[3:] for line in lines], answer


def why(folder: Path, *rows: Row, **options: Any) -> str:
    """Why the first row is refused; the last row is a question that can be read."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        task = read(folder, *rows, {"question": "2 + 2?", "answer": 4}, **options)
    assert f"row {task.malformed[0].row}: {task.malformed[0].reason}" in str(caught[0].message)
    return task.malformed[0].reason


XYZW = ["x", "y", "z", "w"]
LABELLED = {"text": XYZW, "label": ["A", "B", "C", "D"]}
SHAPES: dict[str, Row] = {
    "MMLU-Pro": {
        "question_id": 70, "question": "Which?", "options": XYZW, "answer": "C", "answer_index": 2, "cot_content": "",
        "category": "letters", "src": "own",
    },
    "MMLU as text": {"question": "Which?", "subject": "letters", "choices": XYZW, "answer": "C"},
    "MedQA": {
        "question": "Which?", "answer": "z", "options": dict(zip("ABCD", XYZW, strict=True)), "meta_info": "step1",
        "answer_idx": "C", "metamap_phrases": ["x", "which"],
    },
    "MedQA as key and value": {
        "question": "Which?", "options": [{"key": k, "value": v} for k, v in zip("ABCD", XYZW, strict=True)],
        "answer": "z", "answer_idx": "C",
    },
    "C-Eval": {"id": 0, "question": "Which?", "A": "x", "B": "y", "C": "z", "D": "w", "answer": "C", "explanation": ""},
    "CMMLU": {"Question": "Which?", "A": "x", "B": "y", "C": "z", "D": "w", "Answer": "C"},
    "ARC": {"id": "own_1", "question": "Which?", "choices": LABELLED, "answerKey": "C"},
    "ARC with numbers": {
        "id": "own_2", "question": "Which?", "choices": {"text": XYZW, "label": ["1", "2", "3", "4"]}, "answerKey": "3",
    },
    "ARC as published": {
        "id": "own_3", "answerKey": "C",
        "question": {"stem": "Which?", "choices": [{"text": t, "label": k} for k, t in zip("ABCD", XYZW, strict=True)]},
    },
    "OpenBookQA": {"id": "own_4", "question_stem": "Which?", "choices": LABELLED, "answerKey": "C"},
    "CommonsenseQA": {
        "id": "own_5", "question": "Which?", "question_concept": "letter", "choices": LABELLED, "answerKey": "C",
    },
    "HellaSwag": {
        "ind": 1, "activity_label": "Own", "ctx_a": "Which", "ctx_b": "?", "ctx": "Which?", "endings": XYZW,
        "source_id": "own", "split": "val", "split_type": "indomain", "label": "2",
    },
    "HellaSwag as published": {"ctx": "Which?", "ending_options": [], "endings": XYZW, "label": 2},
    "TruthfulQA": {
        "question": "Which?", "mc1_targets": {"choices": ["z", "x", "y", "w"], "labels": [1, 0, 0, 0]},
        "mc2_targets": {"choices": ["z", "Z", "x"], "labels": [1, 1, 0]},
    },
    "TruthfulQA as published": {"question": "Which?", "mc1_targets": {"x": 0, "z": 1, "y": 0, "w": 0}},
    "AQuA": {"question": "Which?", "options": ["A)x", "B)y", "C)z", "D)w"], "rationale": "", "correct": "C"},
    "AGIEval": {"question": "Which?", "options": ["(A)x", "(B)y", "(C)z", "(D)w"], "label": "C", "passage": None},
    "SWAG": {"startphrase": "Which?", "ending0": "x", "ending1": "y", "ending2": "z", "ending3": "w", "label": 2},
    "text as key": {"question": "Which?", "options": XYZW, "correct_answer": "z"},
    "marks": {"question": "Which?", "answers": [{"text": t, "is_correct": t == "z"} for t in XYZW]},
    "a dict of numbers": {"question": "Which?", "options": {"1": "x", "2": "y", "3": "z", "4": "w"}, "answer": 3},
    "padded": {"question": "Which?", "options": {"A": "x", "B": "y", "C": "z", "D": "w", "E": None}, "answer": "C"},
    "padded columns": {"question": "Which?", **dict(zip("ABCD", XYZW, strict=True)), "E": "", "answer": "c"},
    "option_a": {"question": "Which?", **{f"option_{k}": v for k, v in zip("abcd", XYZW, strict=True)}, "answer": "C"},
    "the column's name": {
        "question": "Which?", **{f"option_{k}": v for k, v in zip("abcd", XYZW, strict=True)}, "answer": "option_c",
    },
    "option1": {"question": "Which?", **{f"option{i}": v for i, v in enumerate(XYZW, 1)}, "answer": "option3"},
    "choice 1": {"question": "Which?", **{f"choice {i}": v for i, v in enumerate(XYZW, 1)}, "answer": "z"},
    "answerA": {"question": "Which?", **{f"answer{k}": v for k, v in zip("ABCD", XYZW, strict=True)}, "label": "C"},
    "opa": {"question": "Which?", **{f"op{k}": v for k, v in zip("abcd", XYZW, strict=True)}, "answer": "(C)"},
    "a list as text": {"question": "Which?", "options": "['x', 'y', 'z', 'w']", "answer": "C. z"},
    "a table as text": {"question": "Which?", "options": '{"A": "x", "B": "y", "C": "z", "D": "w"}', "answer": "C"},
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_options_are_shown_and_the_key_is_right(shape: str, tmp_path: Path) -> None:
    text, options, right = shown(read(tmp_path, SHAPES[shape]))
    assert text.endswith("Which?") and sorted(options) == sorted(XYZW) and right == "z"


NESTED = ("ARC as published", "TruthfulQA", "TruthfulQA as published", "marks")  # keys that a table's cell hides


@pytest.mark.parametrize("shape", SHAPES)
def test_the_same_rows_in_a_table(shape: str, tmp_path: Path) -> None:
    """As a CSV writer stores them: every cell a text, lists and tables as Python prints them."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, SHAPES[shape])
    writer.writeheader()
    writer.writerow(SHAPES[shape])
    (tmp_path / "set.csv").write_text(buffer.getvalue(), encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if shape in NESTED:
            with pytest.raises(BadOption, match="holds no question|layout"):
                questions(str(tmp_path / "set.csv"))
            return
        _, options, right = shown(questions(str(tmp_path / "set.csv")))
    assert sorted(options) == sorted(XYZW) and right == "z"


def test_what_a_question_is_about_is_shown(tmp_path: Path) -> None:
    race = {"example_id": "own1.txt", "article": "A long tale.", "question": "Which?", "options": XYZW, "answer": "C"}
    svamp = {"Body": "Ten birds sat there and two left.", "Question": "How many are left?", "Answer": 8.0}
    task = read(tmp_path, race, svamp, {"context": ["One.", "Two."], "query": "Who?", "answer": "Ada"})
    assert shown(task)[0] == "A long tale.\n\nWhich?"
    assert task.questions[1].text == "Ten birds sat there and two left.\n\nHow many are left?"
    assert task.questions[1].answer == "8" and task.questions[2].text == "One.\nTwo.\n\nWho?"


def test_gsm8k_keeps_its_numbers(tmp_path: Path) -> None:
    task = read(tmp_path, {"question": "Eggs?", "answer": "16 - 7 = <<16-7=9>>9\n#### 18"})
    assert task.questions[0].answer == "18" and task.format == "gsm8k"


def test_indices_count_as_the_whole_file_shows(tmp_path: Path) -> None:
    def rows(*keys: Any, **more: Any) -> list[Row]:
        return [{"question": f"{i}?", "choices": XYZW, "answer": key, **more} for i, key in enumerate(keys)]

    def right(*keys: Any, **options: Any) -> list[str]:
        return [q.answer for q in read(tmp_path, *rows(*keys), **options).questions]

    assert right(0, 3, 1) == ["x", "w", "y"]
    assert right("0", "3", "1") == ["x", "w", "y"]
    assert right(*[1, 2, 3, 4] * 6) == XYZW * 6
    assert right(1, 2, 4, key="index1") == ["x", "y", "w"]
    assert right(1, 2, 3, key="index0") == ["y", "z", "w"]
    assert "may count from 0 or from 1" in why(tmp_path, *rows(2, 1, 3))
    assert "say key = 'index1'" in why(tmp_path, *rows(4, 1, 2))
    assert "may count from 0 or from 1" in why(tmp_path, *rows(0, 4))
    assert "none of its choices" in why(tmp_path, *rows(5, 0))
    pairs = [{"sentence": "_ fell.", "option1": "x", "option2": "y", "answer": a} for a in ("1", "2")]  # WinoGrande
    assert [q.answer for q in read(tmp_path, *pairs).questions] == ["x", "y"]
    pairs = [{"goal": "Fell?", "sol1": "x", "sol2": "y", "label": a} for a in (0, 1)]  # PIQA
    assert [q.answer for q in read(tmp_path, *pairs).questions] == ["x", "y"]
    assert "may count" in why(tmp_path, pairs[1])


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"A": "x", "B": "", "C": "z", "D": "w", "answer": "C"}, "empty: B"),
        ({"A": "x", "B": None, "C": "z", "answer": "C"}, "empty: B"),
        ({"A": "x", "C": "z", "answer": "C"}, "letter 'C' and it has no options|leave some out"),
        ({"A": "x", "B": "y", "D": "w", "answer": "D"}, "leave some out: A, B, D"),
        ({"options": {"A": "x", "B": "NaN", "C": "z"}, "answer": "C"}, "empty: B"),
        ({"options": ["x", None, "z"], "answer": "C"}, "empty: 2"),
        ({"options": XYZW, "answer": "E"}, "none of its choices"),
        ({"options": XYZW, "answer": "v"}, "none of its choices"),
        ({"options": XYZW, "answer": "A,C"}, "none of its choices"),
        ({"options": XYZW, "answer": ["A"]}, "answer is a list"),
        ({"options": XYZW, "answer": float("nan")}, "no answer"),
        ({"options": XYZW, "answer": "nan"}, "no answer"),
        ({"options": XYZW, "answer": ""}, "no answer"),
        ({"options": XYZW, "answer": None}, "no answer"),
        ({"options": XYZW}, "no answer"),
        ({"answer": float("inf")}, "no answer"),
        ({"answer": "NaN"}, "no answer"),
        ({"answer": "None"}, "no answer"),
        ({"options": ["x", "y", "x"], "answer": "A"}, "alike"),
        ({"options": [unicodedata.normalize(form, "caf\xe9") for form in ("NFC", "NFD")], "answer": "A"}, "alike"),
        ({"options": {"text": XYZW, "label": ["A", "B"]}, "answer": "A"}, "2 labels"),
        ({"options": {"text": ["x", "y"], "label": ["A", "A"]}, "answer": "A"}, "1 labels"),
        ({"options": ["B) x", "A) y"], "answer": "A"}, "in the order B, A"),
        ({"options": XYZW, "choices": ["p", "q"], "answer": "A"}, "two sets"),
        ({"options": XYZW, "A": "p", "B": "q", "answer": "A"}, "two sets"),
        ({"options": XYZW, "answer": "C", "answer_index": 0}, "not the same choice"),
        ({"options": XYZW, "answer": "z", "answer_idx": "B"}, "not the same choice"),
        ({"options": ["1", "2", "3"], "answer": "2"}, "may count"),
        ({"options": ["B", "A"], "answer": "A"}, "two of its choices"),
        ({"answer": "C"}, "letter 'C' and it has no options"),
        ({"answer": "(c)"}, "no options"),
        ({"answer": "Option B"}, "no options"),
        ({"variants": XYZW, "answer": "z"}, "its variants may be its choices"),
        ({"variants": XYZW, "answer": 2}, "its variants may be its choices"),
        ({"context": {"sentences": ["One."]}, "answer": 2}, "context is a dict"),
        ({"mc1_targets": {"choices": ["x", "y"], "labels": [1, 1]}}, "2 of its choices are marked"),
        ({"mc1_targets": {"choices": ["x", "y"], "labels": [0, 0]}}, "0 of its choices are marked"),
        ({"mc1_targets": {"choices": ["x", "y"], "labels": [1]}}, "not choices with labels"),
        ({"question": "  ", "answer": 3}, "no question"),
        ({"question": float("nan"), "answer": 3}, "no question"),
        ({"question": None, "questions": ["1?", "2?"], "options": [XYZW, XYZW]}, "several questions"),
        ({"question": "Q?", "Question": "R?", "answer": 3}, "one name"),
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_refused_with_its_row(row: Row, reason: str, tmp_path: Path) -> None:
    import re

    assert re.search(reason, why(tmp_path, {"question": "Which?", **row}))


def test_a_letter_is_an_open_answer_only_where_the_user_says_so(tmp_path: Path) -> None:
    task = read(tmp_path, {"question": "Which vitamin?", "answer": "C"}, kind="exact")
    assert task.situation(task.start(0)).answer == "text"


def test_a_gap_in_a_table_is_refused_with_its_record(tmp_path: Path) -> None:
    path = tmp_path / "gap.csv"
    path.write_text("question,A,B,C,D,answer\na?,x,y,z,w,C\nb?,x,y,,,B\nc?,x,,z,w,C\n")
    with pytest.warns(UserWarning, match="row 4: one of its choices is empty: B"):
        task = questions(str(path))
    assert [(q.row, q.choices, q.answer) for q in task.questions] == [(2, tuple(XYZW), "z"), (3, ("x", "y"), "y")]


ROW = {"question": "Wo\N{LATIN SMALL LETTER E WITH ACUTE}?", "options": ["x", "y"], "answer": "B"}
TABLE = "question,A,B,answer\nWo\N{LATIN SMALL LETTER E WITH ACUTE}?,x,y,B\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jsonl", json.dumps(ROW)),
        ("a.json", json.dumps([ROW])),
        ("a.json", json.dumps([ROW, ROW], indent=2)),
        ("a.json", "[\n" + ",\n".join([json.dumps(ROW)] * 3) + "\n]\n"),
        ("a.json", "[" + ",\n".join([json.dumps(ROW)] * 3) + "]"),
        ("a.jsonl", ",\n".join([json.dumps(ROW)] * 3)),
        ("a.json", json.dumps({"data": [ROW, ROW], "version": 1})),
        ("a.json", json.dumps(ROW, indent=1)),
        ("a.csv", TABLE),
        ("a.csv", TABLE.replace(",", ";")),
        ("a.tsv", TABLE.replace(",", "\t")),
        ("a.csv", TABLE.replace("\n", "\r\n")),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_formats_and_encodings(name: str, content: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content.encode(encoding))
    named = encoding.removesuffix("-sig")
    if named != "utf-8" and (b"\xe9" in content.encode(encoding)):
        with pytest.raises(BadOption, match="is not in UTF-8.*'cp1252'"):
            questions(str(tmp_path / name))
    task = questions(str(tmp_path / name), encoding=named)
    assert {(q.text, q.choices, q.answer) for q in task.questions} == {
        (ROW["question"] if "\\u" not in content else "Woé?", ("x", "y"), "y")
    }
    assert not task.malformed and len(task.questions) == (content.count("Wo"))
    assert type(task)(**{f: getattr(task, f) for f in task.__dataclass_fields__}) == questions(**task.options)


def test_a_damaged_list_is_refused_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[\n" + "\n".join([json.dumps(ROW) + ","] * 3) + "\n]\n")
    with pytest.raises(BadOption, match="not a JSON list"):
        questions(str(tmp_path / "a.json"))
    (tmp_path / "a.csv").write_text("question,A,B,a,answer\n?,x,y,z,B\n")
    with pytest.raises(BadOption, match="two columns named 'a'"):
        questions(str(tmp_path / "a.csv"))


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("O'Brien", "O\N{RIGHT SINGLE QUOTATION MARK}Brien"),
        ("O\N{RIGHT SINGLE QUOTATION MARK}Brien", "o'brien"),
        ("caf\N{LATIN SMALL LETTER E WITH ACUTE}", "cafe\N{COMBINING ACUTE ACCENT}"),
        (unicodedata.normalize("NFD", "Zürich"), "Zürich."),
        ("the \"Emma\"", "the \N{LEFT DOUBLE QUOTATION MARK}Emma\N{RIGHT DOUBLE QUOTATION MARK}"),
        ("Spider-Man", "spider\N{NON-BREAKING HYPHEN}man"),
        ("New York", "New\N{NO-BREAK SPACE}York"),
        ("Straße", "STRASSE"),
        ("Paris", "Par\N{SOFT HYPHEN}is\N{ZERO WIDTH SPACE}"),
    ],
)  # fmt: skip
def test_how_a_text_is_written_does_not_count(key: str, said: str, tmp_path: Path) -> None:
    task = read(tmp_path, {"question": "Who?", "answer": key})
    assert task.grade(task.start(0), said) == "right"  # type: ignore[attr-defined]
    assert task.grade(task.start(0), said + " Smith") == "wrong"  # type: ignore[attr-defined]


TEXTS = st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=2, max_size=6)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    options=st.lists(TEXTS.filter(lambda t: t.casefold() != "null"), min_size=2, max_size=8, unique_by=str.casefold),
    data=st.data(),
)
def test_whatever_the_shape_the_right_option_is_the_right_one(options: list[str], data: Any, tmp_path: Path) -> None:
    """A letter or a text as key, in any form in which options come: that option is right, or the row is refused."""
    place = data.draw(st.integers(0, len(options) - 1))
    letters = "ABCDEFGH"[: len(options)]
    forms: list[Row] = [
        {"options": options},
        {"choices": dict(zip(letters, options, strict=True))},
        {"choices": {"text": options, "label": list(letters)}},
        {"options": [f"{k}. {v}" for k, v in zip(letters, options, strict=True)]},
        dict(zip(letters, options, strict=True)),
        {f"option_{k}": v for k, v in zip(letters, options, strict=True)},
        {f"choice{i}": v for i, v in enumerate(options)},
    ]
    form = data.draw(st.sampled_from(forms))
    key = data.draw(st.sampled_from([letters[place], f"({letters[place]})", options[place]]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task = read(tmp_path, {"question": "Which?", **form, "answer": key}, {"question": "2 + 2?", "answer": 4})
    for question in task.questions[:-1]:
        assert list(question.choices) == options and question.answer == options[place]


BESIDE_WRONG: dict[str, Row] = {
    "SciQ": {
        "question": "Which?", "distractor3": "y", "distractor1": "x", "distractor2": "w", "correct_answer": "z",
        "support": "Letters.",
    },
    "GPQA": {
        "Pre-Revision Question": "What?", "Question": "Letters.\n\nWhich?", "Correct Answer": "z", "Explanation": "So.",
        "Pre-Revision Incorrect Answer 1": "u", "Incorrect Answer 1": "x", "Incorrect Answer 2": "y",
        "Incorrect Answer 3": "w",
    },
    "a list of wrong ones": {
        "question": "Letters.\n\nWhich?", "correct_answer": "z", "incorrect_answers": ["x", "y", "w"],
    },
    "a list in a cell": {"question": "Which?", "context": "Letters.", "answer": "z", "distractors": '["x", "y", "w"]'},
}  # fmt: skip


@pytest.mark.parametrize("name", BESIDE_WRONG)
def test_a_right_answer_beside_wrong_ones_is_a_choice_among_them(tmp_path: Path, name: str) -> None:
    text, options, right = shown(read(tmp_path, BESIDE_WRONG[name]))
    assert (text, right) == ("Letters.\n\nWhich?", "z")
    assert sorted(options) == sorted(XYZW) and options == shown(read(tmp_path, BESIDE_WRONG["SciQ"]))[1]


def test_the_place_of_a_right_answer_beside_wrong_ones_tells_nothing(tmp_path: Path) -> None:
    rows = [
        {"question": f"{n}?", "correct_answer": f"right {n}", "incorrect_answers": [f"wrong {n} {i}" for i in range(3)]}
        for n in range(400)
    ]
    task = read(tmp_path, *rows)
    places = [q.choices.index(q.answer) for q in task.questions]
    assert all(60 < places.count(place) < 140 for place in range(4))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"correct_answer": "z", "distractor1": "z", "distractor2": "x"}, "alike"),
        ({"correct_answer": "z", "distractor1": "", "distractor2": "x"}, "empty"),
        ({"correct_answer": None, "distractor1": "y", "distractor2": "x"}, "no answer"),
        ({"answer": "C", "distractor1": "y", "distractor2": "x", "A": "p", "B": "q", "C": ""}, "none of its choices"),
    ],
)
def test_wrong_answers_that_are_no_options_refuse_the_row(tmp_path: Path, more: Row, reason: str) -> None:
    assert reason in why(tmp_path, {"question": "Which?", **more})
