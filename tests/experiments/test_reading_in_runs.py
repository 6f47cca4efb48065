"""What a run makes of how answers are written: own lines, thoughts, cut answers, votes on texts."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.agents import AGENTS, Agent, read_answer
from akrasia.agents.base import Context
from akrasia.agents.speaking import agreed, speak
from akrasia.errors import PlanError
from akrasia.evals.integrity import integrity_faults
from akrasia.models import Gateway, ModelRoles, Scripted
from akrasia.records import Draw, Request, Response, Situation, Turn
from akrasia.tasks import questions
from akrasia.tasks.potemkin import potemkin

DEBATES = (
    "society(agents=3, protocol='confidence_weighted')",
    "reason_act | debate(agents=3, protocol='confidence_weighted')",
)


def perfect(task: Any) -> Scripted:
    """Answers every question of Potemkin right, with its confidence in the line below."""

    def script(request: Request, draw: Draw) -> str:
        state = task.start(draw.episode)
        asked = request.messages[0].content
        for turn in range(len(task.uses)):
            here = replace(state, turn=turn)
            situation = task.situation(here)
            if situation.question in asked and situation.observation in asked:
                answer = task.solution(here)
                return f"So it is.\nBEST={answer}\nACTION={answer}\nCONFIDENCE=80"
        raise AssertionError(asked)

    return Scripted(script, "perfect")


def numbers(tmp_path: Path) -> Any:
    path = tmp_path / "numbers.jsonl"
    path.write_text(
        "".join(json.dumps({"question": f"What is {n} and 1?", "answer": n + 1}) + "\n" for n in range(17, 25))
    )
    return questions(str(path))


WORDS = dict(
    zip(
        range(18, 26),
        ["eighteen", "nineteen", "20", "21.0", "twenty-two", "$23", "6 + 18 = 24", "25 (in all)"],
        strict=True,
    )
)


def counts(request: Request, draw: Draw) -> str:
    said = WORDS[18 + draw.episode % 8]
    return f"BEST={said}\nACTION={said}\nCONFIDENCE=80"


@pytest.mark.parametrize("variant", ["reason_act | confidence", *DEBATES])
def test_a_perfect_agent_that_says_how_sure_it_is_does_all_right_on_potemkin(tmp_path: Path, variant: str) -> None:
    task = potemkin()
    run = ak.run(task=task, model=perfect(task), variants=["reason_act", variant], episodes=6, out=tmp_path / "run")
    for arm in run.score(["knowing", "doing", "gap"]).arms:
        assert arm.metrics["doing"].value == 1 and arm.metrics["gap"].value == 0
    confidence = run.records.filter(run.records["variant"] != "reason_act")["confidence"]
    assert len(confidence) and set(confidence) == {0.8}


@pytest.mark.parametrize("variant", ["reason_act | confidence", *DEBATES])
def test_a_perfect_agent_that_says_how_sure_it_is_does_all_right_on_numbers(tmp_path: Path, variant: str) -> None:
    run = ak.run(task=numbers(tmp_path), model=Scripted(counts, "counts"), variants=["reason_act", variant], episodes=8,
                 out=tmp_path / "run")  # fmt: skip
    for arm in run.score(["knowing", "doing", "gap"]).arms:
        assert arm.metrics["doing"].value == 1 and arm.metrics["knowing"].value == 1


def test_answers_that_are_all_cut_off_inside_their_thought_are_none(tmp_path: Path) -> None:
    def thinking(request: Request, draw: Draw) -> Response:
        return Response("<think>\nBEST=Blue\nACTION=Blue\nLet me", "truncated", "length")

    model = Scripted(thinking, "thinking")
    run = ak.run(task="bandit", model=model, variants=["reason_act"], episodes=6, out=tmp_path / "run")
    assert run.records["status"].unique().to_list() == ["truncated"] and run.records["answers_read"].sum() == 0
    assert [fault.share for fault in integrity_faults(run.records) if fault.check == "failed"] == [1.0]


SITUATION = Situation("t", 0, 1, "Films.", ("Alien", "Alien 3"), noun="film")


@pytest.mark.parametrize(
    ("text", "status", "done"),
    [
        ("BEST=Alien\nACTION=Alien\nbecause it", "truncated", "Alien"),
        ("BEST=Alien\nACTION=Alien", "truncated", None),
        ("ACTION=Alien 3\n\nWait, ACTION=", "truncated", None),
        ("BEST=Alien\nACTION=Alien", "ok", "Alien"),
    ],
)
def test_a_cut_answer_counts_where_the_line_that_gives_it_is_complete(text: str, status: Any, done: str | None) -> None:
    model = Scripted(lambda request, draw: Response(text, status, "length" if status == "truncated" else "stop"), "cut")
    context = Context(SITUATION, ModelRoles(Gateway([model]), {"default": model.info.id}), 0, 0)
    turn = asyncio.run(speak(Agent("reasoner", options={"mode": "reason_act"}), "r", context, ()))
    assert (turn.action, turn.status) == (done, "ok" if done else "truncated")


TEXT = Situation("t", 0, 1, "Where?", (), answer="text")


def turns(*said: str) -> tuple[Turn, ...]:
    return tuple(
        Turn(f"a{i}", "reasoner", stated=(s,), stated_status="ok", action=s, status="ok") for i, s in enumerate(said)
    )


@pytest.mark.parametrize("rule", ["plurality", "majority", "irv", "confidence_weighted"])
def test_texts_of_one_normal_form_are_one_vote(rule: str) -> None:
    reads = turns("Paris", "London", "paris", "London", "**Paris**.")
    turn = AGENTS.make("voter").conclude(Agent("voter", options={"rule": rule}), TEXT, reads, Draw(0, 0))
    assert (turn.action, turn.stated) == ("Paris", ("Paris",))
    assert agreed(turns("Paris", "paris", "**Paris**."), 1.0, TEXT) and not agreed(reads, 1.0, TEXT)


def test_what_was_recommended_and_done_in_other_signs_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"question": "Whose play?", "answer": "O'Brien"}) + "\n")
    model = Scripted(lambda request, draw: "BEST=O\u2019Brien\nACTION=**o'brien**.", "texts")
    run = ak.run(task=questions(str(path)), model=model, variants=["reason_act"], episodes=4, out=tmp_path / "run")
    (arm,) = run.score(["knowing", "doing"]).arms
    assert arm.metrics["doing"].value == arm.metrics["knowing"].value == 1
    assert set(run.records["follows"]) == {True}


@pytest.mark.parametrize(
    "said",
    [
        "ACTION=\\boxed{\\text{New York}}",
        "ACTION=$\\text{New York}$",
        '{"BEST": "New York", "ACTION": "New York", "CONFIDENCE": 80}',
        "<action>New York</action>",
        "<answer>ACTION=New York</answer>",
        "ACTION=<b>New York</b>",
        "ACTION=New York<|im_end|>",
        "ACTION=New York</s>",
        "ACTION=[New York]",
        "ACTION=New York!",
    ],
)
def test_a_dressed_text_is_graded_by_what_it_says(tmp_path: Path, said: str) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"question": "Which city?", "answer": "New York"}) + "\n")
    model = Scripted(lambda request, draw: said, "dressed")
    run = ak.run(task=questions(str(path)), model=model, variants=["act"], episodes=1, out=tmp_path / "run")
    assert run.records["done"].to_list() == ["right"]


@pytest.mark.parametrize(
    "said",
    ["<p>Hi</p>", "one\ntwo [x]\n{a: 1}", "a < b", "$x$", "\\frac{1}{2}", "<div><b>Hi</b> you</div>", "f(x)"],
)
def test_a_text_that_has_signs_of_its_own_keeps_them(said: str) -> None:
    assert read_answer(f"ACTION={said}", TEXT) == (said, "ok")
    assert read_answer(json.dumps({"ACTION": said}), TEXT) == (said, "ok")


def test_a_text_in_json_is_read_whole_or_not_at_all() -> None:
    assert read_answer(json.dumps({"ACTION": "x" * 5000}), TEXT) == ("x" * 5000, "ok")
    assert read_answer(json.dumps({"ACTION": "x" * 5000})[:4000], TEXT) == (None, "unparsable")
    assert (
        read_answer('{"ACTION": "He said \u201chi\u201d, twice", "CONFIDENCE": 80}', TEXT)[0] == 'He said "hi", twice'
    )


def test_only_wrong_texts_are_sent_back_whatever_their_signs(tmp_path: Path) -> None:
    rows = [("France", "Paris"), ("Italy", "Rome"), ("2 and 2", 4), ("3 and 3", 6)]
    path = tmp_path / "mixed.jsonl"
    path.write_text("".join(json.dumps({"question": f"What of {q}?", "answer": a}) + "\n" for q, a in rows))
    said = {"France": "**paris**.", "Italy": "Milan", "2 and 2": "four", "3 and 3": "7"}

    def script(request: Request, draw: Draw) -> str:
        answer = next(a for q, a in said.items() if q in request.messages[0].content)
        return f"BEST={answer}\nACTION={answer}"

    variants = ["reason_act", "reason_act | multi_turn_aiw"]
    task, model = questions(str(path)), Scripted(script, "mixed")
    run = ak.run(task=task, model=model, variants=variants, episodes=4, out=tmp_path / "run")
    asked = run.records.filter(run.records["variant"] != "reason_act").sort("episode")
    assert asked["done"].to_list() == ["right", "wrong", "right", "wrong"]
    assert asked["calls"].to_list() == [1, 4, 1, 4]


def test_the_oracle_answers_no_text(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(json.dumps({"question": "Whose play?", "answer": "O'Brien"}) + "\n")
    with pytest.raises(PlanError, match="needs answers that can be listed"):
        ak.run(task=questions(str(path)), model=Scripted(counts, "counts"), variants=["reason_act", "oracle_act"],
               episodes=1, out=tmp_path / "run")  # fmt: skip
