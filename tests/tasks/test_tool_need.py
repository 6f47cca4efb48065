"""Tool need: the key is right, tools find it, and planted need and use are recovered through the program."""

from __future__ import annotations

from pathlib import Path

import pytest

import akrasia as ak
from akrasia.agents.rendering import render_situation
from akrasia.errors import UnknownName
from akrasia.records import ToolCall
from akrasia.solvers import read_prompt
from akrasia.tasks.tool_need import ELEMENTS, NUMBER_OF, tool_need
from akrasia.tasks.tools import call_tool


def test_there_are_the_118_elements_in_order() -> None:
    assert len(ELEMENTS) == len(set(ELEMENTS)) == 118
    known = {
        "hydrogen": 1,
        "oxygen": 8,
        "iron": 26,
        "silver": 47,
        "gold": 79,
        "lead": 82,
        "uranium": 92,
        "oganesson": 118,
    }
    assert {name: NUMBER_OF[name] for name in known} == known


@pytest.mark.parametrize("kind", ["arithmetic", "lookup"])
def test_the_tools_at_hand_find_the_answer(kind: str) -> None:
    import orjson

    task = tool_need(kind)
    for seed in range(60):
        state = task.start(seed)
        asked = read_prompt(render_situation(task.situation(state)))
        assert asked is not None and asked.right == (state.answer,)
        use = call_tool(task.tools(state), ToolCall(asked.tool, orjson.dumps(dict(asked.arguments)).decode()))
        assert use.error == "" and use.result is not None
        values = orjson.loads(use.result).values()
        assert sum(values) == int(state.answer) and task.step(state, state.answer)[1] == 1.0


def test_an_unknown_element_is_said_and_no_number() -> None:
    task = tool_need("lookup")
    use = call_tool(task.tools(task.start(0)), ToolCall("periodic_table", '{"elements": ["Iron ", "unobtainium"]}'))
    assert use.result == '{"Iron ":26,"unobtainium":"no such element"}'


def test_every_level_is_asked_and_the_item_is_the_question() -> None:
    task = tool_need()
    situations = [task.situation(task.start(seed)) for seed in range(200)]
    assert {s.item for s in situations} == {f"{k}, level {n}" for k in ("arithmetic", "lookup") for n in range(1, 5)}
    assert [task.item(seed) for seed in range(200)] == [s.observation for s in situations]


def test_planted_need_and_use_are_recovered(tmp_path: Path) -> None:
    result = ak.run(
        task={"name": "tool_need", "kind": "arithmetic"},
        model="simulated_tools:hard=0.4,calls_needed=0.75,calls_unneeded=0.2",
        variants=["reason_act", "reason_act | use_tools"],
        episodes=120,
        out=tmp_path / "run",
    )
    base, with_tools = result.score(turns=True).arms
    planted = {"tool_needed": 0.4, "tool_called_needed": 0.75, "tool_called_unneeded": 0.2, "doing": 0.6 + 0.4 * 0.75}
    for name, truth in planted.items():
        e = with_tools.metrics[name]
        assert e.value is not None and e.low is not None and e.high is not None
        assert e.low - (e.high - e.low) / 4 <= truth <= e.high + (e.high - e.low) / 4, name
    assert base.metrics["doing"].value == pytest.approx(0.6, abs=0.1)


@pytest.mark.parametrize("text", ["What is ( - )?", "What is the atomic number of kryptonite?", "What is love?"])
def test_somebody_else_s_question_has_no_solver(text: str) -> None:
    assert read_prompt(f"Answer the question.\n\n{text}\n\nAnswer with a number.") is None


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(UnknownName):
        tool_need("history")
