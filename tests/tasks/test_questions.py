"""Question sets: every layout read as it is, malformed rows reported, and whole runs of a scripted model."""

import json
import sys
import unicodedata
import warnings
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import akrasia as ak
from akrasia.agents.rendering import render_situation
from akrasia.errors import BadOption, MissingExtra, UnknownName
from akrasia.models import Scripted
from akrasia.tasks import TASKS, conformance, questions
from akrasia.tasks.base import Graded


def lines(tmp_path: Path, *rows: Any, name: str = "set.jsonl") -> str:
    path = tmp_path / name
    path.write_text("\n".join(r if isinstance(r, str) else json.dumps(r) for r in rows), encoding="utf-8")
    return str(path)


def ask(text: str = "How many?", answer: Any = 3, **more: Any) -> dict[str, Any]:
    return {"question": text, "answer": answer, **more}


def seen(task: Any, seed: int = 0) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """(how it is answered, the options, the right answers)."""
    state = task.start(seed)
    situation = task.situation(state)
    return situation.answer, situation.actions, task.oracle(state).optimal


def test_json_lines_of_every_kind(tmp_path: Path) -> None:
    rows = (ask(answer="1,234"), ask("Who?", "Ada"), ask("Which?", "B", choices=["x", "y", "z"]), ask(answer=2.50))
    task = questions(lines(tmp_path, *rows))
    assert task.format == "jsonl" and [q.kind for q in task.questions] == ["numeric", "exact", "choice", "numeric"]
    assert [q.answer for q in task.questions] == ["1234", "Ada", "y", "2.5"]
    assert seen(task, 2) == ("action", ("A", "B", "C"), ("B",))
    assert task.situation(task.start(6)).item == "row 3"
    assert "Which?\nA. x\nB. y\nC. z" in render_situation(task.situation(task.start(2)))
    conformance.check(task, range(8))


@pytest.mark.parametrize(
    ("answer", "choices", "right"),
    [
        ("C", ["x", "y", "z"], "z"),
        ("z", ["x", "y", "z"], "z"),
        (0, ["x", "y", "z"], "x"),  # a JSON integer beside texts is an index; 0 cannot be counted from 1
        (4, [3, 4, 5], "4"),  # beside numbers it is one of them
        (0, ["10", "20"], "10"),
        ("A", ["A", "B"], "A"),
    ],
)
def test_the_right_choice(answer: Any, choices: list[Any], right: str, tmp_path: Path) -> None:
    assert questions(lines(tmp_path, ask(answer=answer, choices=choices))).questions[0].answer == right


def test_choices_as_open_questions(tmp_path: Path) -> None:
    path = lines(tmp_path, ask(answer="B", choices=["3", "4"]))
    assert seen(questions(path)) == ("action", ("A", "B"), ("B",))
    assert seen(questions(path, kind="numeric")) == ("number", (), ("4",))
    assert seen(questions(path, kind="exact")) == ("text", (), ("right",))


def test_gsm8k_as_it_is(tmp_path: Path) -> None:
    rows = (ask("Eggs?", "16 - 7 = <<16-7=9>>9\n#### 18"), ask("Cost?", "so\n#### 70,000"), ask("Bad?", "no mark"))
    path = lines(tmp_path, *rows, name="gsm.jsonl")
    with pytest.warns(UserWarning, match=r"gsm.jsonl: 1 of 3 rows .* row 3: its answer has no '####'"):
        task = questions(path)
    assert (task.format, [q.answer for q in task.questions]) == ("gsm8k", ["18", "70000"])
    assert seen(task) == ("number", (), ("18",)) and not isinstance(task, Graded)


def test_mmlu_and_csv_as_they_are(tmp_path: Path) -> None:
    mmlu = '"What, then?",one,two,"three, four",five,C\nIs B right?,B,A,C,D,A\n'
    task = questions(lines(tmp_path, mmlu, name="mmlu.csv"))
    assert task.format == "mmlu" and [q.answer for q in task.questions] == ["three, four", "B"]
    assert [seen(task, i)[2] for i in range(2)] == [("C",), ("A",)]
    table = 'id,Question,A,B,Answer\n1,Which?,x,y,B\n2,"How\nmany?",,,12\n\n3,short\n'
    with pytest.warns(UserWarning, match=r"row 5: it has 2 fields instead of 5"):
        task = questions(lines(tmp_path, table, name="table.csv"))
    assert task.format == "csv" and [(q.row, q.kind, q.answer) for q in task.questions] == [
        (2, "choice", "y"),
        (3, "numeric", "12"),
    ]


BAD: list[tuple[Any, str]] = [
    ('{"question": "cut', "not JSON"),
    ("[1, 2]", "not an object"),
    ({"answer": 3}, "no question"),
    (ask("  "), "no question"),
    ({"question": "?"}, "no answer"),
    (ask(answer=""), "no answer"),
    (ask(answer=True), "answer is a bool"),
    (ask(answer=[3]), "answer is a list"),
    (ask(answer="..."), "no answer"),
    (ask(answer="A", choices="xy"), "not a list of texts"),
    (ask(answer="A", choices=["x"]), "1 choices"),
    (ask(answer="A", choices=["x", "x"]), "alike"),
    (ask(answer="A", choices=["x", ""]), "empty"),
    (ask(answer="D", choices=["x", "y"]), "none of its choices"),
    (ask(answer=2, choices=["x", "y"]), "none of its choices"),
    (ask(answer=-1, choices=["x", "y"]), "none of its choices"),
    (ask(answer="A", choices=["B", "A"]), "two of its choices"),
]


@pytest.mark.parametrize(("row", "reason"), BAD)
def test_a_malformed_row_is_reported_and_the_rest_used(row: Any, reason: str, tmp_path: Path) -> None:
    path = lines(tmp_path, "", row, ask())
    with pytest.warns(UserWarning, match=r"1 of 2 rows") as caught:
        task = questions(path)
    assert f"{path}: 1 of 2 rows are not questions and are left out: row 2: " in str(caught[0].message)
    assert [(m.row, reason in m.reason) for m in task.malformed] == [(2, True)] and len(task.questions) == 1


def test_kinds_that_do_not_fit_are_malformed(tmp_path: Path) -> None:
    path = lines(tmp_path, ask("Who?", "Ada"))
    for kind, reason in (("numeric", "not a number"), ("choice", "no choices")):
        with pytest.warns(UserWarning), pytest.raises(BadOption, match=reason):
            questions(path, kind=kind)


def test_files_that_hold_no_questions_are_refused(tmp_path: Path) -> None:
    for path, why in (
        (str(tmp_path / "absent.jsonl"), "there is no file"),
        (str(tmp_path), "cannot be read"),
        (lines(tmp_path, "", name="empty.jsonl"), "it is empty"),
        (lines(tmp_path, "", name="empty.csv"), "layout"),
        (lines(tmp_path, "a,b\n1,2", name="other.csv"), "layout"),
        (lines(tmp_path, "text", name="set.txt"), "layout"),
    ):
        with pytest.raises(BadOption, match=why):
            questions(path)
    (tmp_path / "latin.jsonl").write_bytes(b'{"question": "caf\xe9"}')
    with pytest.raises(BadOption, match="UTF-8"):
        questions(str(tmp_path / "latin.jsonl"))
    with pytest.raises(UnknownName, match="jsonl"):
        questions("x", format="json")
    with pytest.raises(UnknownName, match="exact"):
        questions("x", kind="exactly")
    with pytest.raises(BadOption, match="shuffle_choices"):
        questions(shuffle_choices=1)  # type: ignore[arg-type]


def test_a_task_is_rebuilt_from_its_options_or_not_at_all(tmp_path: Path) -> None:
    path = lines(tmp_path, "\ufeff" + json.dumps(ask()), ask("Which?", "A", choices=["x", "y"]))
    task = questions(path, shuffle_choices=True)
    options = json.loads(json.dumps(task.options))
    assert TASKS.make("questions", **options) == task and len(options["sha256"]) == 16
    Path(path).write_text(json.dumps(ask(answer=4)))
    with pytest.raises(BadOption, match="have changed"):
        TASKS.make("questions", **options)


def test_choices_are_shuffled_by_seed_and_the_right_one_moves_along(tmp_path: Path) -> None:
    path = lines(tmp_path, ask(answer="w", choices=["w", "x", "y", "z"]))
    task = questions(path, shuffle_choices=True)
    places: Counter[str] = Counter()
    for seed in range(200):
        state = task.start(seed)
        (right,) = task.oracle(state).optimal
        assert f"{right}. w" in task.situation(state).observation
        assert task.step(state, right)[1:] == (1.0, True)
        places[right] += 1
    assert min(places[letter] for letter in "ABCD") > 25
    assert questions(path).oracle(questions(path).start(9)).optimal == ("A",)


@pytest.mark.parametrize(
    ("said", "grade"),
    [
        ("Ada Lovelace", "right"),
        ('  **"ada  lovelace."**', "right"),
        ("Ada Lovelace\nShe wrote the first program.", "right"),
        ("Ada", "wrong"),
        ("Not Ada Lovelace", "wrong"),
        ("", "wrong"),
    ],
)
def test_texts_are_graded(said: str, grade: str, tmp_path: Path) -> None:
    task = questions(lines(tmp_path, ask("Who?", "Ada Lovelace")))
    assert isinstance(task, Graded) and task.grade(task.start(0), said) == grade
    assert task.step(task.start(0), said)[1] == float(grade == "right")


def test_bad_answers_raise_and_an_episode_is_one_question(tmp_path: Path) -> None:
    task = questions(lines(tmp_path, ask(), ask(answer="A", choices=["x", "y"])))
    for seed, wrong in ((0, "three"), (1, "C"), (1, "x")):
        with pytest.raises(BadOption):
            task.step(task.start(seed), wrong)
    after, reward, over = task.step(task.start(0), "3.0")
    assert (reward, over) == (1.0, True)
    for again in (lambda: task.step(after, "3"), lambda: task.forfeit(after)):
        with pytest.raises(BadOption, match="over"):
            again()


def test_our_own_questions_show_the_form() -> None:
    conformance.check(questions(), range(8))
    assert [seen(questions(), i)[0] for i in range(4)] == ["number", "action", "text", "number"]


def test_data_sets_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtra, match=r"akrasia\[datasets\]"):
        questions("openai/gsm8k", format="hf")
    asked: list[Any] = []

    class Classed(list[dict[str, Any]]):
        """Rows of a data set that says what the numbers of a column stand for, as cais/mmlu does."""

        features = {"answer": SimpleNamespace(names=["A", "B", "C", "D"])}

    def load_dataset(name: str, subset: str | None, split: str) -> list[dict[str, Any]]:
        asked.append((name, subset, split))
        if name == "absent":
            raise FileNotFoundError("no such data set")
        if name == "openai/gsm8k":
            return [ask("Eggs?", "so\n#### 18")]
        return Classed([ask("Which?", 2, choices=["w", "x", "y", "z"], subject="letters")])

    monkeypatch.setitem(sys.modules, "datasets", SimpleNamespace(load_dataset=load_dataset))
    gsm = questions("openai/gsm8k", format="hf", subset="main")
    assert seen(gsm) == ("number", (), ("18",)) and asked == [("openai/gsm8k", "main", "test")]
    assert seen(questions("cais/mmlu", format="hf")) == ("action", ("A", "B", "C", "D"), ("C",))
    assert TASKS.make("questions", **json.loads(json.dumps(gsm.options))) == gsm
    with pytest.raises(BadOption, match="cannot be loaded"):
        questions("absent", format="hf")


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), min_size=1, max_size=12).filter(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(TEXT, st.lists(TEXT, min_size=2, max_size=5)), min_size=1, max_size=5),
    shuffle=st.booleans(),
)
def test_every_row_is_a_question_or_malformed(rows: list[tuple[str, list[str]]], shuffle: bool, tmp_path: Path) -> None:
    path = lines(tmp_path, *(ask(text, 0, choices=choices) for text, choices in rows), ask())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task = questions(path, shuffle_choices=shuffle)
    assert len(task.questions) + len(task.malformed) == len(rows) + 1
    for question, seed in zip(task.questions[:-1], range(9), strict=False):
        state = task.start(seed)
        (right,) = task.oracle(state).optimal
        assert question.answer == unicodedata.normalize("NFC", rows[question.row - 1][1][0].strip())
        assert f"\n{right}. {question.answer}" in "\n" + task.situation(state).observation


def test_a_whole_run_over_a_mixed_set(tmp_path: Path) -> None:
    rows = (ask("One?", 1), ask("Who?", "Ada"), ask("Which?", "B", choices=["x", "y"]), ask("Two?", 2))
    said = {"One?": "1.0", "Who?": "ada", "Which?": "B", "Two?": "3"}

    def script(request: Any, draw: Any) -> str:
        (answer,) = (a for q, a in said.items() if q in request.messages[0].content)
        return f"BEST={answer}\nACTION={answer}"

    task = questions(lines(tmp_path, *rows))
    result = ak.run(
        task=task, model=Scripted(script, "mixed"), variants=["reason_act"], episodes=8, out=tmp_path / "run"
    )
    (arm,) = result.score().arms
    assert (arm.metrics["doing"].value, arm.metrics["knowing"].value, arm.metrics["gap"].value) == (0.75, 0.75, 0)
    assert arm.metrics["regret"].value == 0.25 and arm.metrics["say_do"].value == 1
    right = dict(result.records.group_by("item").agg(pl.col("does").all()).rows())
    assert right == {"row 1": True, "row 2": True, "row 3": True, "row 4": False}


def test_half_a_surrogate_pair_is_a_malformed_row_and_the_rest_counts(tmp_path: Path) -> None:
    rows = ['{"question": "a \\ud800 b", "answer": "3"}', '{"question": "2 + 2?", "answer": "4"}']
    (tmp_path / "q.jsonl").write_text("\n".join(rows))
    with pytest.warns(UserWarning, match="row 1"):
        task = ak.tasks.questions(path=str(tmp_path / "q.jsonl"))
    assert len(task.malformed) == 1 and "surrogate" in task.malformed[0].reason


def test_one_place_of_all_right_options_is_said(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    rows = [{"question": f"Q{i}", "choices": ["right", "wrong"], "answer": 0} for i in range(12)]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.warns(UserWarning, match="the right option is A in all 12 questions.*shuffle_choices"):
        questions(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        questions(path, shuffle_choices=True)
