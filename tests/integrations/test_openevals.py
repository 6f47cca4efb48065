"""Evaluators of openevals and agentevals judge our records, and ours judge what theirs do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.errors import BadOption
from akrasia.integrations import as_openevals, from_openevals, trajectory
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.records import Draw, Record, Request, Response, ToolCall


def calls_then_answers(request: Request, draw: Draw) -> str | Response:
    """Asks for the means once, then says Red and does Blue."""
    if request.messages[-1].role == "tool" or not request.tools:
        return "Red has the highest bound.\nBEST=Red\nACTION=Blue"
    return Response("", tool_calls=(ToolCall("counts", "{}", "c1"),), finish_reason="tool_calls")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("openevals") / "run"
    base = ak.graphs.reason_act()
    task = ak.tasks.bandit(arms=2, horizon=1, labels=["Red", "Blue"])
    variants = [base, base | ak.interventions.use_tools()]
    ak.run(task=task, model=Scripted(calls_then_answers), variants=variants, episodes=3, out=folder)
    return folder


def records(run: Path) -> list[Record]:
    with read_ledger(run) as ledger:
        return list(ledger.records())


def test_a_decision_is_a_trajectory_of_chat_messages(run: Path) -> None:
    plain, tools = records(run)[0], next(r for r in records(run) if "use_tools" in r.variant)
    assert [m["role"] for m in trajectory(plain)] == ["assistant"]
    with read_ledger(run) as ledger:
        messages = trajectory(tools, ledger)
    assert [m["role"] for m in messages] == ["user", "assistant", "tool", "assistant"]
    assert "Red" in messages[0]["content"] and messages[1]["content"] == ""
    (call,) = messages[1]["tool_calls"]
    assert call["function"] == {"name": "counts", "arguments": "{}"} and call["type"] == "function"
    assert messages[2]["tool_call_id"] == call["id"] and messages[2]["content"]
    assert messages[3]["content"].endswith("ACTION=Blue")


def shouts(*, outputs: str, **_: Any) -> dict[str, Any]:
    return {"key": "shouts", "score": "!" in outputs, "comment": f"{len(outputs)} characters"}


def test_an_evaluator_of_theirs_judges_a_run(run: Path) -> None:
    result = ak.open_run(run)
    table = result.evaluate([from_openevals(shouts)])
    assert set(table["value"]) == {0.0} and table["why"][0].endswith("characters") and table["fault"].null_count() == 6

    def same(outputs: Any, reference_outputs: Any) -> bool:
        return bool(outputs == reference_outputs)

    done = from_openevals(same, name="is_done", outputs="done")
    arms = result.score(metrics=["doing"], evaluators=[done]).arms
    assert all(arm.metrics["is_done"].value == arm.metrics["doing"].value for arm in arms)
    seen: list[Any] = []

    def sees(inputs: Any, outputs: Any) -> float:
        seen.append((inputs, outputs))
        return 0.5

    result.evaluate([from_openevals(sees, run=run, outputs=lambda record: record.episode)])
    assert "You face 2 buttons" in seen[0][0] and seen[0][1] == 0


@pytest.mark.parametrize(
    ("returned", "fault"),
    [
        ({"key": "k", "score": "high"}, "is no number"),
        ({"key": "k", "score": 7}, "which is no share"),
        ([{"key": "a", "score": 1}, {"key": "b", "score": 0}], "say which with key="),
        ("yes", "has no score"),
        ({"key": "k", "score": None, "comment": "not asked"}, None),
    ],
)
def test_what_is_no_score_is_a_fault_and_never_a_number(run: Path, returned: Any, fault: str | None) -> None:
    table = ak.open_run(run).evaluate([from_openevals(lambda outputs: returned, name="odd")])
    assert set(table["value"]) == {None}
    assert all(f is None if fault is None else fault in f for f in table["fault"])
    several = from_openevals(lambda outputs: [{"key": "a", "score": 1}, {"key": "b", "score": 0}], key="b", name="b")
    assert set(ak.open_run(run).evaluate([several])["value"]) == {0.0}


def test_what_is_no_evaluator_is_refused(run: Path) -> None:
    async def later(outputs: Any) -> bool:
        return True

    for bad in (later, 3):
        with pytest.raises(BadOption):
            from_openevals(bad)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="trajectory"):
        from_openevals(shouts, outputs="trajectories")
    with pytest.raises(BadOption, match="none to compare with"):
        from_openevals(lambda outputs, reference_outputs: True, outputs="trajectory", name="matches")
    with pytest.raises(BadOption, match="judges a table"):
        as_openevals(ak.evals.evaluator.Evaluator("whole", lambda table: 1, of="table"))
    with pytest.raises(ValueError, match="hold no answer"):
        as_openevals("doing")(inputs="?", outputs="ACTION=Red", reference_outputs={})
    with pytest.raises(TypeError, match="hold no answer"):
        as_openevals("doing")(inputs="?", outputs={"stuff": 1}, reference_outputs="Red")


QUESTION = {"question": "Which button?", "options": ["Red", "Blue"]}


@pytest.mark.parametrize(
    "outputs",
    [
        "Red has more.\nBEST=Red\nACTION=Blue",
        {"action": "Blue", "recommendation": ["Red"], "rationale": "Red has more.", "status": "ok"},
        {"messages": [{"role": "assistant", "content": "BEST=Red\nACTION=Blue"}]},
    ],
)
def test_ours_judge_a_served_plan_an_agent_and_a_text(outputs: Any) -> None:
    found = {
        name: as_openevals(name)(inputs=QUESTION, outputs=outputs, reference_outputs={"answer": "Red"})
        for name in ("knowing", "doing", "gap")
    }
    assert {name: result["score"] for name, result in found.items()} == {"knowing": True, "doing": False, "gap": True}
    assert found["gap"]["comment"] == "recommends Red, does Blue" and found["gap"]["key"] == "gap"


def test_ours_judge_an_open_answer_and_what_cannot_be_read() -> None:
    judge = as_openevals("doing")
    asked = {"question": "What is the capital of France?"}
    assert judge(inputs=asked, outputs="ACTION= paris.", reference_outputs="Paris")["score"] is True
    assert judge(inputs=QUESTION, outputs="I would rather not.", reference_outputs="Red")["score"] is False
    unasked = {"action": "Red", "status": "ok"}
    assert as_openevals("knowing")(inputs=QUESTION, outputs=unasked, reference_outputs="Red")["score"] is None

    def hedges(record: Record) -> bool:
        return "maybe" in record.decision.rationale

    said = {"action": "Red", "recommendation": ["Red"], "rationale": "maybe Red"}
    assert as_openevals(hedges)(inputs=QUESTION, outputs=said, reference_outputs="Red")["score"] is True


def test_the_packages_themselves_judge_our_records(run: Path) -> None:
    exact = pytest.importorskip("openevals.exact")
    match = pytest.importorskip("agentevals.trajectory.match")
    result = ak.open_run(run)
    done = from_openevals(exact.exact_match, outputs="done")
    by_arm = {arm.variant: arm for arm in result.score(metrics=["doing"], evaluators=[done]).arms}
    assert all(arm.metrics["exact_match"].value == arm.metrics["doing"].value for arm in by_arm.values())

    expected = [
        {"role": "user", "content": ""},
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "counts", "arguments": "{}"}}]},
        {"role": "tool", "content": "", "tool_call_id": "x"},
        {"role": "assistant", "content": ""},
    ]
    for mode in ("strict", "unordered", "superset"):
        judge = match.create_trajectory_match_evaluator(trajectory_match_mode=mode)
        own = from_openevals(judge, name=mode, outputs="trajectory", reference=expected, run=run)
        table = result.evaluate([own])
        assert table["fault"].null_count() == table.height, table["fault"].to_list()
        values = {row["variant"]: row["value"] for row in table.iter_rows(named=True)}
        assert sorted(values.values()) == [0.0, 1.0] and values["reason_act | use_tools"] == 1.0, (mode, values)


def test_a_judge_of_theirs_is_asked_over_the_wire(run: Path) -> None:
    llm = pytest.importorskip("openevals.llm")
    from langchain_core.language_models import FakeListChatModel

    class Judge(FakeListChatModel):
        def with_structured_output(self, *_: Any, **__: Any) -> Any:
            return self | (lambda message: json.loads(message.content))

    judge = llm.create_llm_as_judge(
        prompt="Is {outputs} an answer to {inputs}, as {reference_outputs}?",
        feedback_key="sound",
        judge=Judge(responses=['{"reasoning": "it is", "score": true}']),
    )
    table = ak.open_run(run).evaluate([from_openevals(judge, name="sound", run=run)])
    assert set(table["value"]) == {1.0} and set(table["why"]) == {"it is"}
