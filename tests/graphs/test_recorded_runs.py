"""A graph from elsewhere under interventions is killed, resumed and played by workers to the same bytes.

Results of its recorded tools outlive all that: what stands in the ledger is not called again.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from forking import Forks

from akrasia.ledger import read_ledger
from akrasia.records import Record, decode

FILE = '''
"""A graph with a recorded tool that writes down each of its calls, and one of a single call; both are scripted."""
import json, os, re, time
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
import akrasia as ak
from akrasia.models import Scripted
from akrasia.records import Response, ToolCall

def look(arm: str, step: int) -> str:
    """The mean reward of an arm."""
    time.sleep(0.02)
    with open(os.environ["CALLED"], "a") as file:
        file.write(json.dumps([arm, step]) + "\\n")
    return f"{arm}: 0.7"

def build(model):
    keeps = ak.recorded(look)
    bound = model.bind_tools([keeps])
    async def think(state: MessagesState):
        return {"messages": [await bound.ainvoke(state["messages"])]}
    graph = StateGraph(MessagesState)
    graph.add_node("think", think)
    graph.add_node("tools", ToolNode([keeps]))
    graph.add_edge(START, "think")
    graph.add_conditional_edges("think", tools_condition)
    graph.add_edge("tools", "think")
    return graph.compile()

def one_call(model):
    async def agent(state: MessagesState):
        return {"messages": [await model.ainvoke(state["messages"])]}
    graph = StateGraph(MessagesState)
    graph.add_node("agent", agent)
    graph.add_edge(START, "agent")
    return graph.compile()

@ak.graphs.graph
def registered():
    return ak.graphs.external(one_call(ak.ChatModel()), name="registered")

def script(request, draw):
    text = "\\n".join(m.content for m in request.messages)
    arm = re.search(r"You face \\d+ \\w+: (\\w+)", text)[1]
    if any(m.role == "tool" for m in request.messages) or not request.tools:
        return f"BEST={arm}\\nACTION={arm}"
    call = ToolCall("look", json.dumps({"arm": f"{arm} {draw.episode}", "step": draw.step}), "c1")
    return Response("", tool_calls=(call,), finish_reason="tool_calls")

ak.models.MODELS.register("tools_of_test", lambda: Scripted(script))
'''
RUNS = """
import os
import akrasia as ak
from akrasia.models import Scripted
from forking import serve
from recorded_of_test import script

def work(order):
    os.environ["CALLED"] = order["called"]
    task = {"name": "bandit", "arms": 3, "horizon": 3}
    ak.run(task=task, model=Scripted(script), variants=order["variants"], episodes=4,
           out=order["folder"], concurrency=2, **order["settings"])

if __name__ == "__main__":
    ak.run(model="simulated", variants=["act"], episodes=1, out="first")  # imports what a run needs
    serve(work)
"""


CALLS = "external('./recorded_of_test.py:build')"
ASKS = "external('./recorded_of_test.py:one_call')"
CHANGED = [
    f"{CALLS} | critique",
    *(f"{base} | {change}" for base in (ASKS, "registered") for change in ("critique", "self_consistency(n=3)")),
]
VARIANTS = ["reason_act", CALLS, ASKS, "registered", *CHANGED, f"{ASKS} | placebo(of='critique')"]


def stored(folder: Path) -> list[bytes]:
    with read_ledger(folder) as ledger:
        return list(ledger.raw_records())


def kept_calls(folder: Path) -> set[tuple[str, int]]:
    """The calls of the tool whose results stand in the ledger."""
    try:
        with read_ledger(folder) as ledger:
            keys = [key for key, _, _ in ledger.raw_answers()]
            answers = [answer for key in keys if (answer := ledger.answer(key)) is not None]
    except Exception:
        return set()
    told = [json.loads(a.request.messages[-1].content) for a in answers if a.request.model.startswith("tool/look")]
    return {(arguments["arm"], arguments["step"]) for arguments in told}


@pytest.mark.slow
def test_it_ends_with_the_same_bytes_and_makes_no_call_again_that_is_kept(tmp_path: Path) -> None:
    (tmp_path / "recorded_of_test.py").write_text(FILE)
    forks = Forks(RUNS, tmp_path)

    def played(folder: str, called: str, kill: bool = False, **settings: object) -> Counter[tuple[str, int]]:
        log = tmp_path / called
        log.touch()
        pid = forks.start({"folder": folder, "called": str(log), "variants": VARIANTS, "settings": settings})
        if kill:
            end = time.monotonic() + 120
            while len(kept_calls(tmp_path / folder)) < 3 and time.monotonic() < end:
                time.sleep(0.01)
            os.kill(pid, signal.SIGKILL)
        assert forks.exit_code() == (-signal.SIGKILL if kill else 0)
        return Counter(tuple(json.loads(line)) for line in log.read_text().splitlines())

    try:
        see_that_nothing_is_called_again(played, tmp_path)
    finally:
        forks.close()


def see_that_nothing_is_called_again(played: Callable[..., Counter[tuple[str, int]]], tmp_path: Path) -> None:
    whole = played("whole", "of_whole")
    assert len(whole) == 12 and set(whole.values()) == {1}  # one a situation, though two variants call it
    played("part", "of_part", kill=True)
    kept = kept_calls(tmp_path / "part")
    assert 3 <= len(kept) < 12
    again = played("part", "of_part", workers=2)
    assert set(again) == set(whole) and all(again[call] == 1 for call in kept)
    assert played("part", "of_offline", offline=True) == Counter()
    assert stored(tmp_path / "part") == stored(tmp_path / "whole")
    asked: dict[str, set[str]] = {}
    for record in (decode(Record, data) for data in stored(tmp_path / "whole")):
        asked.setdefault(record.variant, set()).update(t.key for t in record.decision.turns if t.key)
    assert asked.keys() == set(VARIANTS)
    assert all(asked[name.partition(" | ")[0]] <= asked[name] for name in CHANGED)
