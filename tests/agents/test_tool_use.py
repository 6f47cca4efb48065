"""Agents of ours that may call the tools of their task: the loop, what is kept of it, and what is read of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import akrasia as ak
from akrasia.agents.tool_use import read_claims, without_claims
from akrasia.errors import BadOption, PlanError, UnknownName
from akrasia.ledger import read_ledger
from akrasia.models import Scripted
from akrasia.models.providers.simulated import arms_in
from akrasia.records import Draw, Record, Request, Response, Situation, Tool, ToolCall
from akrasia.tasks.tools import TaskTool, calculate, call_tool, shown_tools, tools_of

TASK = {"name": "bandit", "horizon": 2, "head_start": 2}


def played(script: Any, out: Path, variant: Any = None, task: Any = TASK) -> list[Record]:
    plan = ak.graphs.reason_act() | ak.interventions.use_tools(rounds=2) if variant is None else variant
    ak.run(task=task, model=Scripted(script), variants=[plan], episodes=2, out=out)
    with read_ledger(out) as ledger:
        return list(ledger.records())


def best(request: Request) -> str:
    found = arms_in(request.messages[0].content)
    assert found is not None
    return f"BEST={found[1][0]}\nACTION={found[1][0]}"


def test_a_call_is_answered_and_stands_in_the_record(tmp_path: Path) -> None:
    seen: list[Request] = []

    def script(request: Request, draw: Draw) -> str | Response:
        seen.append(request)
        if request.messages[-1].role == "tool":
            return f"TOOLS=counts, index_values\nSo it is.\n{best(request)}"
        labels = list((arms_in(request.messages[0].content) or ([], []))[0])
        calls = (
            ToolCall("counts", json.dumps({"arms": labels[:2]}), "a"),
            ToolCall("index_values", json.dumps({"arms": ["nobody"]}), "b"),
            ToolCall("majic", "{}", "c"),
            ToolCall("counts", "{", "d"),
        )
        return Response("Let me look.", tool_calls=calls)

    for record in played(script, tmp_path / "r"):
        (turn,) = record.decision.turns
        fine, misfit, unknown, broken = turn.tools
        assert set(json.loads(fine.result)) == set(json.loads(fine.arguments)["arms"]) and not fine.error
        assert "do not fit" in misfit.error and "no tool named 'majic'" in unknown.error
        assert broken.error == "the arguments are no JSON object"
        assert (turn.offered, turn.claims) == (True, ("counts", "index_values"))
        assert (record.decision.status, record.decision.stated_status, record.calls) == ("ok", "ok", 2)
        assert len(turn.earlier) == 1 and turn.fault == ""
    second = next(r for r in seen if len(r.messages) > 1)
    assert [m.role for m in second.messages] == ["user", "assistant", "tool", "tool", "tool", "tool"]
    assert seen[0].tools == second.tools and seen[0].tools[0].name == "counts"


def test_the_loop_ends_where_a_model_calls_for_ever(tmp_path: Path) -> None:
    choices: list[str] = []

    def script(request: Request, draw: Draw) -> str | Response:
        choices.append(request.tool_choice)
        if request.tool_choice == "none":
            return f"TOOLS=none\n{best(request)}"
        return Response("", tool_calls=(ToolCall("counts", '{"arms":[]}', f"c{len(request.messages)}"),))

    for record in played(script, tmp_path / "r"):
        (turn,) = record.decision.turns
        assert (len(turn.tools), record.calls, turn.claims) == (2, 3, ())
    assert set(choices) == {"", "none"}


def test_a_model_without_tools_is_asked_in_words(tmp_path: Path) -> None:
    def script(request: Request, draw: Draw) -> str:
        assert not request.tools
        asked = request.messages[1].content
        labels, optimal = arms_in(asked) or ([], [])
        if "The tool counts returned" in request.messages[-1].content:
            return json.dumps({"answer": f"TOOLS=counts\nBEST={optimal[0]}\nACTION={optimal[0]}"})
        return json.dumps({"tool_calls": [{"name": "counts", "arguments": {"arms": labels}}]})

    plan = ak.graphs.reason_act() | ak.interventions.use_tools()
    ak.run(task=TASK, model=Scripted(script, native_tools=False), variants=[plan], episodes=1, out=tmp_path / "r")
    with read_ledger(tmp_path / "r") as ledger:
        for record in ledger.records():
            (turn,) = record.decision.turns
            assert len(turn.tools) == 1 and turn.claims == ("counts",) and record.decision.status == "ok"


@pytest.mark.parametrize(
    ("by", "callers"), [("thinking", ["reasoner"]), ("acting", ["actor"]), ("both", ["reasoner", "actor"])]
)
@pytest.mark.parametrize("bound", [False, True])
def test_who_calls_tools_is_chosen(by: str, callers: list[str], bound: bool, tmp_path: Path) -> None:
    def script(request: Request, draw: Draw) -> str | Response:
        if request.tools and request.messages[-1].role != "tool":
            return Response("", tool_calls=(ToolCall("counts", '{"arms":[]}', "1"),))
        said = "TOOLS=counts\n" if request.tools else ""
        return said + best(request)

    plan = ak.graphs.reason_then_act() | ak.interventions.use_tools(by=by)
    if bound:
        plan = plan | ak.interventions.constrain_action()
    for record in played(script, tmp_path / "r", plan):
        assert [turn.role for turn in record.decision.turns if turn.tools] == callers
        assert (record.decision.status, record.calls) == ("ok", 2 + len(callers))


def test_those_who_call_tools_have_a_name() -> None:
    with pytest.raises(UnknownName, match="acting"):
        ak.graphs.reason_then_act() | ak.interventions.use_tools(by="actng")


def test_questions_offer_a_calculator(tmp_path: Path) -> None:
    def script(request: Request, draw: Draw) -> str | Response:
        if request.messages[-1].role == "tool":
            return f"TOOLS=calculator\nBEST={json.loads(request.messages[-1].content)['value']}\nACTION=19"
        return Response("", tool_calls=(ToolCall("calculator", '{"expression":"4 * 6 - 5"}', "1"),))

    plan = ak.graphs.reason_act() | ak.interventions.use_tools()
    first, *_ = played(script, tmp_path / "r", plan, {"name": "questions"})
    assert first.decision.turns[0].tools[0].result == '{"value":19}' and first.decision.stated


def test_a_task_without_tools_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="its task offers none"):
        played(lambda r, d: "x", tmp_path / "r", task={"name": "tictactoe"})


def test_renamed_actions_are_renamed_in_arguments_and_results() -> None:
    schema = '{"properties":{"arm":{"enum":["Red","Blue"]}},"type":"object"}'
    tool = TaskTool(Tool("look", "", schema), lambda arguments: {arguments["arm"]: 1})
    situation = Situation("t", 0, 1, "", ("A", "B"), own=("Red", "Blue"))
    (shown,) = shown_tools((tool,), situation)
    assert '"A"' in shown.tool.parameters and "Red" not in shown.tool.parameters
    assert call_tool((shown,), ToolCall("look", '{"arm":"B"}')).result == '{"B":1}'


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("TOOLS=none\nACTION=A", ()),
        ("**TOOLS = counts**\nACTION=A", ("counts",)),
        ("I think.\ntools=counts, index_values.\nACTION=A", ("counts", "index_values")),
        ("ACTION=A", None),
    ],
)
def test_what_an_answer_says_it_called(text: str, claims: tuple[str, ...] | None) -> None:
    assert read_claims(text) == claims
    assert "TOOLS" not in without_claims(text).upper() and "ACTION=A" in without_claims(text)


@pytest.mark.parametrize(("expression", "value"), [("(4 * 6) - 5", 19), ("2^10 / 4", 256.0), ("-7 // 2", -4)])
def test_the_calculator_calculates(expression: str, value: float) -> None:
    assert calculate(expression) == value


@pytest.mark.parametrize("expression", ["1/0", "9**9**9", "__import__('os')", "a + 1", "1 +", "1" * 300, "(-8)**0.5"])
def test_the_calculator_refuses_what_is_no_sum(expression: str) -> None:
    with pytest.raises(BadOption):
        calculate(expression)


def test_tools_are_pure_functions_of_the_state() -> None:
    task = ak.tasks.bandit(head_start=3)
    state = task.start(1)
    labels = list(task.situation(state).actions)
    calls = [ToolCall(one.tool.name, json.dumps({"arms": labels})) for one in tools_of(task, state)]
    first, again = ([call_tool(tools_of(task, state), call) for call in calls] for _ in range(2))
    assert first == again and len(first) == 2
    assert sum(v["pulls"] for v in json.loads(first[0].result).values()) == 3


def test_a_plan_counts_every_round_that_may_be_played() -> None:
    plan = ak.graphs.reason_act() | ak.interventions.use_tools(rounds=3)
    assert (plan.fewest_calls, plan.calls, plan.depth) == (1, 4, 4)
    forecast = ak.forecast(task=TASK, model="simulated_tools", variants=["reason_act", plan], episodes=2)
    without, with_tools = forecast.rows
    assert (with_tools.fewest_calls, with_tools.calls) == (1, 4)
    assert without.alone_at_most is not None and with_tools.alone_at_most is not None
    assert (without.alone_at_most.calls, with_tools.alone_at_most.calls) == (1, 4)


def test_its_controls_make_no_fewer_calls() -> None:
    controls = dict(ak.controls_for(ak.graphs.reason_act() | ak.interventions.use_tools(rounds=3)))
    assert controls["self_consistency"].calls == 4
